// The switch alone: what a strategy gets wrong is mended, and an exchange in the middle of an
// attempt costs no lease.
#include "overlay/strategy_switch.hpp"

#include <gtest/gtest.h>

#include "overlay/bootstrap.hpp"
#include "support/numbered_devices.hpp"
#include "support/test_environment.hpp"

namespace calbox::overlay {
namespace {

using namespace std::chrono_literals;

/// Says what the test wants, right or wrong.
class told final : public discovery::strategy {
public:
    std::vector<std::size_t> order(const std::vector<discovery::candidate>&,
                                   discovery::context) override {
        return indices;
    }
    std::size_t choose(const std::vector<discovery::offer>&, discovery::context) override {
        return chosen;
    }
    void learn(const device_id&, discovery::outcome, discovery::context) override { ++learned; }
    discovery::admission admit(const discovery::load&, const std::vector<discovery::load>&,
                               discovery::context) override {
        return {};
    }
    std::uint32_t take(const discovery::load&, const std::vector<discovery::load>&, std::uint32_t,
                       discovery::context) override {
        return 1'000;
    }
    std::vector<std::size_t> indices;
    std::size_t chosen = 0;
    int learned = 0;
};

TEST(strategy_switch, mends_what_is_not_there) {
    told strategy;
    strategy_switch uses(strategy);
    test::seeded_random chance(1);
    const discovery::context where{instant{1h}, chance};
    strategy.indices = {2, 7, 0, 2, 0, 1};
    EXPECT_EQ(uses.order(std::vector<discovery::candidate>(3), where),
              (std::vector<std::size_t>{2, 0, 1}));
    strategy.chosen = 9;
    EXPECT_LT(uses.choose(std::vector<discovery::offer>(2), where), 2u);
    strategy.chosen = 1;
    EXPECT_EQ(uses.choose(std::vector<discovery::offer>(2), where), 1u);
    EXPECT_EQ(uses.take({}, {}, 5, where), 5u);
}

TEST(strategy_switch, an_exchange_at_any_moment_ends_no_lease) {
    told first;
    first.indices = {0};
    strategy_switch uses(first);
    test::seeded_random chance(1);
    bootstrap machine(uses, chance);
    instant now{1h};
    std::weak_ptr<discovery::strategy> before;
    const auto exchange = [&] {
        const auto next = std::make_shared<told>();
        next->indices = {0};
        uses.use(next);
        EXPECT_TRUE(before.expired()) << "nobody else held the one before";
        before = next;
        return next;
    };
    (void)machine.add(device(1), true, now);
    (void)exchange();
    (void)machine.start(now);
    (void)exchange();
    (void)machine.on_offer(device(1), {3, 100}, 5ms, now);
    (void)exchange();
    wire::lease_reply grant;
    grant.heartbeat_ms = 10'000;
    (void)machine.on_lease(device(1), grant, now);
    for (int beat = 0; beat < 100; ++beat) {
        const auto next = exchange();
        now = *machine.deadline();
        (void)machine.on_time(now);
        (void)machine.on_beat(device(1), true, now);
        EXPECT_EQ(machine.lessor(), device(1));
        EXPECT_EQ(next->learned, 0);
    }
    uses.use(first);
    EXPECT_TRUE(before.expired());
}

}  // namespace
}  // namespace calbox::overlay
