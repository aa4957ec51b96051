#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "rules.hpp"
#include "text.hpp"

namespace calbox::ctl {

namespace {

constexpr std::array<std::string_view, 7> weekdays{"monday", "tuesday",  "wednesday", "thursday",
                                                   "friday", "saturday", "sunday"};
constexpr std::array<std::string_view, 7> weekday_codes{"MO", "TU", "WE", "TH", "FR", "SA", "SU"};
constexpr std::array<std::string_view, 12> months{"january",   "february", "march",    "april",
                                                  "may",       "june",     "july",     "august",
                                                  "september", "october",  "november", "december"};
constexpr std::array<std::string_view, 6> ordinals{"last",  "first",  "second",
                                                   "third", "fourth", "fifth"};
constexpr std::array<std::array<std::string_view, 3>, 5> units{{{"hour", "hourly", "HOURLY"},
                                                                {"day", "daily", "DAILY"},
                                                                {"week", "weekly", "WEEKLY"},
                                                                {"month", "monthly", "MONTHLY"},
                                                                {"year", "yearly", "YEARLY"}}};

/// "mon" for "monday"; nothing for what is shorter, or none of them.
template <std::size_t Size>
std::optional<std::size_t> beginning_of(const std::array<std::string_view, Size>& names,
                                        std::string_view word) {
    for (std::size_t i = 0; i < Size && word.size() >= 3; ++i) {
        if (names[i].starts_with(word)) {
            return i;
        }
    }
    return std::nullopt;
}

std::optional<int> number_in(std::string_view word) {
    int value = 0;
    const auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), value);
    const bool whole = problem == std::errc() && end == word.data() + word.size();
    return whole && value > 0 ? std::optional(value) : std::nullopt;
}

/// "2nd", "second"; -1 for "last".
std::optional<int> ordinal_in(std::string_view word) {
    const auto* const named = std::find(ordinals.begin(), ordinals.end(), word);
    if (named != ordinals.end()) {
        return named == ordinals.begin() ? -1 : static_cast<int>(named - ordinals.begin());
    }
    for (const std::string_view ending : {"st", "nd", "rd", "th"}) {
        if (word.ends_with(ending)) {
            return number_in(word.substr(0, word.size() - 2));
        }
    }
    return std::nullopt;
}

/// Small letters; commas are spaces.
std::vector<std::string> words_in(const std::string& text) {
    std::vector<std::string> words(1);
    for (const char c : text) {
        if (c != ' ' && c != ',') {
            words.back() += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        } else if (!words.back().empty()) {
            words.emplace_back();
        }
    }
    if (words.back().empty()) {
        words.pop_back();
    }
    return words;
}

class rule_reader {
public:
    rule_reader(const std::string& text, wall now) : words_(words_in(text)), now_(now) {}

