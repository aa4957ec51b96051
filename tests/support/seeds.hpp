#pragma once

#include <cstdint>

namespace calbox::test {

/// Whether this program looks at how the code reaches memory, which makes it some twenty times as
/// slow.
inline constexpr bool sanitized = __has_feature(address_sanitizer);

/// How many of `all` seeds, or random rounds, are played.
constexpr std::uint64_t seeds(std::uint64_t all) { return sanitized ? all / 10 : all; }

}  // namespace calbox::test
