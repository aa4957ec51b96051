// The fixture of the consensus contract: one instance for every strategy of this tree.
#pragma once

#include "contract/consensus_world.hpp"

namespace calbox::contract {

using consensus::committed;
using consensus::current;
using consensus::granted;
using consensus::refused;

inline event_id event_of(std::uint32_t n) {
    event_id event;
    event.organizer.value[0] = 7;
    event.seq = event_id::make_seq(device_number(1), n);
    return event;
}

class consensus_suite : public testing::TestWithParam<std::string> {
protected:
    consensus_world world(std::size_t devices, std::uint64_t seed = 1) {
        return {GetParam(), devices, seed};
    }
    consensus::traits promised() {
        auto w = world(1);
        return w.at(0).declared();
    }
    template <class Outcome>
    static std::optional<Outcome> as(const std::optional<consensus::done>& what) {
        const auto* const found = what ? std::get_if<Outcome>(&what->outcome) : nullptr;
        return found != nullptr ? std::optional(*found) : std::nullopt;
    }
    const event_id event_ = event_of(1);
};

}  // namespace calbox::contract
