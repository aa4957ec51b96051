// Objects that devices hold (events and files), and which rendezvous keep the list of an object's
// holders: weighted rendezvous hashing (Thaler and Ravishankar 1998; weights as in Schindelhauer
// and Schomaker 2005), in fixed point, so that all builds choose the same. Values and pure
// functions; any thread.
#pragma once

#include <vector>

#include <calbox/ids.hpp>

#include "wire/messages.hpp"

namespace calbox::overlay {

using wire::object_id;

/// First 160 bits of SHA-256("calbox object 1", kind, id). An event is named by the hash of one of
/// its versions: who guesses the event's number, and takes no part in it, cannot ask who holds it.
object_id object_of(const event_id& which, const digest& version);
object_id object_of(const file_root& which);

struct keeper {
    device_id device;
    std::uint32_t weight = 1;  // its share of all objects, beside those of the others; at least 1
};
/// At most so many of them, best first. When one comes or goes, only its own share changes owners.
std::vector<device_id> owners_of(const object_id& object, const std::vector<keeper>& among,
                                 std::size_t most);

/// The finaliser of MurmurHash3 (Appleby, public domain).
std::uint64_t mixed(std::uint64_t word) noexcept;
/// The first 8 bytes of an id, big-endian.
std::uint64_t first_word(byte_view id) noexcept;

/// -log2((hash + 1) / 2^64), in units of 2^-32: at most 64 * 2^32, 0 for the greatest hash.
std::uint64_t minus_log2(std::uint64_t hash) noexcept;

}  // namespace calbox::overlay
