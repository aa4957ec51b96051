#include <calbox/error.hpp>

#include <array>

namespace calbox {

namespace {

struct entry {
    errc code;
    std::string_view name;
    std::string_view sentence;
};

constexpr std::array entries = {
    entry{errc::ok, "ok", "done"},
    entry{errc::invalid_argument, "invalid_argument", "the input is not valid"},
    entry{errc::not_found, "not_found", "there is no such thing"},
    entry{errc::already_exists, "already_exists", "it exists already"},
    entry{errc::unauthorised, "unauthorised", "wrong name or password, or not signed in"},
    entry{errc::forbidden, "forbidden", "this is not allowed"},
    entry{errc::conflict, "conflict", "it has changed in the meantime"},
    entry{errc::busy, "busy", "somebody else is using it now"},
    entry{errc::unavailable, "unavailable", "nobody who could answer can be reached"},
    entry{errc::timed_out, "timed_out", "no answer came in time"},
    entry{errc::cancelled, "cancelled", "it was cancelled"},
    entry{errc::too_large, "too_large", "it is larger than the limit"},
    entry{errc::malformed, "malformed", "the data cannot be read"},
    entry{errc::mismatch, "mismatch", "a hash, signature or identity does not match"},
    entry{errc::unsupported, "unsupported", "this version does not know it"},
    entry{errc::io_failed, "io_failed", "the operating system reports an error"},
    entry{errc::disk_full, "disk_full", "the disk is full"},
    entry{errc::closed, "closed", "the connection ended"},
    entry{errc::queue_full, "queue_full", "too much is waiting already"},
    entry{errc::not_caught_up, "not_caught_up", "this device is still catching up"},
    entry{errc::offline, "offline", "this device is offline"},
    entry{errc::internal, "internal", "an internal error: please report it"},
};

const entry& find(errc code) noexcept {
    for (const entry& candidate : entries) {
        if (candidate.code == code) {
            return candidate;
        }
    }
    return entries.back();
}

}  // namespace

std::string_view to_sentence(errc code) noexcept { return find(code).sentence; }
std::string_view to_string(errc code) noexcept { return find(code).name; }

std::string error::message() const {
    return detail.empty() ? std::string(to_sentence(code)) : detail;
}

}  // namespace calbox
