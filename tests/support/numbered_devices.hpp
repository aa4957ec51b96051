// Devices that are only a number, for tests in which nobody proves who he is.
#pragma once

#include <cstdint>

#include <calbox/ids.hpp>

namespace calbox {

/// The device whose id is that byte, 32 times.
inline device_id device(std::uint8_t number) {
    return *device_id::from_bytes(bytes(device_id::size, number));
}

}  // namespace calbox
