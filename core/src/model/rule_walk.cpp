#include "model/rule_walk.hpp"

#include <algorithm>
#include <chrono>

namespace calbox::model {

namespace {

namespace chrono = std::chrono;

constexpr std::int64_t day_seconds = 86'400;
constexpr std::int64_t last_of_all = 253'402'300'799;  // 9999-12-31T23:59:59

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
    return a / b - (a % b != 0 && (a % b < 0) != (b < 0) ? 1 : 0);
}

chrono::year_month_day date_of(std::int64_t day) { return chrono::sys_days{chrono::days(day)}; }

std::int64_t day_of(std::int64_t year, unsigned month, unsigned day) {
    const chrono::sys_days at =
        chrono::year(static_cast<int>(year)) / chrono::month(month) / chrono::day(day);
    return at.time_since_epoch().count();
}

int month_length(int year, unsigned month) {
    const auto last = chrono::year(year) / chrono::month(month) / chrono::last;
    return static_cast<int>(static_cast<unsigned>(last.day()));
}

int year_length(int year) { return chrono::year(year).is_leap() ? 366 : 365; }

/// Monday is 0.
int weekday_of(std::int64_t day) { return static_cast<int>(((day + 3) % 7 + 7) % 7); }

bool has(const std::vector<int>& list, int value) {
    return std::ranges::binary_search(list, value);
}

/// The first or the last ones of `length` are counted from the end, too.
bool has_counted(const std::vector<int>& list, int value, int length) {
    return has(list, value) || has(list, value - length - 1);
}

/// Of the first week of a year: the first one with four days in it.
std::int64_t first_week(int year, int week_start) {
    const std::int64_t fourth = day_of(year, 1, 4);
    return fourth - (weekday_of(fourth) - week_start + 7) % 7;
}

std::vector<int> or_else(std::vector<int> list, int value) {
    if (list.empty()) {
        list.push_back(value);
    }
    return list;
}

}  // namespace

rule_walk::rule_walk(recurrence_rule rule, std::int64_t start)
    : rule_(std::move(rule)), start_(start) {
    const std::int64_t day = floor_div(start, day_seconds);
    const chrono::year_month_day date = date_of(day);
    const auto month = static_cast<int>(static_cast<unsigned>(date.month()));
    const auto month_day = static_cast<int>(static_cast<unsigned>(date.day()));
    // What the rule leaves open, the start says.
    const bool no_day = rule_.year_days.empty() && rule_.month_days.empty() && rule_.days.empty();
    if (no_day && !rule_.weeks.empty()) {
        rule_.days.push_back({0, weekday_of(day)});
    } else if (no_day && rule_.every == frequency::yearly) {
        rule_.months = or_else(std::move(rule_.months), month);
        rule_.month_days.push_back(month_day);
    } else if (no_day && rule_.every == frequency::monthly) {
        rule_.month_days.push_back(month_day);
    } else if (no_day && rule_.every == frequency::weekly) {
        rule_.days.push_back({0, weekday_of(day)});
    }
    const auto second = static_cast<int>(start - day * day_seconds);
    const auto hours = or_else(rule_.hours, second / 3600);
    const auto minutes = or_else(rule_.minutes, second / 60 % 60);
    const auto seconds = or_else(rule_.seconds, second % 60);
    switch (rule_.every) {
        case frequency::secondly:
            unit_ = 1;
            break;
        case frequency::minutely:
            unit_ = 60;
            break;
        case frequency::hourly:
            unit_ = 3600;
            break;
        default:
            for (const int hour : hours) {
                for (const int minute : minutes) {
                    for (const int one : seconds) {
                        times_.push_back(hour * 3600 + minute * 60 + one);
                    }
                }
            }
    }
    if (rule_.every <= frequency::hourly) {
        rule_.minutes = rule_.every == frequency::hourly ? minutes : std::move(rule_.minutes);
        rule_.seconds = rule_.every != frequency::secondly ? seconds : std::move(rule_.seconds);
    }
}

