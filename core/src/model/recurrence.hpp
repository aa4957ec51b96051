// When a series takes place: its rule (RRULE), times that were added (RDATE) and taken out
// (EXDATE), and those that were changed (RECURRENCE-ID), as RFC 5545, 3.8.5 has them. Core thread
// only, for the cache of zones.
//
// Rules count on the wall clock of the event's zone. A time that a change of the clock skips moves
// forward, and one that occurs twice is the first (RFC 5545, 3.3.5); two that come to the same
// moment are one. The start is always the first time, whether the rule makes it or not.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/event.hpp"

namespace calbox::model {

/// One time that an event takes place.
struct occurrence {
    local_time id;  // its recurrence id; of a single event its start
    when time;
    interval utc;
    bool changed = false;
};

/// Steps are those of rule_walk.
struct expansion_limits {
    std::size_t steps = 50'000;
    std::size_t occurrences = 4'000;
};

struct expansion {
    std::vector<occurrence> occurrences;  // by their start
    bool complete = true;  // false: a limit was met; there may be more, later than these
};

/// Does it take place more than once, or could it?
bool is_series(const event_content& content) noexcept;

/// The times that an event has something of in `range`; one that takes no time is in it at its
/// start. A rule that cannot be read makes none but the start.
expansion expand(const event_content& content, const interval& range, expansion_limits limits = {});

/// The time that is named by its recurrence id, or else by the time that it was moved to; by a day
/// alone, the one of that day. not_found;
/// invalid_argument where a day has several.
result<occurrence> find_occurrence(const event_content& content, const std::string& named);

/// The series as it is at one of its times: its own texts, or those of the change.
event_content content_at(const event_content& series, const occurrence& at);
/// Of the files of a series those that are of all of it, or of that time.
void keep_files_of(event_content& content, const local_time& time);

/// How many times its rule has made before the wall time `at`, the start among them. too_large:
/// not to be counted within the limits.
result<std::int64_t> count_before(const event_content& content, const local_time& at);

/// The first of its times from the wall time `at` on, by recurrence id, changed ones among them;
/// nothing where there is none. too_large: not to be found within the limits.
result<std::optional<local_time>> first_from(const event_content& content, const local_time& at);

/// Is its start one of the times that its rule makes? True without a rule.
bool starts_by_rule(const event_content& content);

/// Keeps what is said of single times when the series has become another one. It follows a start
/// that was moved, and so do the weekdays and the end of a rule that was left as it is; a text, or
/// categories and colour, that were the same as those of the series stay so; and what the rule
/// makes no more is forgotten.
void carry_over(const event_content& before, event_content& now);

}  // namespace calbox::model
