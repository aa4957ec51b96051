#include "model/recurrence_rule.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

namespace calbox::model {

namespace {

constexpr std::array<std::string_view, 7> frequency_names = {
    "SECONDLY", "MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"};
constexpr std::array<std::string_view, 7> day_names = {"MO", "TU", "WE", "TH", "FR", "SA", "SU"};
constexpr std::int64_t interval_most = 1'000'000'000;
constexpr std::size_t rule_bytes = 2048;

std::string upper(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    return out;
}

std::vector<std::string_view> split(std::string_view text, char at) {
    std::vector<std::string_view> parts;
    while (true) {
        const std::size_t end = std::min(text.find(at), text.size());
        parts.push_back(text.substr(0, end));
        if (end == text.size()) {
            return parts;
        }
        text.remove_prefix(end + 1);
    }
}

tl::unexpected<error> not_a_rule(const std::string& why) {
    return fail(errc::invalid_argument,
                "not a recurrence rule: " + why + " (write it as in FREQ=WEEKLY;COUNT=10)");
}

/// A whole number, with a sign or without one.
std::optional<std::int64_t> number_in(std::string_view text) {
    if (text.starts_with('+')) {
        text.remove_prefix(1);
        if (text.starts_with('-')) {
            return std::nullopt;
        }
    }
    std::int64_t number = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    return !text.empty() && problem == std::errc() && end == text.data() + text.size()
               ? std::optional(number)
               : std::nullopt;
}

std::optional<int> index_in(const std::array<std::string_view, 7>& names, std::string_view name) {
    const auto* const found = std::ranges::find(names, name);
    return found == names.end() ? std::nullopt
                                : std::optional(static_cast<int>(found - names.begin()));
}

template <class Value>
void order(std::vector<Value>& values) {
    std::ranges::sort(values);
    values.erase(std::unique(values.begin(), values.end()), values.end());
}

/// Between `least` and `most`; where `least` is negative, not 0.
bool read_list(std::string_view text, int least, int most, std::vector<int>& into) {
    for (const std::string_view part : split(text, ',')) {
        const auto number = number_in(part);
        if (!number || *number < least || *number > most || (least < 0 && *number == 0)) {
            return false;
        }
        into.push_back(static_cast<int>(*number));
    }
    order(into);
    return true;
}

bool read_days(std::string_view text, std::vector<rule_day>& into) {
    for (const std::string_view part : split(text, ',')) {
        if (part.size() < 2) {
            return false;
        }
        const auto weekday = index_in(day_names, part.substr(part.size() - 2));
        const std::string_view before = part.substr(0, part.size() - 2);
        const auto ordinal = before.empty() ? std::optional<std::int64_t>(0) : number_in(before);
        if (!weekday || !ordinal || *ordinal < -53 || *ordinal > 53 ||
            (!before.empty() && *ordinal == 0)) {
            return false;
        }
        into.push_back({static_cast<int>(*ordinal), *weekday});
    }
    order(into);
    return true;
}

bool read_positive(std::string_view text, std::int64_t most, std::int64_t& into) {
    const auto number = number_in(text);
    into = number.value_or(0);
    return number && *number > 0 && *number <= most;
}

struct list_part {
    std::string_view name;
    std::vector<int> recurrence_rule::* into;
    int least, most;
};
constexpr std::array list_parts = {
    list_part{"BYSECOND", &recurrence_rule::seconds, 0, 60},
    list_part{"BYMINUTE", &recurrence_rule::minutes, 0, 59},
    list_part{"BYHOUR", &recurrence_rule::hours, 0, 23},
    list_part{"BYMONTHDAY", &recurrence_rule::month_days, -31, 31},
    list_part{"BYYEARDAY", &recurrence_rule::year_days, -366, 366},
    list_part{"BYWEEKNO", &recurrence_rule::weeks, -53, 53},
    list_part{"BYMONTH", &recurrence_rule::months, 1, 12},
    list_part{"BYSETPOS", &recurrence_rule::positions, -366, 366},
};

bool read_part(std::string_view name, std::string_view value, recurrence_rule& rule) {
    if (name == "FREQ") {
        const auto found = index_in(frequency_names, value);
        rule.every = static_cast<frequency>(found.value_or(0));
        return found.has_value();
    }
    if (name == "INTERVAL") {
        return read_positive(value, interval_most, rule.interval);
    }
    if (name == "COUNT") {
        return read_positive(value, interval_most, rule.count.emplace());
    }
    if (name == "UNTIL") {
        rule.until = parse_compact(value);
        return rule.until.has_value();
    }
    if (name == "WKST") {
        const auto found = index_in(day_names, value);
        rule.week_start = found.value_or(0);
        return found.has_value();
    }
    if (name == "BYDAY") {
        return read_days(value, rule.days);
    }
    const auto* const found = std::ranges::find(list_parts, name, &list_part::name);
    if (found == list_parts.end() ||
        !read_list(value, found->least, found->most, rule.*found->into)) {
        return false;
    }
    if (name == "BYSECOND") {  // no clock here has a leap second
        std::ranges::replace(rule.seconds, 60, 59);
        order(rule.seconds);
    }
    return true;
}

/// What must not stand together (RFC 5545, 3.3.10).
result<void> check_parts(const recurrence_rule& rule) {
    const frequency every = rule.every;
    const bool ordinals =
        std::ranges::any_of(rule.days, [](auto& day) { return day.ordinal != 0; });
    if (rule.count && rule.until) {
        return not_a_rule("it has both COUNT and UNTIL");
    }
    if (ordinals && every != frequency::monthly && every != frequency::yearly) {
        return not_a_rule("a numbered BYDAY needs FREQ=MONTHLY or YEARLY");
    }
    if (ordinals && !rule.weeks.empty()) {
        return not_a_rule("a numbered BYDAY does not go with BYWEEKNO");
    }
    if (!rule.weeks.empty() && every != frequency::yearly) {
        return not_a_rule("BYWEEKNO needs FREQ=YEARLY");
    }
    if (!rule.month_days.empty() && every == frequency::weekly) {
        return not_a_rule("BYMONTHDAY does not go with FREQ=WEEKLY");
    }
    if (!rule.year_days.empty() &&
        (every == frequency::daily || every == frequency::weekly || every == frequency::monthly)) {
        return not_a_rule("BYYEARDAY needs FREQ=YEARLY, HOURLY, MINUTELY or SECONDLY");
    }
    const bool others = !rule.seconds.empty() || !rule.minutes.empty() || !rule.hours.empty() ||
                        !rule.month_days.empty() || !rule.year_days.empty() ||
                        !rule.weeks.empty() || !rule.months.empty() || !rule.days.empty();
    if (!rule.positions.empty() && !others) {
        return not_a_rule("BYSETPOS needs another part that begins with BY");
    }
    return {};
}

std::string cut_short(std::string_view text) {
    return "\"" + std::string(text.substr(0, 80)) + "\"";
}

}  // namespace

result<recurrence_rule> parse_recurrence_rule(std::string_view text) {
    if (text.size() > rule_bytes) {
        return not_a_rule("it is longer than 2,048 bytes");
    }
    recurrence_rule rule;
    const std::string all = upper(text);
    std::set<std::string_view> seen;
    for (const std::string_view part : split(all, ';')) {
        const std::size_t equals = part.find('=');
        if (equals == std::string_view::npos) {
            return not_a_rule(cut_short(part));
        }
        const std::string_view name = part.substr(0, equals);
        if (!seen.insert(name).second) {
            return not_a_rule(cut_short(name) + " stands twice");
        }
        if (!read_part(name, part.substr(equals + 1), rule)) {
            return not_a_rule(cut_short(part));
        }
    }
    if (!seen.contains("FREQ")) {
        return not_a_rule("it has no FREQ");
    }
    if (auto good = check_parts(rule); !good) {
        return fail(std::move(good.error()));
    }
    return rule;
}

std::string with_end(std::string_view text, std::optional<std::int64_t> count,
                     std::optional<std::string> until) {
    std::string made;
    const auto add = [&](std::string_view part) {
        made += (made.empty() ? "" : ";") + std::string(part);
    };
    for (const std::string_view part : split(text, ';')) {
        const std::string name = upper(part.substr(0, part.find('=')));
        if (name != "COUNT" && name != "UNTIL") {
            add(part);
        }
    }
    if (count) {
        add("COUNT=" + std::to_string(*count));
    }
    if (until) {
        add("UNTIL=" + *until);
    }
    return made;
}

std::string with_weekdays_moved(std::string_view text, std::int64_t days) {
    const auto rule = parse_recurrence_rule(text);
    if (!rule || rule->every != frequency::weekly || rule->days.empty() || days % 7 == 0) {
        return std::string(text);
    }
    std::string made;
    for (const std::string_view part : split(text, ';')) {
        made += made.empty() ? "" : ";";
        if (upper(part.substr(0, part.find('='))) != "BYDAY") {
            made += part;
            continue;
        }
        std::vector<std::int64_t> moved;
        for (const rule_day& day : rule->days) {
            moved.push_back(((day.weekday + days) % 7 + 7) % 7);
        }
        order(moved);
        std::string list;
        for (const std::int64_t day : moved) {
            list += (list.empty() ? "" : ",") +
                    std::string(day_names.at(static_cast<std::size_t>(day)));
        }
        made += "BYDAY=" + list;
    }
    return made;
}

}  // namespace calbox::model
