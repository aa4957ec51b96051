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
           file.root.hex().substr(0, 8) + ")";
}

void compare_files(const std::vector<attachment>& before, const std::vector<attachment>& after,
                   std::vector<field_change>& into) {
    const auto named = [](const std::vector<attachment>& files, const std::string& name) {
        const auto found = std::ranges::find(files, name, &attachment::name);
        return found == files.end() ? nullptr : &*found;
    };
    for (const attachment& old : before) {
        const attachment* const now = named(after, old.name);
        if (now == nullptr) {
            into.push_back({"files", shortened(file_text(old)), {}});
        } else if (now->root != old.root) {
            into.push_back({"files", shortened(file_text(old)), shortened(file_text(*now))});
        }
    }
    for (const attachment& now : after) {
        if (named(before, now.name) == nullptr) {
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
    compare("recurrence", old.recurrence, now.recurrence);
    compare("participants", by_name(old.participants), by_name(now.participants));
    compare("declined", by_name(old.declined), by_name(now.declined));
    compare("answers", answers_text(old), answers_text(now));
    compare("guests_may", rights_text(before.guests_may), rights_text(after.guests_may));
    compare_files(old.files, now.files, all);
    return all;
}

}  // namespace calbox::model
