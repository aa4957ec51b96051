// The bootstrap machine alone: batches, choice, leases, suspicion, back-off.
#include "unit/overlay/bootstrap_fixture.hpp"

namespace calbox::overlay {
namespace {

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
    duration before = bootstrap::back_off_least, longest{};
    for (int attempt = 0; attempt < 30; ++attempt) {
        while (machine.now_in() == bootstrap::phase::probing) {
            now = *machine.deadline();
            (void)machine.on_time(now);
        }
        ASSERT_EQ(machine.now_in(), bootstrap::phase::waiting);
        const instant from = now;
        while (machine.now_in() == bootstrap::phase::waiting) {
            now = *machine.deadline();
            (void)machine.on_time(now);
        }
        const duration pause = now - from;
        EXPECT_GE(pause, bootstrap::back_off_least);
        EXPECT_LE(pause, std::min(bootstrap::back_off_most, 3 * before)) << attempt;
        before = std::max(pause, bootstrap::back_off_least);
        longest = std::max(longest, pause);
    }
    EXPECT_GT(longest, 20s) << "it grows";
}

TEST_F(bootstrap_test, those_that_come_together_are_asked_together) {
    (void)machine.start(now);
    ASSERT_EQ(machine.now_in(), bootstrap::phase::waiting);
    const auto probes =
        only<bootstrap::probe>(machine.add({device(1), device(2), device(3)}, true, now));
    EXPECT_EQ(probes.size(), 3u);
    EXPECT_EQ(machine.candidates(), 3u);
}

TEST_F(bootstrap_test, one_that_is_alone_is_asked_for_the_lease_at_once) {
    add(1);
    const auto effects = machine.start(now);
    EXPECT_TRUE(only<bootstrap::probe>(effects).empty());
    const auto asked = only<bootstrap::ask_lease>(effects);
    ASSERT_EQ(asked.size(), 1u);
    EXPECT_EQ(asked[0].from, device(1));
    EXPECT_EQ(machine.deadline(), now + bootstrap::lease_time);
    EXPECT_TRUE(machine.on_no_lease(device(1), now).empty());
    EXPECT_EQ(machine.now_in(), bootstrap::phase::waiting);
    EXPECT_EQ(strategy.learned, std::vector{discovery::outcome::unreachable});
}

TEST_F(bootstrap_test, the_one_of_before_is_asked_for_a_lease_while_others_are_probed) {
    add(3);
    machine.prefer(device(2));
    const auto begun = machine.start(now);
    ASSERT_EQ(only<bootstrap::ask_lease>(begun).size(), 1u);
    EXPECT_EQ(only<bootstrap::ask_lease>(begun)[0].from, device(2));
    EXPECT_EQ(only<bootstrap::probe>(begun).size(), 2u);
    EXPECT_TRUE(machine.on_offer(device(1), {0, 100}, 5ms, now).empty());
    EXPECT_TRUE(machine.on_offer(device(3), {0, 100}, 5ms, now).empty()) << "it has a moment";
    EXPECT_EQ(machine.deadline(), now + bootstrap::offer_window);
    const auto held = machine.on_lease(device(2), grant(), now + 100ms);
    ASSERT_EQ(only<bootstrap::connected>(held).size(), 1u);
    EXPECT_EQ(machine.lessor(), device(2));
    (void)machine.on_peer_gone(device(2), now + 1s);
    EXPECT_EQ(only<bootstrap::ask_lease>(machine.on_time(*machine.deadline())).size(), 0u)
        << "only after a start";
}

TEST_F(bootstrap_test, where_the_one_of_before_is_silent_or_refuses_the_offers_decide) {
    wire::lease_reply busy;
    busy.what = wire::lease_reply::verdict::busy;
    wire::lease_reply redirect;
    redirect.what = wire::lease_reply::verdict::redirect;
    for (const int how : {0, 1, 2, 3}) {
        bootstrap fresh(strategy, entropy);
        (void)fresh.add({device(1), device(2), device(3)}, false, now);
        fresh.prefer(device(2));
        (void)fresh.start(now);
        (void)fresh.on_offer(device(1), {7, 100}, 5ms, now);
        bootstrap::effects next = fresh.on_offer(device(3), {5, 100}, 5ms, now);
        EXPECT_TRUE(next.empty());
        if (how == 0) {
            next = fresh.on_time(now + bootstrap::offer_window);
        } else if (how == 1) {
            next = fresh.on_lease(device(2), busy, now);
        } else if (how == 2) {
            next = fresh.on_lease(device(2), redirect, now);
        } else {
            next = fresh.on_no_lease(device(2), now);
        }
        const auto asked = only<bootstrap::ask_lease>(next);
        ASSERT_EQ(asked.size(), 1u) << how;
        EXPECT_EQ(asked[0].from, device(3)) << "the best offer";
        (void)fresh.on_lease(device(3), grant(), now);
        // What comes late is given back.
        EXPECT_EQ(only<bootstrap::leave>(fresh.on_lease(device(2), grant(), now)).size(), 1u);
        EXPECT_EQ(fresh.lessor(), device(3));
    }
    // All others fail, and it refuses, in either order.
    bootstrap alone(strategy, entropy);
    (void)alone.add({device(1), device(2)}, false, now);
    alone.prefer(device(2));
    (void)alone.start(now);
    EXPECT_TRUE(alone.on_no_offer(device(1), now).empty());
    (void)alone.on_lease(device(2), busy, now);
    EXPECT_EQ(alone.now_in(), bootstrap::phase::waiting);
}

TEST_F(bootstrap_test, nobody_of_before_is_asked_first_who_is_unknown_or_as_the_report_has_it) {
    add(2);
    machine.prefer(device(9));
    EXPECT_EQ(only<bootstrap::probe>(machine.start(now)).size(), 2u);
    bootstrap report(strategy, entropy, bootstrap::timers_of(bootstrap::profile::report));
    (void)report.add({device(1), device(2)}, false, now);
    report.prefer(device(2));
    EXPECT_EQ(only<bootstrap::probe>(report.start(now)).size(), 2u);
}

TEST_F(bootstrap_test, redirect_is_followed_first) {
    add(1);
    (void)machine.start(now);
    wire::lease_reply redirect;
    redirect.what = wire::lease_reply::verdict::redirect;
    redirect.rendezvous.push_back({device(9), 0, {}, {}, true, {}});
    redirect.rendezvous.push_back({device(8), 0, {}, {}, true, {}});
    const auto probes = only<bootstrap::probe>(machine.on_lease(device(1), redirect, now));
    ASSERT_EQ(probes.size(), 2u);
    EXPECT_EQ(probes[0].to, device(9));
}

TEST_F(bootstrap_test, busy_is_asked_again_no_sooner_than_it_said) {
    add(1);
    (void)machine.start(now);
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
    EXPECT_EQ(only<bootstrap::ask_lease>(last).size(), 1u);
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
        (void)machine.add(device(static_cast<std::uint16_t>(i)), i == 0, now);
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
    for (int attempt = 0; attempt < 2; ++attempt) {
        do {
            now = *machine.deadline();
            for (const device_id& one : whom_it_asks(machine.on_time(now))) {
                asked.insert(one);
            }
        } while (machine.now_in() != bootstrap::phase::waiting);
    }
    EXPECT_TRUE(asked.contains(fresh));
    EXPECT_FALSE(asked.contains(device(1)));
    EXPECT_TRUE(asked.contains(device(0)));
}

TEST_F(bootstrap_test, closed_session_starts_over_at_once) {
    lease_one();
    const auto effects = machine.on_peer_gone(device(1), now);
    EXPECT_EQ(only<bootstrap::lost>(effects).size(), 1u);
    EXPECT_EQ(only<bootstrap::ask_lease>(effects).size(), 1u);
    EXPECT_TRUE(machine.on_peer_gone(device(2), now).empty());
}

TEST_F(bootstrap_test,
       spread_is_waited_for_when_the_rendezvous_is_lost_and_news_do_not_cut_it_short) {
    lease_one();
    machine.on_spread(device(2), 1h);  // not the lessor: nothing
    machine.on_spread(device(1), 8s);
    const auto effects = machine.on_peer_gone(device(1), now);
    EXPECT_EQ(only<bootstrap::lost>(effects).size(), 1u);
    EXPECT_TRUE(only<bootstrap::probe>(effects).empty());
    EXPECT_LE(*machine.deadline(), now + 8s);
    EXPECT_TRUE(machine.add(device(2), false, now).empty());
    const instant at = *machine.deadline();
    EXPECT_EQ(only<bootstrap::probe>(machine.on_time(at)).size(), 2u);
}

TEST_F(bootstrap_test, moves_to_whom_its_rendezvous_names_and_leaves_only_then) {
    lease_one();
    EXPECT_TRUE(machine.on_move(device(3), device(2), now).empty()) << "not the lessor";
    const auto asked = only<bootstrap::ask_lease>(machine.on_move(device(1), device(2), now));
    ASSERT_EQ(asked.size(), 1u);
    EXPECT_EQ(asked[0].from, device(2));
    EXPECT_EQ(machine.lessor(), device(1)) << "until the other one has granted";
    const auto moved = machine.on_lease(device(2), grant(), now + 1s);
    EXPECT_EQ(machine.lessor(), device(2));
    const auto left = only<bootstrap::leave>(moved);
    ASSERT_EQ(left.size(), 1u);
    EXPECT_EQ(left[0].from, device(1));
    EXPECT_EQ(left[0].moved_to, device(2));
    EXPECT_EQ(only<bootstrap::moved>(moved).size(), 1u);
    EXPECT_TRUE(only<bootstrap::lost>(moved).empty());
    // Not again within ten minutes.
    EXPECT_TRUE(machine.on_move(device(2), device(1), now + 10min).empty());
    EXPECT_FALSE(machine.on_move(device(2), device(1), now + 11min).empty());
}

TEST_F(bootstrap_test, a_move_that_fails_changes_nothing_and_one_under_way_saves_from_a_loss) {
    lease_one();
    (void)machine.on_move(device(1), device(2), now);
    wire::lease_reply busy;
    busy.what = wire::lease_reply::verdict::busy;
    EXPECT_TRUE(machine.on_lease(device(2), busy, now).empty());
    EXPECT_EQ(machine.lessor(), device(1));
    EXPECT_EQ(machine.on_move(device(1), device(3), now).size(), 1u) << "it may be asked again";
    EXPECT_TRUE(machine.on_no_lease(device(3), now).empty());
    EXPECT_EQ(machine.lessor(), device(1));

    (void)machine.on_move(device(1), device(2), now);
    const auto lost = machine.on_peer_gone(device(1), now);
    EXPECT_EQ(only<bootstrap::lost>(lost).size(), 1u);
    EXPECT_TRUE(only<bootstrap::probe>(lost).empty()) << "an answer is on the way";
    EXPECT_EQ(only<bootstrap::connected>(machine.on_lease(device(2), grant(), now + 1s)).size(),
              1u);
    EXPECT_EQ(machine.lessor(), device(2));
}

TEST_F(bootstrap_test, says_once_that_no_rendezvous_was_found_and_goes_on) {
    (void)machine.start(now);
    int said = 0;
    instant at{};
    while (now < instant{2h}) {
        now = *machine.deadline();
        if (!only<bootstrap::found_none>(machine.on_time(now)).empty()) {
            ++said;
            at = now;
        }
    }
    EXPECT_EQ(said, 1);
    EXPECT_EQ(at, instant{1h} + 40s);
    EXPECT_EQ(only<bootstrap::ask_lease>(machine.add(device(1), false, now)).size(), 1u);
}

TEST_F(bootstrap_test, with_a_lease_it_never_says_that_and_after_a_loss_once) {
    lease_one();
    for (int i = 0; i < 100; ++i) {
        now = *machine.deadline();
        EXPECT_TRUE(only<bootstrap::found_none>(machine.on_time(now)).empty());
        (void)machine.on_beat(device(1), true, now);
    }
    const instant lost_at = now;
    (void)machine.on_peer_gone(device(1), now);
    std::vector<bootstrap::found_none> said;
    for (int i = 0; i < 100; ++i) {
        now = *machine.deadline();
        for (const auto& one : only<bootstrap::found_none>(machine.on_time(now))) {
            said.push_back(one);
            EXPECT_EQ(now, lost_at + 40s);
        }
    }
    ASSERT_EQ(said.size(), 1u);
    EXPECT_FALSE(said[0].since_the_start);
}

TEST_F(bootstrap_test, one_prefix_has_at_most_two_places_in_a_batch) {
    for (std::uint8_t i = 1; i <= 7; ++i) {
        machine.describe(device(i),
                         {false, i <= 5 ? std::optional<std::uint64_t>(77) : std::nullopt});
    }
    (void)machine.add({device(1), device(2), device(3), device(4), device(5), device(6), device(7)},
                      false, now);
    std::vector<std::vector<device_id>> batches;
    for (auto asked = whom_it_asks(machine.start(now)); !asked.empty();
         now = now + bootstrap::batch_time, asked = whom_it_asks(machine.on_time(now))) {
        batches.push_back(asked);
    }
    EXPECT_EQ(
        batches,
        (std::vector<std::vector<device_id>>{
            {device(1), device(2), device(6), device(7)}, {device(3), device(4)}, {device(5)}}))
        << "the others of that prefix come later, and all are asked";
}

TEST_F(bootstrap_test,
       the_profile_report_asks_the_lost_one_first_and_forgets_whom_it_cannot_reach) {
    bootstrap strict(strategy, entropy, bootstrap::timers_of(bootstrap::profile::report));
    (void)strict.add({device(1), device(2), device(9)}, true, now);
    (void)strict.start(now);
    EXPECT_EQ(strict.deadline(), now + 60s) << "case 1: a minute for a connection";
    (void)strict.on_offer(device(9), {1, 100}, 5ms, now);
    (void)strict.on_no_offer(device(1), now);
    EXPECT_EQ(strict.candidates(), 2u) << "deleted from the list";
    (void)strict.on_no_offer(device(2), now);
    (void)strict.on_lease(device(9), grant(), now);
    ASSERT_EQ(strict.lessor(), device(9));
    (void)strict.add({device(1), device(2)}, false, now);
    (void)strict.on_time(now + 10s);
    const auto lost = strict.on_beat(device(9), false, now + 12s);
    const auto asked = only<bootstrap::probe>(lost);
    ASSERT_EQ(asked.size(), 3u) << "case 2: one silent interval";
    EXPECT_EQ(asked[0].to, device(9)) << "the default rendezvous first";
    const auto usual = bootstrap::timers_of(bootstrap::profile::usual);
    const auto quick = bootstrap::timers_of(bootstrap::profile::lan_test);
    EXPECT_GE(usual.batch_time, 5 * quick.batch_time);
    EXPECT_EQ(usual.gives_up, 20 * quick.gives_up);
}

TEST_F(bootstrap_test, what_is_told_of_loads_is_kept_with_the_candidates) {
    lease_one();
    wire::lease_reply reply = grant();
    reply.loads = {{device(1), 5, 9, 1'000}, {device(200), 1, 2, 0}};
    (void)machine.on_lease(device(1), reply, now);
    strategy.seen.clear();
    (void)machine.on_peer_gone(device(1), now);
    ASSERT_EQ(strategy.seen.size(), 1u);
    EXPECT_EQ(strategy.seen[0].edges, 3u) << "its own offer was newer";
    machine.on_load({device(1), 7, 9, now + 1s});
    (void)machine.on_time(now + bootstrap::batch_time);
    (void)machine.on_time(*machine.deadline());
    ASSERT_EQ(strategy.seen.size(), 1u);
    EXPECT_EQ(strategy.seen[0].edges, 7u);
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
