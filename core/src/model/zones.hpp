// Time zones, read from the system's database (TZif, RFC 8536). libical 3.0.16 turns the same files
// into recurrence rules and gets 72 of 418 zones wrong for some time since 1970, so it is not
// asked. Core thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace calbox::model {

/// What holds between two changes of the clock.
struct observance {
    std::int64_t offset = 0;  // seconds east of UTC
    bool daylight = false;
    std::string abbreviation;
    friend bool operator==(const observance&, const observance&) = default;
};

/// A change of the clock at `at`, in seconds of UTC since 1970.
struct clock_change {
    std::int64_t at = 0;
    observance before, after;
    /// The first wall time, read as if it were UTC, that is certainly after the change: what is
    /// skipped and what comes twice are still counted on the old clock.
    std::int64_t wall() const noexcept {
        return at + (before.offset > after.offset ? before.offset : after.offset);
    }
};

/// One change a year: the `week`th (5: last) `weekday` of `month`, `seconds` after its midnight on
/// the old clock.
struct yearly_change {
    unsigned month = 1, week = 1, weekday = 0;
    std::int64_t seconds = 0;
};

/// How the clock goes after the last change that is listed.
struct yearly_rule {
    observance standard, daylight;
    yearly_change to_daylight, to_standard;

    clock_change begin_of_daylight(int year) const;
    clock_change end_of_daylight(int year) const;
};

struct zone_data {
    observance first;                   // before any change
    std::vector<clock_change> changes;  // ascending
    std::optional<yearly_rule> rule;

    observance at_utc(std::int64_t seconds) const;
    /// UTC of a wall time that is given as if it were UTC.
    std::int64_t from_wall(std::int64_t seconds) const;
    /// The changes of the years `first_year` to `last_year`, ascending.
    std::vector<clock_change> of_years(int first_year, int last_year) const;
};

/// Reads a TZif file; nothing when it is not one.
std::optional<zone_data> parse_tzif(std::string_view file);
/// Reads a rule as in TZ ("CET-1CEST,M3.5.0,M10.5.0/3"). Nothing when the clock never changes.
std::optional<yearly_rule> parse_yearly_rule(std::string_view text);

/// Lists the zones that the system knows. Called once, before find_zone.
void load_zone_names();
bool is_zone_name(std::string_view name);
/// Nothing when there is no such zone. The pointer is good for ever.
const zone_data* find_zone(std::string_view name);

}  // namespace calbox::model
