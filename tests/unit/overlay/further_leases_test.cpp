// A backup's leases at all rendezvous: asked for, kept, asked for again, given back.
#include "overlay/further_leases.hpp"

#include <gtest/gtest.h>

#include "support/numbered_devices.hpp"
#include "support/test_environment.hpp"
#include "unit/overlay/effects.hpp"

namespace calbox::overlay {
namespace {

using namespace std::chrono_literals;
using verdict = wire::lease_reply::verdict;

class further_leases_test : public testing::Test {
protected:
    static std::vector<device_id> devices(unsigned count) {
        std::vector<device_id> all;
        for (unsigned n = 1; n <= count; ++n) {
            all.push_back(device(n));
        }
        return all;
    }
    static wire::lease_reply reply(verdict what, std::uint32_t retry_after_ms = 0) {
        wire::lease_reply made;
        made.what = what;
        made.heartbeat_ms = 10'000;
        made.retry_after_ms = retry_after_ms;
        return made;
    }
    further_leases::effects next() {
        now = *machine.deadline();
        return machine.on_time(now);
    }
    /// All that are asked grant it.
    void hold(unsigned count, const std::optional<device_id>& chosen = std::nullopt) {
        (void)machine.want(devices(count), chosen, now);
        for (const auto& one : only<further_leases::ask_lease>(next())) {
            machine.on_lease(one.from, reply(verdict::grant), now);
        }
    }

