// Devices that are only a number, for tests in which nobody proves who he is.
#pragma once

#include <cstdint>

#include <calbox/ids.hpp>

namespace calbox {

/// The device whose id begins with that number, its higher byte first, and is zero after it: ids
/// are ordered as their numbers.
inline device_id device(std::uint16_t number) {
    device_id id;
    id.value[0] = static_cast<std::uint8_t>(number >> 8);
    id.value[1] = static_cast<std::uint8_t>(number);
    return id;
}

}  // namespace calbox
