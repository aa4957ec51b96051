// When another rendezvous is to be opened: because all are nearly full, or will be before another
// one could serve, or because fewer are left than there are to be. Only the one with the smallest
// id asks, so that it is asked once. Sans-IO: what is known goes in at each look, how many to open
// comes out. Owned by the node; core thread only.
#pragma once

#include <deque>
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
        duration again_after = std::chrono::seconds(30);
        duration joins_within = std::chrono::seconds(90);  // what was opened, or it failed
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
    static constexpr int ahead = 3;  // times again_after: edges that will have come by then

private:
    device_id self_;
    instant started_;
    settings with_;
    /// Edges in all, at a look.
    struct count {
        instant at;
        std::uint64_t edges = 0;
        std::size_t rendezvous = 0;
    };
    double come_per_second(std::uint64_t edges, std::size_t rendezvous, instant now);

    bool wanted_ = false;  // at the last look
    std::optional<instant> opened_at_;
    std::uint64_t expected_ = 0;  // rendezvous, with those that were opened
    std::deque<count> counts_;    // of the last minutes
};

}  // namespace calbox::overlay
