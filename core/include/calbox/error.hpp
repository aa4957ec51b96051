// Errors as values. One enumeration for the whole project, one sentence per value; `detail` says
// what it was about. Expected outcomes travel as result<T>; exceptions mean cancellation or a bug.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace calbox {

/// What went wrong, in the terms that a caller can act on. Values are part of the wire format:
/// append only.
enum class errc : int {
    ok = 0,
    invalid_argument = 1,  // the input does not fit its grammar or its limits
    not_found = 2,         // no such event, file, user, device
    already_exists = 3,    // the name or id is taken
    unauthorised = 4,      // wrong name or password, or not signed in
    forbidden = 5,         // signed in, and not allowed to do this
    conflict = 6,          // the version expected is not the current one
    busy = 7,              // somebody else holds the lock, or every slot is taken
    unavailable = 8,       // nobody who could answer is reachable
    timed_out = 9,         // no answer before the deadline
    cancelled = 10,        // asked to stop
    too_large = 11,        // above a limit of the limits table
    malformed = 12,        // bytes from a peer, a file or the store that cannot be read
    mismatch = 13,       // hash, signature, certificate or identity differs from what was expected
    unsupported = 14,    // a version, algorithm or feature that this build does not know
    io_failed = 15,      // the disk or the operating system said no
    disk_full = 16,      // no space left
    closed = 17,         // the connection ended
    queue_full = 18,     // a bounded queue is at its bound
    not_caught_up = 19,  // this node has not pulled what it missed yet
    offline = 20,        // no lease and nobody of the event reachable
    internal = 21,       // a bug: please report it
};

/// One sentence for people, without a full stop.
std::string_view to_sentence(errc code) noexcept;
/// The identifier used in logs, on the API and by `--json`: "not_found".
std::string_view to_string(errc code) noexcept;

struct error {
    errc code = errc::internal;
    std::string detail;

    error() = default;
    error(errc code_in, std::string detail_in = {}) : code(code_in), detail(std::move(detail_in)) {}

    /// The detail, which stands alone ("no such event: alice/1.7"); the sentence of the code
    /// without one.
    std::string message() const;
    friend bool operator==(const error&, const error&) = default;
};

template <class T>
using result = tl::expected<T, error>;

inline tl::unexpected<error> fail(errc code, std::string detail = {}) {
    return tl::unexpected<error>(error(code, std::move(detail)));
}
inline tl::unexpected<error> fail(error problem) {
    return tl::unexpected<error>(std::move(problem));
}

}  // namespace calbox
