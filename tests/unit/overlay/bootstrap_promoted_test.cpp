// The bootstrap machine among rendezvous that are edges, promoted for want of real ones.
#include "unit/overlay/bootstrap_fixture.hpp"

namespace calbox::overlay {
namespace {

TEST_F(bootstrap_test, promoted_ones_are_asked_last_and_taken_only_alone) {
    machine.describe(device(1), {true, {}});
    (void)machine.add({device(1), device(2), device(3)}, false, now);
    const auto asked = only<bootstrap::probe>(machine.start(now));
    ASSERT_EQ(asked.size(), 3u);
    EXPECT_EQ(asked[2].to, device(1));
    (void)machine.on_offer(device(1), {0, 100}, 5ms, now);
    (void)machine.on_offer(device(2), {90, 100}, 5ms, now);
    const auto chosen = only<bootstrap::ask_lease>(machine.on_no_offer(device(3), now));
    ASSERT_EQ(chosen.size(), 1u);
    EXPECT_EQ(chosen[0].from, device(2)) << "whatever its load";
    const auto then = only<bootstrap::ask_lease>(machine.on_no_lease(device(2), now));
    ASSERT_EQ(then.size(), 1u);
    EXPECT_EQ(then[0].from, device(1));
}

TEST_F(bootstrap_test, acts_when_told_and_leaves_itself_for_a_real_one_that_is_steady) {
    const device_id self = device(50);
    (void)machine.add(device(1), false, now);
    (void)machine.start(now);
    const auto own = only<bootstrap::ask_lease>(machine.act(self, now));
    ASSERT_EQ(own.size(), 1u);
    EXPECT_EQ(own[0].from, self);
    (void)machine.on_lease(self, grant(), now);
    ASSERT_EQ(machine.lessor(), self);
    EXPECT_TRUE(machine.seeks());
    const auto pass_to = [&](instant end) {
        std::vector<instant> asked;
        while (*machine.deadline() <= end) {
            now = *machine.deadline();
            const auto all = machine.on_time(now);
            for (const auto& one : only<bootstrap::probe>(all)) {
                EXPECT_EQ(one.to, device(1)) << "never itself";
                asked.push_back(now);
            }
            if (!only<bootstrap::beat>(all).empty()) {
                (void)machine.on_beat(self, true, now);
            }
        }
        now = end;
        return asked;
    };
    const instant begun = now;
    const auto asked = pass_to(begun + 31s);
    EXPECT_EQ(asked, (std::vector{begun + 15s, begun + 30s}));
    // It answers once and is gone again: nothing comes of it.
    EXPECT_TRUE(machine.on_offer(device(1), {0, 10}, 5ms, now).empty());
    EXPECT_EQ(pass_to(now + 10s).size(), 1u);
    EXPECT_TRUE(machine.on_no_offer(device(1), now).empty());
    EXPECT_TRUE(machine.on_offer(device(1), {0, 10}, 5ms, now).empty()) << "from the beginning";
    EXPECT_EQ(pass_to(now + 10s).size(), 1u);
    const auto moving = only<bootstrap::ask_lease>(machine.on_offer(device(1), {0, 10}, 5ms, now));
    ASSERT_EQ(moving.size(), 1u);
    EXPECT_EQ(moving[0].from, device(1));
    EXPECT_EQ(machine.lessor(), self) << "until there is another one";
    const auto moved = only<bootstrap::moved>(machine.on_lease(device(1), grant(), now));
    ASSERT_EQ(moved.size(), 1u);
    EXPECT_EQ(moved[0].from, self);
    EXPECT_TRUE(machine.rest(now).empty());
    EXPECT_EQ(machine.lessor(), device(1));
    EXPECT_FALSE(machine.seeks());
    EXPECT_EQ(machine.candidates(), 1u) << "not itself any more";
}

TEST_F(bootstrap_test, of_promoted_ones_that_meet_the_smallest_stays) {
    const auto asks = [&](const device_id& self, const device_id& other) {
        bootstrap one(strategy, entropy);
        (void)one.start(now);
        (void)one.act(self, now);
        (void)one.on_lease(self, grant(), now);
        one.describe(other, {true, {}});
        (void)one.add(other, false, now);
        return only<bootstrap::probe>(one.on_time(now + bootstrap::seek_time)).size();
    };
    EXPECT_EQ(asks(device(2), device(1)), 1u);
    EXPECT_EQ(asks(device(1), device(2)), 0u);
    // An edge of a promoted one goes to no other promoted one by itself.
    bootstrap edge(strategy, entropy);
    edge.describe(device(2), {true, {}});
    (void)edge.add(device(2), false, now);
    (void)edge.start(now);
    (void)edge.on_lease(device(2), grant(), now);
    edge.describe(device(1), {true, {}});
    (void)edge.add(device(1), false, now);
    EXPECT_TRUE(only<bootstrap::probe>(edge.on_time(now + bootstrap::seek_time)).empty());
    EXPECT_EQ(only<bootstrap::ask_lease>(edge.on_move(device(2), device(1), now)).size(), 1u)
        << "but when it is told";
}

}  // namespace
}  // namespace calbox::overlay
