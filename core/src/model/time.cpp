// Wall times, time zones and UTC: the functions of event.hpp about when. Core thread only.
#include <algorithm>
#include <chrono>

#include <fmt/format.h>
#include <libical/ical.h>

#include "model/event.hpp"
#include "model/times.hpp"
#include "model/zones.hpp"

namespace calbox::model {

namespace {

namespace chrono = std::chrono;

/// Takes exactly `count` digits from the front of `rest`; -1 when there are fewer.
int take_digits(std::string_view& rest, std::size_t count) {
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
        if (i >= rest.size() || rest[i] < '0' || rest[i] > '9') {
            return -1;
        }
        value = value * 10 + (rest[i] - '0');
    }
    rest.remove_prefix(count);
    return value;
}

bool take(std::string_view& rest, char c) {
    const bool there = rest.starts_with(c);
    rest.remove_prefix(there ? 1 : 0);
    return there;
}

tl::unexpected<error> not_a_time(std::string_view text) {
    return fail(errc::invalid_argument, "not a time: \"" + std::string(text.substr(0, 40)) +
                                            "\" (write 2026-05-03T14:00 or 2026-05-03)");
}

// The years that iCalendar can write.
constexpr std::int64_t first_second = -62'135'596'800;  // 0001-01-01T00:00:00Z
constexpr std::int64_t last_second = 253'402'300'799;   // 9999-12-31T23:59:59Z

}  // namespace

bool is_real(const local_time& at) noexcept {
    const chrono::year_month_day day{chrono::year(at.year),
                                     chrono::month(static_cast<unsigned>(at.month)),
                                     chrono::day(static_cast<unsigned>(at.day))};
    return at.year >= 1 && at.year <= 9999 && at.month >= 1 && at.day >= 1 && day.ok() &&
           at.hour >= 0 && at.hour < 24 && at.minute >= 0 && at.minute < 60 && at.second >= 0 &&
           at.second < 60;
}

bool is_storable(timestamp at) noexcept {
    return at.ms >= first_second * 1000 && at.ms <= last_second * 1000 + 999;
}

std::int64_t wall_seconds(const local_time& at) noexcept {
    const chrono::sys_days day = chrono::year(at.year) /
                                 chrono::month(static_cast<unsigned>(at.month)) /
                                 chrono::day(static_cast<unsigned>(at.day));
    return chrono::seconds(day.time_since_epoch()).count() + at.hour * 3600 + at.minute * 60 +
           at.second;
}

local_time from_wall_seconds(std::int64_t seconds) noexcept {
    const chrono::sys_seconds at{chrono::seconds(seconds)};
    const auto day = chrono::floor<chrono::days>(at);
    const chrono::year_month_day date(day);
    const chrono::hh_mm_ss time(at - day);
    return {static_cast<int>(date.year()),
            static_cast<int>(static_cast<unsigned>(date.month())),
            static_cast<int>(static_cast<unsigned>(date.day())),
            static_cast<int>(time.hours().count()),
            static_cast<int>(time.minutes().count()),
            static_cast<int>(time.seconds().count())};
}

std::string compact_text(const local_time& at) {
    return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}", at.year, at.month, at.day, at.hour,
                       at.minute, at.second);
}

std::string compact_utc_text(timestamp at) {
    const auto milliseconds = (at.ms % 1000 + 1000) % 1000;
    return compact_text(to_local(at, "UTC")) + "Z" +
           (milliseconds == 0 ? "" : fmt::format(".{:03}", milliseconds));
}

std::optional<compact_time> parse_compact(std::string_view text) {
    compact_time read;
    read.at.year = take_digits(text, 4);
    read.at.month = take_digits(text, 2);
    read.at.day = take_digits(text, 2);
    read.date = text.empty();
    if (!read.date) {
        if (!take(text, 'T')) {
            return std::nullopt;
        }
        read.at.hour = take_digits(text, 2);
        read.at.minute = take_digits(text, 2);
        read.at.second = take_digits(text, 2);
        read.utc = take(text, 'Z');
    }
    return text.empty() && is_real(read.at) ? std::optional(read) : std::nullopt;
}

std::optional<timestamp> parse_compact_utc(std::string_view text) {
    const std::size_t dot = std::min(text.find('.'), text.size());
    const auto read = parse_compact(text.substr(0, dot));
    std::string_view rest = text.substr(dot);
    const int milliseconds = take(rest, '.') ? take_digits(rest, 3) : 0;
    if (!read || !read->utc || milliseconds < 0 || !rest.empty()) {
        return std::nullopt;
    }
    return timestamp{wall_seconds(read->at) * 1000 + milliseconds};
}

