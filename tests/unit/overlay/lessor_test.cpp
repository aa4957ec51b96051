// The lessor alone: admission, heartbeats, expiry and the exchange of loads, with exact times.
#include <numeric>

#include "unit/overlay/lessor_fixture.hpp"

namespace calbox::overlay {
namespace {

using verdict = wire::lease_reply::verdict;

TEST_F(lessor_test, grants_until_full_and_then_says_busy) {
    lessor machine = make(2);
    (void)machine.start(now);
    EXPECT_EQ(machine.on_probe().edges_max, 2u);
    const auto granted = machine.on_lease(edge(1), now);
    EXPECT_EQ(granted.what, verdict::grant);
    EXPECT_EQ(granted.lease_ms, 30'000u);
    EXPECT_EQ(granted.heartbeat_ms, 10'000u);
    EXPECT_EQ(machine.on_lease(edge(2), now).what, verdict::grant);
    const auto busy = machine.on_lease(edge(3), now);
    EXPECT_EQ(busy.what, verdict::busy);
    EXPECT_EQ(busy.retry_after_ms, 7'000u);
    EXPECT_EQ(machine.on_probe().edges, 2u);
    // Who has a lease renews it, full or not; so does this node's own edge.
    EXPECT_EQ(machine.on_lease(edge(1), now).what, verdict::grant);
    EXPECT_EQ(machine.on_lease(edge(me), now).what, verdict::grant);
    machine.on_leave(device(2), {}, now);
    machine.on_leave(device(me), {}, now);
    EXPECT_EQ(machine.on_lease(edge(3), now).what, verdict::grant);
}

TEST_F(lessor_test, redirects_to_whom_it_heard_of_in_three_minutes) {
    rendezvous(other);
    lessor machine = make(0);
    const auto asked = only<lessor::ask_load>(machine.start(now));
    ASSERT_EQ(asked.size(), 1u);
    EXPECT_EQ(asked[0].whom, device(other));
    const auto mine =
        only<lessor::tell_leases>(machine.on_load(device(other), wire::offer{3, 10}, now + 20ms));
    ASSERT_EQ(mine.size(), 1u);
    EXPECT_EQ(mine[0].to, device(other));
    const auto redirect = machine.on_lease(edge(1), now + 1s);
    EXPECT_EQ(redirect.what, verdict::redirect);
    ASSERT_EQ(redirect.rendezvous.size(), 1u);
    EXPECT_EQ(redirect.rendezvous[0].device, device(other));
    // It does not answer any more, and is forgotten.
    EXPECT_TRUE(machine.on_load(device(other), std::nullopt, now + 2s).empty());
    EXPECT_EQ(machine.on_lease(edge(1), now + 3s).what, verdict::busy);
    // One that nobody asked again is forgotten, too.
    (void)machine.on_load(device(other), wire::offer{3, 10}, now + 4s);
    book.known.clear();
    (void)machine.on_time(now + 4s + lessor::exchange_every * 3);
    EXPECT_EQ(machine.on_lease(edge(1), now + 5s + lessor::exchange_every * 3).what,
              verdict::redirect);
    (void)machine.on_time(now + 14s + lessor::exchange_every * 4);
    EXPECT_EQ(machine.on_lease(edge(1), now + 15s + lessor::exchange_every * 4).what,
              verdict::busy);
}

TEST_F(lessor_test, silent_lease_ends_at_the_first_look_after_three_beats) {
    lessor machine = make(10);
    (void)machine.start(now);
    (void)machine.on_lease(edge(1), now);
    ASSERT_TRUE(machine.on_heartbeat(device(1), now + 9s));
    const instant ends = now + 9s + 30s;
    std::vector<instant> looked;
    while (machine.holds(device(1))) {
        ASSERT_TRUE(machine.deadline());
        looked.push_back(*machine.deadline());
        (void)machine.on_time(looked.back());
        ASSERT_LT(looked.back(), now + 2min);
    }
    EXPECT_EQ(looked.front(), now + lessor::presence_delay);
    EXPECT_EQ(looked.back(), now + 40s) << "looked at each 5 s";
    EXPECT_GE(looked.back(), ends);
    EXPECT_FALSE(book.known.at(device(1)).online);
    EXPECT_FALSE(machine.on_heartbeat(device(1), now + 40s));
    EXPECT_EQ(machine.deadline(), now + 40s + lessor::presence_delay) << "and tells of it";
}

TEST_F(lessor_test, a_rendezvous_that_is_gone_is_offline_and_no_target_of_redirects) {
    rendezvous(other);
    lessor machine = make(0);
    (void)machine.start(now);
    (void)machine.on_load(device(other), wire::offer{1, 10}, now);
    machine.on_peer_gone(device(other), now + 1s);
    EXPECT_FALSE(book.known.at(device(other)).online);
    EXPECT_EQ(machine.on_lease(edge(1), now + 1s).what, verdict::busy);
}

TEST_F(lessor_test, a_grant_names_few_of_many_rendezvous_and_each_of_them_at_times) {
    for (unsigned i = 0; i < 100; ++i) {
        rendezvous(1100 + i);
    }
    lessor machine = make(10'000);
    std::map<device_id, int> named;
    for (unsigned i = 0; i < 400; ++i) {
        const auto granted = machine.on_lease(edge(i), now);
        ASSERT_EQ(granted.rendezvous.size(), lessor::told);
        for (const wire::location& one : granted.rendezvous) {
            ++named[one.device];
        }
    }
    EXPECT_EQ(named.size(), 100u);
    for (const auto& [id, count] : named) {
        EXPECT_NEAR(count, 128, 47) << "five standard deviations";
    }
}

TEST_F(lessor_test, asks_eight_at_once_and_sixty_four_each_minute) {
    for (unsigned i = 0; i < 200; ++i) {
        rendezvous(1100 + i);
    }
    lessor machine = make(10);
    auto asked = only<lessor::ask_load>(machine.start(now));
    EXPECT_EQ(asked.size(), lessor::asked_at_once);
    std::size_t all = asked.size();
    while (!asked.empty()) {
        const device_id answers = asked.back().whom;
        asked.pop_back();
        for (const auto& next :
             only<lessor::ask_load>(machine.on_load(answers, wire::offer{1, 10}, now))) {
            asked.push_back(next);
            ++all;
        }
        EXPECT_LE(asked.size(), lessor::asked_at_once);
    }
    EXPECT_EQ(all, lessor::exchanged_with);
    EXPECT_TRUE(only<lessor::ask_load>(machine.on_time(now + 56s)).empty());
    EXPECT_EQ(only<lessor::ask_load>(machine.on_time(now + 63s)).size(), lessor::asked_at_once);
    machine.stop();
    EXPECT_FALSE(machine.deadline());
    EXPECT_TRUE(only<lessor::ask_load>(machine.on_load(device(1100), std::nullopt, now)).empty());
}

TEST_F(lessor_test, says_busy_beyond_its_rate_and_renews_all_the_same) {
    lessor machine = make({1'000, 10s, 20, 10});
    (void)machine.start(now);
    unsigned granted = 0;
    for (unsigned i = 0; i < 100; ++i) {
        const auto answer = machine.on_lease(edge(i), now);
        granted += answer.what == verdict::grant ? 1 : 0;
        if (answer.what == verdict::busy) {
            EXPECT_GE(answer.retry_after_ms, 1'000u);
            EXPECT_LT(answer.retry_after_ms, 5'000u);
        }
    }
    EXPECT_EQ(granted, 10u);
    EXPECT_EQ(machine.on_lease(edge(3), now).what, verdict::grant) << "a renewal";
    EXPECT_EQ(machine.on_lease(edge(200), now + 49ms).what, verdict::busy);
    EXPECT_EQ(machine.on_lease(edge(200), now + 51ms).what, verdict::grant) << "20 in a second";
    for (unsigned i = 300; i < 400; ++i) {
        granted += machine.on_lease(edge(i), now + 1h).what == verdict::grant ? 1 : 0;
    }
    EXPECT_EQ(granted, 20u) << "no more than the burst, however long nobody came";
}

TEST_F(lessor_test, spread_is_the_time_that_the_others_need_and_a_tenth) {
    rendezvous(other);
    lessor machine = make({10'000, 10s, 200, 10'000});
    (void)machine.start(now);
    EXPECT_EQ(machine.on_lease(edge(0), now).failover_spread_ms, 500u) << "the least";
    for (unsigned i = 1; i < 1'000; ++i) {
        (void)machine.on_lease(edge(i), now);
    }
    EXPECT_EQ(machine.on_heartbeat(device(1), now)->failover_spread_ms, 5'500u);
    (void)machine.on_load(device(other), wire::offer{1, 10}, now);
    (void)machine.on_load(device(third), wire::offer{1, 10}, now);
    EXPECT_EQ(machine.on_heartbeat(device(1), now)->failover_spread_ms, 2'750u);
}

TEST_F(lessor_test, hears_a_load_with_the_question_and_names_it_in_a_grant) {
    rendezvous(other);
    lessor machine = make(10);
    (void)machine.start(now);
    EXPECT_EQ(machine.on_probe(device(other), {4, 9}, now).edges_max, 10u);
    (void)machine.on_probe(device(third), {}, now);  // an edge
    ASSERT_EQ(machine.loads(now).size(), 2u);
    const auto granted = machine.on_lease(edge(1), now + 2s);
    ASSERT_EQ(granted.loads.size(), 1u);
    EXPECT_EQ(granted.loads[0].device, device(other));
    EXPECT_EQ(granted.loads[0].edges, 4u);
    EXPECT_EQ(granted.loads[0].age_ms, 2'000u);
}

TEST_F(lessor_test, moves_edges_that_are_welcome_ten_each_second_and_nobody_hears_that_they_went) {
    rendezvous(other);
    lessor machine = make(100);
    (void)machine.start(now);
    for (unsigned i = 0; i < 30; ++i) {
        (void)machine.on_lease(edge(i), now);
    }
    (void)machine.on_time(now + lessor::presence_delay);
    strategy.planned = {{device(other), 25}};
    const auto asked = only<lessor::ask_room>(machine.on_time(now + lessor::plan_after));
    ASSERT_EQ(asked.size(), 1u);
    EXPECT_EQ(asked[0].whom, device(other));
    EXPECT_EQ(asked[0].edges.size(), 25u);
    now = now + 11s;
    std::set<device_id> told;
    auto moves = only<lessor::move>(machine.on_room(asked[0], 15, now));
    EXPECT_EQ(moves.size(), lessor::moved_at_once);
    for (const auto& one : only<lessor::move>(machine.on_time(now + 1s))) {
        moves.push_back(one);
    }
    ASSERT_EQ(moves.size(), 15u) << "as many as were welcome";
    for (const auto& one : moves) {
        EXPECT_EQ(one.to, device(other));
        EXPECT_TRUE(told.insert(one.edge).second);
        machine.on_leave(one.edge, device(other), now + 2s);
        EXPECT_TRUE(book.known.at(one.edge).online);
        EXPECT_EQ(book.known.at(one.edge).relay, device(other));
    }
    EXPECT_EQ(machine.edges(), 15u);
    EXPECT_EQ(machine.moved_away(), 15u);
    for (const auto& one : only<lessor::tell>(machine.on_time(now + 3s))) {
        for (const device_id& about : one.about) {
            EXPECT_FALSE(told.contains(about));
        }
    }
}

TEST_F(lessor_test, room_is_kept_for_thirty_seconds_and_who_came_by_a_move_stays) {
    lessor machine = make({2, 10s, 1, 1});
    (void)machine.start(now);
    EXPECT_EQ(machine.on_lease(edge(1), now).what, verdict::grant);
    EXPECT_EQ(machine.on_room_asked({device(2), device(3)}, now), 2u) << "the strategy said so";
    EXPECT_EQ(machine.on_probe().edges, 3u) << "who is expected counts";
    // Neither the rate nor somebody else's promise keeps it out.
    (void)machine.on_room_asked({}, now);
    strategy.planned = {{device(other), 5}};
    const auto came = machine.on_lease(edge(2), now + 1s);
    EXPECT_EQ(came.what, verdict::busy) << "two and one promised fill it";
    (void)machine.on_time(now + 35s);
    EXPECT_EQ(machine.on_probe().edges, 0u) << "the promises are over, and so is the lease";
    machine.on_leave(device(1), {}, now + 35s);
    EXPECT_EQ(machine.on_room_asked({device(2)}, now + 36s), 1u);
    EXPECT_EQ(machine.on_lease(edge(2), now + 36s).what, verdict::grant);
    for (duration later = 60s; later < 59min; later += 20s) {
        (void)machine.on_heartbeat(device(2), now + later);
        EXPECT_TRUE(only<lessor::ask_room>(machine.on_time(now + later)).empty());
    }
    EXPECT_TRUE(machine.holds(device(2)));
    bool asked = false;
    for (duration later = 62min; later < 66min; later += 20s) {
        (void)machine.on_heartbeat(device(2), now + later);
        asked = asked || !only<lessor::ask_room>(machine.on_time(now + later)).empty();
    }
    EXPECT_TRUE(asked) << "after an hour it may be moved on";
}

TEST(interests, are_bounded_for_each_edge_and_in_all) {
    interests all;
    std::vector<user_id> many;
    for (unsigned i = 0; i < interests::most_of_one + 500; ++i) {
        many.push_back(user(i));
    }
    all.add(device(1), many);
    all.add(device(1), many);
    EXPECT_EQ(all.size(), interests::most_of_one);
    EXPECT_EQ(all.in(user(interests::most_of_one)), nullptr);
    for (unsigned edge = 2; edge < 300; ++edge) {
        all.add(device(edge), many);
    }
    EXPECT_EQ(all.size(), interests::most);
    for (unsigned edge = 1; edge < 300; ++edge) {
        all.drop(device(edge));
    }
    EXPECT_EQ(all.size(), 0u);
    EXPECT_EQ(all.in(user(1)), nullptr);
}

}  // namespace
}  // namespace calbox::overlay
