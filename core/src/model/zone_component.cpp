// Changes of the clock as observances of a VTIMEZONE (RFC 5545, 3.6.5), trimmed to the years that
// matter.
#include "model/zone_component.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <fmt/format.h>

#include "model/times.hpp"

namespace calbox::model {

namespace {

/// Years that are listed one by one where no yearly rule can be written.
constexpr int years_listed = 30;

std::string offset_text(std::int64_t offset) {
    const std::int64_t size = std::abs(offset);
    std::string text =
        fmt::format("{}{:02}{:02}", offset < 0 ? '-' : '+', size / 3600, size / 60 % 60);
    if (size % 60 != 0) {
        text += fmt::format("{:02}", size % 60);
    }
    return text;
}

component observance_component(std::int64_t offset_before, const observance& what,
                               const local_time& from) {
    component part;
    part.name = what.daylight ? "DAYLIGHT" : "STANDARD";
    part.properties.push_back({"DTSTART", {}, compact_text(from)});
    part.properties.push_back({"TZOFFSETFROM", {}, offset_text(offset_before)});
    part.properties.push_back({"TZOFFSETTO", {}, offset_text(what.offset)});
    part.properties.push_back({"TZNAME", {}, escape_text(what.abbreviation)});
    return part;
}

component change_component(const clock_change& change) {
    return observance_component(change.before.offset, change.after,
                                from_wall_seconds(change.at + change.before.offset));
}

int days_of(unsigned month) noexcept {
    return month == 2 ? 28 : month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/// The RRULE of a yearly change; empty when it cannot be said within one month. Rules may name
/// hours before or after their day ("the 4th Thursday, 50:00"): the days of the month move with
/// them.
std::string rule_text(const yearly_change& change) {
    static constexpr std::array names = {"SU", "MO", "TU", "WE", "TH", "FR", "SA"};
    constexpr std::int64_t day = 86'400;
    const auto shift =
        static_cast<int>((change.seconds - (change.seconds < 0 ? day - 1 : 0)) / day);
    const int weekday = ((static_cast<int>(change.weekday) + shift) % 7 + 7) % 7;
    const bool last = change.week == 5;
    const std::string head = fmt::format("FREQ=YEARLY;BYMONTH={};", change.month);
    const char* const name = names[static_cast<std::size_t>(weekday)];
    if (shift == 0) {
        return fmt::format("{}BYDAY={}{}", head, last ? -1 : static_cast<int>(change.week), name);
    }
    const int first = (last ? -7 : 7 * static_cast<int>(change.week) - 6) + shift;
    const bool fits = last ? first + 6 < 0 && first >= -days_of(change.month)
                           : first > 0 && first + 6 <= days_of(change.month);
    if (!fits) {
        return {};
    }
    std::string days = std::to_string(first);
    for (int i = 1; i < 7; ++i) {
        days += "," + std::to_string(first + i);
    }
    return fmt::format("{}BYMONTHDAY={};BYDAY={}", head, days, name);
}

/// The first year from `first_year` on in which the listed changes are those of the rule, and in
/// every later one.
int rule_begins(const zone_data& zone, int first_year) {
    if (zone.changes.empty()) {
        return first_year;
    }
    int year = from_wall_seconds(zone.changes.back().at).year + 1;
    const auto follows = [&](int candidate) {
        const auto listed = zone.of_years(candidate, candidate);
        const auto has = [&](const clock_change& change) {
            return std::ranges::find(listed, change.at, &clock_change::at) != listed.end();
        };
        return listed.size() == 2 && has(zone.rule->begin_of_daylight(candidate)) &&
               has(zone.rule->end_of_daylight(candidate));
    };
    while (year > first_year && follows(year - 1)) {
        --year;
    }
    return std::max(year, first_year);
}

}  // namespace

component zone_component(const std::string& name, const zone_data& zone, int first_year,
                         int last_year, bool for_ever) {
    component whole;
    whole.name = "VTIMEZONE";
    whole.properties.push_back({"TZID", {}, escape_text(name)});

    const local_time new_year{first_year, 1, 1};
    const observance at_first = zone.at_utc(zone.from_wall(wall_seconds(new_year)));
    whole.children.push_back(observance_component(at_first.offset, at_first, new_year));

    const std::string to_daylight = zone.rule ? rule_text(zone.rule->to_daylight) : "";
    const std::string to_standard = zone.rule ? rule_text(zone.rule->to_standard) : "";
    const bool by_rule = for_ever && !to_daylight.empty() && !to_standard.empty();
    const int rule_from = by_rule ? rule_begins(zone, first_year) : 0;
    const int listed_to = by_rule    ? rule_from - 1
                          : for_ever ? first_year + years_listed
                                     : std::min(last_year, first_year + years_listed);
    for (const clock_change& change : zone.of_years(first_year, listed_to)) {
        whole.children.push_back(change_component(change));
    }
    if (by_rule) {
        component summer = change_component(zone.rule->begin_of_daylight(rule_from));
        summer.properties.push_back({"RRULE", {}, to_daylight});
        component winter = change_component(zone.rule->end_of_daylight(rule_from));
        winter.properties.push_back({"RRULE", {}, to_standard});
        whole.children.push_back(std::move(summer));
        whole.children.push_back(std::move(winter));
    }
    return whole;
}

}  // namespace calbox::model
