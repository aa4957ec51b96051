// Events, their versions and files, as JSON.
#include "json.hpp"
#include "model/guest_rights.hpp"
#include "model/recurrence_rule.hpp"
#include "model/times.hpp"

namespace calbox::daemon {

namespace {

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

json next_of(const model::occurrence& one) {
    json made = times_of(one.time, one.utc);
    made["recurrence_id"] = id_of(one.id, one.time);
    return made;
}

}  // namespace

json times_of(const model::when& time, const model::interval& utc) {
    return {{"start", model::start_text(time)},
            {"end", model::end_text(time)},
            {"zone", time.zone},
            {"all_day", time.all_day},
            {"start_utc", model::utc_text(utc.start)},
            {"end_utc", model::utc_text(utc.end)}};
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

json to_json(const node::event_view& view, const std::vector<node::file_view>& files) {
    const auto& content = view.content;
    const auto& time = content.time;
    json made = times_of(time, view.utc);
    // Lists have hundreds of these, and a list of initializers makes an array of each of its lines.
    auto& members = made.get_ref<json::object_t&>();
    const auto put = [&](const char* name, json value) { members.emplace(name, std::move(value)); };
    put("id", view.id_text);
    put("generation", view.generation.value);
    put("version", view.version.value);
    put("uid", content.uid);
    put("title", content.title);
    put("info", content.info);
    put("place", content.place);
    put("categories", content.categories);
    put("color", content.color);
    put("recurrence", content.recurrence);
    put("repeats", repeats(content));
    put("series", view.series);
    put("recurrence_id", view.occurrence ? id_of(*view.occurrence, time) : std::string());
    put("next", view.next ? next_of(*view.next) : json());
    put("organizer", view.organizer);
    put("participants", content.participants);
    put("declined", content.declined);
    put("answers", answers_of(content));
    put("guests_may", rights(view.guests_may));
    put("files", list_of(files));
    put("state", to_string(view.state));
    put("locked_by", view.lock ? view.lock->by : std::string());
    put("lock", view.lock ? to_json(*view.lock) : json());
    put("lacks", view.lacks ? to_json(*view.lacks) : json());
    put("conflicts", view.conflicts);
    put("written_by", view.written_by);
    put("written", model::utc_text(view.written));
    put("stored_on", view.stored_on);
    put("owed", view.owed);
    return made;
}

json to_json(const node::reminder_times& view) {
    json at = json::array();
    for (const timestamp one : view.at) {
        at.push_back(model::utc_text(one));
    }
    return {{"minutes", view.minutes}, {"at", std::move(at)}};
}

json to_json(const node::reminder_view& view) {
    json made = times_of(view.of.time, view.of.utc);
    made.update({{"at", model::utc_text(view.at)},
                 {"minutes", view.minutes ? json(*view.minutes) : json()},
                 {"id", view.id_text},
                 {"title", view.title},
                 {"place", view.place},
                 {"recurrence_id", view.series ? id_of(view.of.id, view.of.time) : std::string()}});
    return made;
}

json to_json(const node::open_event_view& view) {
    json made = times_of(view.time, view.utc);
    made.update({{"id", view.id_text},
                 {"title", view.title},
                 {"place", view.place},
                 {"link", view.link},
                 {"joined", view.joined}});
    return made;
}

json to_json(const node::join_view& view) {
    return {{"id", view.id_text}, {"organizer", view.organizer},
            {"link", view.link},  {"joined", view.joined},
            {"why", view.why},    {"since", model::utc_text(view.since)}};
}

json to_json(const node::busy_view& view) {
    json busy = json::array();
    for (const model::interval& one : view.busy) {
        busy.push_back({{"start", model::utc_text(one.start)}, {"end", model::utc_text(one.end)}});
    }
    return {{"name", view.name},
            {"known", view.known},
            {"why", view.why},
            {"busy", view.known ? std::move(busy) : json()}};
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
    json made = times_of(time, view.utc);
    made.update({{"id", view.id_text},
                 {"title", view.content.title},
                 {"place", view.content.place},
                 {"organizer", view.organizer},
                 {"version", view.deletion.version.value},
                 {"deleted_by", view.deletion.by},
                 {"deleted", model::utc_text(view.deletion.written)},
                 {"until", model::utc_text(view.until)}});
    return made;
}

json to_json(const node::file_view& view) {
    json made = {
        {"name", view.what.name},
        {"recurrence_id", view.what.of_time ? view.what.of_time->text() : std::string()},
        {"size", view.what.size},
        {"type", view.what.media_type},
        {"root", view.what.root.hex()},
        {"added_by", view.what.added_by},
        {"added", model::utc_text(view.what.added)},
        {"held", view.held},
        {"fetched", view.fetched},
        {"stored_on", view.stored_on},
        {"owed", view.owed},
        {"refused", view.refused},
    };
    if (!view.problem.empty()) {
        made["problem"] = view.problem;
    }
    return made;
}

}  // namespace calbox::daemon
