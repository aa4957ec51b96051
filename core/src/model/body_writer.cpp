// Writing an event's body: typed fields over what the body before had besides. Core thread only.
#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <set>
#include <span>

#include "model/attachment.hpp"
#include "model/body_parts.hpp"
#include "model/categories.hpp"
#include "model/event.hpp"
#include "model/times.hpp"
#include "model/zone_component.hpp"
#include "model/zones.hpp"

namespace calbox::model {

namespace {

constexpr std::array<std::string_view, 3> time_parameters = {"TZID", "VALUE", zone_parameter};
constexpr std::array<std::string_view, 2> stamp_parameters = {"TZID", milliseconds_parameter};
constexpr std::array<std::string_view, 1> category_parameters = {"LANGUAGE"};
constexpr std::array<std::string_view, 1> answer_parameters = {answer_parameter};

/// Properties that are written from typed fields: those of `previous` do not pass.
constexpr std::array<std::string_view, 19> typed = {
    "UID",           "DTSTAMP",    "CREATED",   "LAST-MODIFIED", "SUMMARY",
    "DESCRIPTION",   "LOCATION",   "DTSTART",   "DTEND",         "DURATION",
    "CATEGORIES",    "COLOR",      "RRULE",     "RDATE",         "EXDATE",
    "RECURRENCE-ID", "RELATED-TO", "ORGANIZER", "X-LIC-ERROR"};
/// Those of a changed occurrence; its people and files, where it has any, are nobody's here.
constexpr std::array<std::string_view, 14> typed_of_change = {
    "UID",     "DTSTAMP", "CREATED",  "LAST-MODIFIED", "SUMMARY", "DESCRIPTION",   "LOCATION",
    "DTSTART", "DTEND",   "DURATION", "CATEGORIES",    "COLOR",   "RECURRENCE-ID", "X-LIC-ERROR"};

/// Writes typed fields over an event, taking over from the event before what it does not know.
class event_writer {
public:
    explicit event_writer(const component* before) : before_(before) { event_.name = "VEVENT"; }

    void add(std::string name, std::string value) {
        if (!value.empty()) {
            add_line({std::move(name), {}, std::move(value)}, {});
        }
    }
    void add_stamp(std::string name, timestamp at) {
        const std::string text = compact_utc_text(at);
        const std::size_t dot = text.find('.');
        property line{std::move(name), {}, text.substr(0, dot)};
        if (dot != std::string::npos) {
            line.set(std::string(milliseconds_parameter), text.substr(dot + 1));
        }
        add_line(std::move(line), stamp_parameters);
    }
    void add_moment(std::string name, const local_time& at, const when& time) {
        property line{std::move(name), {}, compact_text(at)};
        const bool utc = time.zone == "UTC";
        if (time.all_day) {
            line.value.resize(8);
            line.set("VALUE", "DATE");
        } else if (utc) {
            line.value += 'Z';
        }
        if (!utc) {
            line.set(time.all_day ? std::string(zone_parameter) : "TZID", time.zone);
        }
        add_line(std::move(line), time_parameters);
    }
    void add_person(std::string name, const std::string& person,
                    std::optional<participation> answer = {}) {
        property line{std::move(name), {}, std::string(person_start) + percent_encode(person)};
        if (answer) {
            std::string word(to_string(*answer));
            std::ranges::transform(word, word.begin(),
                                   [](char c) { return static_cast<char>(c - 'a' + 'A'); });
            line.set(std::string(answer_parameter), word);
        }
        const property* const old = find_before([&](const property& candidate) {
            return candidate.name == line.name && candidate.value == line.value;
        });
        if (old != nullptr) {
            // An answer that is none of ours stays, unless there is one now.
            const bool answers = answer || answer_of(*old);
            line.keep_others(*old, std::span(answer_parameters.data(), answers ? 1 : 0));
        }
        event_.properties.push_back(std::move(line));
    }
    void add_file(const attachment& file) {
        event_.properties.push_back(write_file_property(
            file, find_before([&](const property& candidate) {
                const auto old =
                    is_file(candidate) ? read_file_property(candidate) : fail(errc::not_found);
                return old && old->root == file.root && old->is_at(file.name, file.of_time);
            })));
    }
    /// As they were, where they say the same.
    void add_dates(std::string name, const std::vector<local_time>& dates, const when& time) {
        if (before_ != nullptr && dates_of(*before_, name, time) == dates) {
            keep(name);
            return;
        }
        for (const property& line : before_ == nullptr ? none : before_->properties) {
            const component alone{{}, {line}, {}};
            const auto read =
                line.name == name ? dates_of(alone, name, time) : fail(errc::not_found);
            if (read && read->empty()) {  // nothing that we can read is left to who can
                event_.properties.push_back(line);
            }
        }
        if (dates.empty()) {
            return;
        }
        std::string list;
        for (const local_time& at : dates) {
            list += (list.empty() ? "" : ",") +
                    (time.all_day ? compact_text(at).substr(0, 8) : compact_text(at)) +
                    (time.all_day || time.zone != "UTC" ? "" : "Z");
        }
        add_moment(std::move(name), dates.front(), time);
        event_.properties.back().value = std::move(list);
    }
    /// As they were, where they say the same: somebody may have written more than is read here.
    void add_categories(const std::vector<std::string>& names) {
        if (before_ != nullptr && categories_of(*before_) == names) {
            keep("CATEGORIES");
            return;
        }
        std::string list;
        for (const std::string& name : names) {
            list += (list.empty() ? "" : ",") + escape_text(name);
        }
        if (list.empty()) {
            return;
        }
        // The language of one of several lines is not that of all names.
        const std::vector<property>& old = before_ == nullptr ? none : before_->properties;
        const bool several = std::ranges::count(old, "CATEGORIES", &property::name) > 1;
        add_line({"CATEGORIES", {}, std::move(list)},
                 std::span(category_parameters.data(), several ? 1 : 0));
    }
    void add_color(const std::string& name) {
        if (before_ != nullptr && color_of(*before_) == name) {
            keep("COLOR");
            return;
        }
        add("COLOR", name);
    }
    void add_related(const std::string& uid) {
        property line{"RELATED-TO", {}, escape_text(uid)};
        const property* const old = find_before([&](const property& candidate) {
            return candidate.name == line.name && unescape_text(candidate.value) == uid;
        });
        if (old == nullptr) {
            line.set("RELTYPE", "SIBLING");
        }
        event_.properties.push_back(old != nullptr ? *old : std::move(line));
    }
    void keep_rest_of_change() {
        if (before_ == nullptr) {
            return;
        }
        for (const property& line : before_->properties) {
            if (std::ranges::find(typed_of_change, line.name) == typed_of_change.end()) {
                event_.properties.push_back(line);
            }
        }
        event_.children = before_->children;
    }
    void keep_rest() {
        if (before_ == nullptr) {
            return;
        }
        for (const property& line : before_->properties) {
            const bool person = line.name == "ATTENDEE" && person_of(line);
            if (!person && !is_file(line) && std::ranges::find(typed, line.name) == typed.end()) {
                event_.properties.push_back(line);
            }
        }
        event_.children = before_->children;
    }
    component take() { return std::move(event_); }

private:
    inline static const std::vector<property> none;