bool rule_walk::is_in_week(std::int64_t day, int year) const {
    // A day belongs to the week that it is in, which may be one of the years beside it.
    int of = year;
    if (day < first_week(year, rule_.week_start)) {
        of = year - 1;
    } else if (day >= first_week(year + 1, rule_.week_start)) {
        of = year + 1;
    }
    const std::int64_t first = first_week(of, rule_.week_start);
    const auto week = static_cast<int>((day - first) / 7 + 1);
    const auto weeks = static_cast<int>((first_week(of + 1, rule_.week_start) - first) / 7);
    return has_counted(rule_.weeks, week, weeks);
}

bool rule_walk::matches_a_day_of_the_week(std::int64_t day, int year, unsigned month) const {
    const int weekday = weekday_of(day);
    const bool of_month = rule_.every == frequency::monthly || !rule_.months.empty();
    const auto number = static_cast<int>(day - day_of(year, of_month ? month : 1, 1)) + 1;
    const int length = of_month ? month_length(year, month) : year_length(year);
    return std::ranges::any_of(rule_.days, [&](const rule_day& one) {
        return one.weekday == weekday && (one.ordinal == 0 || one.ordinal == (number - 1) / 7 + 1 ||
                                          one.ordinal == -((length - number) / 7 + 1));
    });
}

bool rule_walk::matches(std::int64_t day) const {
    const chrono::year_month_day date = date_of(day);
    const auto year = static_cast<int>(date.year());
    const auto month = static_cast<unsigned>(date.month());
    const auto month_day = static_cast<int>(static_cast<unsigned>(date.day()));
    if (!rule_.months.empty() && !has(rule_.months, static_cast<int>(month))) {
        return false;
    }
    if (!rule_.month_days.empty() &&
        !has_counted(rule_.month_days, month_day, month_length(year, month))) {
        return false;
    }
    if (!rule_.days.empty() && !matches_a_day_of_the_week(day, year, month)) {
        return false;
    }
    if (!rule_.year_days.empty() &&
        !has_counted(rule_.year_days, static_cast<int>(day - day_of(year, 1, 1)) + 1,
                     year_length(year))) {
        return false;
    }
    return rule_.weeks.empty() || is_in_week(day, year);
}

/// Of a period of days; after the end of all times for one that is not within them.
std::int64_t rule_walk::first_day(std::int64_t period, std::int64_t& length) const {
    constexpr std::int64_t never = last_of_all / day_seconds + 1;
    const std::int64_t day = floor_div(start_, day_seconds);
    const chrono::year_month_day date = date_of(day);
    const std::int64_t year = static_cast<int>(date.year());
    length = rule_.every == frequency::weekly ? 7 : 1;
    if (rule_.every == frequency::daily) {
        return day + period * rule_.interval;
    }
    if (rule_.every == frequency::weekly) {
        return day - (weekday_of(day) - rule_.week_start + 7) % 7 + period * rule_.interval * 7;
    }
    if (rule_.every == frequency::yearly) {
        const std::int64_t of = year + period * rule_.interval;
        if (of > 9999) {
            return never;
        }
        length = year_length(static_cast<int>(of));
        return day_of(of, 1, 1);
    }
    const std::int64_t month =
        year * 12 + static_cast<unsigned>(date.month()) - 1 + period * rule_.interval;
    if (month / 12 > 9999) {
        return never;
    }
    const auto number = static_cast<unsigned>(month % 12 + 1);
    length = month_length(static_cast<int>(month / 12), number);
    return day_of(month / 12, number, 1);
}

void rule_walk::skip_to(std::int64_t wall) {
    if (wall <= start_) {
        return;
    }
    if (unit_ != 0) {
        period_ = (wall - start_) / (unit_ * rule_.interval);
        return;
    }
    // The longest that a period takes: none that is left out reaches `wall`.
    constexpr std::int64_t year = 366, month = 31;
    const std::int64_t length = rule_.every == frequency::yearly    ? year
                                : rule_.every == frequency::monthly ? month
                                : rule_.every == frequency::weekly  ? 7
                                                                    : 1;
    period_ =
        std::max<std::int64_t>((wall - start_) / day_seconds / (length * rule_.interval) - 1, 0);
}