    test::seeded_random entropy{5};
    instant now{1h};
    further_leases machine{entropy, device(200)};
};

TEST_F(further_leases_test, one_at_each_rendezvous_but_the_chosen_one_and_all_are_kept) {
    hold(4, device(2));
    EXPECT_EQ(machine.lessors(), (std::vector{device(1), device(3), device(4)}));
    const instant granted = now;
    const auto beats = only<further_leases::beat>(next());
    EXPECT_EQ(beats.size(), 3u);
    EXPECT_EQ(now - granted, 10s);
    for (const auto& one : beats) {
        EXPECT_LT(one.limit, 10s);
        machine.on_beat(one.to, true, now);
    }
    EXPECT_EQ(*machine.deadline() - now, 10s);
    EXPECT_TRUE(machine.want(devices(4), device(2), now).empty()) << "nothing is new";
}

TEST_F(further_leases_test, what_is_lost_is_asked_for_again_more_rarely_each_time) {
    hold(2);
    machine.on_peer_gone(device(1), now);
    machine.on_beat(device(2), false, now);
    EXPECT_TRUE(machine.lessors().empty());
    instant before = now;
    duration last{};
    for (int i = 0; i < 20; ++i) {
        for (const auto& one : only<further_leases::ask_lease>(next())) {
            if (one.from == device(1)) {
                last = now - before;
                before = now;
                EXPECT_LE(last, further_leases::again_most);
            }
            machine.on_lease(one.from, std::nullopt, now);
        }
    }
    EXPECT_GE(last, further_leases::again_most / 2);
    machine.on_lease(device(1), reply(verdict::busy, 59'000), now);
    machine.on_lease(device(2), reply(verdict::grant), now);
    EXPECT_EQ(machine.lessors(), std::vector{device(2)});
}

TEST_F(further_leases_test,
       the_one_that_is_chosen_later_keeps_its_lease_and_a_vanished_one_does_not) {
    hold(3);
    EXPECT_TRUE(machine.want(devices(3), device(1), now).empty()) << "it is the chosen one's now";
    EXPECT_EQ(machine.lessors(), (std::vector{device(2), device(3)}));
    const auto left =
        only<further_leases::leave>(machine.want({device(1), device(3)}, device(1), now));
    ASSERT_EQ(left.size(), 1u);
    EXPECT_EQ(left[0].from, device(2));
    machine.on_lease(device(2), reply(verdict::grant), now);
    EXPECT_EQ(machine.lessors(), std::vector{device(3)}) << "an answer that came late";
}

TEST_F(further_leases_test, it_goes_when_it_is_asked_to_and_gives_all_back_at_the_end) {
    hold(3);
    EXPECT_EQ(only<further_leases::leave>(machine.on_move(device(2), device(1), now)).size(), 1u);
    EXPECT_TRUE(machine.on_move(device(9), device(1), now).empty());
    EXPECT_EQ(machine.lessors(), (std::vector{device(1), device(3)}));
    EXPECT_EQ(only<further_leases::ask_lease>(machine.renew()).size(), 2u);
    EXPECT_EQ(only<further_leases::leave>(machine.stop()).size(), 2u);
    EXPECT_EQ(machine.deadline(), std::nullopt);
}

TEST_F(further_leases_test, of_many_rendezvous_it_takes_its_share) {
    hold(100);
    EXPECT_EQ(machine.lessors().size(), further_leases::most);
    further_leases another{entropy, device(3)};
    (void)another.want(devices(100), std::nullopt, now);
    const auto asked = only<further_leases::ask_lease>(another.on_time(now));
    EXPECT_EQ(asked.size(), further_leases::most);
    EXPECT_EQ(asked[0].from, device(1)) << "near to it";
    EXPECT_NE(machine.lessors()[0], device(1));
}

TEST_F(further_leases_test, what_changes_while_an_answer_is_awaited_is_said_after_it) {
    hold(1);
    ASSERT_EQ(only<further_leases::beat>(next()).size(), 1u);
    EXPECT_TRUE(machine.renew().empty()) << "its heartbeat is under way";
    machine.on_beat(device(1), true, now);
    EXPECT_EQ(*machine.deadline(), now);
    ASSERT_EQ(only<further_leases::ask_lease>(next()).size(), 1u);
    EXPECT_TRUE(machine.renew().empty()) << "what changed meanwhile is not in it";
    machine.on_lease(device(1), reply(verdict::grant), now);
    ASSERT_EQ(only<further_leases::ask_lease>(next()).size(), 1u);
    machine.on_lease(device(1), reply(verdict::grant), now);
    EXPECT_EQ(*machine.deadline() - now, 10s) << "and that is all";
    EXPECT_EQ(only<further_leases::beat>(next()).size(), 1u);
}

/// One that is granted too late for bootstrap, which would give it back.
TEST_F(further_leases_test, what_bootstrap_would_give_back_is_kept_where_a_further_one_is_wanted) {
    class first final : public discovery::strategy {
        std::vector<std::size_t> order(const std::vector<discovery::candidate>& all,
                                       discovery::context) override {
            std::vector<std::size_t> as_they_are;
            for (std::size_t i = 0; i < all.size(); ++i) {
                as_they_are.push_back(i);
            }
            return as_they_are;
        }
        std::size_t choose(const std::vector<discovery::offer>&, discovery::context) override {
            return 0;
        }
        discovery::admission admit(const discovery::load&, const std::vector<discovery::load>&,
                                   discovery::context) override {
            return {};
        }
    } strategy;
    bootstrap chooses(strategy, entropy);
    (void)chooses.add(devices(2), false, now);
    (void)chooses.start(now);
    (void)chooses.on_offer(device(1), {1, 10}, 1ms, now);
    (void)chooses.on_offer(device(2), {1, 10}, 1ms, now);
    (void)chooses.on_no_lease(device(1), now);
    (void)chooses.on_lease(device(2), reply(verdict::grant), now);
    ASSERT_EQ(chooses.lessor(), device(2));
    (void)machine.want(devices(3), chooses.lessor(), now);
    std::vector<device_id> given_back;
    for (const auto& one : chooses.on_lease(device(1), reply(verdict::grant), now)) {
        if (const auto* const back = std::get_if<bootstrap::leave>(&one)) {
            given_back.push_back(back->from);
        }
    }
    ASSERT_EQ(given_back, std::vector{device(1)}) << "as far as bootstrap knows";
    EXPECT_TRUE(machine.keeps(device(1)));
    EXPECT_FALSE(machine.keeps(device(2))) << "that one is bootstrap's to give back";
    EXPECT_FALSE(machine.keeps(device(9)));
}

}  // namespace
}  // namespace calbox::overlay
