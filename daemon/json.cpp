#include "json.hpp"

#include <algorithm>
#include <set>

#include "model/guest_rights.hpp"
#include "model/recurrence_rule.hpp"
#include "model/times.hpp"

namespace calbox::daemon {

namespace {

constexpr int depth_max = 32;

/// Refuses documents that are too deep, or have a key twice, while they are read.
class watchman {
public:
    bool operator()(int depth, json::parse_event_t what, const json& value) {
        if (what == json::parse_event_t::object_start || what == json::parse_event_t::array_start) {
            too_deep_ = too_deep_ || depth >= depth_max;
            if (what == json::parse_event_t::object_start && !too_deep_) {
                keys_.resize(static_cast<std::size_t>(depth) + 1);
                keys_.back().clear();
            }
        } else if (what == json::parse_event_t::key && !too_deep_) {
            const auto& key = value.get_ref<const std::string&>();
            keys_.resize(static_cast<std::size_t>(depth));
            if (!keys_.back().insert(key).second && twice_.empty()) {
                twice_ = "the key \"" + key.substr(0, 64) + "\" stands twice in an object";
            }
        }
        return !too_deep_;
    }
    std::optional<error> problem() const {
        if (too_deep_) {
            return error(errc::malformed,
                         "the body is nested deeper than " + std::to_string(depth_max) + " levels");
        }
        if (!twice_.empty()) {
            return error(errc::malformed, twice_);
        }
        return std::nullopt;
    }

private:
    std::vector<std::set<std::string>> keys_;
    bool too_deep_ = false;
    std::string twice_;
};

}  // namespace

result<json> parse_json(std::string_view text) {
    watchman seen;
    auto document = json::parse(text, std::ref(seen), false);
    if (auto problem = seen.problem()) {
        return fail(std::move(*problem));
    }
    if (document.is_discarded()) {
        return fail(errc::malformed, "the body is not JSON in UTF-8");
    }
    return document;
}

std::string write_json(const json& document) {
    return document.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

// Reading --------------------------------------------------------------------------------------

object_reader::object_reader(const json& document) : document_(document) {
    if (!document_.is_object()) {
        wrong("the body must be a JSON object, as in {\"name\": \"bob\"}");
    }
}

void object_reader::wrong(std::string sentence) {
    if (!problem_) {
        problem_.emplace(errc::invalid_argument, std::move(sentence));
    }
}

const json* object_reader::take(std::string_view key) {
    known_.push_back(key);
    if (!document_.is_object()) {
        return nullptr;
    }
    const auto found = document_.find(key);
    return found == document_.end() ? nullptr : &*found;
}

void object_reader::text(std::string_view key, std::optional<std::string>& into) {
    const json* const value = take(key);
    if (value != nullptr && !value->is_string()) {
        wrong(std::string(key) + " must be a text");
    } else if (value != nullptr) {
        into = value->get<std::string>();
    }
}

void object_reader::truth(std::string_view key, std::optional<bool>& into) {
    const json* const value = take(key);
    if (value != nullptr && !value->is_boolean()) {
        wrong(std::string(key) + " must be true or false");
    } else if (value != nullptr) {
        into = value->get<bool>();
    }
}

void object_reader::number(std::string_view key, std::optional<std::uint64_t>& into) {
    const json* const value = take(key);
    if (value != nullptr && !value->is_number_unsigned()) {
        wrong(std::string(key) + " must be a whole number");
    } else if (value != nullptr) {
        into = value->get<std::uint64_t>();
    }
}

void object_reader::texts(std::string_view key, std::optional<std::vector<std::string>>& into) {
    const json* const value = take(key);
    if (value == nullptr) {
        return;
    }
    const bool right =
        value->is_array() &&
        std::all_of(value->begin(), value->end(), [](const json& one) { return one.is_string(); });
    if (!right) {
        wrong(std::string(key) + " must be a list of texts");
        return;
    }
    into = value->get<std::vector<std::string>>();
}

void object_reader::need(std::string_view key, std::vector<std::uint32_t>& into) {
    const json* const value = take(key);
    const auto fits = [](const json& one) {
        return one.is_number_unsigned() && one.get<std::uint64_t>() <= UINT32_MAX;
    };
    if (value == nullptr || !value->is_array() ||
        !std::all_of(value->begin(), value->end(), fits)) {
        wrong(std::string(key) + " must be a list of whole numbers");
        return;
    }
    into = value->get<std::vector<std::uint32_t>>();
}

void object_reader::need(std::string_view key, std::string& into) {
    std::optional<std::string> found;
    text(key, found);
    if (!found) {
        wrong(std::string(key) + " is missing");
    }
    into = std::move(found).value_or(std::string());
}

void object_reader::need(std::string_view key, std::vector<std::string>& into) {
    std::optional<std::vector<std::string>> found;
    texts(key, found);
    if (!found) {
        wrong(std::string(key) + " is missing");
    }
    into = std::move(found).value_or(std::vector<std::string>());
}

result<void> object_reader::finish() {
    if (document_.is_object()) {
        for (const auto& [key, value] : document_.items()) {
            if (std::find(known_.begin(), known_.end(), key) != known_.end()) {
                continue;
            }
            std::string all;
            for (const std::string_view one : known_) {
                all += (all.empty() ? "" : ", ") + std::string(one);
            }
            wrong("unknown key \"" + key.substr(0, 64) +
                  "\": " + (all.empty() ? "there are none here" : "there are " + all));
        }
    }
    if (problem_) {
        return fail(*problem_);
    }
    return {};
}

result<node::event_draft> read_draft(const json& document) {
    node::event_draft draft;
    std::optional<std::vector<std::string>> may;
    object_reader from(document);
    from.text("title", draft.title);
    from.text("info", draft.info);
    from.text("place", draft.place);
    from.text("start", draft.start);
    from.text("end", draft.end);
    from.text("zone", draft.zone);
    from.truth("all_day", draft.all_day);
    from.texts("participants", draft.participants);
    from.texts("guests_may", may);
    from.text("recurrence", draft.recurrence);
    from.texts("categories", draft.categories);
    from.text("color", draft.color);
    if (auto whole = from.finish(); !whole) {
        return fail(std::move(whole.error()));
    }
    if (may) {
        draft.guests_may = 0;
        for (const std::string& word : *may) {
            const auto found =
                std::find_if(model::right_names.begin(), model::right_names.end(),
                             [&](const model::right_name& one) { return one.name == word; });
            if (found == model::right_names.end()) {
                return fail(errc::invalid_argument,
                            "guests_may: \"" + word.substr(0, 64) +
                                "\" is none of modify, attach, invite, delete");
            }
            *draft.guests_may |= found->bit;
        }
    }
    return draft;
}

// Writing --------------------------------------------------------------------------------------

json to_json(const node::account_view& view) {
    return {{"name", view.name}, {"id", view.id.hex()}, {"device", view.device.value}};
}

json to_json(const node::user_view& view) {
    return {{"name", view.name},
            {"id", view.id.hex()},
            {"online", view.online},
            {"friend", view.is_friend}};
}

json to_json(const node::friend_view& view) {
    return {{"name", view.name}, {"state", view.state}, {"online", view.online}};
}

json to_json(const node::group_view& view) {
    return {{"name", view.name}, {"members", view.members}};
}

json to_json(const node::network_view& view) {
    return {{"id", view.id},
            {"founded_here", view.founded_here},
            {"registries", view.registries},
            {"addresses", view.addresses}};
}

json to_json(const node::strategy_view& view) {
    return {{"epoch", view.epoch},
            {"strategy", view.name},
            {"version", view.version},
            {"settings", view.settings},
            {"takes_effect",
             view.takes_effect == timestamp() ? json() : json(model::utc_text(view.takes_effect))},
            {"in_effect", view.in_effect},
            {"usable", view.usable},
            {"problem", view.problem},
            {"events", view.events}};
}

json to_json(const node::peer_view& view) {
    return {{"device", view.device},   {"users", view.users},     {"roles", view.roles},
            {"address", view.address}, {"relayed", view.relayed}, {"way", view.way}};
}

json to_json(const node::plugin_view& view) {
    return {{"kind", view.kind},    {"name", view.name},     {"version", view.version},
            {"file", view.file},    {"traits", view.traits}, {"summary", view.summary},
            {"status", view.status}};
}

json to_json(const node::finding& view) {
    return {{"what", view.what}, {"good", view.good}, {"text", view.text}, {"advice", view.advice}};
}

json to_json(const node::recovery_view& view) {
    const auto sum = [](const node::recovered_view& what) {
        return json{{"envelopes", what.envelopes}, {"bytes", what.bytes}};
    };
    const auto each = [](const std::vector<node::recovered_view>& sources) {
        json list = json::array();
        for (const node::recovered_view& one : sources) {
            list.push_back(
                {{"device", one.device}, {"envelopes", one.envelopes}, {"bytes", one.bytes}});
        }
        return list;
    };
    return {
        {"strategy", view.strategy},
        {"strategies", view.strategies},
        {"exchanges", view.exchanges},
        {"friends", sum(view.friends)},
        {"backups", sum(view.backups)},
        {"last",
         {
             {"strategy", view.last.strategy},
             {"caught_up", view.last.caught_up},
             {"rounds", view.last.rounds},
             {"applied", view.last.applied},
             {"duplicates", view.last.duplicates},
             {"bytes_sent", view.last.bytes_sent},
             {"bytes_received", view.last.bytes_received},
             {"lower_bound", view.last.lower_bound},
             {"friends", each(view.last.friends)},
             {"backups", each(view.last.backups)},
             {"silent", view.last.silent},
             {"refused", view.last.refused},
         }},
    };
}

namespace {

json backing_json(const node::backing_view& view) {
    json made{
        {"events", view.events},
        {"event_bytes", view.event_bytes},
        {"files", view.files},
        {"file_bytes", view.file_bytes},
        {"wanted_files", view.wanted_files},
        {"wanted_bytes", view.wanted_bytes},
        {"lost_files", view.lost_files},
        {"unneeded_files", view.unneeded_files},
        {"unneeded_bytes", view.unneeded_bytes},
        {"erased_files", view.erased_files},
        {"erased_bytes", view.erased_bytes},
        {"refused", view.refused},
        {"percent", view.percent},
        {"asking", view.asking},
    };
    if (view.quota_bytes) {
        made["quota_bytes"] = *view.quota_bytes;
    }
    return made;
}

}  // namespace

json to_json(const node::status_view& view) {
    json made{
        {"version", view.version},
        {"device", view.device},
        {"network", view.network},
        {"roles", view.roles},
        {"addresses", view.addresses},
        {"users", view.users},
        {"state", view.state},
        {"rendezvous", view.rendezvous},
        {"caught_up", view.caught_up},
        {"events", view.events},
        {"files", view.files},
        {"file_bytes", view.file_bytes},
        {"outbox", view.outbox},
        {"edges", view.edges},
        {"uptime_seconds", view.uptime_seconds},
        {"recovery", to_json(view.recovery)},
    };
    if (view.backing) {
        made["backing"] = backing_json(*view.backing);
    }
    return made;
}

json to_json(const node::change& view) {
    return {
        {"number", view.number}, {"what", view.what}, {"id", view.id},
        {"by", view.by},         {"text", view.text}, {"at", model::utc_text(view.at)},
    };
}

}  // namespace calbox::daemon