/// The days of the next period; false when it is after `last`.
bool rule_walk::fill_days(std::int64_t last, std::size_t& steps) {
    std::int64_t length = 0;
    const std::int64_t first = first_day(period_, length);
    if (first * day_seconds > last) {
        return false;
    }
    days_.clear();
    for (std::int64_t day = first; day < first + length; ++day) {
        if (matches(day)) {
            days_.push_back(day);
        }
    }
    steps -= std::min(steps, static_cast<std::size_t>(length));
    ++period_;
    return true;
}

/// The times of the next hour, minute or second. What is certainly none is passed over in one step.
bool rule_walk::fill_times(std::int64_t last, std::size_t& steps) {
    const std::int64_t base = floor_div(start_, unit_) * unit_;
    const std::int64_t each = unit_ * rule_.interval;
    const std::int64_t at = base + period_ * each;
    if (at > last) {
        return false;
    }
    steps -= std::min<std::size_t>(steps, 1);
    days_.clear();
    times_.clear();
    const std::int64_t day = floor_div(at, day_seconds);
    const std::int64_t second = at - day * day_seconds;
    const auto pass = [&](std::int64_t until) { period_ += (until - at + each - 1) / each; };
    if (!matches(day)) {
        pass((day + 1) * day_seconds);
        return true;
    }
    const auto hour = static_cast<int>(second / 3600);
    if (!rule_.hours.empty() && !has(rule_.hours, hour)) {
        pass(day * day_seconds + (hour + 1) * 3600);
        return true;
    }
    const std::int64_t minute = second / 60;
    if (unit_ < 3600 && !rule_.minutes.empty() &&
        !has(rule_.minutes, static_cast<int>(minute % 60))) {
        pass(day * day_seconds + (minute + 1) * 60);
        return true;
    }
    ++period_;
    days_.push_back(day);
    if (unit_ == 1) {
        if (rule_.seconds.empty() || has(rule_.seconds, static_cast<int>(second % 60))) {
            times_.push_back(second);
        }
        return true;
    }
    for (const int of_hour : unit_ == 3600 ? rule_.minutes : std::vector{0}) {
        for (const int of_minute : rule_.seconds) {
            times_.push_back(second + of_hour * 60 + of_minute);
        }
    }
    steps -= std::min(steps, times_.size() / 8);
    return true;
}

void rule_walk::take_positions() {
    const auto all = static_cast<std::int64_t>(days_.size() * times_.size());
    chosen_.clear();
    for (const int position : rule_.positions) {
        const std::int64_t index = position > 0 ? position - 1 : all + position;
        if (index >= 0 && index < all) {
            chosen_.push_back(static_cast<std::size_t>(index));
        }
    }
    std::ranges::sort(chosen_);
    chosen_.erase(std::unique(chosen_.begin(), chosen_.end()), chosen_.end());
}

std::optional<std::int64_t> rule_walk::next(std::int64_t last, std::size_t& steps) {
    last = std::min(last, last_of_all);
    while (steps > 0) {
        if (at_ == size_) {
            if (!(unit_ != 0 ? fill_times(last, steps) : fill_days(last, steps))) {
                return std::nullopt;
            }
            at_ = 0;
            size_ = days_.size() * times_.size();
            if (!rule_.positions.empty()) {
                take_positions();
                size_ = chosen_.size();
            }
            continue;
        }
        --steps;
        const std::size_t index = rule_.positions.empty() ? at_ : chosen_[at_];
        ++at_;
        const std::int64_t wall =
            days_[index / times_.size()] * day_seconds + times_[index % times_.size()];
        if (wall > last) {
            --at_;  // for a later `last`
            return std::nullopt;
        }
        if (wall >= start_) {
            return wall;
        }
    }
    return std::nullopt;
}

}  // namespace calbox::model
