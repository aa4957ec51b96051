#include "json.hpp"

#include <algorithm>
#include <set>

#include "model/guest_rights.hpp"
#include "model/recurrence_rule.hpp"
#include "model/times.hpp"

namespace calbox::daemon {

namespace {

constexpr int depth_max = 32;

json rights(std::uint32_t bits) {
    json list = json::array();
    for (const auto& [bit, name] : model::right_names) {
        if ((bits & bit) != 0) {
            list.push_back(name);
        }
    }
    return list;
}

std::string_view change_name(node::version_change what) {
    switch (what) {
        case node::version_change::created:
            return "created";
        case node::version_change::deleted:
            return "deleted";
        case node::version_change::brought_back:
            return "brought_back";
        case node::version_change::changed:
            break;
    }
    return "changed";
}

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

std::string_view to_string(node::event_state state) {
    switch (state) {
        case node::event_state::locked:
            return "locked";
        case node::event_state::behind:
            return "behind";
        case node::event_state::unknown:
            return "unknown";
        case node::event_state::forked:
            return "forked";
        case node::event_state::no_quorum:
            return "no_quorum";
        case node::event_state::confirmed:
            break;
    }
    return "confirmed";
}

json to_json(const node::quorum_view& view) {
    return {{"needed", view.needed}, {"missing", view.missing}};
}

json to_json(const node::lock_view& view) {
    return {{"by", view.by},
            {"device", view.device.value},
            {"since", model::utc_text(view.since)},
            {"until", model::utc_text(view.until)},
            {"here", view.here}};
}

namespace {

json answers_of(const model::event_content& content) {
    json list = json::array();
    for (const auto& [name, answer] : content.answers) {
        list.push_back({{"name", name}, {"answer", model::to_string(answer)}});
    }
    return list;
}

/// A recurrence id; of whole days the day.
std::string id_of(const model::local_time& id, const model::when& time) {
    return time.all_day ? id.date_text() : id.text();
}

/// The rule in words; the rule itself where it cannot be read.
std::string repeats(const model::event_content& content) {
    if (content.recurrence.empty()) {
        return {};
    }
    const auto rule = model::parse_recurrence_rule(content.recurrence);
    return rule ? model::words_of(*rule, content.time.zone) : content.recurrence;
}

json to_json(const model::occurrence& one) {
    return {{"recurrence_id", id_of(one.id, one.time)},
            {"start", model::start_text(one.time)},
            {"end", model::end_text(one.time)},
            {"zone", one.time.zone},
            {"all_day", one.time.all_day},
            {"start_utc", model::utc_text(one.utc.start)},
            {"end_utc", model::utc_text(one.utc.end)}};
}

}  // namespace

json to_json(const node::event_view& view, const std::vector<node::file_view>& files) {
    const auto& content = view.content;
    const auto& time = content.time;
    return {
        {"id", view.id_text},
        {"generation", view.generation.value},
        {"version", view.version.value},
        {"uid", content.uid},
        {"title", content.title},
        {"info", content.info},
        {"place", content.place},
        {"start", model::start_text(time)},
        {"end", model::end_text(time)},
        {"zone", time.zone},
        {"all_day", time.all_day},
        {"start_utc", model::utc_text(view.utc.start)},
        {"end_utc", model::utc_text(view.utc.end)},
        {"recurrence", content.recurrence},
        {"repeats", repeats(content)},
        {"series", view.series},
        {"recurrence_id", view.occurrence ? id_of(*view.occurrence, time) : std::string()},
        {"next", view.next ? to_json(*view.next) : json()},
        {"organizer", view.organizer},
        {"participants", content.participants},
        {"declined", content.declined},
        {"answers", answers_of(content)},
        {"guests_may", rights(view.guests_may)},
        {"files", list_of(files)},
        {"state", to_string(view.state)},
        {"locked_by", view.lock ? view.lock->by : std::string()},
        {"lock", view.lock ? to_json(*view.lock) : json()},
        {"lacks", view.lacks ? to_json(*view.lacks) : json()},
        {"conflicts", view.conflicts},
        {"written_by", view.written_by},
        {"written", model::utc_text(view.written)},
        {"stored_on", view.stored_on},
        {"owed", view.owed},
    };
}

json to_json(const model::field_change& view) {
    return {{"field", view.field}, {"before", view.before}, {"after", view.after}};
}

json to_json(const node::version_view& view) {
    return {{"generation", view.generation.value},
            {"version", view.version.value},
            {"what", change_name(view.what)},
            {"by", view.by},
            {"device", view.device.value},
            {"written", model::utc_text(view.written)},
            {"until", view.until ? json(model::utc_text(*view.until)) : json()},
            {"readable", view.readable},
            {"title", view.title},
            {"changes", list_of(view.changes)}};
}

json to_json(const node::trash_view& view) {
    const auto& time = view.content.time;
    return {{"id", view.id_text},
            {"title", view.content.title},
            {"place", view.content.place},
            {"start", model::start_text(time)},
            {"end", model::end_text(time)},
            {"zone", time.zone},
            {"all_day", time.all_day},
            {"start_utc", model::utc_text(view.utc.start)},
            {"end_utc", model::utc_text(view.utc.end)},
            {"organizer", view.organizer},
            {"version", view.deletion.version.value},
            {"deleted_by", view.deletion.by},
            {"deleted", model::utc_text(view.deletion.written)},
            {"until", model::utc_text(view.until)}};
}

json to_json(const node::file_view& view) {
    return {
        {"name", view.what.name},
        {"size", view.what.size},
        {"type", view.what.media_type},
        {"root", view.what.root.hex()},
        {"added_by", view.what.added_by},
        {"added", model::utc_text(view.what.added)},
        {"held", view.held},
        {"fetched", view.fetched},
        {"stored_on", view.stored_on},
        {"owed", view.owed},
    };
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
    return {{"device", view.device},
            {"users", view.users},
            {"roles", view.roles},
            {"address", view.address},
            {"relayed", view.relayed}};
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
