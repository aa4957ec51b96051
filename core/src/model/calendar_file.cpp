#include "model/calendar_file.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "model/attachment.hpp"
#include "model/body_parts.hpp"

namespace calbox::model {

namespace {

/// Takes the next line, without its end, off the front.
std::string_view next_line(std::string_view& rest) {
    const auto end = rest.find('\n');
    auto line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line.ends_with('\r')) {
        line.remove_suffix(1);
    }
    return line;
}

/// "VEVENT" of "BEGIN:VEVENT", in capitals; empty when the line does not begin so.
std::string word_after(std::string_view line, std::string_view start) {
    std::string upper(line.substr(0, start.size() + 40));
    std::ranges::transform(upper, upper.begin(), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    if (!upper.starts_with(start)) {
        return {};
    }
    std::string word = upper.substr(start.size());
    while (word.ends_with(' ')) {
        word.pop_back();
    }
    return word;
}

/// The components that a calendar has, as they are written.
struct raw_component {
    std::string name;
    std::string_view text;
};

result<std::vector<raw_component>> components_of(std::string_view text) {
    if (text.starts_with("\xEF\xBB\xBF")) {
        text.remove_prefix(3);
    }
    std::vector<raw_component> found;
    std::vector<std::string> open;
    std::string_view rest = text;
    const char* begin = nullptr;
    bool any = false;
    while (!rest.empty()) {
        const char* const here = rest.data();
        const std::string_view line = next_line(rest);
        if (const auto name = word_after(line, "BEGIN:"); !name.empty()) {
            if (open.empty() && name != "VCALENDAR") {
                return fail(errc::malformed, "the file is not an iCalendar file");
            }
            open.push_back(name);
            any = true;
            if (open.size() == 2) {
                begin = here;
            }
        } else if (const auto ended = word_after(line, "END:"); !ended.empty()) {
            if (open.empty() || open.back() != ended) {
                return fail(errc::malformed, "the file is broken at END:" + ended);
            }
            if (open.size() == 2) {
                const auto length = static_cast<std::size_t>(rest.data() - begin);
                found.push_back({ended, std::string_view(begin, length)});
                if (found.size() > calendar_file_events) {
                    return fail(errc::too_large, "the file has more than 50,000 events");
                }
            }
            open.pop_back();
        } else if (open.empty() && !line.empty()) {
            return fail(errc::malformed, "the file is not an iCalendar file");
        }
    }
    if (!open.empty() || !any) {
        return fail(errc::malformed, any ? "the file ends in the middle of " + open.back()
                                         : "the file is not an iCalendar file");
    }
    return found;
}

/// A time of nobody's zone is read as one of the reader's.
void settle_zone(component& event, const std::string& zone) {
    static const std::set<std::string, std::less<>> moments{"DTSTART", "DTEND", "RDATE", "EXDATE",
                                                            "RECURRENCE-ID"};
    for (property& line : event.properties) {
        const bool floats = moments.contains(line.name) && !line.get("TZID") &&
                            line.value.find('T') != std::string::npos &&
                            line.value.find('Z') == std::string::npos;
        if (floats && zone == "UTC") {
            line.value += 'Z';
        } else if (floats) {
            line.set("TZID", zone);
        }
    }
}

std::set<std::string> zones_named(const component& in) {
    std::set<std::string> names;
    for (const property& line : in.properties) {
        if (const auto zone = line.get("TZID")) {
            names.insert(*zone);
        }
    }
    for (const component& child : in.children) {
        names.merge(zones_named(child));
    }
    return names;
}

/// What one UID is made of.
struct gathered {
    std::vector<component> events;
    std::optional<error> problem;  // one of them cannot be read
    std::string title;
};

result<bytes> body_of(gathered& from, const std::map<std::string, component>& zones) {
    if (from.problem) {
        return fail(*from.problem);
    }
    component calendar;
    calendar.name = "VCALENDAR";
    calendar.properties.push_back({"VERSION", {}, "2.0"});
    calendar.properties.push_back({"PRODID", {}, "-//CalendarBox//calbox//EN"});
    std::set<std::string> named;
    for (const component& event : from.events) {
        named.merge(zones_named(event));
    }
    for (const std::string& name : named) {
        if (const auto zone = zones.find(name); zone != zones.end()) {
            calendar.children.push_back(zone->second);
        }
    }
    std::ranges::move(from.events, std::back_inserter(calendar.children));
    written out;
    write_component(calendar, out);
    return to_bytes(out.text);
}

}  // namespace

result<std::vector<calendar_part>> split_calendar(std::string_view text, const std::string& zone) {
    if (text.size() > calendar_file_bytes) {
        return fail(errc::too_large, "an iCalendar file has at most 32 MiB");
    }
    const auto all = components_of(text);
    if (!all) {
        return fail(all.error());
    }
    std::map<std::string, component> zones;
    std::map<std::string, std::size_t> places;  // by UID
    std::vector<std::pair<std::string, gathered>> found;
    for (const raw_component& raw : *all) {
        if (raw.name != "VEVENT" && raw.name != "VTIMEZONE") {
            continue;  // tasks, notes and free times are no events
        }
        auto read = parse_component(raw.text);
        if (raw.name == "VTIMEZONE") {
            if (read) {
                zones.emplace(text_of(*read, "TZID"), std::move(*read));
            }
            continue;
        }
        const std::string uid = read ? text_of(*read, "UID") : std::string();
        auto place = places.find(uid);
        if (uid.empty() || place == places.end()) {
            found.emplace_back(uid, gathered());
            place = places.insert_or_assign(uid, found.size() - 1).first;
        }
        gathered& into = found[place->second].second;
        if (!read) {
            into.problem = read.error();
            continue;
        }
        if (into.title.empty() || find(*read, "RECURRENCE-ID") == nullptr) {
            into.title = text_of(*read, "SUMMARY");
        }
        settle_zone(*read, zone);
        into.events.push_back(std::move(*read));
    }
    std::vector<calendar_part> parts;
    for (auto& [uid, one] : found) {
        auto body = body_of(one, zones);
        parts.push_back({uid, std::move(one.title), std::move(body)});
    }
    return parts;
}

result<std::string> join_calendars(const std::vector<byte_view>& bodies, bool with_files) {
    component all;
    all.name = "VCALENDAR";
    all.properties.push_back({"VERSION", {}, "2.0"});
    all.properties.push_back({"PRODID", {}, "-//CalendarBox//calbox//EN"});
    std::set<std::string> zones;
    std::vector<component> others;
    for (const byte_view body : bodies) {
        auto calendar = parse_component(as_text(body));
        if (!calendar) {
            return fail(std::move(calendar.error()));
        }
        for (component& part : calendar->children) {
            if (part.name != "VTIMEZONE") {
                if (!with_files) {
                    std::erase_if(part.properties, is_file);
                }
                others.push_back(std::move(part));
            } else if (zones.insert(text_of(part, "TZID")).second) {
                all.children.push_back(std::move(part));
            }
        }
    }
    std::ranges::move(others, std::back_inserter(all.children));
    written out;
    write_component(all, out);
    return std::move(out.text);
}

}  // namespace calbox::model
