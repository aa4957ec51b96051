// What a test asks of the effects that a machine of the overlay gives back.
#pragma once

#include <variant>
#include <vector>

namespace calbox::overlay {

/// Those of one kind, in their order.
template <class Effect, class... Kinds>
std::vector<Effect> only(const std::vector<std::variant<Kinds...>>& all) {
    std::vector<Effect> found;
    for (const auto& one : all) {
        if (const auto* const fits = std::get_if<Effect>(&one)) {
            found.push_back(*fits);
        }
    }
    return found;
}

}  // namespace calbox::overlay
