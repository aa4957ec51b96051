#include "lab/check/history.hpp"

#include <algorithm>
#include <array>
#include <istream>
#include <map>
#include <ostream>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace calbox::lab {

namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 3> kinds{"read", "cas", "create"};
constexpr std::array<std::string_view, 4> results{"ok", "conflict", "fail", "unknown"};

template <class Enumeration, std::size_t Count>
bool named(const std::array<std::string_view, Count>& names, const json& value, Enumeration& into) {
    if (!value.is_string()) {
        return false;
    }
    const auto found = std::ranges::find(names, value.get_ref<const std::string&>());
    into = static_cast<Enumeration>(found - names.begin());
    return found != names.end();
}

bool whole(const json& value, std::int64_t& into) {
    if (!value.is_number_integer() ||
        (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX)) {
        return false;
    }
    into = value.get<std::int64_t>();
    return true;
}

/// A version: small enough that the next one is a number, too.
bool version(const json& value, std::optional<std::uint64_t>& into) {
    std::int64_t number = 0;
    if (!whole(value, number) || number < 0 || number == INT64_MAX) {
        return false;
    }
    into = static_cast<std::uint64_t>(number);
    return true;
}

/// Names of clients may be numbers.
bool client(const json& value, std::string& into) {
    if (value.is_number_integer()) {
        into = value.dump();
        return true;
    }
    if (!value.is_string()) {
        return false;
    }
    into = value.get<std::string>();
    return !into.empty();
}

bool content(const json& value, operation& into) {
    into.gone = value.is_null();
    if (value.is_string()) {
        into.value = value.get<std::string>();
    }
    return into.gone || value.is_string();
}

bool time_or_null(const json& value, std::optional<std::int64_t>& into) {
    std::int64_t number = 0;
    if (value.is_null()) {
        return true;
    }
    if (!whole(value, number)) {
        return false;
    }
    into = number;
    return true;
}

enum class taken { yes, no, no_such_field };

taken take_field(const std::string& name, const json& value, operation& into) {
    const auto say = [](bool good) { return good ? taken::yes : taken::no; };
    if (name == "client") {
        return say(client(value, into.client));
    }
    if (name == "call") {
        return say(whole(value, into.call));
    }
    if (name == "ret") {
        return say(time_or_null(value, into.ret));
    }
    if (name == "op") {
        return say(named(kinds, value, into.op));
    }
    if (name == "key") {
        into.key = value.is_string() ? value.get<std::string>() : std::string();
        return say(!into.key.empty());
    }
    if (name == "expect") {
        return say(value.is_null() || version(value, into.expect));
    }
    if (name == "value") {
        return say(content(value, into));
    }
    if (name == "res") {
        return say(named(results, value, into.res));
    }
    if (name == "version") {
        return say(value.is_null() || version(value, into.version));
    }
    return taken::no_such_field;
}

tl::unexpected<error> wrong(std::string sentence) {
    return fail(errc::invalid_argument, std::move(sentence));
}

result<void> well_formed_write(const operation& what) {
    if (what.op == operation_kind::create) {
        if (what.gone) {
            return wrong("a create writes a value, not null");
        }
        if (what.expect.value_or(0) != 0) {
            return wrong("a create expects no version, or 0");
        }
    } else if (what.expect && *what.expect == 0) {
        return wrong("a cas expects version 1 or more: only create makes the first");
    } else if (!what.expect && what.res == operation_result::conflict) {
        return wrong("a cas that expected no version cannot meet another");
    }
    if (what.res == operation_result::ok && what.version.value_or(0) == 0) {
        return wrong("a write that is ok has made a version, from 1");
    }
    return {};
}

result<void> well_formed_read(const operation& what) {
    if (what.expect) {
        return wrong("a read expects no version");
    }
    if (what.res == operation_result::conflict) {
        return wrong("a read has no conflict");
    }
    if (what.res != operation_result::ok) {
        return {};
    }
    if (!what.version && !what.gone) {
        return wrong("a read that found something tells its version");
    }
    if (what.version && *what.version == 0 && what.value) {
        return wrong("version 0 means that nothing was there yet: it has no value");
    }
    return {};
}

/// A value as it stands in a sentence: short, and without descending into it.
std::string shown(const json& value) {
    if (value.is_structured()) {
        return value.is_array() ? "an array" : "an object";
    }
    constexpr std::size_t most = 60;
    const std::string text = value.dump(-1, ' ', true);
    return text.size() <= most ? text : text.substr(0, most) + "...";
}

std::string place(std::size_t index) { return fmt::format("operation {}", index + 1); }

}  // namespace

std::string_view to_string(operation_kind kind) noexcept {
    return kinds[static_cast<std::size_t>(kind)];
}
std::string_view to_string(operation_result result) noexcept {
    return results[static_cast<std::size_t>(result)];
}

