// Finding zones on the disk, and the arithmetic of their changes.
#include "model/zones.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

namespace calbox::model {

namespace {

namespace chrono = std::chrono;

const std::filesystem::path directory = "/usr/share/zoneinfo";
constexpr std::uintmax_t file_limit = 256 * 1024;

int year_of(std::int64_t seconds) {
    const chrono::sys_seconds at{chrono::seconds(seconds)};
    return static_cast<int>(chrono::year_month_day(chrono::floor<chrono::days>(at)).year());
}

std::int64_t year_start(int year) {
    const chrono::sys_days day = chrono::year(year) / 1 / 1;
    return chrono::seconds(day.time_since_epoch()).count();
}

std::int64_t midnight_of(const yearly_change& change, int year) {
    const auto month = chrono::year(year) / chrono::month(change.month);
    const chrono::weekday weekday(change.weekday);
    const chrono::sys_days day = change.week == 5 ? chrono::sys_days(month / weekday[chrono::last])
                                                  : chrono::sys_days(month / weekday[change.week]);
    return chrono::seconds(day.time_since_epoch()).count();
}

bool is_segment(std::string_view text) noexcept {
    const auto good = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '+' || c == '-';
    };
    return !text.empty() && text.front() >= 'A' && text.front() <= 'Z' &&
           std::ranges::all_of(text, good);
}

/// Names begin with a capital: "posix", "right" and the database's own files do not.
void collect(const std::filesystem::path& from, const std::string& prefix,
             std::set<std::string, std::less<>>& names) {
    std::error_code problem;
    for (std::filesystem::directory_iterator it(from, problem), end; !problem && it != end;
         it.increment(problem)) {
        const std::string segment = it->path().filename().string();
        if (!is_segment(segment)) {
            continue;
        }
        std::error_code unknown;
        if (it->is_regular_file(unknown)) {
            names.insert(prefix + segment);
        } else if (it->is_directory(unknown) && std::ranges::count(prefix, '/') < 3) {
            collect(it->path(), prefix + segment + "/", names);
        }
    }
}

std::string read_file(const std::filesystem::path& path) {
    std::error_code problem;
    const std::uintmax_t size = std::filesystem::file_size(path, problem);
    if (problem || size > file_limit) {
        return {};
    }
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

struct table {
    std::set<std::string, std::less<>> names;
    std::map<std::string, zone_data, std::less<>> read;

    table() {
        collect(directory, "", names);
        zone_data utc;
        utc.first.abbreviation = "UTC";
        names.insert("UTC");  // also where the system has no database
        read.emplace("UTC", std::move(utc));
    }
};

table& zones() {
    static table all;
    return all;
}

}  // namespace

clock_change yearly_rule::begin_of_daylight(int year) const {
    return {midnight_of(to_daylight, year) + to_daylight.seconds - standard.offset, standard,
            daylight};
}

clock_change yearly_rule::end_of_daylight(int year) const {
    return {midnight_of(to_standard, year) + to_standard.seconds - daylight.offset, daylight,
            standard};
}

std::vector<clock_change> zone_data::of_years(int first_year, int last_year) const {
    const auto begin =
        std::ranges::lower_bound(changes, year_start(first_year), {}, &clock_change::at);
    const auto end =
        std::ranges::lower_bound(changes, year_start(last_year + 1), {}, &clock_change::at);
    std::vector<clock_change> found(begin, std::max(begin, end));
    const auto add = [&](const clock_change& change) {
        if (changes.empty() || change.at > changes.back().at) {
            found.push_back(change);
        }
    };
    const int rule_from =
        changes.empty() ? first_year : std::max(first_year, year_of(changes.back().at));
    for (int year = rule_from; rule && year <= last_year; ++year) {
        add(rule->begin_of_daylight(year));
        add(rule->end_of_daylight(year));
    }
    std::ranges::sort(found, {}, &clock_change::at);
    return found;
}

observance zone_data::at_utc(std::int64_t seconds) const {
    if (rule && (changes.empty() || seconds > changes.back().at)) {
        const int year = year_of(seconds);
        const auto near = of_years(year - 1, year + 1);
        const auto next = std::ranges::upper_bound(near, seconds, {}, &clock_change::at);
        if (next != near.begin()) {
            return std::prev(next)->after;
        }
    }
    const auto next = std::ranges::upper_bound(changes, seconds, {}, &clock_change::at);
    return next == changes.begin() ? first : std::prev(next)->after;
}

std::int64_t zone_data::from_wall(std::int64_t seconds) const {
    const auto offset_of =
        [&](const std::vector<clock_change>& among) -> std::optional<std::int64_t> {
        const auto next = std::ranges::upper_bound(among, seconds, {}, &clock_change::wall);
        return next == among.begin() ? std::nullopt : std::optional(std::prev(next)->after.offset);
    };
    std::optional<std::int64_t> offset;
    if (rule && (changes.empty() || seconds > changes.back().at)) {
        const int year = year_of(seconds);
        offset = offset_of(of_years(year - 1, year + 1));
    }
    if (!offset) {
        offset = offset_of(changes);
    }
    return seconds - offset.value_or(first.offset);
}

void load_zone_names() { zones(); }

bool is_zone_name(std::string_view name) { return find_zone(name) != nullptr; }

const zone_data* find_zone(std::string_view name) {
    table& all = zones();
    const auto known = all.read.find(name);
    if (known != all.read.end()) {
        return &known->second;
    }
    // Only names that were listed become paths.
    const auto listed = all.names.find(name);
    if (listed == all.names.end()) {
        return nullptr;
    }
    auto data = parse_tzif(read_file(directory / *listed));
    if (!data) {
        all.names.erase(listed);
        return nullptr;
    }
    return &all.read.emplace(*listed, std::move(*data)).first->second;
}

}  // namespace calbox::model
