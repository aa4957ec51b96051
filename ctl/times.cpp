#include "times.hpp"

#include <array>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "text.hpp"

namespace calbox::ctl {

namespace {

constexpr std::string_view zone_folder = "/usr/share/zoneinfo/";

/// Switches the C library's zone while it lives.
class zone_switch {
public:
    explicit zone_switch(const std::string& rules) {
        if (const char* before = std::getenv("TZ"); before != nullptr) {
            before_ = before;
        }
        ::setenv("TZ", rules.c_str(), 1);
        ::tzset();
    }
    ~zone_switch() {
        if (before_) {
            ::setenv("TZ", before_->c_str(), 1);
        } else {
            ::unsetenv("TZ");
        }
        ::tzset();
    }
    zone_switch(const zone_switch&) = delete;
    zone_switch& operator=(const zone_switch&) = delete;

private:
    std::optional<std::string> before_;
};

bool in_database(const std::string& name) {
    if (name == "UTC") {
        return true;
    }
    if (name.empty() || name.front() == '/' || name.find("..") != std::string::npos ||
        name.find('\0') != std::string::npos) {
        return false;
    }
    std::error_code ignored;
    return std::filesystem::is_regular_file(std::string(zone_folder) + name, ignored);
}

std::string name_in_path(const std::string& path) {
    const auto at = path.find("zoneinfo/");
    if (at == std::string::npos) {
        return {};
    }
    std::string name = path.substr(at + 9);
    for (const std::string_view copy : {"posix/", "right/"}) {
        if (name.starts_with(copy)) {
            name.erase(0, copy.size());
        }
    }
    return name;
}

std::tm calendar_fields(wall reading) {
    const std::time_t value = reading;
    std::tm made{};
    ::gmtime_r(&value, &made);
    return made;
}

std::string day_text(wall reading) {
    constexpr std::array names{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    return fmt::format("{} {}", names[static_cast<std::size_t>(calendar_fields(reading).tm_wday)],
                       wire_day(reading));
}

std::string clock_text(wall reading) {
    const auto made = calendar_fields(reading);
    return fmt::format("{:02}:{:02}", made.tm_hour, made.tm_min);
}

bool same_day(wall one, wall other) { return wire_day(one) == wire_day(other); }

}  // namespace

zone user_zone(const surroundings& world) {
    if (const auto set = world.variable("TZ"); set) {
        std::string name = *set;
        if (name.starts_with(':')) {
            name.erase(0, 1);
        }
        if (name.empty()) {
            return {"UTC0", "UTC"};
        }
        if (const auto found = name_in_path(name); !found.empty()) {
            name = found;
        }
        return in_database(name) ? zone{name, name} : zone{*set, ""};
    }
    std::error_code ignored;
    auto name = name_in_path(std::filesystem::read_symlink("/etc/localtime", ignored).string());
    if (!in_database(name)) {
        std::ifstream file("/etc/timezone");
        std::getline(file, name);
    }
    return in_database(name) ? zone{name, name} : zone{"UTC0", "UTC"};
}

answer<zone> named_zone(const std::string& name) {
    if (!in_database(name)) {
        return refuse("invalid_argument",
                      "no such time zone: " + clean(name) + " (a name like Europe/Lisbon)");
    }
    return zone{name, name};
}

wall wall_at(moment when, const zone& where) {
    const zone_switch switched(where.rules);
    const std::time_t value = when;
    std::tm made{};
    ::localtime_r(&value, &made);
    return ::timegm(&made);
}

moment moment_of(wall reading, const zone& where) {
    const zone_switch switched(where.rules);
    auto made = calendar_fields(reading);
    made.tm_isdst = -1;
    return ::mktime(&made);
}

std::string wire_day(wall reading) {
    const auto made = calendar_fields(reading);
    return fmt::format("{:04}-{:02}-{:02}", made.tm_year + 1900, made.tm_mon + 1, made.tm_mday);
}

std::string wire_time(wall reading) {
    const auto made = calendar_fields(reading);
    return fmt::format("{}T{:02}:{:02}:{:02}", wire_day(reading), made.tm_hour, made.tm_min,
                       made.tm_sec);
}

std::string wire_moment(moment when) { return wire_time(when) + "Z"; }

std::optional<wall> read_wire(const std::string& text) {
    std::tm made{};
    const char* rest = ::strptime(text.c_str(), "%Y-%m-%d", &made);
    if (rest == nullptr) {
        return std::nullopt;
    }
    if (*rest == 'T') {
        rest = ::strptime(rest + 1, "%H:%M:%S", &made);
        if (rest == nullptr) {
            return std::nullopt;
        }
    }
    if (*rest == '.') {
        do {
            ++rest;
        } while (*rest >= '0' && *rest <= '9');
    }
    if (*rest == 'Z') {
        ++rest;
    }
    const std::tm read = made;
    const wall value = ::timegm(&made);
    // A day that does not exist has moved to another month.
    const bool real = made.tm_mday == read.tm_mday && made.tm_hour == read.tm_hour;
    return *rest == '\0' && real ? std::optional(value) : std::nullopt;
}

std::string when_text(const nlohmann::json& event, const zone& mine) {
    const auto start_text = text_of(event, "start");
    if (truth_of(event, "all_day")) {
        const auto first = read_wire(start_text);
        const auto last = read_wire(text_of(event, "end"));
        if (!first) {
            return clean(start_text);
        }
        return last && *last > *first ? fmt::format("{} - {}", day_text(*first), day_text(*last))
                                      : day_text(*first) + " all day";
    }
    const auto start = read_wire(text_of(event, "start_utc"));
    const auto end = read_wire(text_of(event, "end_utc"));
    if (!start) {
        return clean(start_text);
    }
    const wall from = wall_at(*start, mine);
    std::string made = fmt::format("{} {}", day_text(from), clock_text(from));
    if (end && *end > *start) {
        const wall to = wall_at(*end, mine);
        made += " - " + (same_day(from, to) ? "" : day_text(to) + " ") + clock_text(to);
    }
    return made;
}

std::string hour_text(const std::string& utc, const zone& mine) {
    const auto when = read_wire(utc);
    return when ? clock_text(wall_at(*when, mine)) : clean(utc);
}

std::string moment_text(const std::string& utc, const zone& mine) {
    const auto when = read_wire(utc);
    if (!when) {
        return clean(utc);
    }
    const wall reading = wall_at(*when, mine);
    return fmt::format("{} {}", day_text(reading), clock_text(reading));
}

}  // namespace calbox::ctl
