// Wall times as numbers and texts. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/event.hpp"

namespace calbox::model {

/// A day of the years 1 to 9999 that exists, and a time of day.
bool is_real(const local_time& at) noexcept;
/// Within the years that iCalendar can write.
bool is_storable(timestamp at) noexcept;
/// Seconds since 1970 as if the wall time were UTC; only of times that are real.
std::int64_t wall_seconds(const local_time& at) noexcept;
local_time from_wall_seconds(std::int64_t seconds) noexcept;

/// As people read an event's times: "2026-05-03T14:00:00", of whole days "2026-05-03"; their end is
/// the last day then.
std::string start_text(const when& time);
std::string end_text(const when& time);

/// The forms of iCalendar: "20260503T140000", and in UTC with milliseconds where there are any:
/// "20260503T140000Z.250" (the part behind the dot is ours alone).
std::string compact_text(const local_time& at);
std::string compact_utc_text(timestamp at);
struct compact_time {
    local_time at;
    bool date = false, utc = false;
};
/// Reads "20260503", "20260503T140000" and "20260503T140000Z"; nothing for times that are not real.
std::optional<compact_time> parse_compact(std::string_view text);
/// Reads what compact_utc_text writes.
std::optional<timestamp> parse_compact_utc(std::string_view text);

}  // namespace calbox::model
