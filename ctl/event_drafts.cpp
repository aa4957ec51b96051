#include "event_drafts.hpp"

#include <algorithm>

#include "rules.hpp"
#include "text.hpp"

namespace calbox::ctl {

namespace {

/// How typed times become an event's: read on the clock of one zone, sent in another.
struct time_zones {
    zone typed;
    zone sent;

    wall convert(wall reading) const {
        return typed.rules == sent.rules ? reading : wall_at(moment_of(reading, typed), sent);
    }
};

/// The zone of --zone, or the person's. Rules without a name cannot be sent: then it is UTC.
answer<time_zones> chosen_zones(const context& with, const std::string& of_event) {
    zone typed = with.mine;
    if (with.values.has("zone")) {
        auto named = named_zone(with.values.one("zone"));
        if (!named) {
            return refuse(named.error());
        }
        typed = *named;
        return time_zones{typed, typed};
    }
    zone sent = typed.name.empty() ? zone{"UTC0", "UTC"} : typed;
    if (!of_event.empty()) {
        // An event keeps its zone, so that its repetitions keep their hour.
        if (auto kept = named_zone(of_event); kept) {
            sent = *kept;
        }
    }
    return time_zones{typed, sent};
}

/// A list that is given as a whole; none of it is the word "none".
json listed(const given& values, const std::string& option) {
    json made = json::array();
    for (const auto& one : split_lists(values.all(option))) {
        if (one != "none") {
            made.push_back(one);
        }
    }
    return made;
}

/// What is said as it is: texts, categories, permissions.
void put_plain(const given& values, json& draft) {
    const auto put = [&](const char* option, const char* key) {
        if (values.has(option)) {
            draft[key] = values.one(option);
        }
    };
    put("title", "title");
    put("info", "info");
    put("place", "place");
    if (values.has("category")) {
        draft["categories"] = listed(values, "category");
    }
    if (values.has("event-color")) {
        const auto name = values.one("event-color");
        draft["color"] = name == "none" ? std::string() : name;
    }
    if (values.has("guests-may")) {
        draft["guests_may"] = listed(values, "guests-may");
    }
}

/// The repetition, of an event that is there in `event` or in the draft.
answer<void> put_rule(json& draft, const given& values, const json& event, wall now,
                      const time_zones& zones) {
    if (!values.has("repeat")) {
        return {};
    }
    const bool all_day = truth_of(draft.contains("all_day") ? draft : event, "all_day");
    auto rule = parse_rule(values.one("repeat"), now, all_day, zones.sent);
    if (!rule) {
        return refuse(rule.error());
    }
    draft["recurrence"] = std::move(*rule);
    return {};
}

/// `text` as the end of an event that starts at `start`: "16:00" is on that day.
answer<void> put_end(json& draft, const std::string& text, wall start, bool all_day,
                     const time_zones& zones) {
    bool day_only = false;
    const auto end = parse_point(text, start, day_only);
    if (!end) {
        return refuse(end.error());
    }
    if (day_only && !all_day) {
        return refuse("invalid_argument", "the end needs a time of day: " + clean(text));
    }
    draft["end"] = all_day ? wire_day(*end) : wire_time(zones.convert(*end));
    return {};
}

answer<void> put_span(json& draft, const given& values, const std::string& text, wall now,
                      const time_zones& zones) {
    auto when = parse_span(text, now);
    if (!when) {
        return refuse(when.error());
    }
    const bool all_day = when->all_day || values.has("all-day");
    draft["all_day"] = all_day;
    draft["zone"] = zones.sent.name;
    draft["start"] = all_day ? wire_day(when->start) : wire_time(zones.convert(when->start));
    if (when->end) {
        draft["end"] = all_day ? wire_day(*when->end) : wire_time(zones.convert(*when->end));
    }
    return values.has("end") ? put_end(draft, values.one("end"), when->start, all_day, zones)
                             : answer<void>();
}

/// The participants after --with and --without.
json changed_guests(const given& values, const json& event) {
    std::vector<std::string> guests = texts_of(event, "participants");
    for (const auto& one : split_lists(values.all("without"))) {
        std::erase(guests, one);
    }
    for (const auto& one : split_lists(values.all("with"))) {
        if (std::find(guests.begin(), guests.end(), one) == guests.end()) {
            guests.push_back(one);
        }
    }
    return guests;
}

/// A new start without a new end moves the event: it stays as long as it was.
void keep_length(json& draft, const json& event) {
    const auto old_start = read_wire(text_of(event, "start"));
    const auto old_end = read_wire(text_of(event, "end"));
    const auto start = read_wire(text_of(draft, "start"));
    const bool same_kind = truth_of(event, "all_day") == truth_of(draft, "all_day");
    if (!draft.contains("end") && old_start && old_end && start && same_kind) {
        const wall end = *start + (*old_end - *old_start);
        draft["end"] = truth_of(draft, "all_day") ? wire_day(end) : wire_time(end);
    }
}

}  // namespace

answer<json> reminders_of(const context& with) {
    json minutes = json::array(), at = json::array();
    for (const auto& one : split_lists(with.values.all("remind"))) {
        if (one == "none") {
            continue;
        }
        if (const auto before = parse_minutes(one); before) {
            minutes.push_back(*before);
            continue;
        }
        bool day_only = false;
        const auto point = parse_point(one, with.now_here(), day_only);
        if (!point || day_only) {
            return refuse("invalid_argument",
                          "this is neither a length of time nor a time: \"" + clean(one) +
                              "\" (for example 10m, 2h, 1d, or \"tomorrow 9:00\")");
        }
        at.push_back(wire_moment(moment_of(*point, with.mine)));
    }
    return json{{"minutes", std::move(minutes)}, {"at", std::move(at)}};
}

answer<json> changed_draft(const context& with, const json& event) {
    const auto& values = with.values;
    json draft = json::object();
    put_plain(values, draft);
    if (values.has("with") || values.has("without")) {
        draft["participants"] = changed_guests(values, event);
    }
    const auto zones = chosen_zones(with, text_of(event, "zone"));
    if (!zones) {
        return refuse(zones.error());
    }
    if (values.has("when") || values.has("start")) {
        const auto text = values.one(values.has("when") ? "when" : "start");
        if (auto put =
                put_span(draft, values, text, wall_at(with.world.now(), zones->typed), *zones);
            !put) {
            return refuse(put.error());
        }
        keep_length(draft, event);
    } else if (values.has("end")) {
        const auto start = read_wire(text_of(event, "start"));
        const bool all_day = truth_of(event, "all_day");
        const time_zones back{zones->sent, zones->typed};
        const wall typed = start ? (all_day ? *start : back.convert(*start)) : with.now_here();
        if (auto put = put_end(draft, values.one("end"), typed, all_day, *zones); !put) {
            return refuse(put.error());
        }
    } else if (values.has("all-day")) {
        const auto start = read_wire(text_of(event, "start"));
        const auto end = read_wire(text_of(event, "end"));
        draft["all_day"] = true;
        draft["start"] = wire_day(start.value_or(0));
        draft["end"] = wire_day(end.value_or(start.value_or(0)));
    } else if (values.has("zone")) {
        draft["zone"] = zones->sent.name;
    }
    if (auto put = put_rule(draft, values, event, with.now_here(), *zones); !put) {
        return refuse(put.error());
    }
    return draft;
}

answer<json> new_draft(const context& with) {
    const auto& values = with.values;
    const auto zones = chosen_zones(with, "");
    if (!zones) {
        return refuse(zones.error());
    }
    json draft{{"title", values.one("TITLE")}};
    put_plain(values, draft);
    if (auto put = put_span(draft, values, values.one("WHEN"),
                            wall_at(with.world.now(), zones->typed), *zones);
        !put) {
        return refuse(put.error());
    }
    if (auto put = put_rule(draft, values, draft, with.now_here(), *zones); !put) {
        return refuse(put.error());
    }
    if (const auto guests = split_lists(values.all("with")); !guests.empty()) {
        draft["participants"] = guests;
    }
    return draft;
}

bool names_a_change(const given& values) {
    for (const char* name :
         {"title", "when", "start", "end", "info", "place", "with", "without", "zone", "all-day",
          "guests-may", "repeat", "remind", "category", "event-color"}) {
        if (values.has(name)) {
            return true;
        }
    }
    return false;
}

answer<std::string> typed_moment(const context& with, const std::string& option) {
    bool day_only = false;
    const auto point = parse_point(with.values.one(option), with.now_here(), day_only);
    if (!point) {
        return refuse(point.error());
    }
    const bool whole_day = day_only && option == "to";
    return wire_moment(moment_of(*point + (whole_day ? 86400 : 0), with.mine));
}

}  // namespace calbox::ctl
