#include "overlay/retirer.hpp"

#include <algorithm>

namespace calbox::overlay {

std::optional<device_id> retirer::look(const std::vector<discovery::load>& loads, instant now) {
    std::vector<device_id> alive;
    std::uint64_t edges = 0, room = 0, left = 0;
    int before_me = 0;
    const discovery::load* to = nullptr;
    const auto free_room = [](const discovery::load& one) {
        return one.edges_max - std::min(one.edges, one.edges_max);
    };
    for (const discovery::load& one : loads) {
        alive.push_back(one.device);
        edges += one.edges;
        room += one.edges_max;
        if (one.device == self_) {
            continue;
        }
        left += one.edges_max;
        before_me += one.device > self_ ? 1 : 0;
        if (to == nullptr || free_room(one) > free_room(*to)) {
            to = &one;
        }
    }
    std::ranges::sort(alive);
    const bool same = alive == alive_;
    alive_ = std::move(alive);
    const bool low = to != nullptr && alive_.size() > std::max(with_.least, 1u) &&
                     edges * 100 < room * low_below && edges * 100 < left * after_below;
    if (!low || !same) {
        low_since_.reset();
        if (!low) {
            return std::nullopt;
        }
    }
    if (!low_since_) {
        low_since_ = now;
    }
    return now - *low_since_ >= with_.low_for + with_.apart * before_me ? std::optional(to->device)
                                                                        : std::nullopt;
}

}  // namespace calbox::overlay
