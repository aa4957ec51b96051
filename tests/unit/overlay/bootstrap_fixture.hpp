// What the tests of the bootstrap machine share.
#pragma once

#include "overlay/bootstrap.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include "support/numbered_devices.hpp"
#include "support/test_environment.hpp"
#include "unit/overlay/effects.hpp"

namespace calbox::overlay {

using namespace std::chrono_literals;

/// Asks in the order given and takes the least loaded offer.
class least_loaded final : public discovery::strategy {
public:
    std::vector<std::size_t> order(const std::vector<discovery::candidate>& all,
                                   discovery::context) override {
        seen = all;
        std::vector<std::size_t> indices(all.size());
        std::iota(indices.begin(), indices.end(), std::size_t{0});
        return indices;
    }
    std::size_t choose(const std::vector<discovery::offer>& offers, discovery::context) override {
        return static_cast<std::size_t>(
            std::ranges::min_element(offers, {}, &discovery::offer::edges) - offers.begin());
    }
    void learn(const device_id&, discovery::outcome what, discovery::context) override {
        learned.push_back(what);
    }
    discovery::admission admit(const discovery::load&, const std::vector<discovery::load>&,
                               discovery::context) override {
        return {};
    }
    std::vector<discovery::outcome> learned;
    std::vector<discovery::candidate> seen;
};

class bootstrap_test : public testing::Test {
protected:
    void add(int count) {
        for (int i = 1; i <= count; ++i) {
            (void)machine.add(device(static_cast<std::uint16_t>(i)), false, now);
        }
    }
    /// For an offer, or at once for a lease.
    static std::vector<device_id> whom_it_asks(const bootstrap::effects& all) {
        std::vector<device_id> whom;
        for (const auto& one : only<bootstrap::probe>(all)) {
            whom.push_back(one.to);
        }
        for (const auto& one : only<bootstrap::ask_lease>(all)) {
            whom.push_back(one.from);
        }
        return whom;
    }
    wire::lease_reply grant() const {
        wire::lease_reply reply;
        reply.heartbeat_ms = 10'000;
        return reply;
    }
    /// Up to a lease from device 1, the only candidate.
    void lease_one() {
        add(1);
        (void)machine.start(now);
        (void)machine.on_offer(device(1), {3, 100}, 5ms, now);
        const auto connected =
            only<bootstrap::connected>(machine.on_lease(device(1), grant(), now));
        ASSERT_EQ(connected.size(), 1u);
    }

    test::seeded_random entropy{7};
    least_loaded strategy;
    bootstrap machine{strategy, entropy};
    instant now{1h};
};

}  // namespace calbox::overlay
