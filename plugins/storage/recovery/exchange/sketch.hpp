// Rateless invertible Bloom lookup table (Yang, Gilad, Alizadeh, "Practical Rateless Set
// Reconciliation", SIGCOMM 2024), over 64-bit keyed hashes of <event, version>. Symbol i is the sum
// (XOR) of the items that map to it, of their checks, and their count; an item maps to symbol 0 and
// to symbol i with probability 1 / (1 + i/2). About 1.35 to 1.7 symbols a difference decode two
// sets' difference, whatever their size. The key is fresh for every exchange, so that nobody can
// choose events that cancel out. Values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "packed.hpp"

namespace calbox::recovery {

using sketch_key = std::array<std::uint8_t, 16>;

/// SipHash-2-4 of the event and its order under a key.
class item_hash {
public:
    explicit item_hash(const sketch_key& key) noexcept;
    std::uint64_t of(const known& one) const noexcept;
    /// Of each in turn. What one shares with the one before it is hashed once.
    std::vector<std::uint64_t> of(const std::vector<listed>& all) const;
    std::vector<std::uint64_t> of(const std::vector<known>& all) const;
    /// Which of `parts` shares of the work this event belongs to, whatever its version.
    std::uint64_t part_of(const event_id& event, std::uint64_t parts) const noexcept;
    std::uint64_t of(const stream_id& stream) const noexcept;
    std::uint64_t of(byte_view data) const noexcept;

private:
    std::uint64_t k0_, k1_;
};

struct symbol {
    std::uint64_t sum = 0;
    std::uint32_t check = 0;
    std::int64_t count = 0;
};

/// Symbols of one set, and of one exchange between two devices; a responder computes no more.
inline constexpr std::size_t symbols_max = 131'072;
/// On the wire, about: 8 + 4 + a count of 1 or 2.
inline constexpr std::size_t symbol_bytes = 14;

/// Symbols [from, to) of a set.
std::vector<symbol> symbols_of(const std::vector<std::uint64_t>& items, std::size_t from,
                               std::size_t to);
/// So many are enough in 99 of 100 cases for `differences`.
std::size_t symbols_for(std::uint64_t differences) noexcept;

/// `set_size` is what the counts are coded against.
bytes pack_symbols(const std::vector<symbol>& symbols, std::size_t from, std::uint64_t set_size);
result<std::vector<symbol>> unpack_symbols(byte_view packed, std::size_t from,
                                           std::uint64_t set_size);

/// Items of one set only.
struct difference {
    std::vector<std::uint64_t> theirs, mine;
};

/// Takes the other side's symbols as they come, and finds the difference once they are enough.
class sketch_decoder {
public:
    explicit sketch_decoder(std::vector<std::uint64_t> mine) : mine_(std::move(mine)) {}
    /// The next symbols; true when the whole difference is known.
    bool add(const std::vector<symbol>& theirs);
    const difference& found() const noexcept { return found_; }
    std::size_t symbols() const noexcept { return symbols_.size(); }
    /// How many symbols it should have in all, judged by how many of the last are empty.
    std::size_t wanted() const;

private:
    bool peel();
    void take(std::uint64_t item, std::int64_t sign, std::vector<std::size_t>& next);

    std::vector<std::uint64_t> mine_;
    std::vector<symbol> symbols_;  // theirs less mine, less what has been found
    difference found_;
};

}  // namespace calbox::recovery
