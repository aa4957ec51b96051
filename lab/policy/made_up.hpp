// What large worlds have in common: devices that are numbers, and a trace that tells two runs
// apart.
#pragma once

#include <cstdint>
#include <span>

#include <calbox/ids.hpp>

#include "lab/sim/chance.hpp"

namespace calbox::lab::policy {

/// Spread over all ids by the seed; `kind` tells apart devices with one number.
inline device_id made_up_id(std::uint64_t seed, std::uint32_t number, std::uint32_t kind) {
    device_id id;
    seeded spread(seed ^ (std::uint64_t{kind} << 40 | number));
    spread.fill(std::span(id.value).first(28));
    for (int i = 0; i < 4; ++i) {
        id.value[28 + static_cast<std::size_t>(i)] =
            static_cast<std::uint8_t>(number >> (24 - 8 * i));
    }
    return id;
}

/// Of a device whose id ends with its number.
inline std::uint32_t number_of(const device_id& device) noexcept {
    const auto& value = device.value;
    return std::uint32_t{value[28]} << 24 | std::uint32_t{value[29]} << 16 |
           std::uint32_t{value[30]} << 8 | value[31];
}

inline void add_to(std::uint64_t& trace, std::uint64_t value) noexcept {
    trace = (trace ^ value) * 0x9e3779b97f4a7c15ull;
    trace ^= trace >> 29;
}

}  // namespace calbox::lab::policy
