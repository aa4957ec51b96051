// What an event may say, checked before it is written: sentences for the person who typed it.
#include <algorithm>
#include <set>

#include "model/categories.hpp"
#include "model/characters.hpp"
#include "model/event.hpp"
#include "model/recurrence_rule.hpp"
#include "model/times.hpp"
#include "wire/limits.hpp"

namespace calbox::model {

namespace {

constexpr std::size_t recurrence_bytes = 1024;
constexpr std::size_t occurrences_most = 2'000;
constexpr std::size_t key_bytes = 64;

enum class lines { one, many };

result<void> check_text(const std::string& what, std::string_view text, std::size_t limit,
                        lines allowed) {
    if (text.size() > limit) {
        return fail(errc::too_large,
                    what + " is too long: at most " + std::to_string(limit) + " bytes");
    }
    while (!text.empty()) {
        const code_point next = first_code_point(text);
        if (next.length == 0) {
            return fail(errc::invalid_argument, what + " is not text in UTF-8");
        }
        const bool layout = allowed == lines::many && (next.value == '\n' || next.value == '\t');
        if (is_control(next.value) && !layout) {
            return fail(
                errc::invalid_argument,
                what + (allowed == lines::many ? " must not contain control characters"
                                               : " must be one line without control characters"));
        }
        text.remove_prefix(next.length);
    }
    return {};
}

result<void> check_time(const when& time) {
    if (!is_zone(time.zone)) {
        return fail(errc::invalid_argument,
                    "no such time zone: \"" + time.zone + "\" (try Europe/Lisbon)");
    }
    if (!is_real(time.start) || !is_real(time.end)) {
        return fail(errc::invalid_argument,
                    "an event must start and end on days that exist, in the years 1 to 9999");
    }
    if (!time.all_day) {
        if (time.end < time.start) {
            return fail(errc::invalid_argument, "an event cannot end before it starts");
        }
        return {};
    }
    const auto is_date = [](const local_time& at) {
        return at.hour == 0 && at.minute == 0 && at.second == 0;
    };
    if (!is_date(time.start) || !is_date(time.end)) {
        return fail(errc::invalid_argument, "an all-day event has dates without a time of day");
    }
    if (time.end <= time.start) {
        return fail(errc::invalid_argument, "an all-day event cannot end before the day it starts");
    }
    return {};
}

result<void> check_recurrence(const std::string& rule) {
    if (rule.empty()) {
        return {};
    }
    if (rule.size() > recurrence_bytes) {
        return fail(errc::too_large, "the recurrence is too long: at most 1,024 bytes");
    }
    if (auto read = parse_recurrence_rule(rule); !read) {
        return fail(std::move(read.error()));
    }
    return {};
}

result<void> check_file(const attachment& file) {
    if (!is_file_label(file.name)) {
        return fail(errc::invalid_argument,
                    "not a file name: it must be 1 to 255 bytes without '/', '\\' or control "
                    "characters");
    }
    const std::string what = "the file \"" + file.name + "\"";
    if (file.size > wire::limits::file_bytes) {
        return fail(errc::too_large, what + " is too large: at most 1 TiB");
    }
    if (auto good = check_text("the media type of " + what, file.media_type,
                               wire::limits::name_bytes, lines::one);
        !good) {
        return good;
    }
    if (file.media_type.find('/') == std::string::npos) {
        return fail(errc::invalid_argument, what + " needs a media type such as application/pdf");
    }
    if (file.key.size() > key_bytes) {
        return fail(errc::too_large, "the key of " + what + " is too long: at most 64 bytes");
    }
    if (!is_storable(file.added)) {
        return fail(errc::invalid_argument, what + " was added outside of the years 1 to 9999");
    }
    return check_text("who added " + what, file.added_by, wire::limits::name_bytes, lines::one);
}

result<void> check_files(const std::vector<attachment>& files) {
    if (files.size() > wire::limits::files_per_event) {
        return fail(errc::too_large, "an event has at most 1,000 files");
    }
    std::set<std::pair<std::string_view, std::optional<local_time>>> names;
    for (const attachment& file : files) {
        if (auto good = check_file(file); !good) {
            return good;
        }
        if (file.of_time && !is_real(*file.of_time)) {
            return fail(errc::invalid_argument,
                        "the file \"" + file.name + "\" is of a time that does not exist");
        }
        if (!names.insert({file.name, file.of_time}).second) {
            return fail(errc::invalid_argument,
                        "the event has two files called \"" + file.name + "\": rename one");
        }
    }
    return {};
}

result<void> check_people(const event_content& content) {
    if (content.participants.size() + content.declined.size() > wire::limits::participants) {
        return fail(errc::too_large, "an event has at most 10,000 participants");
    }
    std::vector<std::string_view> named(content.participants.begin(), content.participants.end());
    named.insert(named.end(), content.declined.begin(), content.declined.end());
    for (const std::string_view name : named) {
        if (name.empty()) {
            return fail(errc::invalid_argument, "a participant needs a name");
        }
        if (auto good =
                check_text("the name of a participant", name, wire::limits::name_bytes, lines::one);
            !good) {
            return good;
        }
    }
    return check_text("the organizer's name", content.organizer, wire::limits::name_bytes,
                      lines::one);
}

result<void> check_categories(const std::vector<std::string>& names) {
    if (names.size() > wire::limits::categories) {
        return fail(errc::too_large, "an event has at most 16 categories");
    }
    for (const std::string& name : names) {
        if (name.empty()) {
            return fail(errc::invalid_argument, "a category needs a name");
        }
        if (auto good = check_text("the name of a category", name, wire::limits::category_bytes,
                                   lines::one);
            !good) {
            return good;
        }
        if (name.find(',') != std::string::npos) {
            return fail(errc::invalid_argument,
                        "the name of a category has no comma: a comma separates two");
        }
        if (!is_plain_line(name)) {  // it has passed all else
            return fail(errc::invalid_argument,
                        "the name of a category has no characters that reorder the text around it");
        }
    }
    return {};
}

result<void> check_color(const std::string& name) {
    if (!name.empty() && !is_color(name)) {
        return fail(errc::invalid_argument,
                    "no such colour: \"" + std::string(cut(name, 64)) +
                        "\" (name one of CSS, such as teal, tomato, gold or slateblue; nothing "
                        "for none)");
    }
    return {};
}

/// Of an event, or of one of its times.
template <class Said>
result<void> check_said(const Said& what) {
    if (std::ranges::all_of(what.title, [](char c) { return c == ' '; })) {
        return fail(errc::invalid_argument, "an event needs a title");
    }
    if (auto good = check_text("the title", what.title, wire::limits::name_bytes, lines::one);
        !good) {
        return good;
    }
    if (auto good = check_text("the place", what.place, wire::limits::name_bytes, lines::one);
        !good) {
        return good;
    }
    if (auto good = check_text("the info", what.info, wire::limits::notes_bytes, lines::many);
        !good) {
        return good;
    }
    if (auto good = check_categories(what.categories); !good) {
        return good;
    }
    if (auto good = check_color(what.color); !good) {
        return good;
    }
    return check_time(what.time);
}

result<void> check_occurrences(const event_content& content) {
    if (content.added_times.size() > occurrences_most ||
        content.changed.size() > occurrences_most) {
        return fail(errc::too_large,
                    "too many single times of this event were added or changed: at most 2,000");
    }
    for (const auto& [id, change] : content.changed) {
        if (auto good = change ? check_said(*change) : result<void>(); !good) {
            return good;
        }
    }
    for (const std::string& uid : content.related) {
        if (auto good = check_text("a related uid", uid, wire::limits::name_bytes, lines::one);
            !good) {
            return good;
        }
    }
    return {};
}

}  // namespace

result<void> validate(const event_content& content) {
    if (auto good = check_said(content); !good) {
        return good;
    }
    if (auto good = check_text("the uid", content.uid, wire::limits::name_bytes, lines::one);
        !good) {
        return good;
    }
    if (auto good = check_recurrence(content.recurrence); !good) {
        return good;
    }
    if (auto good = check_occurrences(content); !good) {
        return good;
    }
    if (auto good = check_people(content); !good) {
        return good;
    }
    if (!is_storable(content.created) || !is_storable(content.modified)) {
        return fail(errc::invalid_argument,
                    "an event must be created and changed in the years 1 to 9999");
    }
    return check_files(content.files);
}

bool is_file_label(std::string_view name) noexcept {
    return !name.empty() && name.size() <= wire::limits::name_bytes && name != "." &&
           name != ".." && is_plain_line(name) &&
           name.find_first_of("/\\") == std::string_view::npos;
}

}  // namespace calbox::model
