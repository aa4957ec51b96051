// The file format of the zone database (RFC 8536) and the rule at its end (POSIX TZ).
#include <algorithm>
#include <array>

#include "model/zones.hpp"

namespace calbox::model {

namespace {

/// Takes big-endian numbers from the front of a file; `good` falls when it is too short.
struct reader {
    std::string_view rest;
    bool good = true;

    std::string_view take(std::size_t size) {
        if (rest.size() < size) {
            good = false;
            rest = {};
            return {};
        }
        const std::string_view taken = rest.substr(0, size);
        rest.remove_prefix(size);
        return taken;
    }
    std::int64_t number(std::size_t size) {
        const std::string_view taken = take(size);
        // Sign-extends: the first byte carries the sign.
        std::uint64_t value = !taken.empty() && (taken.front() & 0x80) != 0 ? ~std::uint64_t{0} : 0;
        for (const char c : taken) {
            value = value << 8 | static_cast<unsigned char>(c);
        }
        return static_cast<std::int64_t>(value);
    }
};

struct header {
    char version = 0;
    std::array<std::size_t, 6> counts{};  // isut, isstd, leap, time, type, char

    std::size_t leaps() const { return counts[2]; }
    std::size_t times() const { return counts[3]; }
    std::size_t types() const { return counts[4]; }
    std::size_t characters() const { return counts[5]; }
    std::size_t indicators() const { return counts[0] + counts[1]; }
    std::size_t block(std::size_t time_size) const {
        return times() * (time_size + 1) + types() * 6 + characters() + leaps() * (time_size + 4) +
               indicators();
    }
};

std::optional<header> read_header(reader& in) {
    if (in.take(4) != "TZif") {
        return std::nullopt;
    }
    header read;
    const std::string_view version = in.take(16);
    read.version = version.empty() ? '\0' : version.front();
    for (std::size_t& count : read.counts) {
        const std::int64_t value = in.number(4);
        if (value < 0 || value > 65'536) {
            return std::nullopt;
        }
        count = static_cast<std::size_t>(value);
    }
    return in.good ? std::optional(read) : std::nullopt;
}

std::optional<zone_data> read_block(reader& in, const header& of, std::size_t time_size) {
    std::vector<std::int64_t> times(of.times());
    for (std::int64_t& time : times) {
        time = in.number(time_size);
    }
    const std::string_view indices = in.take(of.times());
    const std::string_view types = in.take(of.types() * 6);
    const std::string_view names = in.take(of.characters());
    in.take(of.leaps() * (time_size + 4) + of.indicators());
    if (!in.good || of.types() == 0 || !std::ranges::is_sorted(times)) {
        return std::nullopt;
    }
    std::vector<observance> observances;
    for (std::size_t i = 0; i < of.types(); ++i) {
        reader type{types.substr(i * 6, 6)};
        observance one;
        one.offset = type.number(4);
        one.daylight = type.number(1) != 0;
        const auto name = static_cast<std::size_t>(type.number(1) & 0xff);
        if (name >= names.size() || one.offset < -93'600 || one.offset > 93'600) {
            return std::nullopt;
        }
        const std::string_view abbreviation = names.substr(name);
        one.abbreviation = abbreviation.substr(0, abbreviation.find('\0'));
        observances.push_back(std::move(one));
    }
    zone_data data;
    data.first = observances.front();
    observance before = data.first;
    for (std::size_t i = 0; i < times.size(); ++i) {
        const auto index = static_cast<unsigned char>(indices[i]);
        if (index >= observances.size()) {
            return std::nullopt;
        }
        // The year 1 is the first that events can lie in; older files begin at the big bang. Some
        // list a change of nothing in 2038, for readers that do not know the rule.
        if (times[i] >= -62'135'596'800 && observances[index] != before) {
            data.changes.push_back({times[i], before, observances[index]});
        }
        before = observances[index];
        if (data.changes.empty()) {
            data.first = before;
        }
    }
    return data;
}

struct rule_reader {
    std::string_view rest;
    bool good = true;

    bool skip(char c) {
        const bool there = rest.starts_with(c);
        rest.remove_prefix(there ? 1 : 0);
        return there;
    }
    std::int64_t digits() {
        std::int64_t value = 0;
        std::size_t count = 0;
        while (!rest.empty() && rest.front() >= '0' && rest.front() <= '9' && count < 4) {
            value = value * 10 + (rest.front() - '0');
            rest.remove_prefix(1);
            ++count;
        }
        good = good && count > 0;
        return value;
    }
    /// "[+-]hh[:mm[:ss]]" in seconds.
    std::int64_t time() {
        const bool negative = skip('-');
        if (!negative) {
            skip('+');
        }
        std::int64_t seconds = digits() * 3600;
        if (skip(':')) {
            seconds += digits() * 60;
            if (skip(':')) {
                seconds += digits();
            }
        }
        good = good && seconds <= 604'800;
        return negative ? -seconds : seconds;
    }
    std::string name() {
        const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
        const bool bracketed = skip('<');
        std::size_t length = 0;
        while (length < rest.size() && (bracketed ? rest[length] != '>' : letter(rest[length]))) {
            ++length;
        }
        std::string read(rest.substr(0, length));
        rest.remove_prefix(length);
        good = good && !read.empty() && (!bracketed || skip('>'));
        return read;
    }
    /// ",Mm.w.d[/time]". The forms that count days of the year are not used by any zone.
    yearly_change change() {
        good = good && skip(',') && skip('M');
        yearly_change read;
        read.month = static_cast<unsigned>(digits());
        good = skip('.') && good;
        read.week = static_cast<unsigned>(digits());
        good = skip('.') && good;
        read.weekday = static_cast<unsigned>(digits());
        read.seconds = skip('/') ? time() : 7200;
        good = good && read.month >= 1 && read.month <= 12 && read.week >= 1 && read.week <= 5 &&
               read.weekday <= 6;
        return read;
    }
};

}  // namespace

std::optional<yearly_rule> parse_yearly_rule(std::string_view text) {
    rule_reader in{text};
    yearly_rule rule;
    rule.standard.abbreviation = in.name();
    rule.standard.offset = -in.time();
    if (!in.good || in.rest.empty()) {
        return std::nullopt;
    }
    rule.daylight.daylight = true;
    rule.daylight.abbreviation = in.name();
    rule.daylight.offset = in.rest.starts_with(',') ? rule.standard.offset + 3600 : -in.time();
    rule.to_daylight = in.change();
    rule.to_standard = in.change();
    return in.good && in.rest.empty() ? std::optional(rule) : std::nullopt;
}

std::optional<zone_data> parse_tzif(std::string_view file) {
    reader in{file};
    const auto old = read_header(in);
    if (!old) {
        return std::nullopt;
    }
    if (old->version == '\0') {
        return read_block(in, *old, 4);
    }
    in.take(old->block(4));
    const auto current = read_header(in);
    auto data = current ? read_block(in, *current, 8) : std::nullopt;
    // The rule stands between two line ends.
    const std::size_t end = in.rest.find('\n', 1);
    if (data && in.rest.starts_with('\n') && end != std::string_view::npos) {
        data->rule = parse_yearly_rule(in.rest.substr(1, end - 1));
    }
    return data;
}

}  // namespace calbox::model
