// Members that watch each other: who asks whom, who is suspected and refutes it, how news travel.
#include "overlay/membership.hpp"

#include <gtest/gtest.h>

#include "support/numbered_devices.hpp"
#include "support/test_environment.hpp"
#include "unit/overlay/effects.hpp"

namespace calbox::overlay {
namespace {

using namespace std::chrono_literals;
using state = membership::state;

class membership_test : public testing::Test {
protected:
    void SetUp() override { (void)machine.start(now); }
    void know(int count) {
        for (int i = 1; i <= count; ++i) {
            (void)machine.add(device(static_cast<std::uint8_t>(i)), now);
        }
    }
    membership::effects next() {
        now = *machine.deadline();
        return machine.on_time(now);
    }
    /// Until `device(n)` is asked, all others answering.
    void until_asked(std::uint8_t n) {
        for (int tries = 0; tries < 100; ++tries) {
            for (const auto& one : only<membership::ask>(next())) {
                if (one.about == device(n)) {
                    return;
                }
                (void)machine.on_answer(one.to, one.about, true, {}, now);
            }
        }
        FAIL() << "never asked";
    }
    std::optional<membership::news> said_of(std::uint8_t n, std::uint8_t to) {
        for (const auto& one : machine.news_for(device(to))) {
            if (one.device == device(n)) {
                return one;
            }
        }
        return std::nullopt;
    }

