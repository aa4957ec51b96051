#include "requests.hpp"

#include <charconv>

#include <calbox/mutant.hpp>

#include <nlohmann/json.hpp>

#include "base64.hpp"

namespace calbox::consensus {
namespace {

using nlohmann::json;

constexpr std::size_t detail_max = 200;

std::string path_of(const event_id& event) {
    return event.organizer.hex() + "/" + std::to_string(event.seq);
}

json created(const std::string& key, const char* how, std::uint64_t revision) {
    return {{"key", key},
            {"target", "CREATE"},
            {"result", how},
            {"create_revision", std::to_string(revision)}};
}
json modified(const std::string& key, std::uint64_t revision) {
    return {{"key", key},
            {"target", "MOD"},
            {"result", "EQUAL"},
            {"mod_revision", std::to_string(revision)}};
}
/// It was changed last then; 0: it is not there.
json as_of(const std::string& key, std::uint64_t revision) {
    return revision == 0 ? created(key, "EQUAL", 0) : modified(key, revision);
}
json range(const std::string& key) { return {{"request_range", {{"key", key}}}}; }
json erase(const std::string& key) { return {{"request_delete_range", {{"key", key}}}}; }
json put(const std::string& key, byte_view value, std::uint64_t lease = 0) {
    json what{{"key", key}, {"value", to_base64(value)}};
    if (lease != 0) {
        what["lease"] = std::to_string(lease);
    }
    return {{"request_put", std::move(what)}};
}

question transaction(json compare, json success, json failure) {
    const json all{{"compare", std::move(compare)},
                   {"success", std::move(success)},
                   {"failure", std::move(failure)}};
    return {"/v3/kv/txn", all.dump()};
}

/// A member that is zero is left out; one that is there is a text.
std::uint64_t number_in(const json& where, const char* name) {
    const auto found = where.find(name);
    if (found == where.end() || !found->is_string()) {
        return 0;
    }
    const auto& text = found->get_ref<const std::string&>();
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

std::string text_in(const json& where, const char* name) {
    const auto found = where.find(name);
    return found != where.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// Nothing where the value is not one of ours.
template <class Record>
std::optional<Record> value_in(const json& pair) {
    const auto data = from_base64(text_in(pair, "value"));
    auto read = data ? codec::decode<Record>(*data) : fail(errc::malformed);
    return read ? std::optional(std::move(*read)) : std::nullopt;
}

answer refusal(int status, byte_view body) {
    answer out;
    std::string text(as_text(body.first(std::min(body.size(), detail_max))));
    const json said = json::parse(as_text(body), nullptr, false);
    if (said.is_object() && !text_in(said, "message").empty()) {
        text = text_in(said, "message");
    }
    if (status == 0) {
        out.why = {errc::unavailable, text};
        return out;
    }
    const bool no_decision = status >= 500 || status == 408 || status == 429;
    out.what = no_decision ? answer::kind::unknown : answer::kind::refused;
    out.lease_gone = text.ends_with("requested lease not found");
    out.has_lease = text.ends_with("lease already exists");
    out.why = {text.ends_with("request is too large") ? errc::too_large : errc::unavailable,
               "etcd answers " + std::to_string(status) + ": " + text};
    return out;
}

}  // namespace

std::string requests::event_key(const event_id& event) const {
    return to_base64(to_bytes(prefix_ + "ev/" + path_of(event)));
}
std::string requests::lock_key(const event_id& event) const {
    return to_base64(to_bytes(prefix_ + "lock/" + path_of(event)));
}

question requests::grant(std::uint64_t lease) const {
    return {"/v3/lease/grant",
            json{{"ID", std::to_string(lease)}, {"TTL", std::to_string(ttl_.count())}}.dump()};
}
question requests::keep_alive(std::uint64_t lease) const {
    return {"/v3/lease/keepalive", json{{"ID", std::to_string(lease)}}.dump()};
}
question requests::revoke(std::uint64_t lease) const {
    return {"/v3/lease/revoke", json{{"ID", std::to_string(lease)}}.dump()};
}

question requests::lock(const event_id& event, bool create, std::uint64_t lease,
                        const kept_lock& mine) const {
    const auto ev = event_key(event), lock = lock_key(event);
    return transaction(
        json::array({created(lock, "EQUAL", 0), created(ev, create ? "EQUAL" : "GREATER", 0)}),
        json::array({put(lock, codec::encode(mine), lease), range(ev)}),
        json::array({range(ev), range(lock)}));
}

question requests::commit(const event_id& event, std::uint64_t base, std::uint64_t held,
                          const kept_event& next) const {
    const auto ev = event_key(event), lock = lock_key(event);
    json unchanged = json::array({as_of(ev, base)});
    if (!mutant("etcd.no_fencing")) {
        unchanged.push_back(created(lock, "EQUAL", held));
    }
    return transaction(std::move(unchanged),
                       json::array({put(ev, codec::encode(next)), erase(lock)}),
                       json::array({range(ev), range(lock)}));
}

question requests::bring(const event_id& event, std::uint64_t base, const kept_event& what) const {
    const auto ev = event_key(event);
    return transaction(json::array({as_of(ev, base)}), json::array({put(ev, codec::encode(what))}),
                       json::array({range(ev)}));
}

question requests::unlock(const event_id& event, std::uint64_t held) const {
    const auto ev = event_key(event), lock = lock_key(event);
    return transaction(json::array({created(lock, "EQUAL", held)}),
                       json::array({erase(lock), range(ev)}),
                       json::array({range(ev), range(lock)}));
}

question requests::look(const event_id& event) const {
    return transaction(json::array(),
                       json::array({range(event_key(event)), range(lock_key(event))}),
                       json::array());
}

answer requests::read(const event_id& event, int status, byte_view body) const {
    if (status != 200) {
        return refusal(status, body);
    }
    answer out;
    json said = json::parse(as_text(body), nullptr, false);
    if (said.is_object() && said.contains("result")) {
        said = json(said["result"]);  // of a stream: its first message
    }
    if (!said.is_object() || !said.contains("header") || !said["header"].is_object()) {
        out.why = {errc::unavailable, "what answers is not etcd"};
        return out;
    }
    out.what = answer::kind::fine;
    out.revision = number_in(said["header"], "revision");
    out.ttl = std::chrono::seconds(
        std::min<std::uint64_t>(number_in(said, "TTL"), std::numeric_limits<std::int32_t>::max()));
    const auto succeeded = said.find("succeeded");
    out.succeeded = succeeded != said.end() && succeeded->is_boolean() && succeeded->get<bool>();
    const auto responses = said.find("responses");
    if (responses == said.end() || !responses->is_array()) {
        return out;
    }
    const auto ev = event_key(event), lock = lock_key(event);
    for (const json& one : *responses) {
        const auto pairs = one.value("/response_range/kvs"_json_pointer, json::array());
        for (const json& pair : pairs.is_array() ? pairs : json::array()) {
            const std::string key = pair.is_object() ? text_in(pair, "key") : std::string();
            bool ours = true;
            if (key == ev) {
                out.event = value_in<kept_event>(pair);
                ours = out.event.has_value() && !out.event->recent.empty();
                if (ours) {
                    out.event->mod_revision = number_in(pair, "mod_revision");
                }
            } else if (key == lock) {
                out.lock = value_in<kept_lock>(pair);
                ours = out.lock.has_value();
                if (ours) {
                    out.lock->revision = number_in(pair, "create_revision");
                    out.lock->lease = number_in(pair, "lease");
                }
            }
            if (!ours) {
                out.what = answer::kind::refused;
                out.why = {errc::malformed,
                           "etcd holds something else than CalendarBox wrote under the keys of "
                           "this event: does another program use the same prefix?"};
                return out;
            }
        }
    }
    return out;
}

}  // namespace calbox::consensus
