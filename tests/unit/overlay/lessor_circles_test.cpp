// The lessor in its circle: whom it tells of what, whose word it takes, and what it makes of an
// informant's silence.
#include "unit/overlay/lessor_fixture.hpp"

namespace calbox::overlay {
namespace {

class lessor_circles_test : public lessor_test {
protected:
    /// With the default of 32 circles: the n-th rendezvous of that one.
    static device_id in_circle(std::uint8_t circle, std::uint8_t n) {
        device_id id;
        id.value[0] = n;
        id.value[7] = circle;
        return id;
    }
    static const inline device_id mate = in_circle(0, 200), far = in_circle(1, 201),
                                  far_too = in_circle(1, 202), farther = in_circle(2, 203);
    void SetUp() override {
        for (const device_id& one : {mate, far, far_too, farther}) {
            book.known[one] = {one, wire::role::rendezvous, {}, one, true, {}};
        }
    }
    static constexpr auto watching = circles::verdict::watching;
    /// In circle 0.
    lessor circled() {
        return {strategy, entropy, book, in_circle(0, 199), {10, 10s, 1'000'000, 1'000'000}};
    }
    lessor::effects begin(lessor& machine) {
        (void)machine.start(now);
        return machine.begin_circles({mate, far, far_too, farther}, {}, now);
    }
    static std::vector<circles::question> asked(const lessor::effects& all, bool over = false) {
        std::vector<circles::question> found;
        for (const auto& one : only<lessor::ask_watch>(all)) {
            if (one.what.what.over == over) {
                found.push_back(one.what);
            }
        }
        return found;
    }
    /// Begins, and all that is asked is answered by nothing. The informant of circle 1, and the
    /// other one there.
    std::pair<device_id, device_id> settled(lessor& machine) {
        for (const auto& one : asked(begin(machine))) {
            (void)machine.on_watched(one, wire::watch_reply(), now);
        }
        const bool first = machine.near()->is_informant(far);
        return first ? std::pair(far, far_too) : std::pair(far_too, far);
    }
    /// What follows within a second.
    lessor::effects soon(lessor& machine) {
        lessor::effects all;
        for (const instant end = now + 1s; machine.deadline() && *machine.deadline() <= end;) {
            now = *machine.deadline();
            const auto some = machine.on_time(now);
            all.insert(all.end(), some.begin(), some.end());
        }
        return all;
    }
    static wire::location at(unsigned n, const device_id& rendezvous, bool online) {
        return {device(n), wire::role::edge, {}, rendezvous, online, {user(n)}};
    }
};

TEST_F(lessor_circles_test, tells_its_circle_of_its_leases_and_others_what_they_asked_for) {
    lessor machine = circled();
    (void)begin(machine);
    ASSERT_TRUE(machine.on_watch(far, {{user(1)}, {}, true, false}).has_value());
    (void)machine.on_lease(edge(1, {user(1)}), now);
    EXPECT_EQ(told(soon(machine)), (std::map<device_id, std::size_t>{{mate, 1}, {far, 1}}));
    (void)machine.on_lease(edge(2, {user(2)}), now);
    EXPECT_EQ(told(soon(machine)), (std::map<device_id, std::size_t>{{mate, 1}}));
    EXPECT_EQ(told(machine.on_presence(mate, {{at(1, mate, true)}})),
              (std::map<device_id, std::size_t>()))
        << "its own lease is its own word";
    (void)machine.on_leave(device(1), {}, now);
    EXPECT_EQ(told(soon(machine)), (std::map<device_id, std::size_t>{{mate, 1}, {far, 1}}));
    EXPECT_EQ(told(machine.on_presence(mate, {{at(1, mate, true)}})),
              (std::map<device_id, std::size_t>{{far, 1}}))
        << "the informant tells of its whole circle";
}

TEST_F(lessor_circles_test, asks_one_of_each_other_circle_and_takes_its_word_for_that_circle) {
    lessor machine = circled();
    const auto first = asked(begin(machine));
    ASSERT_EQ(first.size(), 2U);
    for (const auto& one : first) {
        (void)machine.on_watched(one, wire::watch_reply(), now);
    }
    (void)machine.on_lease(edge(1, {user(1)}), now);
    machine.on_interest(device(1), {user(7)});
    const auto wanted = asked(machine.want({{user(7)}, {}, 0}, now));
    ASSERT_EQ(wanted.size(), 2U);
    EXPECT_TRUE(machine.want({{user(7)}, {}, 0}, now).empty()) << "it is told of him";
    // The informant of circle 1 names another one's lease, there and in a circle not its own.
    const device_id informant =
        first[0].to == far || first[0].to == far_too ? first[0].to : first[1].to;
    const device_id its_mate = informant == far ? far_too : far;
    const auto& question = wanted[0].to == informant ? wanted[0] : wanted[1];
    const wire::watch_reply reply{watching, {at(7, its_mate, true), at(8, farther, true)}, false};
    const auto news = machine.on_watched(question, reply, now);
    EXPECT_EQ(told(news), (std::map<device_id, std::size_t>{{device(1), 1}}));
    EXPECT_TRUE(book.known[device(7)].online);
    EXPECT_FALSE(book.known.contains(device(8))) << "what it says of circle 2 does not count";
    (void)machine.on_presence(mate, {{at(9, its_mate, true)}});
    EXPECT_FALSE(book.known.contains(device(9))) << "nor what a mate says of circle 1";
}

TEST_F(lessor_circles_test,
       the_next_informant_is_asked_everything_and_whom_it_does_not_name_is_gone) {
    lessor machine = circled();
    std::optional<device_id> informant;
    for (const auto& one : asked(begin(machine))) {
        informant = one.to == farther ? informant : one.to;
    }
    ASSERT_TRUE(informant);
    const device_id other_one = *informant == far ? far_too : far;
    (void)machine.on_lease(edge(1, {user(1)}), now);
    machine.on_interest(device(1), {user(7), user(8)});
    (void)machine.want({{user(7), user(8)}, {}, 0}, now);
    (void)machine.on_presence(*informant, {{at(7, other_one, true), at(8, other_one, true)}});
    EXPECT_TRUE(book.known[device(8)].online);
    const auto next = asked(machine.on_member(*informant, member_fate::gone, now));
    ASSERT_EQ(next.size(), 1U);
    EXPECT_EQ(next[0].to, other_one);
    EXPECT_TRUE(next[0].what.anew);
    EXPECT_EQ(next[0].what.users, (std::vector{user(7), user(8)}));
    const wire::watch_reply reply{watching, {at(7, other_one, true)}, false};
    EXPECT_EQ(told(machine.on_watched(next[0], reply, now)),
              (std::map<device_id, std::size_t>{{device(1), 1}}));
    EXPECT_TRUE(book.known[device(7)].online);
    EXPECT_FALSE(book.known[device(8)].online);
}

TEST_F(lessor_circles_test, whoever_has_a_new_lease_is_not_put_back_to_the_rendezvous_that_died) {
    lessor machine = circled();
    (void)begin(machine);
    (void)machine.on_presence(far, {{at(7, far_too, true)}});
    (void)machine.on_presence(farther, {{at(7, farther, true)}});
    EXPECT_EQ(book.known[device(7)].relay, farther);
    (void)machine.on_member(far_too, member_fate::gone, now);
    (void)machine.on_presence(far, {{at(7, far_too, true)}});
    EXPECT_EQ(book.known[device(7)].relay, farther);
    (void)machine.on_presence(far, {{at(7, far_too, false)}});
    EXPECT_TRUE(book.known[device(7)].online) << "it went from there, and is elsewhere";
}

TEST_F(lessor_circles_test, an_edge_that_moves_to_another_circle_is_told_to_have_left_this_one) {
    lessor machine = circled();
    (void)begin(machine);
    ASSERT_TRUE(machine.on_watch(far, {{user(1)}, {}, true, false}).has_value());
    (void)machine.on_lease(edge(1, {user(1)}), now);
    (void)soon(machine);
    machine.on_leave(device(1), farther, now);
    EXPECT_TRUE(told(soon(machine)).empty()) << "the other one tells of it first";
    now = now + 1s;
    const auto after = only<lessor::tell>(soon(machine));
    ASSERT_EQ(after.size(), 2U);
    for (const lessor::tell& one : after) {
        EXPECT_TRUE(one.of_leases);
        EXPECT_EQ(one.about, std::vector{device(1)});
    }
    (void)machine.on_lease(edge(2, {user(2)}), now);
    (void)soon(machine);
    machine.on_leave(device(2), mate, now);
    now = now + 2s;
    EXPECT_TRUE(told(soon(machine)).empty()) << "within the circle the other one tells everybody";
}

TEST_F(lessor_circles_test, when_they_are_few_again_everybody_is_told_everything) {
    lessor machine = circled();
    for (const auto& one : only<lessor::ask_load>(begin(machine))) {
        (void)machine.on_load(one.whom, wire::offer{1, 10}, now);
    }
    for (const device_id& one : {mate, far, far_too, farther}) {
        (void)machine.on_load(one, wire::offer{1, 10}, now);
    }
    (void)machine.on_member(farther, member_fate::gone, now);
    machine.forget_members(now);
    EXPECT_EQ(machine.near(), nullptr);
    EXPECT_EQ(machine.deadline(), now) << "the loads are exchanged at once, and leases with them";
    std::set<device_id> whom;
    const auto add = [&](const lessor::effects& all) {
        for (const auto& one : only<lessor::ask_load>(all)) {
            whom.insert(one.whom);
        }
    };
    add(machine.on_time(now));
    for (const device_id& one : std::set(whom)) {
        const auto answered = machine.on_load(one, wire::offer{1, 10}, now);
        EXPECT_EQ(only<lessor::tell_leases>(answered).size(), 1U);
        add(answered);
    }
    EXPECT_EQ(whom, (std::set{mate, far, far_too, farther}));
    EXPECT_FALSE(machine.on_watch(far, {}).has_value());
    (void)machine.on_lease(edge(1, {user(1)}), now);
    EXPECT_EQ(told(soon(machine)).size(), 4U);
}

TEST_F(lessor_circles_test, loads_are_asked_of_the_circle_of_informants_and_of_some_others) {
    lessor machine = circled();
    (void)machine.start(now);
    std::vector<device_id> many;
    for (std::uint8_t circle = 0; circle < 32; ++circle) {
        for (std::uint8_t n = 1; n <= 8; ++n) {
            many.push_back(in_circle(circle, n));
            book.known[many.back()] = {many.back(), wire::role::rendezvous, {}, {}, true, {}};
        }
    }
    std::set<device_id> whom;
    auto all = machine.begin_circles(many, {}, now);
    for (const instant end = now + 2min; now < end;) {
        for (const auto& one : only<lessor::ask_load>(all)) {
            whom.insert(one.whom);
            const auto more = machine.on_load(one.whom, wire::offer{1, 10}, now);
            for (const auto& next : only<lessor::ask_load>(more)) {
                whom.insert(next.whom);
                (void)machine.on_load(next.whom, wire::offer{1, 10}, now);
            }
        }
        now = now + 1s;
        all = machine.on_time(now);
    }
    EXPECT_GE(whom.size(), 8U);
    EXPECT_LE(whom.size(), 3U * (8 + lessor::informants_asked + lessor::others_asked))
        << "of 256, in two or three exchanges";
}

TEST_F(lessor_circles_test, the_word_of_its_own_informant_counts_and_of_no_other_one) {
    lessor machine = circled();
    const auto [informant, other_one] = settled(machine);
    (void)machine.on_presence(other_one, {{at(7, informant, true)}, true});
    EXPECT_FALSE(book.known.contains(device(7)));
    (void)machine.on_presence(informant, {{at(7, other_one, true)}, true});
    EXPECT_TRUE(book.known[device(7)].online);
    (void)machine.on_presence(other_one, {{at(8, other_one, true)}, true});
    EXPECT_TRUE(book.known[device(8)].online) << "its own leases are its own word";
}

TEST_F(lessor_circles_test, whoever_tells_though_nobody_asked_hears_that_nothing_is_to_be_told) {
    lessor machine = circled();
    const auto [informant, other_one] = settled(machine);
    EXPECT_TRUE(
        asked(machine.on_presence(informant, {{at(7, informant, true)}, true}), true).empty());
    const auto over = asked(machine.on_presence(other_one, {{at(7, informant, true)}, true}), true);
    ASSERT_EQ(over.size(), 1U);
    EXPECT_EQ(over[0].to, other_one);
    EXPECT_FALSE(machine.near()->is_plain(other_one));
}

TEST_F(lessor_circles_test, whoever_tells_everybody_is_told_everything_and_his_word_is_enough) {
    lessor machine = circled();
    const auto [informant, plain] = settled(machine);
    const device_id edge_of_it = device(3);
    book.known[edge_of_it] = {edge_of_it, wire::role::edge, {}, edge_of_it, true, {}};
    EXPECT_TRUE(only<lessor::tell_leases>(
                    machine.on_presence(
                        edge_of_it, {{{edge_of_it, wire::role::edge, {}, edge_of_it, true, {}}}}))
                    .empty())
        << "who is no rendezvous is told nothing";
    (void)machine.on_lease(edge(1, {user(1)}), now);
    machine.on_interest(device(1), {user(7)});
    (void)soon(machine);
    EXPECT_EQ(only<lessor::tell_leases>(machine.on_presence(plain, {{at(7, plain, true)}})).size(),
              1U);
    EXPECT_TRUE(machine.near()->is_neighbour(plain));
    // The informant has not heard of him.
    for (const auto& one : asked(machine.want({{user(7)}, {}, 0}, now))) {
        (void)machine.on_watched(one, wire::watch_reply(), now);
    }
    EXPECT_TRUE(book.known[device(7)].online);
    (void)machine.on_lease(edge(2, {user(2)}), now);
    const auto all = soon(machine);
    EXPECT_EQ(told(all), (std::map<device_id, std::size_t>{{mate, 1}, {plain, 1}}));
    EXPECT_TRUE(std::ranges::all_of(only<lessor::tell>(all), [](const lessor::tell& one) {
        return one.circled;
    })) << "so that no two in circles take each other for one that is not";
    (void)machine.on_watch(plain, {{}, {}, false, true});
    (void)machine.on_lease(edge(3, {user(3)}), now);
    EXPECT_EQ(told(soon(machine)), (std::map<device_id, std::size_t>{{mate, 1}}));
    EXPECT_TRUE(machine.near()->is_informant(informant));
}

TEST_F(lessor_circles_test, an_edge_that_leased_elsewhere_unnoticed_is_there_when_its_lease_ends) {
    lessor machine = circled();
    const auto [informant, other_one] = settled(machine);
    for (const bool beats : {false, true}) {
        (void)machine.on_lease(edge(7, {user(7)}), now);
        (void)soon(machine);
        (void)machine.on_presence(informant, {{at(7, other_one, true)}, true});
        EXPECT_EQ(book.known[device(7)].relay, in_circle(0, 199)) << "its lease here counts";
        if (beats) {
            (void)machine.on_heartbeat(device(7), now);
        }
        (void)machine.on_peer_gone(device(7), now);
        EXPECT_EQ(book.known[device(7)].online, !beats);
        EXPECT_EQ(book.known[device(7)].relay == other_one, !beats);
    }
}

TEST_F(lessor_circles_test, what_a_mate_says_again_after_a_doubt_is_passed_on) {
    lessor machine = circled();
    (void)settled(machine);
    ASSERT_TRUE(machine.on_watch(farther, {{user(7)}, {}, true, false}).has_value());
    EXPECT_EQ(told(machine.on_presence(mate, {{at(7, mate, true)}})),
              (std::map<device_id, std::size_t>{{farther, 1}}));
    EXPECT_TRUE(told(machine.on_presence(mate, {{at(7, mate, true)}})).empty());
    (void)machine.on_peer_gone(mate, now);
    EXPECT_EQ(told(machine.on_presence(mate, {{at(7, mate, true)}})),
              (std::map<device_id, std::size_t>{{farther, 1}}));
    EXPECT_TRUE(told(machine.on_presence(mate, {{at(7, mate, true)}})).empty());
}

TEST_F(lessor_circles_test, who_leases_in_another_circle_is_its_informants_word_after_a_doubt_too) {
    lessor machine = circled();
    const auto [informant, other_one] = settled(machine);
    (void)machine.on_presence(informant, {{at(7, other_one, true)}, true});
    (void)machine.on_presence(farther, {{at(8, farther, true)}, true});
    (void)machine.on_member(other_one, member_fate::gone, now);
    (void)machine.on_member(other_one, member_fate::here, now);
    (void)machine.on_member(farther, member_fate::gone, now);
    for (const instant end = now + lessor::hearsay_kept + 1min; now < end;) {
        now = now + 1s;
        for (const auto& one : asked(machine.on_time(now))) {
            if (one.what.users.empty() && one.what.devices.empty()) {
                (void)machine.on_watched(one, wire::watch_reply(), now);
            }
        }
    }
    EXPECT_TRUE(book.known[device(7)].online);
    EXPECT_FALSE(book.known[device(8)].online) << "its circle has nobody else";
}

TEST_F(lessor_circles_test, whoever_slept_for_long_does_not_take_edges_back) {
    for (const device_id& sleeper : {mate, far}) {
        lessor machine = circled();
        (void)settled(machine);
        (void)machine.on_presence(sleeper, {{at(7, sleeper, true)}});
        (void)machine.on_member(sleeper, member_fate::gone, now);
        (void)machine.on_presence(farther, {{at(7, farther, true)}, true});
        for (const instant end = now + 20min; now < end; now = now + 1s) {
            (void)machine.on_time(now);
        }
        (void)machine.on_peer_gone(sleeper, now);  // nobody had noticed
        for (const bool known_to_be_back : {false, true}) {
            if (known_to_be_back) {
                (void)machine.on_member(sleeper, member_fate::refuted, now);
            }
            (void)machine.on_presence(sleeper, {{at(7, sleeper, true)}});
            EXPECT_EQ(book.known[device(7)].relay, farther);
        }
        (void)machine.on_presence(sleeper, {{at(7, sleeper, false)}});
        EXPECT_TRUE(book.known[device(7)].online);
        (void)machine.on_presence(sleeper, {{at(9, sleeper, true)}});
        EXPECT_TRUE(book.known[device(9)].online) << "who leases from nobody else";
    }
}

TEST_F(lessor_circles_test, a_claim_that_was_refused_counts_when_the_believed_one_ends) {
    lessor machine = circled();
    const auto [informant, restarted] = settled(machine);
    (void)machine.on_member(restarted, member_fate::gone, now);
    (void)machine.on_presence(farther, {{at(7, farther, true)}, true});
    (void)machine.on_member(restarted, member_fate::here, now);
    (void)machine.on_presence(informant, {{at(7, restarted, true)}, true});
    EXPECT_EQ(book.known[device(7)].relay, farther) << "it may be what was said before the restart";
    (void)machine.on_lease(edge(1, {user(1)}), now);
    machine.on_interest(device(1), {user(7)});
    const auto news = machine.on_presence(farther, {{at(7, farther, false)}, true});
    EXPECT_TRUE(book.known[device(7)].online);
    EXPECT_EQ(book.known[device(7)].relay, restarted);
    EXPECT_EQ(told(news), (std::map<device_id, std::size_t>{{device(1), 1}}));
    (void)machine.on_presence(informant, {{at(7, restarted, false)}, true});
    EXPECT_FALSE(book.known[device(7)].online) << "nobody says so any more";
}

TEST_F(lessor_circles_test, a_claim_that_was_replaced_counts_when_the_later_one_ends) {
    for (const bool by_a_mate : {true, false}) {
        lessor machine = circled();
        const auto [informant, its_mate] = settled(machine);
        const device_id from = by_a_mate ? mate : informant, stale = by_a_mate ? mate : its_mate;
        book.known.erase(device(7));
        (void)machine.on_presence(from, {{at(7, stale, true)}, true});
        (void)machine.on_presence(farther, {{at(7, farther, true)}, true});
        EXPECT_EQ(book.known[device(7)].relay, farther);
        // The edge has fallen silent there, and its lease has not ended yet.
        (void)machine.on_presence(from, {{at(7, stale, true)}, true});
        (void)machine.on_presence(from, {{at(7, stale, false)}, true});
        EXPECT_TRUE(book.known[device(7)].online);
        EXPECT_EQ(book.known[device(7)].relay, farther);
        (void)machine.on_presence(farther, {{at(7, farther, false)}, true});
        EXPECT_FALSE(book.known[device(7)].online);
    }
}

TEST_F(lessor_circles_test, of_two_mates_the_one_that_does_not_take_it_back_counts) {
    const device_id second = in_circle(0, 198);
    lessor machine = circled();
    (void)settled(machine);
    (void)machine.on_presence(mate, {{at(7, mate, true)}, true});
    (void)machine.on_presence(second, {{at(7, second, true)}, true});
    (void)machine.on_presence(mate, {{at(7, mate, true)}, true});
    (void)machine.on_presence(mate, {{at(7, mate, false)}, true});
    EXPECT_TRUE(book.known[device(7)].online);
    EXPECT_EQ(book.known[device(7)].relay, second);
    (void)machine.on_presence(second, {{at(7, second, false)}, true});
    EXPECT_FALSE(book.known[device(7)].online);
}

TEST_F(lessor_circles_test, a_claim_at_a_rendezvous_that_is_gone_counts_when_that_is_back) {
    lessor machine = circled();
    const auto [informant, restarted] = settled(machine);
    (void)machine.on_presence(farther, {{at(7, farther, true)}, true});
    (void)machine.on_member(restarted, member_fate::gone, now);
    (void)machine.on_presence(informant, {{at(7, restarted, true)}, true});
    (void)machine.on_presence(farther, {{at(7, farther, false)}, true});
    EXPECT_FALSE(book.known[device(7)].online);
    const auto back = machine.on_member(restarted, member_fate::here, now);
    EXPECT_EQ(only<lessor::heard>(back).size(), 1U);
    EXPECT_TRUE(book.known[device(7)].online);
    EXPECT_EQ(book.known[device(7)].relay, restarted);
}

TEST_F(lessor_circles_test, an_informant_tells_what_its_circle_says_though_it_believes_another) {
    for (const bool dies : {false, true}) {
        lessor machine = circled();
        (void)settled(machine);
        book.known.erase(device(7));
        ASSERT_TRUE(machine.on_watch(far, {{user(7)}, {}, true, false}).has_value());
        (void)machine.on_presence(mate, {{at(7, mate, true)}, true});
        EXPECT_TRUE(told(machine.on_presence(farther, {{at(7, farther, true)}, true})).empty())
            << "its circle says the same as before";
        const auto reply = machine.on_watch(far, {{user(7)}, {}, false, false});
        ASSERT_EQ(reply->found.size(), 1U);
        EXPECT_EQ(reply->found[0].relay, mate);
        EXPECT_TRUE(reply->found[0].online);
        lessor::effects after;
        if (dies) {
            (void)machine.on_member(mate, member_fate::gone, now);
            for (const instant end = now + lessor::hearsay_kept + 10s; now < end; now = now + 1s) {
                const auto some = machine.on_time(now);
                after.insert(after.end(), some.begin(), some.end());
            }
        } else {
            after = machine.on_presence(mate, {{at(7, mate, false)}, true});
        }
        const auto telling = only<lessor::tell>(after);
        ASSERT_EQ(telling.size(), 1U);
        EXPECT_EQ(telling[0].to, std::vector{far});
        EXPECT_EQ(telling[0].about, std::vector{device(7)});
        EXPECT_EQ(telling[0].ended_at, mate);
        EXPECT_TRUE(book.known[device(7)].online);
        EXPECT_TRUE(machine.on_watch(far, {{user(7)}, {}, false, false})->found.empty());
        (void)machine.on_presence(farther, {{at(7, farther, false)}, true});
        EXPECT_FALSE(book.known[device(7)].online);
    }
}

TEST_F(lessor_circles_test, of_whom_an_answer_says_nothing_no_claim_is_kept) {
    lessor machine = circled();
    const auto [informant, its_mate] = settled(machine);
    (void)machine.on_presence(informant, {{at(7, its_mate, true)}, true});
    (void)machine.on_presence(farther, {{at(7, farther, true)}, true});
    for (const auto& one : asked(machine.want({{user(7)}, {}, 0}, now))) {
        if (one.to == informant) {
            (void)machine.on_watched(one, wire::watch_reply{watching, {}, false}, now);
        }
    }
    EXPECT_TRUE(book.known[device(7)].online);
    (void)machine.on_presence(farther, {{at(7, farther, false)}, true});
    EXPECT_FALSE(book.known[device(7)].online);
}

TEST_F(lessor_circles_test, when_they_are_few_again_whoever_others_spoke_of_is_not_online) {
    lessor machine = circled();
    (void)settled(machine);
    const device_id spoken_of = in_circle(3, 1), its_own = in_circle(3, 2);
    for (const device_id& one : {spoken_of, its_own}) {
        book.known[one] = {one, wire::role::rendezvous, {}, {}, false, {}};
        (void)machine.on_member(one, member_fate::here, now);
        EXPECT_TRUE(book.known[one].online);
    }
    (void)machine.on_presence(
        its_own, {{{its_own, wire::role::rendezvous, {}, its_own, true, {}}}, std::nullopt});
    EXPECT_EQ(only<lessor::heard>(machine.forget_members(now)).size(), 1U);
    EXPECT_FALSE(book.known[spoken_of].online);
    EXPECT_TRUE(book.known[its_own].online);
}

TEST_F(lessor_circles_test, an_answer_names_leases_of_this_circle_and_says_when_it_was_cut) {
    lessor machine = circled();
    (void)settled(machine);
    (void)machine.on_presence(mate, {{at(7, mate, true), at(9, mate, true)}});
    (void)machine.on_presence(farther, {{at(8, farther, true)}, true});
    const auto reply = machine.on_watch(far, {{user(7), user(8)}, {device(9)}, true, false});
    ASSERT_TRUE(reply.has_value());
    ASSERT_EQ(reply->found.size(), 2U);
    EXPECT_FALSE(reply->more);
    for (unsigned n = 0; n <= lessor::located_most; ++n) {
        wire::location one = at(10'000 + n, mate, true);
        one.users = {user(7)};
        book.known[one.device] = one;
    }
    const auto cut = machine.on_watch(far, {{user(7)}, {}, false, false});
    EXPECT_TRUE(cut->more);
    EXPECT_EQ(cut->found.size(), lessor::located_most);
    // Whoever asked so takes nobody for offline who is not named.
    EXPECT_EQ(machine.on_watch(farther, {{user(7)}, {}, false, false})->what,
              circles::verdict::unknown);
    machine.on_untold(far);
    EXPECT_EQ(machine.on_watch(far, {{}, {}, false, false})->what, circles::verdict::unknown);
}

TEST_F(lessor_circles_test, of_whom_a_cut_answer_says_nothing_nothing_is_known) {
    lessor machine = circled();
    const auto [informant, other_one] = settled(machine);
    (void)machine.on_presence(informant, {{at(7, other_one, true)}, true});
    for (const bool more : {true, false}) {
        for (const auto& one :
             asked(machine.want({{user(more ? 7U : 70U)}, {device(7)}, 0}, now))) {
            if (one.to == informant) {
                (void)machine.on_watched(one, wire::watch_reply{watching, {}, more}, now);
                EXPECT_EQ(book.known[device(7)].online, more);
            }
        }
    }
}

TEST_F(lessor_circles_test, a_full_queue_here_is_no_silence_of_the_informant) {
    lessor machine = circled();
    const auto first = asked(begin(machine));
    for (const bool local : {true, false}) {
        for (const auto& one : first) {
            (void)machine.on_watched(one, fail(local ? errc::queue_full : errc::timed_out), now);
            EXPECT_EQ(machine.near()->is_informant(one.to), local);
        }
        if (local) {
            now = now + 1s;
            EXPECT_EQ(asked(machine.on_time(now)).size(), first.size());
            break;
        }
    }
}

TEST_F(lessor_circles_test, an_informant_whose_own_queue_stays_full_is_passed_over) {
    lessor machine = circled();
    (void)settled(machine);
    const auto informants = machine.near()->informants();
    auto open = asked(machine.want({{user(7)}, {}, 0}, now));
    for (unsigned n = 0; n <= circles::unsent_most; ++n) {
        ASSERT_EQ(open.size(), 2U);
        EXPECT_EQ(machine.near()->informants(), informants);
        for (const auto& one : std::exchange(open, {})) {
            (void)machine.on_watched(one, fail(errc::queue_full), now);
        }
        now = now + 1s;
        open = asked(machine.on_time(now));
    }
    EXPECT_NE(machine.near()->informants(), informants);
}

TEST_F(lessor_circles_test, a_mate_that_closes_each_session_is_met_again_after_a_while) {
    lessor machine = circled();
    (void)settled(machine);
    const auto met = [&] {
        std::size_t count = 0;
        for (const auto& one : only<lessor::ask_load>(machine.on_peer_gone(mate, now))) {
            EXPECT_EQ(one.whom, mate);
            ++count;
            (void)machine.on_load(mate, wire::offer{1, 10}, now);
        }
        return count;
    };
    for (const device_id& one : {mate, far, far_too, farther}) {
        (void)machine.on_load(one, wire::offer{1, 10}, now);
    }
    now = now + lessor::meet_again;
    EXPECT_EQ(met(), 1U);
    EXPECT_EQ(met(), 0U);
    now = now + lessor::meet_again;
    EXPECT_EQ(met(), 1U);
}

TEST_F(lessor_circles_test, whoever_is_offline_is_not_named_in_an_answer) {
    lessor machine = circled();
    (void)settled(machine);
    (void)machine.on_presence(mate, {{at(7, mate, true), at(8, mate, true)}});
    (void)machine.on_presence(mate, {{at(8, mate, false)}});
    const auto reply = machine.on_watch(far, {{user(7), user(8)}, {}, true, false});
    ASSERT_EQ(reply->found.size(), 1U);
    EXPECT_EQ(reply->found[0].device, device(7));
}

TEST_F(lessor_circles_test, of_a_question_so_many_are_asked_for_and_no_more) {
    lessor machine = circled();
    (void)settled(machine);
    wire::locate all;
    for (unsigned n = 0; n < 5'000; ++n) {
        all.users.push_back(user(n));
        all.devices.push_back(device(20'000 + n));
    }
    std::vector<circles::question> some = asked(machine.want(all, now));
    EXPECT_EQ(some.size(), 2U) << "one at a time for each informant";
    std::size_t ids = 0;
    while (!some.empty()) {
        const circles::question one = some.back();
        some.pop_back();
        ids += one.what.users.size() + one.what.devices.size();
        for (const auto& next : asked(machine.on_watched(one, wire::watch_reply(), now))) {
            some.push_back(next);
        }
    }
    EXPECT_EQ(ids, 2 * (lessor::users_wanted + lessor::devices_wanted));
}

}  // namespace
}  // namespace calbox::overlay
