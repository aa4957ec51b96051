// The bootstrap machine alone: batches, choice, leases, suspicion, back-off.
#include "overlay/bootstrap.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include "support/test_environment.hpp"

namespace calbox::overlay {
namespace {

using namespace std::chrono_literals;

/// Asks in the order given and takes the least loaded offer.
class plain final : public discovery::strategy {
public:
    std::vector<std::size_t> order(const std::vector<discovery::candidate>& all,
                                   discovery::context) override {
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
    std::vector<discovery::migration> plan(const discovery::load&,
                                           const std::vector<discovery::load>&,
                                           discovery::context) override {
        return {};
    }
    discovery::advice advise(const discovery::load&, const std::vector<discovery::load>&,
                             discovery::context) override {
        return discovery::advice::none;
    }
    std::vector<discovery::outcome> learned;
};

device_id device(std::uint8_t n) {
    device_id id;
    id.value[0] = n;
    return id;
}

class bootstrap_test : public testing::Test {
protected:
    void add(int count) {
        for (int i = 1; i <= count; ++i) {
            (void)machine.add(device(static_cast<std::uint8_t>(i)), false, now);
        }
    }
    template <class Effect>
    static std::vector<Effect> only(const bootstrap::effects& all) {
        std::vector<Effect> found;
        for (const auto& one : all) {
            if (const auto* const fits = std::get_if<Effect>(&one)) {
                found.push_back(*fits);
            }
        }
        return found;
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
    plain strategy;
    bootstrap machine{strategy, entropy};
    instant now{1h};
};

TEST_F(bootstrap_test, probes_five_at_once_and_takes_the_best_of_the_window) {
    add(8);
    EXPECT_EQ(only<bootstrap::probe>(machine.start(now)).size(), bootstrap::batch);
    (void)machine.on_offer(device(1), {50, 100}, 5ms, now);
    (void)machine.on_offer(device(2), {10, 100}, 9ms, now + 100ms);
    EXPECT_EQ(machine.deadline(), now + bootstrap::offer_window);
    const auto asked = only<bootstrap::ask_lease>(machine.on_time(now + bootstrap::offer_window));
    ASSERT_EQ(asked.size(), 1u);
    EXPECT_EQ(asked[0].from, device(2));
}

TEST_F(bootstrap_test, next_batch_when_nobody_answers_and_then_waits_longer_each_time) {
    add(7);
    (void)machine.start(now);
    const auto second = only<bootstrap::probe>(machine.on_time(now + bootstrap::batch_time));
    EXPECT_EQ(second.size(), 2u);
    duration before{};
    for (int attempt = 0; attempt < 9; ++attempt) {
        while (machine.now_in() == bootstrap::phase::probing) {
            now = *machine.deadline();
            (void)machine.on_time(now);
        }
        ASSERT_EQ(machine.now_in(), bootstrap::phase::waiting);
        const duration pause = *machine.deadline() - now;
        EXPECT_LE(pause, bootstrap::back_off_most);
        if (attempt > 1 && attempt % 2 == 0 && attempt < 7) {
            EXPECT_GT(pause, before) << attempt;
        }
        before = attempt % 2 == 0 ? pause : before;
        now = *machine.deadline();
        (void)machine.on_time(now);
    }
}

TEST_F(bootstrap_test, those_that_come_together_are_asked_together) {
    (void)machine.start(now);
    ASSERT_EQ(machine.now_in(), bootstrap::phase::waiting);
    const auto probes =
        only<bootstrap::probe>(machine.add({device(1), device(2), device(3)}, true, now));
    EXPECT_EQ(probes.size(), 3u);
    EXPECT_EQ(machine.candidates(), 3u);
}

TEST_F(bootstrap_test, redirect_is_followed_first) {
    add(1);
    (void)machine.start(now);
    (void)machine.on_offer(device(1), {100, 100}, 5ms, now);
    wire::lease_reply redirect;
    redirect.what = wire::lease_reply::verdict::redirect;
    redirect.rendezvous.push_back({device(9), 0, {}, {}, true, {}});
    const auto probes = only<bootstrap::probe>(machine.on_lease(device(1), redirect, now));
    ASSERT_EQ(probes.size(), 1u);
    EXPECT_EQ(probes[0].to, device(9));
}

TEST_F(bootstrap_test, busy_is_asked_again_no_sooner_than_it_said) {
    add(1);
    (void)machine.start(now);
    (void)machine.on_offer(device(1), {100, 100}, 5ms, now);
    wire::lease_reply busy;
    busy.what = wire::lease_reply::verdict::busy;
    busy.retry_after_ms = 30'000;
    (void)machine.on_lease(device(1), busy, now);
    EXPECT_EQ(machine.now_in(), bootstrap::phase::waiting);
    EXPECT_GE(*machine.deadline() - now, 30s);
}

TEST_F(bootstrap_test, one_missed_beat_is_no_loss_and_three_silent_checks_are) {
    lease_one();
    now = now + 10s;
    ASSERT_EQ(only<bootstrap::beat>(machine.on_time(now)).size(), 1u);
    EXPECT_EQ(only<bootstrap::beat>(machine.on_beat(device(1), false, now)).size(), 1u);
    (void)machine.on_beat(device(1), true, now);
    EXPECT_EQ(machine.now_in(), bootstrap::phase::leased);

    (void)machine.on_time(now + 10s);
    for (int check = 0; check < bootstrap::checks; ++check) {
        EXPECT_EQ(only<bootstrap::beat>(machine.on_beat(device(1), false, now + 10s)).size(), 1u)
            << check;
    }
    const auto last = machine.on_beat(device(1), false, now + 10s);
    EXPECT_EQ(only<bootstrap::lost>(last).size(), 1u);
    EXPECT_EQ(only<bootstrap::probe>(last).size(), 1u);
    EXPECT_FALSE(machine.lessor());
}

TEST_F(bootstrap_test, a_lessor_that_forgot_grants_again_while_it_is_suspected) {
    lease_one();
    now = now + 10s;
    (void)machine.on_time(now);
    (void)machine.on_beat(device(1), false, now + 2s);
    ASSERT_EQ(machine.now_in(), bootstrap::phase::suspecting);
    EXPECT_TRUE(machine.on_lease(device(1), grant(), now + 2s).empty()) << "kept, not given back";
    EXPECT_EQ(machine.now_in(), bootstrap::phase::leased);
    EXPECT_EQ(machine.deadline(), now + 2s + 10s);
}

TEST_F(bootstrap_test, many_candidates_are_bounded_and_one_that_fails_makes_room) {
    for (unsigned i = 0; i < 2 * bootstrap::candidates_most; ++i) {
        device_id one = device(static_cast<std::uint8_t>(i));
        one.value[1] = static_cast<std::uint8_t>(i >> 8);
        (void)machine.add(one, i == 0, now);
    }
    EXPECT_EQ(machine.candidates(), bootstrap::candidates_most);
    (void)machine.start(now);
    (void)machine.on_no_offer(device(0), now);  // a seed stays
    (void)machine.on_no_offer(device(1), now);
    device_id fresh = device(1);
    fresh.value[31] = 1;
    (void)machine.add(fresh, false, now);
    EXPECT_EQ(machine.candidates(), bootstrap::candidates_most);
    std::set<device_id> asked;
    while (machine.now_in() == bootstrap::phase::probing || asked.empty()) {
        now = *machine.deadline();
        for (const auto& one : only<bootstrap::probe>(machine.on_time(now))) {
            asked.insert(one.to);
        }
    }
    now = *machine.deadline();
    for (auto all = machine.on_time(now); machine.now_in() == bootstrap::phase::probing;
         now = *machine.deadline(), all = machine.on_time(now)) {
        for (const auto& one : only<bootstrap::probe>(all)) {
            asked.insert(one.to);
        }
    }
    EXPECT_TRUE(asked.contains(fresh));
    EXPECT_FALSE(asked.contains(device(1)));
    EXPECT_TRUE(asked.contains(device(0)));
}

TEST_F(bootstrap_test, closed_session_starts_over_at_once) {
    lease_one();
    const auto effects = machine.on_peer_gone(device(1), now);
    EXPECT_EQ(only<bootstrap::lost>(effects).size(), 1u);
    EXPECT_EQ(only<bootstrap::probe>(effects).size(), 1u);
    EXPECT_TRUE(machine.on_peer_gone(device(2), now).empty());
}

TEST_F(bootstrap_test, surplus_lease_is_given_back_and_so_is_the_last_one) {
    lease_one();
    const auto surplus = only<bootstrap::leave>(machine.on_lease(device(2), grant(), now));
    ASSERT_EQ(surplus.size(), 1u);
    EXPECT_EQ(surplus[0].from, device(2));
    const auto last = only<bootstrap::leave>(machine.stop());
    ASSERT_EQ(last.size(), 1u);
    EXPECT_EQ(last[0].from, device(1));
}

}  // namespace
}  // namespace calbox::overlay
