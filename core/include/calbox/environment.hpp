// What a strategy may know of the world: the time, randomness, and a log. Everything else arrives
// as input. The composition root provides the real ones, the simulator its own. Called on the core
// thread only.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <span>
#include <string_view>

namespace calbox {

using duration = std::chrono::nanoseconds;

/// A point of the monotonic clock; frozen within one turn of the event loop.
struct instant {
    duration since_start{};
    friend constexpr auto operator<=>(const instant&, const instant&) = default;
    friend constexpr instant operator+(instant at, duration d) { return {at.since_start + d}; }
    friend constexpr duration operator-(instant a, instant b) {
        return a.since_start - b.since_start;
    }
};

/// Milliseconds of UTC since 1970, as stored and sent. For display and validity, never for order.
struct timestamp {
    std::int64_t ms = 0;
    friend constexpr auto operator<=>(const timestamp&, const timestamp&) = default;
};

class clock {
public:
    virtual ~clock();
    virtual instant now() const noexcept = 0;     // for intervals
    virtual timestamp wall() const noexcept = 0;  // for people and certificates
};

class random {
public:
    virtual ~random();
    /// Fills with bytes fit for keys (the simulator's come from its seed).
    virtual void fill(std::span<std::uint8_t> out) noexcept = 0;
    std::uint64_t next() noexcept;
    /// Uniform in [0, bound); 0 when bound is 0.
    std::uint64_t below(std::uint64_t bound) noexcept;
};

/// Levels by consequence: info is rare and no peer can cause it at will; warn wants the operator's
/// eye.
enum class log_level { debug, info, warn, error };

class logger {
public:
    virtual ~logger();
    virtual void write(log_level level, std::string_view area, std::string_view text) noexcept = 0;
};

}  // namespace calbox
