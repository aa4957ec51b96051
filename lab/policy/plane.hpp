// Where the nodes of a large world are, and how long a message takes between two places. Whole
// numbers, so that every machine gets the same times. Values; no thread rules.
#pragma once

#include <cmath>
#include <cstdlib>

#include <calbox/environment.hpp>

namespace calbox::lab::policy {

struct place {
    std::uint16_t x = 0, y = 0;
};

inline place any_place(random& chance) noexcept {
    const std::uint64_t drawn = chance.next();
    return {static_cast<std::uint16_t>(drawn), static_cast<std::uint16_t>(drawn >> 16)};
}

/// One way, 5 to 110 ms (a round trip of 10 to 220 ms) by distance. Where the plane `wraps`, its
/// edges meet: no place is more central than another.
inline duration travel(place from, place to, bool wraps) noexcept {
    constexpr std::int64_t width = 65'536;
    const auto along = [wraps](std::uint16_t a, std::uint16_t b) {
        const std::int64_t straight = std::abs(std::int64_t{a} - std::int64_t{b});
        return wraps && straight > width / 2 ? width - straight : straight;
    };
    const std::int64_t dx = along(from.x, to.x), dy = along(from.y, to.y);
    const auto distance =
        static_cast<std::int64_t>(std::sqrt(static_cast<double>(dx * dx + dy * dy)));
    const std::int64_t farthest = wraps ? 46'341 : 92'682;  // half of the diagonal, or all of it
    return std::chrono::microseconds(5'000 + 105'000 * distance / farthest);
}

}  // namespace calbox::lab::policy
