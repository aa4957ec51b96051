// The wall times that a recurrence rule makes, one after another. Nothing here knows of zones: a
// time is a number of seconds since 1970 as if the wall clock were UTC. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "model/recurrence_rule.hpp"

namespace calbox::model {

/// Ascending, none before the start. COUNT and UNTIL are for the caller to look at. Periods are
/// tried one by one, and each that is tried, each day that is looked at and each time that is made
/// costs a step: a rule may never come true, and whoever wrote it may want that.
class rule_walk {
public:
    rule_walk(recurrence_rule rule, std::int64_t start);

    /// Leaves out what is certainly before `wall`; only before the first next().
    void skip_to(std::int64_t wall);
    /// Nothing when there is none up to `last`, or when `steps` has come down to 0.
    std::optional<std::int64_t> next(std::int64_t last, std::size_t& steps);

private:
    bool matches(std::int64_t day) const;
    bool matches_a_day_of_the_week(std::int64_t day, int year, unsigned month) const;
    bool is_in_week(std::int64_t day, int year) const;
    std::int64_t first_day(std::int64_t period, std::int64_t& length) const;
    bool fill_days(std::int64_t last, std::size_t& steps);
    bool fill_times(std::int64_t last, std::size_t& steps);
    void take_positions();

    recurrence_rule rule_;
    std::int64_t start_;
    std::int64_t unit_ = 0;  // seconds, for what repeats within a day
    std::int64_t period_ = 0;
    // The times of a period are those of `times_` on each of `days_`, or those of them that
    // `chosen_` names.
    std::vector<std::int64_t> days_, times_;
    std::vector<std::size_t> chosen_;
    std::size_t at_ = 0, size_ = 0;
};

}  // namespace calbox::model
