#include "overlay/reachability.hpp"

#include <charconv>

namespace calbox::overlay {

std::optional<std::uint32_t> port_of(std::string_view address) {
    const std::size_t colon = address.rfind(':');
    if (colon == std::string_view::npos || colon == 0) {
        return std::nullopt;
    }
    const std::string_view text = address.substr(colon + 1);
    std::uint32_t port = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
    constexpr std::uint32_t port_max = 65'535;
    if (problem != std::errc() || end != text.data() + text.size() || port == 0 ||
        port > port_max) {
        return std::nullopt;
    }
    return port;
}

std::optional<std::string> address_to_dial(std::string_view seen_at, std::uint32_t port) {
    if (!port_of(seen_at)) {
        return std::nullopt;
    }
    std::string address(seen_at.substr(0, seen_at.rfind(':') + 1));
    address += std::to_string(port);
    return port_of(address) ? std::optional(address) : std::nullopt;
}

bool dial_limit::admit(const device_id& asker, const device_id& dialled, instant now) {
    if (now - window_began_ >= window) {
        window_began_ = now;
        in_window_ = 0;
        std::erase_if(asked_, [&](const auto& one) { return now - one.second >= for_one; });
    }
    if (in_window_ >= at_once || asked_.size() >= remembered || asked_.contains({asker, dialled})) {
        return false;
    }
    ++in_window_;
    asked_.emplace(std::pair(asker, dialled), now);
    return true;
}

void reach_belief::hear(bool reached) noexcept {
    refusals_ = reached ? 0 : refusals_ + 1;
    if (reached) {
        now_ = reachability::reachable;
    } else if (refusals_ > 1) {
        now_ = reachability::unreachable;
    }
}

}  // namespace calbox::overlay
