// The lessor alone: whom presence goes to, and when what others said is over.
#include "unit/overlay/lessor_fixture.hpp"

namespace calbox::overlay {
namespace {

TEST_F(lessor_test, a_backup_that_leases_from_many_is_news_once) {
    rendezvous(other);
    rendezvous(third);
    lessor machine = make(10);
    (void)machine.start(now);
    (void)machine.on_lease(edge(1), now);
    wire::location backup{device(5), wire::role::backup, {}, device(other), true, {}};
    EXPECT_EQ(told(machine.on_presence(device(other), {{backup}}))[device(1)], 1u);
    backup.relay = device(third);
    EXPECT_TRUE(machine.on_presence(device(third), {{backup}}).empty());
    machine.on_peer_gone(device(other), now);
    EXPECT_EQ(told(machine.on_presence(device(third), {{backup}}))[device(1)], 1u)
        << "where it was is in doubt";
}

TEST_F(lessor_test, a_backup_is_online_as_long_as_one_of_its_leases_lasts) {
    rendezvous(other);
    rendezvous(third);
    lessor machine = make(10);
    (void)machine.start(now);
    wire::location backup{device(5), wire::role::backup, {}, {}, true, {}};
    (void)machine.on_lease(backup, now);
    for (const unsigned one : {other, third}) {
        backup.relay = device(one);
        (void)machine.on_presence(device(one), {{backup}});
    }
    EXPECT_EQ(book.known[device(5)].relay, device(me));
    machine.on_peer_gone(device(5), now);
    EXPECT_TRUE(book.known[device(5)].online);
    EXPECT_EQ(book.known[device(5)].relay, device(other));
    const auto said = only<lessor::tell>(machine.on_time(*machine.deadline()));
    ASSERT_FALSE(said.empty());
    EXPECT_TRUE(said.front().of_leases) << "the others hear that the lease here has ended";
    backup.online = false;
    backup.relay = device(other);
    (void)machine.on_presence(device(other), {{backup}});
    EXPECT_TRUE(book.known[device(5)].online);
    EXPECT_EQ(book.known[device(5)].relay, device(third));
    backup.relay = device(third);
    (void)machine.on_presence(device(third), {{backup}});
    EXPECT_FALSE(book.known[device(5)].online);
}

TEST_F(lessor_test, whom_the_other_rendezvous_call_gone_is_named_to_nobody_until_it_speaks) {
    rendezvous(other);
    rendezvous(third);
    lessor machine = make(10);
    (void)machine.start(now);
    (void)machine.on_load(device(other), wire::offer{1, 10}, now);
    (void)machine.on_load(device(third), wire::offer{1, 10}, now);
    EXPECT_EQ(machine.heard_of(), (std::vector{device(other), device(third)}));
    machine.on_member(device(other), member_fate::gone, now);
    EXPECT_EQ(machine.heard_of(), std::vector{device(third)});
    EXPECT_FALSE(book.known[device(other)].online);
    const auto named = [&](unsigned edge_number) {
        const auto reply = machine.on_lease(edge(edge_number), now);
        std::vector<device_id> all;
        for (const wire::location& one : reply.rendezvous) {
            all.push_back(one.device);
        }
        return all;
    };
    EXPECT_EQ(named(1), std::vector{device(third)});
    (void)machine.on_probe(device(other), wire::probe{1, 10}, now);
    EXPECT_EQ(named(2), (std::vector{device(other), device(third)}));
    machine.on_member(device(third), member_fate::gone, now);
    EXPECT_EQ(named(3), std::vector{device(other)});
    machine.on_member(device(third), member_fate::here, now);
    EXPECT_EQ(named(4), (std::vector{device(other), device(third)}));
    machine.on_member(device(1), member_fate::gone, now);
    EXPECT_TRUE(book.known[device(1)].online) << "it leases here, whatever others say";
}

TEST_F(lessor_test, what_a_rendezvous_said_stays_when_it_was_called_gone_by_mistake) {
    for (const bool refuted : {true, false}) {
        rendezvous(other);
        lessor machine = make(10);
        (void)machine.start(now);
        wire::location leased = edge(7);
        leased.online = true;
        leased.relay = device(other);
        (void)machine.on_presence(device(other), {{leased}});
        machine.on_member(device(other), member_fate::gone, now);
        machine.on_member(device(other), refuted ? member_fate::refuted : member_fate::here, now);
        for (const instant end = now + 3min; now < end; now = now + 1s) {
            (void)machine.on_time(now);
        }
        EXPECT_EQ(book.known[device(7)].online, refuted);
    }
}

TEST_F(lessor_test, tells_an_edge_of_the_users_that_it_asked_for_and_of_those_who_serve) {
    rendezvous(other);
    lessor machine = make(10);
    (void)machine.start(now);
    (void)machine.on_lease(edge(1, {user(1)}), now);
    (void)machine.on_lease(edge(2, {user(2)}), now);
    (void)machine.on_time(*machine.deadline());
    machine.on_interest(device(1), {user(3), user(4)});
    machine.on_interest(device(9), {user(3)});  // has no lease here

    (void)machine.on_lease(edge(3, {user(3)}), now + 1s);
    EXPECT_EQ(machine.deadline(), now + 1s + lessor::presence_delay);
    const auto came = machine.on_time(now + 1s + lessor::presence_delay);
    EXPECT_EQ(only<lessor::heard>(came).size(), 1u);
    EXPECT_EQ(told(came), (std::map<device_id, std::size_t>{{device(1), 1}, {device(other), 1}}));

    wire::location backup = edge(4);
    backup.roles |= wire::role::backup;
    (void)machine.on_lease(backup, now + 2s);
    EXPECT_EQ(
        told(machine.on_time(now + 3s)),
        (std::map<device_id, std::size_t>{
            {device(1), 1}, {device(2), 1}, {device(3), 1}, {device(4), 1}, {device(other), 1}}));

    // Its going concerns the same; and an interest ends with its lease.
    machine.on_leave(device(3), {}, now + 4s);
    EXPECT_EQ(told(machine.on_time(now + 5s)),
              (std::map<device_id, std::size_t>{{device(1), 1}, {device(other), 1}}));
    machine.on_leave(device(1), {}, now + 6s);
    EXPECT_EQ(machine.wanted().size(), 0u);
    (void)machine.on_lease(edge(1, {user(1)}), now + 7s);
    (void)machine.on_lease(edge(3, {user(3)}), now + 7s);
    EXPECT_EQ(told(machine.on_time(now + 8s)),
              (std::map<device_id, std::size_t>{{device(other), 2}}));
}

TEST_F(lessor_test, a_crowd_costs_what_it_is_interested_in_and_not_its_square) {
    constexpr unsigned crowd = 500, friends = 4;
    lessor machine{strategy, entropy, book, device(me), {10'000, 1h}};
    (void)machine.start(now);
    const auto announced = [&] {
        std::size_t sent = 0;
        for (const auto& [to, count] : told(machine.on_time(now + lessor::presence_delay))) {
            sent += count;
        }
        return sent;
    };
    std::size_t came = 0, went = 0;
    for (unsigned i = 0; i < crowd; ++i) {
        now = now + 1s;
        (void)machine.on_lease(edge(i, {user(i)}), now);
        std::vector<user_id> wanted;
        for (unsigned j = 1; j <= friends; ++j) {
            wanted.push_back(user((i + j) % crowd));
        }
        machine.on_interest(device(i), wanted);
        came += announced();
    }
    ASSERT_EQ(machine.edges(), crowd);
    for (unsigned i = 0; i < crowd; ++i) {
        now = now + 1s;
        machine.on_leave(device(i), {}, now);
        went += announced();
    }
    // Each has four friends who come and go after it, but for the last, whose friends were the
    // first. To all it would have been 249,500.
    constexpr std::size_t round_the_corner = friends * (friends + 1) / 2;
    EXPECT_EQ(came, crowd * friends - round_the_corner);
    EXPECT_EQ(went, round_the_corner);
}

TEST_F(lessor_test, those_who_hear_the_same_get_one_effect) {
    lessor machine = make(10'000);
    (void)machine.start(now);
    for (unsigned i = 0; i < 100; ++i) {
        (void)machine.on_lease(edge(i), now);
        machine.on_interest(device(i), {user(500)});
    }
    (void)machine.on_time(now + 1s);
    (void)machine.on_lease(edge(500, {user(500)}), now + 2s);
    const auto all = only<lessor::tell>(machine.on_time(now + 3s));
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].to.size(), 100u);
}

TEST_F(lessor_test, passes_on_what_others_say_of_their_own_leases_when_it_is_news) {
    rendezvous(other);
    rendezvous(third);
    lessor machine = make(10);
    (void)machine.start(now);
    (void)machine.on_lease(edge(1), now);
    machine.on_interest(device(1), {user(7)});
    (void)machine.on_time(now + 1s);

    wire::location theirs = edge(7, {user(7)});
    theirs.relay = device(other);
    EXPECT_EQ(told(machine.on_presence(device(other), {{theirs}})),
              (std::map<device_id, std::size_t>{{device(1), 1}}))
        << "and not to other rendezvous, who hear it from where it comes";
    EXPECT_TRUE(machine.on_presence(device(other), {{theirs}}).empty()) << "no news";
    // Hearsay, and what concerns a lease of this one's own.
    EXPECT_TRUE(machine.on_presence(device(third), {{theirs}}).empty());
    wire::location mine = edge(1);
    mine.relay = device(other);
    mine.online = false;
    EXPECT_TRUE(machine.on_presence(device(other), {{mine}}).empty());
    EXPECT_TRUE(book.known.at(device(1)).online);

    // It moves to the third, and the other is the last to notice.
    wire::location moved = theirs, gone = theirs;
    moved.relay = device(third);
    gone.online = false;
    EXPECT_FALSE(machine.on_presence(device(third), {{moved}}).empty());
    EXPECT_TRUE(machine.on_presence(device(other), {{gone}}).empty());
    EXPECT_TRUE(book.known.at(device(7)).online);
}

TEST_F(lessor_test, a_new_lease_is_told_whatever_was_heard_of_the_device_before) {
    rendezvous(other);
    lessor machine = make(100);
    (void)machine.start(now);
    wire::location heard = edge(1, {user(1)});
    heard.relay = device(me);  // from somebody who had not heard that this one restarted
    book.known[device(1)] = heard;
    ASSERT_EQ(machine.on_lease(edge(1, {user(1)}), now).what, wire::lease_reply::verdict::grant);
    const auto told_of = told(machine.on_time(now + lessor::presence_delay));
    EXPECT_EQ(told_of.at(device(other)), 1u);
}

TEST_F(lessor_test, what_a_lost_rendezvous_had_said_is_over_where_it_does_not_say_it_again) {
    rendezvous(other);
    rendezvous(third);
    lessor machine = make(100);
    (void)machine.start(now);
    ASSERT_EQ(machine.on_lease(edge(1), now).what, wire::lease_reply::verdict::grant);
    machine.on_interest(device(1), {user(1)});
    const auto leases = [](unsigned n, unsigned where) {
        wire::location one = edge(n, {user(1)});
        one.relay = device(where);
        return one;
    };
    const auto online = [this](unsigned n) { return book.known.at(device(n)).online; };
    const auto until = [&](instant end) {  // with whoever is lost not answering
        std::map<device_id, std::size_t> all;
        while (machine.deadline() && *machine.deadline() <= end) {
            now = *machine.deadline();
            for (const auto& [to, count] : told(machine.on_time(now))) {
                all[to] += count;
            }
            (void)machine.on_lease(edge(1), now);
        }
        now = end;
        return all;
    };
    (void)machine.on_load(device(other), wire::offer{3, 100}, now);
    (void)machine.on_load(device(third), wire::offer{1, 100}, now);
    (void)machine.on_presence(device(other),
                              {{leases(7, other), leases(8, other), leases(9, other)}});
    (void)machine.on_presence(device(third), {{leases(10, third)}});

    machine.on_peer_gone(device(other), now);
    const instant lost = now;
    (void)until(lost + 30s);
    (void)machine.on_presence(device(third), {{leases(8, third)}});  // it has gone there
    (void)machine.on_presence(device(other), {{leases(9, other)}});  // it is back, with that one
    (void)until(lost + (lessor::hearsay_kept - 1s));
    EXPECT_TRUE(online(7) && online(8) && online(9) && online(10));
    const auto said = until(lost + lessor::hearsay_kept + 6s);
    EXPECT_FALSE(online(7));
    EXPECT_TRUE(online(8) && online(9) && online(10));
    EXPECT_EQ(said, (std::map<device_id, std::size_t>{{device(1), 1}}));

    // A silent one is lost by its first question without an answer, however often it is asked.
    const instant silent = now;
    for (instant at = silent; at < silent + 2 * lessor::hearsay_kept;
         at = at + lessor::exchange_every) {
        (void)machine.on_load(device(third), std::nullopt, at);
        (void)until(at);
    }
    EXPECT_FALSE(online(8));
    EXPECT_FALSE(online(10));
    EXPECT_TRUE(online(9));
}

}  // namespace
}  // namespace calbox::overlay
