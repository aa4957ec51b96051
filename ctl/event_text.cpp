#include "event_text.hpp"

#include <algorithm>
#include <array>
#include <sstream>

#include <fmt/format.h>

#include "rules.hpp"
#include "text.hpp"

namespace calbox::ctl {

namespace {

std::vector<std::string> cleaned(std::vector<std::string> words) {
    for (auto& word : words) {
        word = clean(word);
    }
    return words;
}

std::string clean_text(const json& object, std::string_view key) {
    return clean(text_of(object, key));
}

std::string clean_list(const json& object, std::string_view key) {
    return joined(cleaned(texts_of(object, key)));
}

/// The words of every view of a state; nothing for the plain one.
std::string state_text(const json& event, const zone& mine) {
    const auto state = clean_text(event, "state");
    if (state == "locked") {
        const auto lock = event.find("lock");
        const auto text = lock == event.end() ? std::string() : lock_text(*lock, mine);
        return text.empty() ? "somebody is editing" : text;
    }
    if (state == "behind") {
        return "catching up";
    }
    if (state == "no_quorum") {
        const auto lacks = event.find("lacks");
        return lacks == event.end() ? "cannot be confirmed" : quorum_text(*lacks);
    }
    if (state == "unknown") {
        return "the answer to a change was lost; checking";
    }
    if (state == "forked") {
        return "two versions since a take-over; yours is being kept as an event of its own";
    }
    return state == "confirmed" ? std::string() : state;
}

/// "saved on 3 of 4 (carol owed)"
std::string saved_text(const json& event) {
    const auto here = texts_of(event, "stored_on").size() + 1;  // this device
    const auto owed = texts_of(event, "owed");
    const auto all = here + owed.size();
    return fmt::format("saved on {} of {}{}", here, all,
                       owed.empty() ? "" : " (" + clean_list(event, "owed") + " owed)");
}

/// "backup ab12cd34", while a user's name has no space in it.
std::size_t backups_among(const std::vector<std::string>& places) {
    return static_cast<std::size_t>(
        std::count_if(places.begin(), places.end(),
                      [](const std::string& one) { return one.starts_with("backup "); }));
}

/// "2 of 2 backups and 3 devices", `more` of them beside those that are named; nothing where there
/// are none.
std::string copies_text(const json& of, std::size_t more = 0) {
    const auto places = texts_of(of, "stored_on");
    const auto stored = backups_among(places);
    const auto all = stored + backups_among(texts_of(of, "owed"));
    const auto devices = places.size() - stored + more;
    const auto backups = all == 0 ? "" : fmt::format("{} of {} backups", stored, all);
    return devices == 0 ? backups
                        : fmt::format("{}{}{} device{}", backups, all == 0 ? "" : " and ", devices,
                                      devices == 1 ? "" : "s");
}

/// "2 of 2 backups and 3 devices (backup ab12cd34, backup 99ff0011, bob, bob)"
std::string stored_text(const json& event) {
    const auto places = clean_list(event, "stored_on");
    return copies_text(event, 1) + (places.empty() ? "" : " (" + places + ")");  // this one, too
}

/// "bob (accepted), carol"
std::string guests_text(const json& event) {
    auto guests = texts_of(event, "participants");
    const auto& answers = list_of(event, "answers");
    for (auto& guest : guests) {
        const auto said = std::find_if(answers.begin(), answers.end(), [&](const json& one) {
            return text_of(one, "name") == guest;
        });
        guest =
            clean(guest) + (said == answers.end() ? "" : " (" + clean_text(*said, "answer") + ")");
    }
    return joined(guests);
}

std::string held_text(const json& file) {
    const auto held = clean_text(file, "held");
    const auto fetched = number_of(file, "fetched");
    const auto size = number_of(file, "size");
    const auto copies = copies_text(file);
    return (held == "fetching" && size > 0 ? fmt::format("fetching, {} %", fetched * 100 / size)
                                           : held) +
           (copies.empty() ? "" : ", on " + copies);
}

}  // namespace

std::string lock_text(const json& lock, const zone& mine) {
    if (!lock.is_object()) {
        return {};
    }
    auto text = fmt::format("{} is editing since {}", clean_text(lock, "by"),
                            hour_text(text_of(lock, "since"), mine));
    if (truth_of(lock, "here")) {
        text += ", on this device";
    } else if (const auto device = number_of(lock, "device"); device > 0) {
        text += fmt::format(", on device {}", device);
    }
    return text;
}

std::string quorum_text(const json& lacks) {
    if (!lacks.is_object()) {
        return {};
    }
    return fmt::format("cannot be confirmed: needs {} of {}", number_of(lacks, "needed"),
                       clean_list(lacks, "missing"));
}

std::string event_line(const json& event, const zone& mine) {
    const bool whole = text_of(event, "recurrence_id").empty();
    const auto repeats = whole ? clean_text(event, "repeats") : std::string();
    return fmt::format("{} {}, {}{}", clean_text(event, "id"), clean_text(event, "title"),
                       when_text(event, mine), repeats.empty() ? "" : ", " + repeats);
}

void show_event(output& out, const json& event, const zone& mine) {
    out.line(out.paint(colour::bold, clean_text(event, "title")));
    out.field("id", clean_text(event, "id"));
    out.field("when", when_text(event, mine));
    const auto its_zone = clean_text(event, "zone");
    const auto start = text_of(event, "start");
    if (!truth_of(event, "all_day") && !its_zone.empty() && its_zone != mine.name) {
        out.field("there",
                  fmt::format("{} - {} in {}", clean(start), clean_text(event, "end"), its_zone));
    }
    out.field("place", clean_text(event, "place"));
    out.field("categories", clean_list(event, "categories"));
    out.field("colour", clean_text(event, "color"));
    out.field("repeats", clean_text(event, "repeats"));
    out.field("occurrence", clean_text(event, "recurrence_id"));
    if (const auto next = event.find("next"); next != event.end() && next->is_object()) {
        out.field("next", when_text(*next, mine));
    }
    out.field("organizer", clean_text(event, "organizer"));
    out.field("with", guests_text(event));
    out.field("declined", clean_list(event, "declined"));
    out.field("guests may", clean_list(event, "guests_may"));
    if (const auto state = state_text(event, mine); !state.empty()) {
        out.field("state", out.paint(colour::warning, state));
    } else {
        out.field("state", fmt::format("v{}, {}", number_of(event, "version"), saved_text(event)));
    }
    out.field("overlaps", out.paint(colour::warning, clean_list(event, "conflicts")));
    out.field("version", fmt::format("{}-{}, written by {} on {}", number_of(event, "generation"),
                                     number_of(event, "version"), clean_text(event, "written_by"),
                                     moment_text(text_of(event, "written"), mine)));
    out.field("stored on", stored_text(event));
    out.field("still owed to", clean_list(event, "owed"));
    for (const auto& file : list_of(event, "files")) {
        out.field("file", fmt::format("{}, {}, {}", clean_text(file, "name"),
                                      byte_text(number_of(file, "size")), held_text(file)));
    }
    if (const auto info = clean_lines(text_of(event, "info")); !info.empty()) {
        out.line();
        out.line(info);
    }
}

std::vector<std::vector<std::string>> event_rows(const json& events, const zone& mine) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& event : events) {
        const auto files = list_of(event, "files").size();
        std::string remarks =
            files == 0 ? "" : fmt::format("{} file{}", files, files == 1 ? "" : "s");
        if (const auto state = state_text(event, mine); !state.empty()) {
            remarks += (remarks.empty() ? "" : ", ") + state;
        }
        if (!list_of(event, "conflicts").empty()) {
            remarks += remarks.empty() ? "overlaps" : ", overlaps";
        }
        const auto next = event.find("next");
        const bool whole = next != event.end() && next->is_object();
        if (const auto repeats = clean_text(event, "repeats"); !repeats.empty()) {
            remarks += (remarks.empty() ? "" : ", ") + repeats;
        }
        rows.push_back({clean_text(event, "id"), when_text(whole ? *next : event, mine),
                        clean_text(event, "title"), clean_text(event, "place"),
                        clean_list(event, "participants"), remarks});
    }
    return rows;
}

