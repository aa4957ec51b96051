// A recurrence rule as a person would say it.
#include <array>

#include <fmt/format.h>

#include "model/event.hpp"
#include "model/recurrence_rule.hpp"

namespace calbox::model {

namespace {

constexpr std::array<std::string_view, 7> units = {"second", "minute", "hour", "day",
                                                   "week",   "month",  "year"};
constexpr std::array<std::string_view, 7> weekdays = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                                      "Friday", "Saturday", "Sunday"};
constexpr std::array<std::string_view, 12> months = {
    "January", "February", "March",     "April",   "May",      "June",
    "July",    "August",   "September", "October", "November", "December"};

std::string counted(int number) {
    const int last = number % 100;
    const char* const ending = last >= 11 && last <= 13 ? "th"
                               : last % 10 == 1         ? "st"
                               : last % 10 == 2         ? "nd"
                               : last % 10 == 3         ? "rd"
                                                        : "th";
    return fmt::format("{}{}", number, ending);
}

/// "3rd", "last", "2nd last"
std::string place_of(int number) {
    return number > 0 ? counted(number) : number == -1 ? "last" : counted(-number) + " last";
}

/// "a, b and c"
template <class Value, class Say>
std::string said(const std::vector<Value>& values, Say say) {
    std::string text;
    for (std::size_t i = 0; i < values.size(); ++i) {
        text += i == 0 ? "" : i + 1 == values.size() ? " and " : ", ";
        text += say(values[i]);
    }
    return text;
}

std::string day_words(const rule_day& day) {
    const std::string name(weekdays.at(static_cast<std::size_t>(day.weekday)));
    return day.ordinal == 0 ? name : "the " + place_of(day.ordinal) + " " + name;
}

std::string end_words(const recurrence_rule& rule, const std::string& zone) {
    if (rule.count) {
        return *rule.count == 1 ? ", once" : fmt::format(", {} times", *rule.count);
    }
    if (!rule.until) {
        return {};
    }
    const local_time last =
        rule.until->utc ? to_local({wall_seconds(rule.until->at) * 1000}, zone) : rule.until->at;
    return ", until " + last.date_text();
}

}  // namespace

std::string words_of(const recurrence_rule& rule, const std::string& zone) {
    const auto unit = units.at(static_cast<std::size_t>(rule.every));
    std::string text = rule.interval == 1 ? fmt::format("every {}", unit)
                                          : fmt::format("every {} {}s", rule.interval, unit);
    const auto add = [&](const char* before, const auto& values, auto say, const char* after = "") {
        if (!values.empty()) {
            text += before + said(values, say) + after;
        }
    };
    const auto number = [](int value) { return std::to_string(value); };
    add(" on ", rule.days, day_words);
    add(" on the ", rule.month_days, place_of, " of the month");
    add(" on the ", rule.year_days, place_of, " day of the year");
    add(" in week ", rule.weeks, number);
    add(" in ", rule.months,
        [](int month) { return std::string(months.at(static_cast<std::size_t>(month - 1))); });
    add(" at hour ", rule.hours, number);
    add(" at minute ", rule.minutes, number);
    add(" at second ", rule.seconds, number);
    add(", only the ", rule.positions, place_of, " of these");
    return text + end_words(rule, zone);
}

}  // namespace calbox::model
