#include "model/difference.hpp"

#include <algorithm>

#include "model/characters.hpp"
#include "model/guest_rights.hpp"
#include "model/times.hpp"

namespace calbox::model {

namespace {

std::string shortened(std::string text) {
    return text.size() > difference_text_bytes
               ? std::string(cut(text, difference_text_bytes)) + "\u2026"
               : text;
}

std::string joined(const std::vector<std::string>& words) {
    std::string all;
    for (const std::string& word : words) {
        all += (all.empty() ? "" : ", ") + word;
    }
    return all;
}

/// People stand in the order of their ids, which says nothing to anybody.
std::string by_name(std::vector<std::string> people) {
    std::ranges::sort(people);
    return joined(people);
}

std::string answers_text(const event_content& of) {
    std::vector<std::string> words;
    for (const auto& [name, said] : of.answers) {
        words.push_back(name + " " + std::string(to_string(said)));
    }
    return joined(words);
}

std::string rights_text(std::uint32_t bits) {
    std::vector<std::string> words;
    for (const auto& [bit, name] : right_names) {
        if ((bits & bit) != 0) {
            words.emplace_back(name);
        }
    }
    return joined(words);
}

/// The root tells a file from another one of the same name and size.
std::string file_text(const attachment& file) {
    return file.name + " (" + std::to_string(file.size) + " bytes, " +
           file.root.hex().substr(0, 8) + ")" +
           (file.of_time ? " of " + file.of_time->text() : std::string());
}

/// What a change makes of one time of a series.
std::string change_text(const local_time& id, const std::optional<changed_occurrence>& what,
                        const event_content& series) {
    const std::string name = series.time.all_day ? id.date_text() : id.text();
    if (!what) {
        return name + ": does not take place";
    }
    std::string text = name + ": " + start_text(what->time) + " - " + end_text(what->time);
    if (what->time.zone != series.time.zone) {
        text += " " + what->time.zone;
    }
    const auto add = [&](const char* field, const std::string& own, const std::string& all) {
        text += own == all ? "" : ", " + (own.empty() ? std::string("no ") + field : own);
    };
    add("title", what->title, series.title);
    add("place", what->place, series.place);
    add("categories", joined(what->categories), joined(series.categories));
    add("colour", what->color, series.color);
    add("info", what->info, series.info);  // at the end: it may be long, and is cut then
    return text;
}

void compare_occurrences(const event_content& before, const event_content& after,
                         std::vector<field_change>& into) {
    for (const auto& [id, old] : before.changed) {
        const auto now = after.changed.find(id);
        if (now == after.changed.end() || now->second != old) {
            into.push_back({"occurrences", shortened(change_text(id, old, before)),
                            now == after.changed.end()
                                ? std::string()
                                : shortened(change_text(id, now->second, after))});
        }
    }
    for (const auto& [id, now] : after.changed) {
        if (!before.changed.contains(id)) {
            into.push_back({"occurrences", {}, shortened(change_text(id, now, after))});
        }
    }
}

std::string times_text(const event_content& of) {
    std::vector<std::string> words;
    for (const local_time& at : of.added_times) {
        words.push_back(of.time.all_day ? at.date_text() : at.text());
    }
    return joined(words);
}

void compare_files(const std::vector<attachment>& before, const std::vector<attachment>& after,
                   std::vector<field_change>& into) {
    const auto same = [](const std::vector<attachment>& files, const attachment& as) {
        const auto found = std::ranges::find_if(
            files, [&](const attachment& one) { return one.is_at(as.name, as.of_time); });
        return found == files.end() ? nullptr : &*found;
    };
    for (const attachment& old : before) {
        const attachment* const now = same(after, old);
        if (now == nullptr) {
            into.push_back({"files", shortened(file_text(old)), {}});
        } else if (now->root != old.root) {
            into.push_back({"files", shortened(file_text(old)), shortened(file_text(*now))});
        }
    }
    for (const attachment& now : after) {
        if (same(before, now) == nullptr) {
            into.push_back({"files", {}, shortened(file_text(now))});
        }
    }
}

}  // namespace

std::vector<field_change> difference(const compared_version& before,
                                     const compared_version& after) {
    std::vector<field_change> all;
    const auto compare = [&](const char* field, const std::string& old, const std::string& now) {
        if (old != now) {
            all.push_back({field, shortened(old), shortened(now)});
        }
    };
    const event_content& old = before.content;
    const event_content& now = after.content;
    compare("title", old.title, now.title);
    compare("start", start_text(old.time), start_text(now.time));
    compare("end", end_text(old.time), end_text(now.time));
    compare("zone", old.time.zone, now.time.zone);
    compare("place", old.place, now.place);
    compare("info", old.info, now.info);
    compare("categories", joined(old.categories), joined(now.categories));
    compare("color", old.color, now.color);
    compare("recurrence", old.recurrence, now.recurrence);
    compare("added_times", times_text(old), times_text(now));
    compare_occurrences(old, now, all);
    compare("participants", by_name(old.participants), by_name(now.participants));
    compare("declined", by_name(old.declined), by_name(now.declined));
    compare("answers", answers_text(old), answers_text(now));
    compare("guests_may", rights_text(before.guests_may), rights_text(after.guests_may));
    compare_files(old.files, now.files, all);
    return all;
}

}  // namespace calbox::model
