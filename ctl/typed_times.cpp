// What people type for times: "tomorrow 14:00+60m", "friday 9:30 - 11:00", "2026-05-03". Pure
// functions.
#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <ctime>
#include <string_view>

#include <fmt/format.h>

#include "text.hpp"
#include "times.hpp"

namespace calbox::ctl {

namespace {

constexpr wall minute = 60, hour = 60 * minute, day = 24 * hour;
constexpr wall longest = 3660 * day;  // of a duration
// "22:00 - 1:00" is a night; "14:00 - 13:00" is a mistake, and not an event of 23 hours.
constexpr wall night_max = 12 * hour;

wall day_of(wall reading) { return reading - ((reading % day) + day) % day; }

problem no_time(std::string_view text) {
    return {
        "invalid_argument",
        fmt::format("this is no time: \"{}\" (for example \"tomorrow 14:00+60m\", \"friday 9:30\", "
                    "\"2026-05-03 14:00 - 15:30\" or \"2026-05-03\")",
                    clean(text))};
}

/// All of `text` as a number of at most `digits` digits.
std::optional<int> number_in(std::string_view text, std::size_t digits) {
    int value = 0;
    if (text.empty() || text.size() > digits ||
        !std::ranges::all_of(text, [](unsigned char c) { return std::isdigit(c) != 0; })) {
        return std::nullopt;
    }
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

std::string lower(std::string_view text) {
    std::string made(text);
    std::ranges::transform(made, made.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return made;
}

std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    std::string word;
    for (const char c : std::string(text) + ' ') {
        if (c != ' ') {
            word += c;
        } else if (!word.empty()) {
            words.push_back(lower(std::exchange(word, {})));
        }
    }
    return words;
}

/// "2026-05-03", if there is such a day.
std::optional<wall> date_in(std::string_view text) {
    if (text.size() != 10 || text[4] != '-' || text[7] != '-') {
        return std::nullopt;
    }
    return read_wire(std::string(text));
}

/// "today", "tomorrow", "yesterday", or a weekday: the next one, today included.
std::optional<wall> named_day(std::string_view word, wall today) {
    constexpr std::array names{"sunday",   "monday", "tuesday", "wednesday",
                               "thursday", "friday", "saturday"};
    if (word == "today") {
        return today;
    }
    if (word == "tomorrow") {
        return today + day;
    }
    if (word == "yesterday") {
        return today - day;
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
        const std::string_view name = names[i];
        if (word.size() >= 3 && name.starts_with(word)) {
            const auto weekday =
                static_cast<wall>(((today / day) % 7 + 7 + 4) % 7);  // 1970 began on a Thursday
            return today + (static_cast<wall>(i) - weekday + 7) % 7 * day;
        }
    }
    return std::nullopt;
}

/// "9:30", "14:00", "9am", "2:15pm", "noon", "midnight": seconds of the day.
std::optional<wall> clock_in(std::string_view word) {
    if (word == "noon") {
        return 12 * hour;
    }
    if (word == "midnight") {
        return 0;
    }
    const bool am = word.ends_with("am"), pm = word.ends_with("pm");
    if (am || pm) {
        word.remove_suffix(2);
    }
    const auto colon = word.find(':');
    const auto hours = number_in(word.substr(0, colon), 2);
    std::optional<int> minutes = 0;
    if (colon != std::string_view::npos) {
        const auto rest = word.substr(colon + 1);
        minutes = rest.size() == 2 ? number_in(rest, 2) : std::nullopt;
    } else if (!am && !pm) {
        return std::nullopt;
    }
    if (!hours || !minutes || *minutes > 59) {
        return std::nullopt;
    }
    if (!am && !pm) {
        return *hours <= 23 ? std::optional<wall>(*hours * hour + *minutes * minute) : std::nullopt;
    }
    if (*hours < 1 || *hours > 12) {
        return std::nullopt;
    }
    return (*hours % 12 + (pm ? 12 : 0)) * hour + *minutes * minute;
}

/// "90m", "2h", "1h30m", "3d", "2w".
std::optional<wall> duration_in(std::string_view text) {
    wall total = 0;
    while (!text.empty()) {
        const auto digits = static_cast<std::size_t>(
            std::ranges::find_if_not(text, [](unsigned char c) { return std::isdigit(c) != 0; }) -
            text.begin());
        const auto count = number_in(text.substr(0, digits), 6);
        text.remove_prefix(digits);
        const auto letters = static_cast<std::size_t>(
            std::ranges::find_if(text, [](unsigned char c) { return std::isdigit(c) != 0; }) -
            text.begin());
        const std::string unit = lower(text.substr(0, letters));
        text.remove_prefix(letters);
        const wall each = unit == "m" || unit == "min" ? minute
                          : unit == "h"                ? hour
                          : unit == "d"                ? day
                          : unit == "w"                ? 7 * day
                                                       : 0;
        if (!count || each == 0) {
            return std::nullopt;
        }
        total += *count * each;
    }
    return total > 0 && total <= longest ? std::optional(total) : std::nullopt;
}

std::string_view trimmed(std::string_view text) {
    while (text.starts_with(' ')) {
        text.remove_prefix(1);
    }
    while (text.ends_with(' ')) {
        text.remove_suffix(1);
    }
    return text;
}

/// Where the end begins: after " - ", " to ", or the "-" behind a time of day. The first is the
/// start's length.
std::optional<std::pair<std::size_t, std::size_t>> separator(std::string_view text) {
    for (const std::string_view between : {" - ", " to ", " \u2013 "}) {
        if (const auto at = text.find(between); at != std::string_view::npos) {
            return std::pair(at, at + between.size());
        }
    }
    if (const auto colon = text.find(':'); colon != std::string_view::npos) {
        if (const auto dash = text.find('-', colon); dash != std::string_view::npos) {
            return std::pair(dash, dash + 1);
        }
    }
    return std::nullopt;
}

}  // namespace

answer<std::uint64_t> parse_minutes(const std::string& text) {
    if (text == "0") {
        return std::uint64_t{0};
    }
    const auto length = duration_in(text);
    if (!length) {
        return refuse("invalid_argument",
                      fmt::format("this is no length of time: \"{}\" (for example 10m, 2h or 1d)",
                                  clean(text)));
    }
    return static_cast<std::uint64_t>(*length / minute);
}

answer<wall> parse_point(const std::string& text, wall now, bool& day_only) {
    std::string plain = text;
    if (plain.size() > 11 && plain[10] == 'T' && date_in(plain.substr(0, 10))) {
        plain[10] = ' ';
    }
    if (plain.size() == 19 && plain.ends_with(":00")) {
        plain.resize(16);
    }
    std::optional<wall> date, clock;
    for (const std::string& word : words_of(plain)) {
        if (word == "now" && !date && !clock) {
            date = day_of(now);
            clock = now - *date;
            continue;
        }
        if (const auto found = clock_in(word); found && !clock) {
            clock = found;
            continue;
        }
        auto found = date_in(word);
        if (!found) {
            found = named_day(word, day_of(now));
        }
        if (!found || date) {
            return refuse(no_time(text));
        }
        date = found;
    }
    if (!date && !clock) {
        return refuse(no_time(text));
    }
    day_only = !clock;
    return date.value_or(day_of(now)) + clock.value_or(0);
}

answer<span> parse_span(const std::string& text, wall now) {
    span made;
    const auto plus = text.find('+');
    const auto between = plus == std::string::npos ? separator(text) : std::nullopt;
    const std::size_t start_length = between ? between->first : plus;
    const auto start = parse_point(
        std::string(trimmed(std::string_view(text).substr(0, start_length))), now, made.all_day);
    if (!start) {
        return refuse(no_time(text));
    }
    made.start = *start;
    if (plus != std::string::npos) {
        const auto length = duration_in(trimmed(std::string_view(text).substr(plus + 1)));
        if (!length || (made.all_day && *length % day != 0)) {
            return refuse(
                "invalid_argument",
                fmt::format("this is no duration: \"{}\" (for example 90m, 2h, 1h30m, 3d)",
                            clean(text.substr(plus + 1))));
        }
        // Of whole days the end is the last one.
        made.end = *start + (made.all_day ? *length - day : *length);
    }
    if (between) {
        bool day_only = false;
        const std::string end_text(trimmed(std::string_view(text).substr(between->second)));
        auto end = parse_point(end_text, *start, day_only);
        if (!end || day_only != made.all_day) {
            return refuse(no_time(text));
        }
        const bool clock_alone = words_of(end_text).size() == 1 && !day_only;
        if (clock_alone && *end < *start && *end + day - *start <= night_max) {
            *end += day;
        }
        if (*end < *start) {
            return refuse("invalid_argument",
                          "the end is before the start: \"" + clean(text) + "\"" +
                              (clock_alone ? " (an end on another day needs its day)" : ""));
        }
        made.end = *end;
    }
    return made;
}

}  // namespace calbox::ctl
