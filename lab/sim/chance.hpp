// Chance that a seed decides: named streams of pseudo-random numbers, and the same for the
// cryptographic libraries, whose own sources would make each run another one. Not fit for keys
// outside of a simulation. One thread.
#pragma once

#include <string_view>

#include <calbox/environment.hpp>

namespace calbox::lab {

/// xoshiro256** (Blackman and Vigna, 2018), seeded by splitmix64.
class seeded final : public random {
public:
    explicit seeded(std::uint64_t seed) noexcept;
    /// A stream of its own for `name`: what one stream gives out does not move the others.
    seeded(std::uint64_t seed, std::string_view name) noexcept;
    void fill(std::span<std::uint8_t> out) noexcept override;
    std::uint64_t draw() noexcept;
    bool happens(unsigned per_mille) noexcept { return per_mille > 0 && below(1000) < per_mille; }
    /// Evenly between the two, both included.
    duration between(duration least, duration most) noexcept;

private:
    std::uint64_t state_[4];
};

/// While it lives, OpenSSL and libsodium take their random numbers from `source`. One at a time in
/// a process.
class library_chance {
public:
    explicit library_chance(seeded& source);
    ~library_chance();
    library_chance(const library_chance&) = delete;
    library_chance& operator=(const library_chance&) = delete;
};

}  // namespace calbox::lab
