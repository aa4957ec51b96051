// When a rendezvous is to end because the others have room for all: only one at a time, and never
// below the number that the network is to have. Sans-IO: what is known goes in at each look, whom
// its edges are to go to comes out. Owned by the node; core thread only.
#pragma once

#include <optional>
#include <vector>

#include <calbox/discovery.hpp>

namespace calbox::overlay {

class retirer {
public:
    struct settings {
        std::uint32_t least = 1;  // rendezvous in the network that are left
        duration look_every = std::chrono::seconds(10);
        duration low_for = std::chrono::minutes(10);
        duration apart = std::chrono::minutes(1);  // between those that could
    };
    retirer(device_id self, settings with) : self_(self), with_(with) {}

    /// `loads`: of this rendezvous and of all that are alive. The one with the most free room, when
    /// this one is to end now. The one with the greatest id ends first, and whoever sees that
    /// another one came or went begins to wait anew.
    std::optional<device_id> look(const std::vector<discovery::load>& loads, instant now);

    static constexpr std::uint64_t low_below = 40;    // per cent of all room
    static constexpr std::uint64_t after_below = 65;  // of the room that is left

private:
    device_id self_;
    settings with_;
    std::vector<device_id> alive_;  // at the last look
    std::optional<instant> low_since_;
};

}  // namespace calbox::overlay
