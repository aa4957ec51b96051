#include "lab/sim/etcd_model.hpp"

#include <charconv>

#include <nlohmann/json.hpp>

namespace calbox::lab {
namespace {

using nlohmann::json;

constexpr std::size_t request_max = 3 << 19;                                 // 1.5 MiB
constexpr int invalid_argument = 3, not_found = 5, failed_precondition = 9;  // gRPC's codes

etcd_model::answer problem(int status, int code, const std::string& sentence) {
    return {status, json{{"error", sentence}, {"message", sentence}, {"code", code}}.dump()};
}

std::string text_in(const json& where, const char* name) {
    const auto found = where.find(name);
    return found != where.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::uint64_t number_in(const json& where, const char* name) {
    const std::string text = text_in(where, name);
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

const json& list_in(const json& where, const char* name) {
    static const json none = json::array();
    const auto found = where.find(name);
    return found != where.end() && found->is_array() ? *found : none;
}

/// A member that is zero is left out.
void set(json& where, const char* name, std::uint64_t value) {
    if (value != 0) {
        where[name] = std::to_string(value);
    }
}

}  // namespace

etcd_model::answer etcd_model::post(instant now, std::string_view path, std::string_view body) {
    end_leases(now);
    if (body.size() > request_max) {
        return problem(400, invalid_argument, "etcdserver: request is too large");
    }
    const json asked = json::parse(body, nullptr, false);
    if (!asked.is_object()) {
        return problem(400, invalid_argument, "invalid character");
    }
    if (path == "/v3/kv/txn") {
        return transaction(asked);
    }
    if (path == "/v3/lease/grant") {
        return grant(asked, now);
    }
    if (path == "/v3/lease/keepalive") {
        return keep_alive(asked, now);
    }
    if (path == "/v3/lease/revoke") {
        return revoke(asked);
    }
    return {404, "Not Found\n"};
}

json etcd_model::header() const {
    return {{"cluster_id", "7"},
            {"member_id", "1"},
            {"revision", std::to_string(revision_)},
            {"raft_term", "2"}};
}

void etcd_model::end_leases(instant now) {
    while (true) {
        const auto ended = std::find_if(leases_.begin(), leases_.end(),
                                        [&](const auto& one) { return one.second.until <= now; });
        if (ended == leases_.end()) {
            return;
        }
        drop(ended->first);
    }
}

void etcd_model::drop(std::uint64_t id) {
    leases_.erase(id);
    const auto count =
        std::erase_if(pairs_, [&](const auto& one) { return one.second.lease == id; });
    revision_ += count > 0 ? 1 : 0;
}

bool etcd_model::holds(const json& comparison) const {
    const auto found = pairs_.find(text_in(comparison, "key"));
    const pair one = found == pairs_.end() ? pair() : found->second;
    const std::string target = text_in(comparison, "target"), how = text_in(comparison, "result");
    const bool by_creation = target == "CREATE";
    const std::uint64_t is = by_creation ? one.created : one.modified;
    const std::uint64_t wanted =
        number_in(comparison, by_creation ? "create_revision" : "mod_revision");
    return how == "GREATER" ? is > wanted : is == wanted;
}

/// `at`: the revision that this transaction makes, if it changes anything.
json etcd_model::perform(const json& operation, std::uint64_t at) {
    json came;
    if (const auto range = operation.find("request_range"); range != operation.end()) {
        json& out =
            came["response_range"] = {{"header", {{"revision", std::to_string(revision_)}}}};
        const std::string key = text_in(*range, "key");
        if (const auto found = pairs_.find(key); found != pairs_.end()) {
            json one{{"key", key}, {"value", found->second.value}};
            set(one, "create_revision", found->second.created);
            set(one, "mod_revision", found->second.modified);
            set(one, "version", found->second.version);
            set(one, "lease", found->second.lease);
            out["kvs"] = json::array({std::move(one)});
            out["count"] = "1";
        }
    } else if (const auto put = operation.find("request_put"); put != operation.end()) {
        revision_ = at;
        pair& one = pairs_[text_in(*put, "key")];
        one.value = text_in(*put, "value");
        one.created = one.created == 0 ? at : one.created;
        one.modified = at;
        ++one.version;
        one.lease = number_in(*put, "lease");
        came["response_put"] = {{"header", {{"revision", std::to_string(at)}}}};
    } else if (const auto erase = operation.find("request_delete_range");
               erase != operation.end()) {
        const auto count = pairs_.erase(text_in(*erase, "key"));
        revision_ = count > 0 ? at : revision_;
        came["response_delete_range"] = {{"header", {{"revision", std::to_string(revision_)}}}};
        set(came["response_delete_range"], "deleted", count);
    }
    return came;
}

etcd_model::answer etcd_model::transaction(const json& asked) {
    const json& comparisons = list_in(asked, "compare");
    const bool succeeded = std::all_of(comparisons.begin(), comparisons.end(),
                                       [&](const json& one) { return holds(one); });
    const json& operations = list_in(asked, succeeded ? "success" : "failure");
    for (const json& one : operations) {
        const auto put = one.find("request_put");
        const std::uint64_t lease = put != one.end() ? number_in(*put, "lease") : 0;
        if (lease != 0 && !leases_.contains(lease)) {
            return problem(404, not_found, "etcdserver: requested lease not found");
        }
    }
    json responses = json::array();
    const std::uint64_t at = revision_ + 1;
    for (const json& one : operations) {
        responses.push_back(perform(one, at));
    }
    json out{{"header", header()}};
    if (succeeded) {
        out["succeeded"] = true;
    }
    if (!responses.empty()) {
        out["responses"] = std::move(responses);
    }
    return {200, out.dump()};
}

etcd_model::answer etcd_model::grant(const json& asked, instant now) {
    const std::uint64_t id = number_in(asked, "ID"), ttl = number_in(asked, "TTL");
    if (leases_.contains(id)) {
        return problem(412, failed_precondition, "etcdserver: lease already exists");
    }
    const auto length = std::chrono::seconds(ttl);
    leases_[id] = {length, now + length};
    return {200,
            json{{"header", header()}, {"ID", std::to_string(id)}, {"TTL", std::to_string(ttl)}}
                .dump()};
}

etcd_model::answer etcd_model::keep_alive(const json& asked, instant now) {
    const std::uint64_t id = number_in(asked, "ID");
    json out{{"header", header()}, {"ID", std::to_string(id)}};
    if (const auto found = leases_.find(id); found != leases_.end()) {
        found->second.until = now + found->second.ttl;
        out["TTL"] = std::to_string(
            std::chrono::duration_cast<std::chrono::seconds>(found->second.ttl).count());
    }
    return {200, json{{"result", std::move(out)}}.dump() + "\n"};
}

etcd_model::answer etcd_model::revoke(const json& asked) {
    const std::uint64_t id = number_in(asked, "ID");
    if (!leases_.contains(id)) {
        return problem(404, not_found, "etcdserver: requested lease not found");
    }
    drop(id);
    return {200, json{{"header", header()}}.dump()};
}

}  // namespace calbox::lab
