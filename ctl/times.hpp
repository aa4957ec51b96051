// Times as people see and type them. A wall is the reading of a clock on the wall, counted in
// seconds as though that clock showed UTC, so that arithmetic is plain; a zone turns it into a
// moment. Zone rules are the C library's. One thread (TZ is switched).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "problem.hpp"
#include "surroundings.hpp"

namespace calbox::ctl {

using wall = std::int64_t;
using moment = std::int64_t;  // seconds since 1970, UTC

/// A zone as the C library takes it, and its name in the tz database; the name is empty for rules
/// that have none ("CET-1CEST").
struct zone {
    std::string rules;
    std::string name;
};

/// $TZ, else the link /etc/localtime, else /etc/timezone, else UTC.
zone user_zone(const surroundings& world);
/// The zone of that name; "invalid_argument" when the machine does not know it.
answer<zone> named_zone(const std::string& name);

wall wall_at(moment when, const zone& where);
moment moment_of(wall reading, const zone& where);

/// What was typed for an event's time.
struct span {
    wall start = 0;
    std::optional<wall> end;  // all-day: the last day
    bool all_day = false;
};
/// "tomorrow 14:00+60m"; `now` is the reading of the person's clock.
answer<span> parse_span(const std::string& text, wall now);
/// One time or day; `day_only` is set when no time of day was given.
answer<wall> parse_point(const std::string& text, wall now, bool& day_only);

/// Whole minutes of "10m", "2h", "1h30m", "3d" or "2w", or of "0".
answer<std::uint64_t> parse_minutes(const std::string& text);

/// "2026-05-03T14:00:00", "2026-05-03", "2026-05-03T13:00:00Z".
std::string wire_time(wall reading);
std::string wire_day(wall reading);
std::string wire_moment(moment when);
std::optional<wall> read_wire(const std::string& text);

/// "Tue 2026-11-24 14:00 - 15:00", in the person's zone; all-day events have days only.
std::string when_text(const nlohmann::json& event, const zone& mine);
/// "Tue 2026-11-24 14:00" for a UTC text of the API; the text itself, cleaned, when it is none.
std::string moment_text(const std::string& utc, const zone& mine);
/// "14:00" for the same.
std::string hour_text(const std::string& utc, const zone& mine);

}  // namespace calbox::ctl
