#include <calbox/ids.hpp>

#include <charconv>

namespace calbox {

std::string event_id::seq_text() const {
    return std::to_string(device().value) + "." + std::to_string(n());
}

std::optional<std::uint64_t> event_id::seq_from_text(std::string_view text) {
    std::uint32_t device = 0;
    std::uint32_t n = 0;
    const char* const end = text.data() + text.size();
    const auto first = std::from_chars(text.data(), end, device);
    if (first.ec != std::errc() || first.ptr == end || *first.ptr != '.') {
        return std::nullopt;
    }
    const auto second = std::from_chars(first.ptr + 1, end, n);
    if (second.ec != std::errc() || second.ptr != end || device == 0 || n == 0) {
        return std::nullopt;
    }
    return make_seq(device_number(device), n);
}

bool is_user_name(std::string_view text) noexcept {
    const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    if (text.size() < 2 || text.size() > 32 || !plain(text.front())) {
        return false;
    }
    for (const char c : text) {
        if (!plain(c) && c != '.' && c != '_' && c != '-') {
            return false;
        }
    }
    return true;
}

}  // namespace calbox
