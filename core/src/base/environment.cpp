#include "base/environment.hpp"

namespace calbox {

clock::~clock() = default;
random::~random() = default;
logger::~logger() = default;
timer_queue::~timer_queue() = default;
worker::~worker() = default;

std::uint64_t random::next() noexcept {
    std::uint8_t data[8];
    fill(data);
    std::uint64_t value = 0;
    for (const std::uint8_t byte : data) {
        value = value << 8 | byte;
    }
    return value;
}

std::uint64_t random::below(std::uint64_t bound) noexcept {
    if (bound == 0) {
        return 0;
    }
    // Rejection keeps it uniform: values above the largest multiple of bound are drawn again.
    const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
    std::uint64_t value = next();
    while (value >= limit) {
        value = next();
    }
    return value % bound;
}

}  // namespace calbox