std::vector<std::vector<std::string>> file_rows(const json& files, const zone& mine) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& file : files) {
        rows.push_back({clean_text(file, "name"), byte_text(number_of(file, "size")),
                        clean_text(file, "type"), held_text(file), clean_text(file, "added_by"),
                        moment_text(text_of(file, "added"), mine),
                        clean_text(file, "recurrence_id")});
    }
    return rows;
}

std::string reminders_text(const json& reminders, const zone& mine) {
    std::vector<std::string> words;
    for (const auto& one : list_of(reminders, "minutes")) {
        const auto count = one.is_number_unsigned() ? one.get<std::uint64_t>() : 0;
        const std::uint64_t each = count % 1440 == 0 ? 1440 : count % 60 == 0 ? 60 : 1;
        const char* const unit = each == 1440 ? "day" : each == 60 ? "hour" : "minute";
        words.push_back(count == 0 ? std::string("at its start")
                                   : fmt::format("{} {}{} before", count / each, unit,
                                                 count == each ? "" : "s"));
    }
    for (const auto& one : texts_of(reminders, "at")) {
        words.push_back(moment_text(one, mine));
    }
    return joined(words);
}

std::vector<std::vector<std::string>> reminder_rows(const json& reminders, const zone& mine) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& one : reminders) {
        rows.push_back({moment_text(text_of(one, "at"), mine), clean_text(one, "id"),
                        when_text(one, mine), clean_text(one, "title"), clean_text(one, "place")});
    }
    return rows;
}

