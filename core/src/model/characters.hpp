// What text of people may consist of: UTF-8, and no characters that steer a terminal. Pure
// functions.
#pragma once

#include <cstddef>
#include <string_view>

namespace calbox::model {

/// Length of the UTF-8 sequence at the start of `text` and its code point; length 0 when it is not
/// well-formed (overlong, surrogate, beyond U+10FFFF, cut off).
struct code_point {
    char32_t value = 0;
    std::size_t length = 0;
};
code_point first_code_point(std::string_view text) noexcept;

/// The whole characters that begin `text`, `most` bytes of them at most.
std::string_view cut(std::string_view text, std::size_t most) noexcept;

bool is_utf8(std::string_view text) noexcept;

/// C0, DEL and C1.
constexpr bool is_control(char32_t c) noexcept { return c < 0x20 || (c >= 0x7f && c < 0xa0); }
/// Embeddings, overrides and isolates: they reorder what is written around them. The marks that
/// Arabic and Hebrew names need are not among them.
constexpr bool is_bidirectional_override(char32_t c) noexcept {
    return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}
/// One line in UTF-8 that does nothing to what is written around it: no control characters and no
/// overrides.
bool is_plain_line(std::string_view text) noexcept;

}  // namespace calbox::model