std::string local_time::text() const {
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", year, month, day, hour, minute,
                       second);
}

std::string local_time::date_text() const {
    return fmt::format("{:04}-{:02}-{:02}", year, month, day);
}

result<local_time> parse_local_time(std::string_view text, bool& date_only) {
    std::string_view rest = text;
    local_time at;
    at.year = take_digits(rest, 4);
    bool good = at.year >= 0 && take(rest, '-') && (at.month = take_digits(rest, 2)) >= 0 &&
                take(rest, '-') && (at.day = take_digits(rest, 2)) >= 0;
    date_only = good && rest.empty();
    if (good && !date_only) {
        good = (take(rest, 'T') || take(rest, ' ')) && (at.hour = take_digits(rest, 2)) >= 0 &&
               take(rest, ':') && (at.minute = take_digits(rest, 2)) >= 0;
        if (good && take(rest, ':')) {
            at.second = take_digits(rest, 2);
            good = at.second >= 0;
        }
    }
    if (good && rest == "Z") {
        return fail(errc::invalid_argument, "not a wall-clock time: \"" + std::string(text) +
                                                "\" (leave out the Z, and give the zone as UTC)");
    }
    if (!good || !rest.empty()) {
        return not_a_time(text);
    }
    if (!is_real({at.year, at.month, at.day})) {
        return fail(errc::invalid_argument, "there is no such day: " + at.date_text());
    }
    if (!is_real(at)) {
        return fail(errc::invalid_argument,
                    "there is no such time of day: " + at.text().substr(11));
    }
    return at;
}

bool is_zone(const std::string& name) { return is_zone_name(name); }

result<timestamp> to_utc(const local_time& at, const std::string& zone) {
    const zone_data* const found = find_zone(zone);
    if (found == nullptr) {
        return fail(errc::invalid_argument,
                    "no such time zone: \"" + zone + "\" (try Europe/Lisbon)");
    }
    if (!is_real(at)) {
        return fail(errc::invalid_argument, "there is no such time: " + at.text());
    }
    return timestamp{found->from_wall(wall_seconds(at)) * 1000};
}

local_time to_local(timestamp at, const std::string& zone) {
    const std::int64_t seconds =
        chrono::floor<chrono::seconds>(chrono::milliseconds(at.ms)).count();
    const std::int64_t bounded = std::clamp(seconds, first_second, last_second);
    const zone_data* const found = find_zone(zone);
    return from_wall_seconds(bounded + (found == nullptr ? 0 : found->at_utc(bounded).offset));
}

std::string utc_text(timestamp at) { return to_local(at, "UTC").text() + "Z"; }

result<timestamp> parse_utc(std::string_view text) {
    std::string_view wall = text;
    if (wall.ends_with('Z')) {
        wall.remove_suffix(1);
    }
    bool date_only = false;
    const auto at = parse_local_time(wall, date_only);
    if (!at || date_only != (wall.size() == text.size())) {
        return fail(errc::invalid_argument, "not a time in UTC: \"" +
                                                std::string(text.substr(0, 40)) +
                                                "\" (write 2026-05-03T13:00:00Z or 2026-05-03)");
    }
    return timestamp{wall_seconds(*at) * 1000};
}

bool interval::overlaps(const interval& other) const noexcept {
    return start < other.end && other.start < end;
}

result<interval> interval_of(const when& time) {
    const auto start = to_utc(time.start, time.zone);
    if (!start) {
        return fail(start.error());
    }
    const auto end = to_utc(time.end, time.zone);
    if (!end) {
        return fail(end.error());
    }
    // A start in the hour that the clock skips moves forward, perhaps behind the end.
    return interval{*start, std::max(*start, *end)};
}

void initialise() {
    icalerror_set_errors_are_fatal(false);
    load_zone_names();
}

std::string start_text(const when& time) {
    return time.all_day ? time.start.date_text() : time.start.text();
}

std::string end_text(const when& time) {
    constexpr std::int64_t day = 86'400;  // inside, the end is the day after
    return time.all_day && is_real(time.end)
               ? from_wall_seconds(wall_seconds(time.end) - day).date_text()
               : time.end.text();
}

}  // namespace calbox::model
