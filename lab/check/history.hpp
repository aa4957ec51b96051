// A history: what clients asked of events, when, and what they were told. One JSON object a line
// (docs/lab.md, "Histories"). Simulated worlds, end-to-end tests and users' bug reports write it;
// histcheck judges it. Values; any thread.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <calbox/error.hpp>

namespace calbox::lab {

enum class operation_kind : std::uint8_t {
    read,    // what is the newest version?
    cas,     // compare and set: modify or delete the event, if `expect` is its version
    create,  // makes version 1 of an event that never was
};

enum class operation_result : std::uint8_t {
    ok,        // done: `version` is what was read or made
    conflict,  // not done, now or later: the event was at another version
    fail,      // not done, now or later, for a reason that says nothing of the event
    unknown,   // done, or to be done at any time after the call, or never
};

/// One operation of one client on one event. Times are of one clock for the whole history, in any
/// unit. An operation that ended at the time at which another began is taken to overlap with it.
struct operation {
    std::string client;               // ends with its first unknown result; a new one goes on
    std::int64_t call = 0;            // when it was asked
    std::optional<std::int64_t> ret;  // when the answer came; may be absent for unknown
    operation_kind op = operation_kind::read;
    std::string key;  // the event: "alice/1.7"
    /// cas: the version that it replaces. Absent: whichever is the newest (to attach a file, say).
    std::optional<std::uint64_t> expect;
    /// read: the content found. cas, create: the content written. A hash will do. Absent: not told.
    std::optional<std::string> value;
    /// "value": null. read: nothing is there (never was, or deleted). cas: deletes.
    bool gone = false;
    operation_result res = operation_result::ok;
    /// ok: what was read (0: never created) or made. conflict: the version met. A read that found
    /// nothing and a conflict need not tell.
    std::optional<std::uint64_t> version;

    friend bool operator==(const operation&, const operation&) = default;
};

using history = std::vector<operation>;

std::string_view to_string(operation_kind kind) noexcept;
std::string_view to_string(operation_result result) noexcept;

/// Whether one operation makes sense by itself; invalid_argument says what does not.
result<void> well_formed(const operation& what);
/// Besides: a client does one thing at a time, and nothing after an unknown result. The sentence
/// names operations by their place in the history, from 1: their line, where no line is blank.
result<void> well_formed(const history& what);

struct history_limits {
    std::size_t line = 64 * 1024;  // bytes
    std::size_t operations = 20'000'000;
};

/// Reads to the end. Blank lines and lines that begin with '#' are skipped. malformed or too_large,
/// with the number of the line. Each operation is well formed; whether all of them together are is
/// left to the caller.
result<history> read_history(std::istream& from, const history_limits& limits = {});
result<operation> read_operation(std::string_view line);

/// One line, without its end. Strings that are not UTF-8 are written with replacement characters.
std::string to_line(const operation& what);
void write_history(std::ostream& to, const history& what);

}  // namespace calbox::lab
