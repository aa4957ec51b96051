// When another rendezvous is to be opened: because all are nearly full, or because fewer are left
// than there are to be. Only the one with the smallest id asks, so that it is asked once. Sans-IO:
// what is known goes in at each look, how many to open comes out. Owned by the node; core thread
// only.
#pragma once

#include <optional>
#include <vector>

#include <calbox/discovery.hpp>

namespace calbox::overlay {

class opener {
public:
    struct settings {
        std::uint32_t least = 0;  // rendezvous in the network
        duration look_every = std::chrono::seconds(10);
        duration begins_after = std::chrono::seconds(30);  // by then the others were heard of
        duration again_after = std::chrono::seconds(90);   // what was opened has joined by then
    };
    opener(device_id self, instant started, settings with)
        : self_(self), started_(started), with_(with) {}

    /// `loads`: of this rendezvous and of all that are alive. `advised`: the strategy's advice.
    /// Twice in a row it must be so.
    std::uint32_t look(const std::vector<discovery::load>& loads, bool advised, instant now);
    const settings& with() const noexcept { return with_; }

    static constexpr std::uint64_t fill_to = 70;      // per cent, with those that are opened
    static constexpr std::uint64_t full_above = 95;   // whatever the strategy says
    static constexpr std::uint64_t opened_most = 20;  // at once, or a fifth of those there are

private:
    device_id self_;
    instant started_;
    settings with_;
    bool wanted_ = false;  // at the last look
    std::optional<instant> opened_at_;
};

}  // namespace calbox::overlay