    void keep(std::string_view name) {
        for (const property& line : before_->properties) {
            if (line.name == name) {
                event_.properties.push_back(line);
            }
        }
    }
    template <class Predicate>
    const property* find_before(Predicate matches) const {
        if (before_ == nullptr) {
            return nullptr;
        }
        const auto found = std::ranges::find_if(before_->properties, matches);
        return found == before_->properties.end() ? nullptr : &*found;
    }
    void add_line(property line, std::span<const std::string_view> own) {
        const property* const old = before_ == nullptr ? nullptr : find(*before_, line.name);
        if (old != nullptr) {
            line.keep_others(*old, own);
        }
        event_.properties.push_back(std::move(line));
    }

    const component* before_;
    component event_;
};

/// What a series and its changed occurrences say alike.
template <class Said>
void write_common(event_writer& out, const event_content& series, const Said& what) {
    out.add("UID", escape_text(series.uid));
    out.add_stamp("DTSTAMP", series.modified);
    out.add_stamp("CREATED", series.created);
    out.add_stamp("LAST-MODIFIED", series.modified);
    out.add("SUMMARY", escape_text(what.title));
    out.add("DESCRIPTION", escape_text(what.info));
    out.add("LOCATION", escape_text(what.place));
    out.add_moment("DTSTART", what.time.start, what.time);
    if (what.time.end != what.time.start) {  // RFC 5545 knows no DTEND that equals DTSTART
        out.add_moment("DTEND", what.time.end, what.time);
    }
    out.add_categories(what.categories);
    out.add_color(what.color);
}

component write_event(const event_content& content, const component* before) {
    event_writer out(before);
    write_common(out, content, content);
    out.add("RRULE", content.recurrence);
    out.add_dates("RDATE", content.added_times, content.time);
    std::vector<local_time> taken_out;
    for (const auto& [id, change] : content.changed) {
        if (!change) {
            taken_out.push_back(id);
        }
    }
    out.add_dates("EXDATE", taken_out, content.time);
    for (const std::string& uid : content.related) {
        out.add_related(uid);
    }
    if (!content.organizer.empty()) {
        out.add_person("ORGANIZER", content.organizer);
    }
    for (const std::string& person : content.participants) {
        const auto answer = content.answers.find(person);
        out.add_person(
            "ATTENDEE", person,
            answer == content.answers.end() ? std::nullopt : std::optional(answer->second));
    }
    for (const std::string& person : content.declined) {
        out.add_person("ATTENDEE", person, participation::declined);
    }
    for (const attachment& file : content.files) {
        out.add_file(file);
    }
    out.keep_rest();
    return out.take();
}

/// The VEVENTs of the changed occurrences. One that says what it said before stays to the letter.
std::vector<component> write_changes(const event_content& content, const component& before) {
    std::map<local_time, const component*> old;
    for (const component& part : before.children) {
        if (part.name != "VEVENT" || find(part, "RECURRENCE-ID") == nullptr) {
            continue;
        }
        if (const auto id = recurrence_id_of(part, content.time)) {
            old.insert_or_assign(*id, &part);
        }
    }
    std::vector<component> made;
    for (const auto& [id, change] : content.changed) {
        if (!change) {
            continue;
        }
        const auto found = old.find(id);
        const component* const was = found == old.end() ? nullptr : found->second;
        const auto said = was == nullptr ? fail(errc::not_found) : change_in(*was);
        if (said && *said == change && text_of(*was, "UID") == content.uid) {
            made.push_back(*was);
            continue;
        }
        event_writer out(was);
        write_common(out, content, *change);
        out.add_moment("RECURRENCE-ID", id, content.time);
        out.keep_rest_of_change();
        made.push_back(out.take());
    }
    return made;
}

void collect_zones(const component& in, std::set<std::string>& zones) {
    for (const property& line : in.properties) {
        if (auto zone = line.get("TZID")) {
            zones.insert(std::move(*zone));
        }
    }
    for (const component& child : in.children) {
        collect_zones(child, zones);
    }
}

struct years {
    int first = 9999, last = 1;
};

/// The zones that `events` refer to: those of their times from our tables, others as they came.
std::vector<component> zones_of(const std::vector<component>& events, const event_content& content,
                                const component& before) {
    std::set<std::string> named;
    for (const component& event : events) {
        collect_zones(event, named);
    }
    std::map<std::string, years> own;
    const auto use = [&](const std::string& zone, int first, int last) {
        years& of = own[zone];
        of.first = std::min(of.first, first);
        of.last = std::max(of.last, last);
    };
    use(content.time.zone, content.time.start.year, content.time.end.year);
    for (const local_time& at : content.added_times) {
        use(content.time.zone, at.year, at.year);
    }
    for (const auto& [id, change] : content.changed) {
        use(content.time.zone, id.year, id.year);
        if (change) {
            use(change->time.zone, change->time.start.year, change->time.end.year);
        }
    }
    std::vector<component> zones;
    for (const auto& [zone, of] : own) {
        const zone_data* const data = find_zone(zone);
        if (data != nullptr && named.erase(zone) != 0) {
            zones.push_back(
                zone_component(zone, *data, of.first, of.last,
                               zone == content.time.zone && !content.recurrence.empty()));
        }
    }
    for (const component& part : before.children) {
        if (part.name == "VTIMEZONE" && named.erase(text_of(part, "TZID")) != 0) {
            zones.push_back(part);
        }
    }
    return zones;
}

}  // namespace

result<bytes> write_body(const event_content& content, byte_view previous) {
    if (auto good = validate(content); !good) {
        return fail(std::move(good.error()));
    }
    component before;
    const component* event_before = nullptr;
    if (!previous.empty()) {
        auto read = parse_component(as_text(previous));
        if (!read) {
            return fail(std::move(read.error()));
        }
        before = std::move(*read);
        const auto found = event_of(before);
        if (!found) {
            return fail(found.error());
        }
        event_before = *found;
    }
    component calendar;
    calendar.name = "VCALENDAR";
    calendar.properties.push_back({"VERSION", {}, "2.0"});
    calendar.properties.push_back({"PRODID", {}, "-//CalendarBox//calbox//EN"});
    for (const property& line : before.properties) {
        if (line.name != "VERSION" && line.name != "PRODID" && line.name != "X-LIC-ERROR") {
            calendar.properties.push_back(line);
        }
    }
    std::vector<component> events = write_changes(content, before);
    events.insert(events.begin(), write_event(content, event_before));
    calendar.children = zones_of(events, content, before);
    std::ranges::move(events, std::back_inserter(calendar.children));
    for (component& part : before.children) {
        if (part.name != "VEVENT" && part.name != "VTIMEZONE") {
            calendar.children.push_back(std::move(part));
        }
    }
    written out;
    write_component(calendar, out);
    if (out.text.size() > body_bytes || out.properties > body_properties) {
        return fail(
            errc::too_large,
            "the event is too large: shorten its info, or have fewer participants or files");
    }
    return to_bytes(out.text);
}

}  // namespace calbox::model
