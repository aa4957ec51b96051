// UTF-8, read strictly.
#include "model/characters.hpp"

#include <cstdint>

namespace calbox::model {

code_point first_code_point(std::string_view text) noexcept {
    if (text.empty()) {
        return {};
    }
    const auto at = [&](std::size_t i) -> std::uint32_t {
        return static_cast<unsigned char>(text[i]);
    };
    const std::uint32_t lead = at(0);
    if (lead < 0x80) {
        return {lead, 1};
    }
    const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < length) {
        return {};
    }
    std::uint32_t value = lead & (0xffU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        if ((at(i) & 0xc0) != 0x80) {
            return {};
        }
        value = value << 6 | (at(i) & 0x3f);
    }
    const bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
    const bool surrogate = value >= 0xd800 && value < 0xe000;
    if (overlong || surrogate || value > 0x10ffff) {
        return {};
    }
    return {value, length};
}

std::string_view cut(std::string_view text, std::size_t most) noexcept {
    std::size_t size = 0;
    while (size < text.size()) {
        const code_point next = first_code_point(text.substr(size));
        if (next.length == 0 || size + next.length > most) {
            break;
        }
        size += next.length;
    }
    return text.substr(0, size);
}

bool is_plain_line(std::string_view text) noexcept {
    while (!text.empty()) {
        const code_point next = first_code_point(text);
        if (next.length == 0 || is_control(next.value) || is_bidirectional_override(next.value)) {
            return false;
        }
        text.remove_prefix(next.length);
    }
    return true;
}

bool is_utf8(std::string_view text) noexcept {
    while (!text.empty()) {
        const std::size_t length = first_code_point(text).length;
        if (length == 0) {
            return false;
        }
        text.remove_prefix(length);
    }
    return true;
}

}  // namespace calbox::model