// The form
// ------------------------------------------------------------------------------------------

namespace {

struct form_field {
    const char* label;
    const char* key;
    bool list;
};

constexpr std::array fields{
    form_field{"title", "title", false},
    form_field{"start", "start", false},
    form_field{"end", "end", false},
    form_field{"zone", "zone", false},
    form_field{"place", "place", false},
    form_field{"categories", "categories", true},
    form_field{"colour", "color", false},
    form_field{"with", "participants", true},
    form_field{"guests may", "guests_may", true},
    form_field{"repeat", "recurrence", false},
};

bool is_time(const form_field& field) {
    return std::string_view(field.key) == "start" || std::string_view(field.key) == "end";
}

/// "2026-05-03 14:00" for "2026-05-03T14:00:00".
std::string typed_time(std::string text) {
    if (const auto t = text.find('T'); t != std::string::npos) {
        text[t] = ' ';
    }
    return text.ends_with(":00") && text.size() == 19 ? text.substr(0, 16) : text;
}

std::string form_value(const json& event, const form_field& field) {
    if (field.list) {
        return clean_list(event, field.key);
    }
    const bool rule = std::string_view(field.key) == "recurrence";
    const auto value = clean_text(event, rule && event.contains("repeats") ? "repeats" : field.key);
    return is_time(field) ? typed_time(value) : value;
}

std::string trimmed(const std::string& text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    return first == std::string::npos
               ? std::string()
               : text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

answer<json> changed_value(const json& event, const form_field& field, const std::string& value,
                           wall now) {
    if (std::string_view(field.key) == "recurrence") {
        const auto where = named_zone(text_of(event, "zone"));
        auto rule = parse_rule(value, now, truth_of(event, "all_day"),
                               where ? *where : zone{"UTC0", "UTC"});
        return rule ? answer<json>(json(std::move(*rule))) : refuse(rule.error());
    }
    if (field.list) {
        return json(split_lists({value}));
    }
    if (!is_time(field)) {
        return json(value);
    }
    bool day_only = false;
    const auto reading = parse_point(value, now, day_only);
    if (!reading) {
        return refuse(reading.error());
    }
    return json(truth_of(event, "all_day") ? wire_day(*reading) : wire_time(*reading));
}

}  // namespace

std::string event_form(const json& event) {
    std::string text = fmt::format(
        "# Event {}. Change it, save and end the editor; an unchanged text changes nothing.\n"
        "# Times are in the event's zone. What follows the first empty line is the info.\n",
        clean_text(event, "id"));
    for (const auto& field : fields) {
        text += fmt::format("{}: {}\n", field.label, form_value(event, field));
    }
    return text + "\n" + clean_lines(text_of(event, "info")) + "\n";
}

answer<json> form_changes(const json& event, const std::string& form, wall now) {
    json draft = json::object();
    std::istringstream lines(form);
    std::string line;
    while (std::getline(lines, line) && !trimmed(line).empty()) {
        if (line.starts_with('#')) {
            continue;
        }
        const auto colon = line.find(':');
        const auto label = trimmed(line.substr(0, colon));
        const auto* found = std::find_if(fields.begin(), fields.end(),
                                         [&](const form_field& one) { return label == one.label; });
        if (colon == std::string::npos || found == fields.end()) {
            return refuse("invalid_argument", "this line is not understood: " + clean(line));
        }
        const auto value = trimmed(line.substr(colon + 1));
        if (value == trimmed(form_value(event, *found))) {
            continue;
        }
        auto changed = changed_value(event, *found, value, now);
        if (!changed) {
            return changed;
        }
        draft[found->key] = std::move(*changed);
    }
    std::string info;
    while (std::getline(lines, line)) {
        info += line + "\n";
    }
    if (trimmed(info) != trimmed(clean_lines(text_of(event, "info")))) {
        draft["info"] = trimmed(info);
    }
    return draft;
}

}  // namespace calbox::ctl