result<void> well_formed(const operation& what) {
    if (what.key.empty()) {
        return wrong("an operation names its event, as key");
    }
    if (what.client.empty()) {
        return wrong("an operation names its client");
    }
    if (what.value && what.gone) {
        return wrong("a value and null at once");
    }
    if (!what.ret && what.res != operation_result::unknown) {
        return wrong("an operation that was answered tells when, as ret");
    }
    if (what.ret && *what.ret < what.call) {
        return wrong("the answer came before the call");
    }
    return what.op == operation_kind::read ? well_formed_read(what) : well_formed_write(what);
}

result<void> well_formed(const history& what) {
    std::map<std::string_view, std::vector<std::size_t>> of_clients;
    for (std::size_t i = 0; i < what.size(); ++i) {
        const result<void> alone = well_formed(what[i]);
        if (!alone) {
            return wrong(place(i) + ": " + alone.error().detail);
        }
        of_clients[what[i].client].push_back(i);
    }
    for (auto& [name, own] : of_clients) {
        std::ranges::sort(own, {}, [&](std::size_t i) {
            return std::tuple(what[i].call, what[i].ret.value_or(INT64_MAX), i);
        });
        for (std::size_t i = 1; i < own.size(); ++i) {
            const operation& before = what[own[i - 1]];
            if (before.res == operation_result::unknown) {
                return wrong(fmt::format(
                    "{}: client {} goes on after the unknown result of {}: a new client must",
                    place(own[i]), name, place(own[i - 1])));
            }
            if (what[own[i]].call < *before.ret) {
                return wrong(fmt::format("{}: client {} asks before {} was answered", place(own[i]),
                                         name, place(own[i - 1])));
            }
        }
    }
    return {};
}

result<operation> read_operation(std::string_view line) {
    const json parsed = json::parse(line, nullptr, false);
    if (!parsed.is_object()) {
        return fail(errc::malformed, "not a JSON object");
    }
    operation made;
    for (const auto& [name, value] : parsed.items()) {
        const taken how = take_field(name, value, made);
        if (how == taken::no_such_field) {
            return fail(errc::malformed, "there is no field " + shown(name));
        }
        if (how == taken::no) {
            return fail(errc::malformed, name + " cannot be " + shown(value));
        }
    }
    for (const char* needed : {"client", "call", "op", "key", "res"}) {
        if (!parsed.contains(needed)) {
            return fail(errc::malformed, std::string(needed) + " is missing");
        }
    }
    const result<void> sense = well_formed(made);
    if (!sense) {
        return fail(errc::malformed, sense.error().detail);
    }
    return made;
}

result<history> read_history(std::istream& from, const history_limits& limits) {
    history made;
    std::string line;
    std::size_t number = 0;
    const auto at_line = [&](errc code, const std::string& what) {
        return fail(code, fmt::format("line {}: {}", number, what));
    };
    std::vector<char> buffer(limits.line + 2);
    while (from.good()) {
        ++number;
        from.getline(buffer.data(), static_cast<std::streamsize>(buffer.size()));
        const auto got = static_cast<std::size_t>(from.gcount());
        if (from.bad()) {
            return at_line(errc::io_failed, "cannot be read");
        }
        if (from.fail() && got > 0) {
            return at_line(errc::too_large, fmt::format("longer than {} bytes", limits.line));
        }
        std::string_view text(buffer.data(), got - (got > 0 && !from.eof() ? 1 : 0));
        if (text.ends_with('\r')) {
            text.remove_suffix(1);
        }
        if (text.find_first_not_of(" \t") == std::string_view::npos || text.front() == '#') {
            continue;
        }
        if (made.size() == limits.operations) {
            return at_line(errc::too_large, fmt::format("more than {} operations", made.size()));
        }
        result<operation> read = read_operation(text);
        if (!read) {
            return at_line(read.error().code, read.error().detail);
        }
        made.push_back(std::move(*read));
    }
    return made;
}

std::string to_line(const operation& what) {
    nlohmann::ordered_json made;
    made["client"] = what.client;
    made["call"] = what.call;
    if (what.ret) {
        made["ret"] = *what.ret;
    }
    made["op"] = to_string(what.op);
    made["key"] = what.key;
    if (what.expect) {
        made["expect"] = *what.expect;
    }
    if (what.gone) {
        made["value"] = nullptr;
    } else if (what.value) {
        made["value"] = *what.value;
    }
    made["res"] = to_string(what.res);
    if (what.version) {
        made["version"] = *what.version;
    }
    return made.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

void write_history(std::ostream& to, const history& what) {
    for (const operation& one : what) {
        to << to_line(one) << '\n';
    }
}

}  // namespace calbox::lab