    /// False: the word at `word()` is not understood, or one is missing there.
    bool read() {
        if (!read_frequency()) {
            return false;
        }
        while (at_ < words_.size()) {
            if (!read_on() && !read_months() && !read_end()) {
                return false;
            }
        }
        return true;
    }
    std::string word() const { return at_ < words_.size() ? words_[at_] : std::string(); }
    /// A day of the week without a number in a month or a year.
    bool wants_number() const {
        return (unit_ == "MONTHLY" || unit_ == "YEARLY") &&
               std::ranges::any_of(days_, [](const std::string& day) { return day.size() == 2; });
    }
    std::string rule(bool all_day, const zone& where) const {
        std::string made = "FREQ=" + unit_;
        const auto add = [&](const char* name, const std::string& value) {
            made += value.empty() ? "" : fmt::format(";{}={}", name, value);
        };
        add("INTERVAL", interval_ == 1 ? "" : std::to_string(interval_));
        add("BYMONTH", listed(months_));
        add("BYMONTHDAY", listed(month_days_));
        add("BYDAY", listed(days_));
        add("COUNT", count_ == 0 ? "" : std::to_string(count_));
        if (until_) {
            std::string last =
                all_day ? wire_day(*until_) : wire_moment(moment_of(*until_ + 86'399, where));
            std::erase_if(last, [](char c) { return c == '-' || c == ':'; });
            add("UNTIL", last);
        }
        return made;
    }

private:
    static std::string listed(const std::vector<std::string>& values) {
        std::string all;
        for (const std::string& one : values) {
            all += (all.empty() ? "" : ",") + one;
        }
        return all;
    }
    bool take(std::string_view wanted) {
        const bool there = word() == wanted;
        at_ += there ? 1 : 0;
        return there;
    }
    bool take_unit() {
        for (const auto& one : units) {
            if (take(one[0]) || take(std::string(one[0]) + "s")) {
                unit_ = one[2];
                return true;
            }
        }
        return false;
    }
    bool read_frequency() {
        for (const auto& one : units) {
            if (take(one[1])) {
                unit_ = one[2];
                return true;
            }
        }
        if (take("annually")) {
            unit_ = "YEARLY";
            return true;
        }
        take("every");
        take("each");
        if (take("weekday") || take("weekdays")) {
            unit_ = "WEEKLY";
            days_.assign(weekday_codes.begin(), weekday_codes.begin() + 5);
            return true;
        }
        if (const auto number = number_in(word())) {
            interval_ = *number;
            ++at_;
            return take_unit();
        }
        if (take("other") || (word() == "second" && at_ + 1 < words_.size() &&
                              !beginning_of(weekdays, words_[at_ + 1]))) {
            at_ += word() == "second" ? 1 : 0;
            interval_ = 2;
            return take_unit();
        }
        if (take_unit()) {
            return true;
        }
        unit_ = "WEEKLY";  // every monday
        return read_days();
    }
    bool read_on() { return take("on") && read_days(); }
    /// "mon and wed", "the last friday", "the 15th", "the last day of the month".
    bool read_days() {
        std::size_t found = 0;
        while (read_day()) {
            ++found;
            take("and");
        }
        if (take("of")) {
            take("the");
            take("each");
            take("every");
            return take("month") && !month_days_.empty();
        }
        return found > 0;
    }
    bool read_day() {
        const std::size_t from = at_;
        take("the");
        const bool day_word = take("day");
        std::optional<int> number = day_word ? number_in(word()) : ordinal_in(word());
        if (number) {
            ++at_;
            if (*number > 0 && take("last")) {
                number = -*number;
            }
        }
        if (const auto day = day_word ? std::nullopt : weekday()) {
            days_.push_back((number ? std::to_string(*number) : "") +
                            std::string(weekday_codes[*day]));
            ++at_;
            return true;
        }
        if (number) {
            take("day");
            month_days_.push_back(std::to_string(*number));
            return true;
        }
        at_ = from;
        return false;
    }
    std::optional<std::size_t> weekday() const {
        std::string name = word();
        if (name.ends_with("days")) {
            name.pop_back();
        }
        return beginning_of(weekdays, name);
    }
    bool read_months() {
        if (!take("in")) {
            return false;
        }
        while (const auto month = beginning_of(months, word())) {
            months_.push_back(std::to_string(*month + 1));
            ++at_;
            take("and");
        }
        return !months_.empty();
    }
    bool read_end() {
        if (count_ != 0 || until_) {
            return false;
        }
        if (take("until") || take("till")) {
            std::string day;
            for (std::size_t i = at_; i < words_.size(); ++i) {
                day += (day.empty() ? "" : " ") + words_[i];
            }
            bool day_only = false;
            const auto last = parse_point(day, now_, day_only);
            if (!last || !day_only) {
                return false;
            }
            until_ = *last;
            at_ = words_.size();
            return true;
        }
        if (take("once") || take("twice")) {
            count_ = words_[at_ - 1] == "once" ? 1 : 2;
            return true;
        }
        take("for");
        const auto number = number_in(word());
        if (number && at_ + 1 < words_.size() && words_[at_ + 1].starts_with("time")) {
            at_ += 2;
            count_ = *number;
            return true;
        }
        return false;
    }

    std::vector<std::string> words_;
    wall now_;
    std::size_t at_ = 0;
    std::string unit_;
    int interval_ = 1;
    std::vector<std::string> days_, month_days_, months_;
    int count_ = 0;
    std::optional<wall> until_;
};

}  // namespace

answer<std::string> parse_rule(const std::string& text, wall now, bool all_day, const zone& where) {
    if (text.find('=') != std::string::npos) {  // the daemon reads it
        const bool named = text.starts_with("RRULE:") || text.starts_with("rrule:");
        return named ? text.substr(6) : text;
    }
    const auto words = words_in(text);
    if (words.empty() || words == std::vector<std::string>{"never"}) {
        return std::string();
    }
    constexpr const char* examples =
        "(for example \"weekly\", \"every 2 weeks on mon,wed until 2026-12-31\", \"monthly on the "
        "last friday\", \"daily 10 times\", \"never\", or a rule of RFC 5545 as "
        "FREQ=WEEKLY;COUNT=10)";
    rule_reader reader(text, now);
    if (!reader.read()) {
        const auto word = reader.word();
        return refuse("invalid_argument",
                      fmt::format("this is no repetition: \"{}\": {} {}", clean(text),
                                  word.empty() ? "something is missing at its end"
                                               : "not understood: \"" + clean(word) + "\"",
                                  examples));
    }
    if (reader.wants_number()) {
        return refuse("invalid_argument",
                      fmt::format("say which one of the month: \"{}\" {}", clean(text), examples));
    }
    return reader.rule(all_day, where);
}

}  // namespace calbox::ctl
