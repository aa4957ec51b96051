// Reading an event's body: from iCalendar text to typed fields. Core thread only.
#include <algorithm>
#include <array>

#include <libical/ical.h>

#include "model/attachment.hpp"
#include "model/body_parts.hpp"
#include "model/categories.hpp"
#include "model/event.hpp"
#include "model/times.hpp"

namespace calbox::model {

const property* find(const component& in, std::string_view name) {
    const auto found = std::ranges::find(in.properties, name, &property::name);
    return found == in.properties.end() ? nullptr : &*found;
}

result<const component*> event_of(const component& calendar) {
    if (calendar.name != "VCALENDAR") {
        return fail(errc::malformed, "the event is not an iCalendar object");
    }
    const component* found = nullptr;
    for (const component& part : calendar.children) {
        if (part.name != "VEVENT" || find(part, "RECURRENCE-ID") != nullptr) {
            continue;
        }
        if (found != nullptr) {
            return fail(errc::malformed, "the iCalendar object must have one event");
        }
        found = &part;
    }
    if (found == nullptr) {
        return fail(errc::malformed, "the iCalendar object must have one event");
    }
    const std::string uid = text_of(*found, "UID");
    for (const component& part : calendar.children) {
        if (part.name == "VEVENT" && &part != found && text_of(part, "UID") != uid) {
            return fail(errc::malformed,
                        "the iCalendar object has a changed occurrence of another event");
        }
    }
    return found;
}

std::string text_of(const component& event, std::string_view name) {
    const property* const line = find(event, name);
    return line == nullptr ? std::string() : unescape_text(line->value);
}

std::optional<std::string> person_of(const property& line) {
    const std::string_view value = line.value;
    return value.starts_with(person_start) ? percent_decode(value.substr(person_start.size()))
                                           : std::nullopt;
}

std::string_view to_string(participation answer) noexcept {
    switch (answer) {
        case participation::accepted:
            return "accepted";
        case participation::tentative:
            return "tentative";
        case participation::declined:
            break;
    }
    return "declined";
}

std::optional<participation> participation_of(std::string_view word) noexcept {
    constexpr std::array all = {participation::accepted, participation::tentative,
                                participation::declined};
    const auto same = [](char a, char b) {
        return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
    };
    const auto found = std::ranges::find_if(
        all, [&](participation one) { return std::ranges::equal(word, to_string(one), same); });
    return found == all.end() ? std::nullopt : std::optional(*found);
}

std::optional<participation> answer_of(const property& line) {
    const auto said = line.get(answer_parameter);
    return said ? participation_of(*said) : std::nullopt;
}

namespace {

result<timestamp> stamp_of(const component& event, std::string_view name, timestamp otherwise) {
    const property* const line = find(event, name);
    if (line == nullptr) {
        return otherwise;
    }
    const std::string milliseconds = line->get(milliseconds_parameter).value_or("");
    const auto at =
        parse_compact_utc(line->value + (milliseconds.empty() ? "" : "." + milliseconds));
    if (!at) {
        return fail(errc::malformed,
                    "the event has a time that cannot be read: " + line->value.substr(0, 40));
    }
    return *at;
}

/// A DTSTART or DTEND.
struct moment {
    local_time at;
    std::string zone = "UTC";
    bool date = false;
};

result<moment> moment_of(const property& line) {
    moment read;
    const auto at = parse_compact(line.value);
    if (!at) {
        return fail(errc::malformed,
                    "the event has a time that cannot be read: " + line.value.substr(0, 40));
    }
    read.at = at->at;
    read.date = at->date;
    if (!at->utc) {
        const auto zone = line.get(read.date ? zone_parameter : "TZID");
        if (!zone && !read.date) {
            return fail(errc::malformed, "the event's time has no time zone");
        }
        read.zone = zone.value_or("UTC");
        if (!is_zone(read.zone)) {
            return fail(errc::malformed,
                        "the event is in a time zone that this device does not know: " +
                            read.zone.substr(0, 60) + " (is its tzdata up to date?)");
        }
    }
    return read;
}

/// Where an event of iCalendar ends that says how long it takes: days on the calendar, hours on the
/// clock.
result<local_time> after_duration(const moment& start, const std::string& text) {
    const icaldurationtype length = icaldurationtype_from_string(text.c_str());
    if (icaldurationtype_is_bad_duration(length) != 0 || length.is_neg != 0 || text.size() > 40) {
        return fail(errc::malformed, "the event's duration cannot be read: " + text.substr(0, 40));
    }
    const std::int64_t days = std::int64_t{length.weeks} * 7 + length.days;
    const std::int64_t seconds =
        (std::int64_t{length.hours} * 60 + length.minutes) * 60 + length.seconds;
    constexpr std::int64_t longest = 4'000'000;  // days: more than there are
    if (days > longest || seconds > longest * 86'400) {
        return fail(errc::malformed, "the event's duration cannot be read: " + text.substr(0, 40));
    }
    const local_time day = from_wall_seconds(wall_seconds(start.at) + days * 86'400);
    const auto utc = to_utc(day, start.zone);
    if (!utc) {
        return fail(errc::malformed, "the event ends after the year 9999");
    }
    return seconds == 0 ? day : to_local({utc->ms + seconds * 1000}, start.zone);
}

result<when> time_of(const component& event) {
    const property* const start_line = find(event, "DTSTART");
    if (start_line == nullptr) {
        return fail(errc::malformed, "the event has no start");
    }
    const auto start = moment_of(*start_line);
    if (!start) {
        return fail(start.error());
    }
    when time{start->at, start->at, start->zone, start->date};
    const property* const end_line = find(event, "DTEND");
    const property* const duration = find(event, "DURATION");
    if (end_line != nullptr) {
        const auto end = moment_of(*end_line);
        if (!end) {
            return fail(end.error());
        }
        if (end->date != start->date) {
            return fail(errc::malformed,
                        "the event's start and end must both be dates, or both have a time");
        }
        time.end = end->at;
        if (!time.all_day && end->zone != time.zone) {
            const auto utc = to_utc(end->at, end->zone);
            if (!utc) {
                return fail(errc::malformed, utc.error().detail);
            }
            time.end = to_local(*utc, time.zone);
        }
    } else if (duration != nullptr) {
        const auto end = after_duration(*start, duration->value);
        if (!end) {
            return fail(end.error());
        }
        time.end = *end;
    }
    if (time.all_day) {
        time.end.hour = time.end.minute = time.end.second = 0;
        if (time.end == time.start) {  // also how some calendars write one day
            time.end = from_wall_seconds(wall_seconds(time.start) + 86'400);
        }
    }
    if (!is_real(time.end) || time.end < time.start) {
        return fail(errc::malformed, "the event ends before it starts, or after the year 9999");
    }
    return time;
}

constexpr std::size_t dates_most = 10'000;

/// As the recurrence id of a series that takes place at `time`.
result<local_time> in_series(const property& line, const when& time) {
    const auto read = moment_of(line);
    if (!read) {
        return fail(read.error());
    }
    local_time at = read->at;
    if (!read->date && read->zone != time.zone && !time.all_day) {
        const auto utc = to_utc(at, read->zone);
        if (!utc) {
            return fail(errc::malformed, utc.error().detail);
        }
        at = to_local(*utc, time.zone);
    }
    if (read->date || time.all_day) {
        at.hour = time.start.hour;
        at.minute = time.start.minute;
        at.second = time.start.second;
    }
    return at;
}

}  // namespace

result<std::vector<local_time>> dates_of(const component& event, std::string_view name,
                                         const when& time) {
    std::vector<local_time> all;
    for (const property& line : event.properties) {
        if (line.name != name) {
            continue;
        }
        property one{line.name, line.parameters, {}};
        for (std::string_view rest = line.value; !rest.empty();) {
            const std::size_t end = std::min(rest.find(','), rest.size());
            // Of a period (start/end) the start counts.
            one.value = std::string(rest.substr(0, std::min(end, rest.find('/'))));
            rest.remove_prefix(std::min(end + 1, rest.size()));
            const auto at = in_series(one, time);
            if (!at) {  // perhaps in a zone of another calendar
                continue;
            }
            if (all.size() == dates_most) {
                return fail(errc::malformed, "the event has too many dates");
            }
            all.push_back(*at);
        }
    }
    std::ranges::sort(all);
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
}

result<local_time> recurrence_id_of(const component& part, const when& series) {
    const property* const line = find(part, "RECURRENCE-ID");
    return line == nullptr ? fail(errc::malformed, "a changed occurrence has no RECURRENCE-ID")
                           : in_series(*line, series);
}

result<std::optional<changed_occurrence>> change_in(const component& part) {
    if (text_of(part, "STATUS") == "CANCELLED") {
        return std::optional<changed_occurrence>();
    }
    auto time = time_of(part);
    if (!time) {
        return fail(std::move(time.error()));
    }
    return std::optional(changed_occurrence{text_of(part, "SUMMARY"), text_of(part, "DESCRIPTION"),
                                            text_of(part, "LOCATION"), std::move(*time),
                                            categories_of(part), color_of(part)});
}

namespace {

result<void> read_series(const component& calendar, const component& event,
                         event_content& content) {
    if (const property* const rule = find(event, "RRULE")) {
        content.recurrence = rule->value;
    }
    auto added = dates_of(event, "RDATE", content.time);
    if (!added) {
        return fail(std::move(added.error()));
    }
    content.added_times = std::move(*added);
    for (const component& part : calendar.children) {
        if (part.name != "VEVENT" || &part == &event) {
            continue;
        }
        const auto id = recurrence_id_of(part, content.time);
        if (!id) {
            return fail(id.error());
        }
        auto change = change_in(part);
        if (!change) {
            return fail(std::move(change.error()));
        }
        content.changed.insert_or_assign(*id, std::move(*change));
    }
    const auto taken_out = dates_of(event, "EXDATE", content.time);
    if (!taken_out) {
        return fail(taken_out.error());
    }
    for (const local_time& id : *taken_out) {
        content.changed[id].reset();
    }
    for (const property& line : event.properties) {
        if (line.name == "RELATED-TO") {
            content.related.push_back(unescape_text(line.value));
        }
    }
    return {};
}

}  // namespace

result<event_content> parse_body(byte_view ical) {
    const auto calendar = parse_component(as_text(ical));
    if (!calendar) {
        return fail(calendar.error());
    }
    const auto found = event_of(*calendar);
    if (!found) {
        return fail(found.error());
    }
    const component& event = **found;
    event_content content;
    content.uid = text_of(event, "UID");
    content.title = text_of(event, "SUMMARY");
    content.info = text_of(event, "DESCRIPTION");
    content.place = text_of(event, "LOCATION");
    content.categories = categories_of(event);
    content.color = color_of(event);
    auto time = time_of(event);
    if (!time) {
        return fail(std::move(time.error()));
    }
    content.time = std::move(*time);
    if (auto series = read_series(*calendar, event, content); !series) {
        return fail(std::move(series.error()));
    }
    const auto stamp = stamp_of(event, "DTSTAMP", {});
    const auto modified = stamp ? stamp_of(event, "LAST-MODIFIED", *stamp) : stamp;
    const auto created = modified ? stamp_of(event, "CREATED", *modified) : modified;
    if (!created) {
        return fail(created.error());
    }
    content.modified = *modified;
    content.created = *created;
    for (const property& line : event.properties) {
        if (line.name == "ORGANIZER" || line.name == "ATTENDEE") {
            auto person = person_of(line);
            if (person && line.name == "ORGANIZER") {
                content.organizer = std::move(*person);
            } else if (person) {
                const auto answer = answer_of(line);
                if (answer == participation::declined) {
                    content.declined.push_back(std::move(*person));
                    continue;
                }
                if (answer) {
                    content.answers[*person] = *answer;
                }
                content.participants.push_back(std::move(*person));
            }
        } else if (is_file(line)) {
            auto file = read_file_property(line);
            if (!file) {
                return fail(std::move(file.error()));
            }
            content.files.push_back(std::move(*file));
        }
    }
    return content;
}

}  // namespace calbox::model