    test::seeded_random entropy{5};
    instant now{1h};
    membership machine{entropy, device(200), 7, {1s, 500ms, 1, 3, 4}};
};

TEST_F(membership_test, each_member_is_asked_once_in_a_round) {
    know(10);
    std::map<device_id, int> asked;
    while (asked.size() < 10) {
        for (const auto& one : only<membership::ask>(next())) {
            EXPECT_EQ(one.to, one.about) << "all have answered";
            EXPECT_EQ(++asked[one.about], 1);
            (void)machine.on_answer(one.to, one.about, true, {}, now);
        }
    }
}

TEST_F(membership_test, whoever_keeps_to_some_asks_them_mostly_and_has_them_ask) {
    know(100);
    const std::set<device_id> near{device(1), device(2), device(3), device(4), device(5)};
    machine.keep_to({near.begin(), near.end()});
    std::map<device_id, int> asked;
    int others = 0, in_all = 0;
    for (int steps = 0; steps < 2'000; ++steps) {  // two in a period
        for (const auto& one : only<membership::ask>(next())) {
            ++in_all;
            ++asked[one.about];
            others += near.contains(one.about) ? 0 : 1;
            (void)machine.on_answer(one.to, one.about, true, {}, now);
        }
    }
    EXPECT_GT(others, 0) << "nobody is left to itself";
    EXPECT_LT(others * 6, in_all);
    for (const device_id& one : near) {
        EXPECT_GT(asked[one], 1'000 / 6);
    }
    // One of them falls silent, and the other four are asked about it.
    std::vector<membership::ask> helping;
    while (helping.empty()) {
        for (const auto& one : only<membership::ask>(next())) {
            if (one.to != one.about) {
                helping.push_back(one);
            } else if (one.about != device(1)) {
                (void)machine.on_answer(one.to, one.about, true, {}, now);
            }
        }
    }
    for (const auto& one : helping) {
        EXPECT_EQ(one.about, device(1));
        EXPECT_TRUE(near.contains(one.to));
    }
}

TEST_F(membership_test, others_ask_in_its_place_and_one_answer_is_enough) {
    know(10);
    until_asked(4);
    const auto helping = only<membership::ask>(next());
    ASSERT_EQ(helping.size(), 3u);
    for (const auto& one : helping) {
        EXPECT_EQ(one.about, device(4));
        EXPECT_NE(one.to, device(4));
    }
    (void)machine.on_answer(helping[1].to, device(4), true, {}, now);
    (void)next();
    EXPECT_EQ(said_of(4, 9), std::nullopt) << "no news";
}

TEST_F(membership_test, a_silent_member_is_suspected_then_gone_and_others_hear_of_both) {
    know(10);
    until_asked(4);
    (void)next();  // helpers are asked
    const auto after = next();
    EXPECT_TRUE(only<membership::went>(after).empty());
    EXPECT_EQ(said_of(4, 9), (membership::news{device(4), 0, state::suspected}));
    EXPECT_TRUE(machine.is_alive(device(4)));
    const instant suspected = now;
    std::vector<membership::went> gone;
    while (gone.empty()) {
        const auto all = next();
        gone = only<membership::went>(all);
        for (const auto& one : only<membership::ask>(all)) {
            if (one.about != device(4)) {
                (void)machine.on_answer(one.to, one.about, true, {}, now);
            }
        }
    }
    EXPECT_EQ(gone[0].device, device(4));
    EXPECT_GE(now - suspected, 4s);
    EXPECT_LE(now - suspected, 6s);
    EXPECT_FALSE(machine.is_alive(device(4)));
    EXPECT_EQ(said_of(4, 9), (membership::news{device(4), 0, state::gone}));
    EXPECT_TRUE(machine.add(device(4), now).empty()) << "hearsay does not bring it back";
    const auto back = machine.on_asked(device(9), {{device(4), 1, state::alive}}, now);
    EXPECT_EQ(only<membership::came>(back).size(), 1u) << "its own word does";
}

TEST_F(membership_test, who_is_suspected_hears_it_first_and_refutes_it) {
    know(100);
    std::vector<membership::news> many;
    for (std::uint8_t n = 1; n <= 100; ++n) {
        many.push_back({device(n), 1, state::alive});
    }
    many.push_back({device(4), 1, state::suspected});
    (void)machine.on_asked(device(9), many, now);
    const auto said = machine.news_for(device(4));
    ASSERT_EQ(said.size(), membership::said_most);
    EXPECT_EQ(said[0], (membership::news{device(4), 1, state::suspected}));

    (void)machine.on_asked(device(9), {{device(200), 7, state::suspected}}, now);
    EXPECT_EQ(machine.life(), 8u);
    EXPECT_EQ(said_of(200, 9), (membership::news{device(200), 8, state::alive}));
    (void)machine.on_asked(device(9), {{device(200), 7, state::gone}}, now);
    EXPECT_EQ(machine.life(), 8u) << "of a life before";

    (void)machine.on_asked(device(9), {{device(4), 2, state::alive}}, now);
    for (int i = 0; i < 20; ++i) {
        for (const auto& one : only<membership::ask>(next())) {
            (void)machine.on_answer(one.to, one.about, true, {}, now);
        }
    }
    EXPECT_TRUE(machine.is_alive(device(4))) << "the suspicion was of its life before";
}

TEST_F(membership_test, whoever_suspects_an_earlier_life_is_told_of_the_later_one) {
    know(10);
    (void)machine.on_asked(device(1), {{device(4), 5, state::alive}}, now);
    while (said_of(4, 9)) {
    }
    (void)machine.on_asked(device(1), {{device(4), 0, state::suspected}}, now);
    EXPECT_EQ(said_of(4, 9), (membership::news{device(4), 5, state::alive}));
    while (said_of(200, 9)) {
    }
    (void)machine.on_asked(device(1), {{device(200), 0, state::gone}}, now);
    EXPECT_EQ(said_of(200, 9), (membership::news{device(200), 7, state::alive}))
        << "it need not begin another life for that";
}

TEST_F(membership_test, who_was_held_up_accuses_nobody_of_it) {
    know(10);
    (void)machine.on_asked(device(1), {{device(4), 1, state::suspected}}, now);
    until_asked(7);
    now = now + 20s;
    const auto late = machine.on_time(now);
    EXPECT_TRUE(only<membership::went>(late).empty()) << "its refutation may wait to be read";
    EXPECT_EQ(said_of(7, 9), std::nullopt) << "its answer may, too";
}

TEST_F(membership_test, who_has_too_much_to_send_accuses_nobody_of_it) {
    know(10);
    until_asked(4);
    machine.on_crowded(device(4));
    EXPECT_TRUE(std::ranges::none_of(only<membership::ask>(next()), [](const auto& one) {
        return one.about == device(4) && one.to != device(4);
    })) << "others need not ask in its place";
    (void)next();
    EXPECT_EQ(said_of(4, 9), std::nullopt) << "no news";
    machine.on_crowded(device(5));  // whom it does not ask now
}

TEST_F(membership_test, whom_nobody_answers_waits_longer_and_no_more_than_eight_times) {
    know(100);
    instant before = now;
    duration longest{};
    for (int i = 0; i < 60; ++i) {
        for (const auto& one : only<membership::ask>(next())) {
            if (one.to == one.about) {
                longest = std::max(longest, now - before);
                before = now;
            }
        }
    }
    EXPECT_EQ(longest, 8s);
    for (int i = 0; i < 60; ++i) {
        for (const auto& one : only<membership::ask>(next())) {
            (void)machine.on_answer(one.to, one.about, true, {}, now);
            longest = one.to == one.about ? now - before : longest;
            before = one.to == one.about ? now : before;
        }
    }
    EXPECT_EQ(longest, 1s);
}

TEST_F(membership_test, of_more_members_than_it_keeps_it_hears_nothing) {
    for (unsigned n = 0; n < membership::members_most + 10; ++n) {
        device_id one;
        one.value[5] = static_cast<std::uint8_t>(n >> 8);
        one.value[6] = static_cast<std::uint8_t>(n);
        (void)machine.on_asked(device(1), {{one, 1, state::alive}}, now);
    }
    EXPECT_EQ(machine.alive().size(), membership::members_most);
    (void)machine.on_asked(device(1), {{device(1), 1, static_cast<state>(77)}}, now);
    EXPECT_TRUE(machine.is_alive(device(1)));
}

TEST_F(membership_test, news_are_passed_on_some_times_and_no_more) {
    know(10);
    (void)machine.on_asked(device(1), {{device(50), 3, state::alive}}, now);
    int times = 0;
    while (said_of(50, 9)) {
        ASSERT_LT(++times, 50);
    }
    EXPECT_GE(times, 4);
    EXPECT_EQ(machine.alive().size(), 11u);
}

TEST_F(membership_test, who_does_not_know_the_question_lives_and_is_called_gone_by_nobody) {
    know(3);
    until_asked(1);
    (void)machine.on_mute(device(1), now);
    (void)next();
    const auto said = said_of(1, 2);
    EXPECT_TRUE(!said || said->what == state::alive) << "it has answered";
    // Others have lost its answers, and it cannot refute what they say.
    std::uint64_t life = 0;
    for (const state what : {state::suspected, state::gone}) {
        (void)machine.on_asked(device(2), {{device(1), life, what}}, now);
        const auto came = only<membership::came>(machine.on_mute(device(1), now));
        EXPECT_EQ(came.size(), what == state::gone ? 1u : 0u);
        EXPECT_TRUE(machine.is_alive(device(1)));
        EXPECT_EQ(said_of(1, 3)->what, state::alive);
        EXPECT_EQ(said_of(1, 3)->life, ++life);
    }
}

TEST_F(membership_test,
       whoever_raised_its_life_several_times_has_refuted_it_and_a_new_run_has_not) {
    know(10);
    unsigned next_one = 0;
    for (const std::uint64_t raised : {std::uint64_t{1}, std::uint64_t{3}, std::uint64_t{60'000}}) {
        const device_id whom = device(++next_one);
        (void)machine.on_asked(device(9), {{whom, 1, membership::state::alive}}, now);
        (void)machine.on_asked(device(9), {{whom, 1, membership::state::gone}}, now);
        ASSERT_FALSE(machine.is_alive(whom));
        const auto back = only<membership::came>(
            machine.on_asked(device(9), {{whom, 1 + raised, membership::state::alive}}, now));
        ASSERT_EQ(back.size(), 1U);
        EXPECT_EQ(back[0].refuted, raised <= 3);
    }
}

}  // namespace
}  // namespace calbox::overlay
