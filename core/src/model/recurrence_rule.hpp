// A recurrence rule (RFC 5545, 3.3.10) as values: reading it, changing where it ends, saying it in
// words. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <calbox/error.hpp>

#include "model/times.hpp"

namespace calbox::model {

/// In the order of their length.
enum class frequency { secondly, minutely, hourly, daily, weekly, monthly, yearly };

/// A day of BYDAY: Monday is 0. The `ordinal`th of its month or year, from the end where it is
/// negative; 0: each.
struct rule_day {
    int ordinal = 0;
    int weekday = 0;
    friend auto operator<=>(const rule_day&, const rule_day&) = default;
};

struct recurrence_rule {
    frequency every = frequency::daily;
    std::int64_t interval = 1;
    std::optional<std::int64_t> count;
    std::optional<compact_time> until;
    // Ascending, each once; empty: not said. A second 60 is 59.
    std::vector<int> seconds, minutes, hours;
    std::vector<int> month_days, year_days, weeks, months, positions;
    std::vector<rule_day> days;
    int week_start = 0;
};

/// Reads an RRULE value; its names may be in any case. invalid_argument with a sentence: a part
/// that is unknown, stands twice, is out of its bounds, or must not stand beside another one.
result<recurrence_rule> parse_recurrence_rule(std::string_view text);

/// The same rule with another end: neither COUNT nor UNTIL where both are empty. `text` is one that
/// parse_recurrence_rule() reads.
std::string with_end(std::string_view text, std::optional<std::int64_t> count,
                     std::optional<std::string> until);
/// A weekly rule whose days are `days` later; any other one as it is.
std::string with_weekdays_moved(std::string_view text, std::int64_t days);

/// "every 2 weeks on Monday and Wednesday, until 2026-12-31". A rule that ends at a time of UTC
/// ends on the day that it is then in `zone`.
std::string words_of(const recurrence_rule& rule, const std::string& zone);

}  // namespace calbox::model
