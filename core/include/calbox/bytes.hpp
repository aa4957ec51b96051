// Byte sequences, as every room and every plugin passes them. Values; no ownership rules beyond
// std.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace calbox {

using bytes = std::vector<std::uint8_t>;
using byte_view = std::span<const std::uint8_t>;

inline byte_view as_bytes(std::string_view text) noexcept {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline bytes to_bytes(std::string_view text) { return {text.begin(), text.end()}; }
inline bytes to_bytes(byte_view view) { return {view.begin(), view.end()}; }
inline std::string_view as_text(byte_view view) noexcept {
    return {reinterpret_cast<const char*>(view.data()), view.size()};
}

/// Lower-case hexadecimal, two digits a byte.
std::string to_hex(byte_view view);
/// Reads what to_hex writes (either case); nothing when a digit is wrong or the length is odd.
std::optional<bytes> from_hex(std::string_view text);

/// Compares in time that depends on the length alone.
bool equal_constant_time(byte_view left, byte_view right) noexcept;

}  // namespace calbox
