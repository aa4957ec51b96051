// What members compare with each other, so that whoever missed the news of one hears of it all the
// same.
#include <gtest/gtest.h>

#include <algorithm>

#include "overlay/membership.hpp"
#include "support/test_environment.hpp"

namespace calbox::overlay {
namespace {

using namespace std::chrono_literals;

class membership_spans_test : public testing::Test {
protected:
    using state = membership::state;
    static device_id one_of(unsigned n) {
        device_id id;
        id.value[0] = static_cast<std::uint8_t>(n);
        id.value[1] = static_cast<std::uint8_t>(n >> 8);
        return id;
    }
    membership make(unsigned n) {
        membership made{entropy, one_of(n), 7, {1s, 500ms, 1, 3, 4}};
        (void)made.start(now);
        return made;
    }
    /// `count` from 1 on, of life 1, of which nobody is to hear any more.
    void know(membership& one, unsigned count) {
        for (unsigned n = 1; n <= count; ++n) {
            (void)one.on_asked(one_of(1), {{one_of(n), 1, state::alive}}, now);
        }
        while (!one.news_for(one_of(255)).empty()) {
        }
    }
    /// The next question of `one`, which is answered.
    membership::span next(membership& one) {
        while (true) {
            now = *one.deadline();
            for (const auto& effect : one.on_time(now)) {
                if (const auto* const asked = std::get_if<membership::ask>(&effect)) {
                    (void)one.on_answer(asked->to, asked->about, true, {}, now);
                    EXPECT_TRUE(asked->compared.has_value());
                    return asked->compared.value();
                }
            }
        }
    }
    static bool names(const std::vector<membership::news>& said, unsigned n, state what) {
        return std::ranges::any_of(said, [&](const membership::news& one) {
            return one.device == one_of(n) && one.what == what;
        });
    }

    test::seeded_random entropy{5};
    instant now{1h};
};

TEST_F(membership_spans_test, questions_compare_all_members_in_turn) {
    membership mine = make(200);
    know(mine, 100);
    std::vector<membership::span> all;
    for (int i = 0; i < 12; ++i) {
        all.push_back(next(mine));
        const membership::span& last = all.back();
        EXPECT_LT(last.after, last.upto);
        if (i > 0 && last.after != device_id()) {
            EXPECT_EQ(last.after, all[all.size() - 2].upto) << "nothing is left out";
        }
        const auto within = std::ranges::count_if(mine.alive(), [&](const device_id& one) {
            return last.after < one && one <= last.upto;
        });
        EXPECT_LE(within, static_cast<std::ptrdiff_t>(membership::compared_at_once));
    }
    EXPECT_TRUE(std::ranges::any_of(
        all, [](const membership::span& one) { return one.upto.value[31] == 0xff; }));
    EXPECT_TRUE(std::ranges::any_of(
        all, [](const membership::span& one) { return one.after == device_id(); }));
}

TEST_F(membership_spans_test, who_knows_the_same_says_no_more_and_who_knows_more_says_it) {
    membership mine = make(200), other = make(201);
    know(mine, 40);
    know(other, 40);
    (void)mine.on_asked(one_of(201), {{one_of(201), 7, state::alive}}, now);
    (void)other.on_asked(one_of(200), {{one_of(200), 7, state::alive}}, now);
    while (!mine.news_for(one_of(255)).empty() || !other.news_for(one_of(255)).empty()) {
    }
    for (int i = 0; i < 6; ++i) {
        EXPECT_TRUE(other.answer_for(one_of(200), next(mine)).empty());
    }
    (void)other.on_asked(one_of(1), {{one_of(50), 3, state::alive}}, now);
    (void)other.on_asked(one_of(1), {{one_of(20), 1, state::gone}}, now);
    (void)other.on_asked(one_of(1), {{one_of(10), 4, state::alive}}, now);
    while (!other.news_for(one_of(255)).empty()) {
    }
    EXPECT_TRUE(other.answer_for(one_of(200), std::nullopt).empty()) << "software from before";
    bool came = false, gone = false, newer = false;
    for (int i = 0; i < 6; ++i) {
        const auto said = other.answer_for(one_of(200), next(mine));
        came = came || names(said, 50, state::alive);
        gone = gone || names(said, 20, state::suspected);
        newer = newer || names(said, 10, state::alive);
        (void)mine.on_answer(one_of(201), one_of(201), true, said, now);
    }
    EXPECT_TRUE(came && gone && newer);
    EXPECT_TRUE(mine.is_alive(one_of(50)));
    EXPECT_TRUE(mine.is_alive(one_of(20))) << "it may refute it";
    for (const instant heard = now; now - heard < 10s;) {
        (void)next(mine);
    }
    EXPECT_FALSE(mine.is_alive(one_of(20)));
    while (!mine.news_for(one_of(255)).empty()) {
    }
    for (int i = 0; i < 6; ++i) {
        EXPECT_TRUE(other.answer_for(one_of(200), next(mine)).empty()) << "they agree now";
    }
}

TEST_F(membership_spans_test, nobody_is_brought_back_by_a_suspicion_and_who_lives_refutes_it) {
    membership mine = make(200), other = make(20);
    know(mine, 10);
    (void)mine.on_asked(one_of(1), {{one_of(50), 1, state::suspected}}, now);
    EXPECT_FALSE(mine.is_alive(one_of(50)));
    (void)mine.on_asked(one_of(20), {{one_of(20), 7, state::alive}}, now);
    (void)mine.on_asked(one_of(1), {{one_of(20), 7, state::suspected}}, now);
    (void)other.on_asked(one_of(200), mine.news_for(one_of(20)), now);
    (void)mine.on_asked(one_of(20), other.news_for(one_of(200)), now);
    for (const instant heard = now; now - heard < 20s;) {
        (void)next(mine);
    }
    EXPECT_TRUE(mine.is_alive(one_of(20)));
}

TEST_F(membership_spans_test, an_answer_is_bounded_and_a_newcomer_hears_of_all_the_same) {
    membership mine = make(200), other = make(201);
    know(other, 1'000);
    (void)mine.add(one_of(201), now);
    for (int i = 0; i < 200; ++i) {
        const auto said = other.answer_for(one_of(200), next(mine));
        EXPECT_LE(said.size(), membership::said_most);
        (void)mine.on_answer(one_of(201), one_of(201), true, said, now);
    }
    EXPECT_EQ(mine.size(), other.size());
    // Nonsense costs nothing.
    EXPECT_TRUE(other.answer_for(one_of(200), membership::span{one_of(9), one_of(3), 5}).empty());
}

}  // namespace
}  // namespace calbox::overlay
