// Circles alone: who is of which, whom one asks, what is asked of whoever takes a dead informant's
// place, and who is told.
#include "overlay/circles.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/test_environment.hpp"

namespace calbox::overlay {
namespace {

using namespace std::chrono_literals;

class circles_test : public testing::Test {
protected:
    /// The n-th of a circle, of four.
    static device_id one_of(std::size_t circle, std::uint8_t n) {
        device_id id;
        id.value[7] = static_cast<std::uint8_t>(circle);
        id.value[0] = n;  // 2^56 times it is divisible by four
        return id;
    }
    static user_id person(std::uint8_t n) {
        user_id id;
        id.value[0] = n;
        return id;
    }
    static device_id phone(std::uint8_t n) {
        device_id id;
        id.value[31] = n;
        return id;
    }
    /// Five of each circle, beside this one.
    static std::vector<device_id> all() {
        std::vector<device_id> found;
        for (std::size_t circle = 0; circle < 4; ++circle) {
            for (std::uint8_t n = 1; n <= 5; ++n) {
                found.push_back(one_of(circle, n));
            }
        }
        return found;
    }
    circles make(const device_id& as) { return {entropy, as, wanted, {4, 10s, 10min, 2min}}; }
    /// The next questions that are no mere checks, which are answered.
    circles::questions until_anew(circles& mine) {
        while (mine.deadline()) {
            now = *mine.deadline();
            const circles::questions asked = mine.on_time(now);
            if (!asked.empty() && asked[0].what.anew) {
                return asked;
            }
            for (const auto& one : asked) {
                EXPECT_TRUE(one.what.users.empty() && one.what.devices.empty());
                EXPECT_TRUE(mine.on_answer(one, {}, now).empty());
            }
        }
        return {};
    }
    static bool asks(const circles::questions& some, const user_id& user) {
        return std::ranges::any_of(some, [&](const circles::question& one) {
            return std::ranges::count(one.what.users, user) > 0;
        });
    }

    test::seeded_random entropy{5};
    interests wanted;
    const device_id self = one_of(2, 9);
    instant now{1h};
};

TEST_F(circles_test, each_tells_its_circle_and_has_one_informant_in_each_other_one) {
    circles mine = make(self);
    wanted.add(phone(1), {person(1)});
    const auto asked = mine.begin(all(), now);
    EXPECT_EQ(mine.mates().size(), 5U);
    ASSERT_EQ(asked.size(), 3U);
    std::set<std::size_t> where;
    for (const auto& one : asked) {
        where.insert(mine.circle_of(one.to));
        EXPECT_TRUE(one.what.anew);
        EXPECT_EQ(one.what.users, std::vector{person(1)});
        EXPECT_TRUE(mine.is_informant(one.to));
    }
    EXPECT_EQ(where, (std::set<std::size_t>{0, 1, 3}));
    EXPECT_EQ(mine.neighbours().size(), 8U);
    EXPECT_FALSE(mine.is_neighbour(self));
}

TEST_F(circles_test, informants_are_shared_out) {
    std::map<device_id, int> served;
    for (int n = 0; n < 256; ++n) {
        device_id asker = one_of(2, static_cast<std::uint8_t>(n));
        asker.value[1] = 1;
        circles one = make(asker);
        (void)one.begin(all(), now);
        for (const device_id& device : one.informants()) {
            ++served[device];
        }
    }
    ASSERT_EQ(served.size(), 15U) << "five in each of three circles";
    for (const auto& [device, count] : served) {
        EXPECT_NEAR(count, 256 / 5, 30);
    }
}

TEST_F(circles_test, what_is_wanted_is_asked_once_of_every_informant) {
    circles mine = make(self);
    for (const auto& one : mine.begin(all(), now)) {
        EXPECT_TRUE(mine.on_answer(one, {}, now).empty());
    }
    const auto asked = mine.want({person(1)}, {phone(7)}, now);
    ASSERT_EQ(asked.size(), 3U);
    for (const auto& one : asked) {
        EXPECT_FALSE(one.what.anew);
        EXPECT_EQ(one.what.users, std::vector{person(1)});
        EXPECT_EQ(one.what.devices, std::vector{phone(7)});
    }
    EXPECT_TRUE(mine.want({person(1)}, {phone(7)}, now).empty());
}

TEST_F(circles_test, another_takes_the_place_of_an_informant_that_is_gone_and_is_asked_everything) {
    circles mine = make(self);
    auto asked = mine.begin(all(), now);
    for (const auto& one : asked) {
        (void)mine.on_answer(one, {}, now);
    }
    (void)mine.want({person(1)}, {phone(7)}, now);
    const device_id first = asked.front().to;
    for (const bool says_so : {true, false}) {
        const auto now_asked = mine.informants();
        const auto found = std::ranges::find(now_asked, mine.circle_of(first),
                                             [&](const auto& one) { return mine.circle_of(one); });
        ASSERT_NE(found, now_asked.end());
        const device_id dead = *found;
        const auto next =
            says_so ? mine.on_member(dead, false, now) : mine.on_session_over(dead, now);
        ASSERT_EQ(next.size(), 1U);
        EXPECT_NE(next[0].to, dead);
        EXPECT_EQ(mine.circle_of(next[0].to), mine.circle_of(first));
        EXPECT_TRUE(next[0].what.anew);
        EXPECT_EQ(next[0].what.users, std::vector{person(1)});
        EXPECT_EQ(next[0].what.devices, std::vector{phone(7)});
    }
}

TEST_F(circles_test, who_does_not_answer_is_passed_over_and_asked_again_later) {
    circles mine = make(self);
    auto asked = mine.begin({one_of(0, 1), one_of(0, 2)}, now);
    ASSERT_EQ(asked.size(), 1U);
    const device_id best = asked[0].to;
    asked = mine.on_silence(asked[0], now);
    ASSERT_EQ(asked.size(), 1U);
    EXPECT_NE(asked[0].to, best);
    EXPECT_TRUE(mine.on_silence(asked[0], now).empty()) << "nobody is left";
    EXPECT_TRUE(mine.informants().empty());
    now = *mine.deadline();
    EXPECT_EQ(now, instant{1h} + 10s);
    asked = mine.on_time(now);
    ASSERT_EQ(asked.size(), 1U);
    EXPECT_EQ(asked[0].to, best);
}

TEST_F(circles_test, much_is_asked_in_parts_and_the_first_one_comes_first) {
    std::vector<user_id> many;
    for (unsigned n = 0; n < 600; ++n) {
        user_id id;
        id.value[0] = static_cast<std::uint8_t>(n >> 8);
        id.value[1] = static_cast<std::uint8_t>(n);
        many.push_back(id);
    }
    wanted.add(phone(1), many);
    circles mine = make(self);
    auto asked = mine.begin({one_of(0, 1)}, now);
    std::size_t users = 0, parts = 0;
    while (!asked.empty()) {
        ASSERT_EQ(asked.size(), 1U);
        EXPECT_EQ(asked[0].what.anew, parts == 0);
        EXPECT_LE(asked[0].what.users.size(), circles::asked_at_once);
        users += asked[0].what.users.size();
        ++parts;
        asked = mine.on_answer(asked[0], {}, now);
    }
    EXPECT_EQ(users, 600U);
    EXPECT_EQ(parts, 3U);
}

TEST_F(circles_test, a_newcomer_is_no_informant_while_others_know_their_circle_better) {
    circles mine = make(self);
    (void)mine.begin({one_of(0, 1)}, now);
    for (std::uint8_t n = 2; n < 9; ++n) {
        EXPECT_TRUE(mine.on_member(one_of(0, n), true, now).empty()) << "the informant stays";
    }
    EXPECT_FALSE(mine.knows_its_circle(one_of(0, 3), now + 1min));
    EXPECT_TRUE(mine.knows_its_circle(one_of(0, 3), now + 2min));
    (void)mine.on_member(one_of(0, 1), false, now + 1min);
    EXPECT_EQ(mine.informants().size(), 1U) << "where all are new, one of them";
}

TEST_F(circles_test, what_nobody_wants_any_more_is_not_asked_for_again) {
    wanted.add(phone(1), {person(1)});
    wanted.add(phone(2), {person(2)});
    circles mine = make(self);
    for (const auto& one : mine.begin({one_of(0, 1)}, now)) {
        (void)mine.on_answer(one, {}, now);
    }
    for (const auto& one : mine.want({}, {phone(7)}, now)) {
        (void)mine.on_answer(one, {}, now);
    }
    wanted.drop(phone(1));
    const circles::questions again = until_anew(mine);
    ASSERT_FALSE(again.empty());
    EXPECT_LE(now, instant{1h} + 11min);
    EXPECT_FALSE(asks(again, person(1)));
    EXPECT_TRUE(asks(again, person(2)));
    EXPECT_TRUE(again[0].what.anew);
}

TEST_F(circles_test, those_who_asked_are_told_of_what_they_asked_for_and_of_who_serves_all) {
    circles mine = make(self);
    (void)mine.begin(all(), now);
    mine.on_watch(one_of(0, 1), {{person(1)}, {}, true, false});
    mine.on_watch(one_of(1, 1), {{}, {phone(7)}, true, false});
    const auto told = [&](const device_id& device, std::uint32_t roles, std::vector<user_id> of) {
        return mine.watching({device, roles, {}, self, true, std::move(of)});
    };
    EXPECT_EQ(told(phone(1), wire::role::edge, {person(1)}), std::set{one_of(0, 1)});
    EXPECT_EQ(told(phone(7), wire::role::edge, {person(2)}), std::set{one_of(1, 1)});
    EXPECT_TRUE(told(phone(2), wire::role::edge, {person(2)}).empty());
    EXPECT_EQ(told(phone(3), wire::role::backup, {}).size(), 2U);
    EXPECT_TRUE(mine.is_neighbour(one_of(0, 1)));
    mine.on_watch(one_of(0, 1), {{person(2)}, {}, true, false});
    EXPECT_TRUE(told(phone(1), wire::role::edge, {person(1)}).empty()) << "it asked anew";
    mine.on_watch(one_of(0, 1), {{}, {}, false, true});
    EXPECT_EQ(told(phone(3), wire::role::backup, {}).size(), 1U);
    (void)mine.on_session_over(one_of(1, 1), now);
    EXPECT_TRUE(told(phone(3), wire::role::backup, {}).empty());
}

TEST_F(circles_test, one_question_is_put_at_a_time_and_what_is_wanted_meanwhile_waits) {
    circles mine = make(self);
    const auto first = mine.begin({one_of(0, 1)}, now);
    ASSERT_EQ(first.size(), 1U);
    for (std::uint8_t n = 1; n < 9; ++n) {
        EXPECT_TRUE(mine.want({person(n)}, {phone(n)}, now).empty()) << "it is asked already";
    }
    const std::uint64_t until = mine.wanted_until();
    EXPECT_FALSE(mine.answered(until));
    const auto second = mine.on_answer(first[0], {}, now);
    ASSERT_EQ(second.size(), 1U);
    EXPECT_EQ(second[0].what.users.size() + second[0].what.devices.size(), 16U);
    EXPECT_FALSE(mine.answered(until));
    EXPECT_TRUE(mine.on_answer(first[0], {circles::verdict::unknown, {}, false}, now).empty())
        << "nobody waits for that any more";
    EXPECT_TRUE(mine.on_answer(second[0], {}, now).empty());
    EXPECT_TRUE(mine.answered(until));
    (void)mine.on_member(one_of(0, 2), true, now);
    ASSERT_EQ(mine.on_session_over(one_of(0, 1), now).size(), 1U);
    EXPECT_TRUE(mine.answered(until)) << "what was known is, whoever comes in his place";
    (void)mine.want({person(20)}, {}, now);
    EXPECT_FALSE(mine.answered(mine.wanted_until()));
}

TEST_F(circles_test, whoever_has_forgotten_what_it_watches_says_so_within_a_minute) {
    circles mine = make(self), its = make(one_of(0, 1));
    (void)its.begin({self}, now);
    wanted.add(phone(1), {person(1)});
    const auto first = mine.begin({one_of(0, 1)}, now);
    ASSERT_EQ(first.size(), 1U);
    const auto ask = [&](const circles::question& one) {
        return mine.on_answer(one, {its.on_watch(self, one.what), {}, false}, now);
    };
    EXPECT_TRUE(ask(first[0]).empty());
    const wire::location where{phone(2), wire::role::edge, {}, {}, true, {person(1)}};
    EXPECT_EQ(its.watching(where), std::set{self});
    (void)its.on_member(self, false, now);
    EXPECT_EQ(its.watching(where), std::set{self})
        << "others may be wrong, and its session is open";
    EXPECT_TRUE(its.is_neighbour(self));
    EXPECT_EQ(its.neighbours(), std::vector{self});
    for (const bool untold : {true, false}) {
        if (untold) {
            its.on_untold(self);
        } else {
            (void)its.on_session_over(self, now);
        }
        EXPECT_TRUE(its.watching(where).empty());
        const instant since = now;
        circles::questions check;
        while (check.empty()) {
            now = *mine.deadline();
            check = mine.on_time(now);
        }
        EXPECT_LE(now - since, 70s);
        const auto anew = ask(check[0]);
        ASSERT_EQ(anew.size(), 1U);
        EXPECT_TRUE(anew[0].what.anew);
        EXPECT_EQ(anew[0].what.users, std::vector{person(1)});
        EXPECT_TRUE(ask(anew[0]).empty());
        EXPECT_EQ(its.watching(where), std::set{self});
    }
}

TEST_F(circles_test, whoever_forgets_at_once_what_it_was_asked_is_passed_over) {
    circles mine = make(self);
    wanted.add(phone(1), {person(1)});
    const auto first = mine.begin({one_of(0, 1), one_of(0, 2)}, now);
    ASSERT_EQ(first.size(), 1U);
    EXPECT_TRUE(mine.on_answer(first[0], {}, now).empty());
    const auto more = mine.want({person(2)}, {}, now);
    const auto anew = mine.on_answer(more.at(0), {circles::verdict::unknown, {}, false}, now);
    ASSERT_EQ(anew.size(), 1U);
    EXPECT_TRUE(anew[0].what.anew);
    EXPECT_TRUE(mine.on_answer(anew[0], {}, now).empty());
    const auto next = mine.want({person(3)}, {}, now);
    const auto left = mine.on_answer(next.at(0), {circles::verdict::unknown, {}, false}, now);
    ASSERT_EQ(left.size(), 2U);
    EXPECT_TRUE(left[0].what.over);
    EXPECT_NE(left[1].to, first[0].to);
    EXPECT_FALSE(mine.is_informant(first[0].to));
}

TEST_F(circles_test, whose_session_ended_may_not_know_its_circle) {
    circles mine = make(self);
    ASSERT_EQ(mine.begin({one_of(0, 1)}, now).size(), 1U);
    EXPECT_TRUE(mine.knows_its_circle(one_of(0, 1), now));
    (void)mine.on_session_over(one_of(0, 1), now);
    EXPECT_FALSE(mine.knows_its_circle(one_of(0, 1), now));
    EXPECT_TRUE(mine.knows_its_circle(one_of(0, 1), now + 2min));
}

TEST_F(circles_test, what_did_not_go_out_goes_a_little_later_and_nobody_is_passed_over) {
    circles mine = make(self);
    wanted.add(phone(1), {person(1)});
    const auto asked = mine.begin({one_of(0, 1), one_of(0, 2)}, now);
    ASSERT_EQ(asked.size(), 1U);
    EXPECT_TRUE(mine.on_unsent(asked[0], now).empty());
    EXPECT_TRUE(mine.is_informant(asked[0].to));
    EXPECT_EQ(mine.deadline(), now + circles::unsent_again);
    now = *mine.deadline();
    const auto again = mine.on_time(now);
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again[0].to, asked[0].to);
    EXPECT_EQ(again[0].what.users, asked[0].what.users);
    EXPECT_TRUE(again[0].what.anew);
}

TEST_F(circles_test, whoever_is_full_is_left_for_another_one_where_there_is_one) {
    circles mine = make(self);
    wanted.add(phone(1), {person(1)});
    const auto first = mine.begin({one_of(0, 1), one_of(0, 2)}, now);
    const auto next = mine.on_answer(first.at(0), {circles::verdict::full, {}, false}, now);
    ASSERT_EQ(next.size(), 2U);
    EXPECT_EQ(next[0].to, first[0].to);
    EXPECT_TRUE(next[0].what.over);
    EXPECT_NE(next[1].to, first[0].to);
    EXPECT_TRUE(next[1].what.anew);
    EXPECT_TRUE(mine.on_answer(next[1], {circles::verdict::full, {}, false}, now).empty());
    EXPECT_TRUE(mine.is_informant(next[1].to)) << "it tells of a part";
}

TEST_F(circles_test, an_answer_that_was_cut_is_asked_for_in_smaller_parts) {
    circles mine = make(self);
    std::vector<user_id> users;
    for (std::uint8_t n = 1; n <= 100; ++n) {
        users.push_back(person(n));
    }
    wanted.add(phone(1), users);
    auto asked = mine.begin({one_of(0, 1)}, now);
    std::set<user_id> answered;
    std::size_t questions = 0;
    while (!asked.empty()) {
        ASSERT_EQ(asked.size(), 1U);
        ASSERT_LT(++questions, 50U);
        const auto& its = asked[0].what.users;
        const bool cut = its.size() > 10;
        if (!cut) {
            answered.insert(its.begin(), its.end());
        }
        asked = mine.on_answer(asked[0], {circles::verdict::watching, {}, cut}, now);
    }
    EXPECT_EQ(answered.size(), 100U);
}

TEST_F(circles_test, whoever_tells_everybody_is_told_until_it_asks_or_its_session_ends) {
    circles mine = make(self);
    (void)mine.begin({one_of(2, 1), one_of(0, 1), one_of(0, 2), one_of(0, 3)}, now);
    const device_id plain = mine.is_informant(one_of(0, 1)) ? one_of(0, 2) : one_of(0, 1);
    EXPECT_FALSE(mine.is_neighbour(plain));
    EXPECT_TRUE(mine.on_plain(plain));
    EXPECT_FALSE(mine.on_plain(plain));
    EXPECT_EQ(mine.told(), (std::vector{one_of(2, 1), plain}));
    EXPECT_TRUE(mine.is_neighbour(plain));
    EXPECT_EQ(std::ranges::count(mine.neighbours(), plain), 1);
    (void)mine.on_watch(plain, {{}, {}, false, true});
    EXPECT_EQ(mine.told(), std::vector{one_of(2, 1)});
    (void)mine.on_plain(plain);
    (void)mine.on_session_over(plain, now);
    EXPECT_EQ(mine.told(), std::vector{one_of(2, 1)});
}

TEST(interests_test, each_has_its_share_where_all_is_full_and_hears_that_more_was_left_out) {
    const auto people = [](std::uint8_t first, std::uint8_t count) {
        std::vector<user_id> all(count);
        for (std::uint8_t n = 0; n < count; ++n) {
            all[n].value[0] = static_cast<std::uint8_t>(first + n);
        }
        return all;
    };
    device_id one, two;
    one.value[0] = 1;
    two.value[0] = 2;
    interests fair(100, true, 10), plain(100, false, 10);
    for (interests* const some : {&fair, &plain}) {
        EXPECT_TRUE(some->add(one, people(0, 10)));
        EXPECT_TRUE(some->add(one, people(0, 10))) << "nothing new";
        EXPECT_FALSE(some->add(one, people(10, 1)));
        EXPECT_FALSE(some->add(two, people(20, 10)));
    }
    EXPECT_EQ(fair.size(), 15U);
    EXPECT_EQ(plain.size(), 10U);
}

TEST(interests_test, all_together_are_at_most_twice_as_much_as_without_shares) {
    interests fair(100, true, 10);
    for (std::uint8_t n = 0; n < 200; ++n) {
        device_id who;
        who.value[0] = n;
        std::vector<user_id> some(10);
        for (std::uint8_t i = 0; i < 10; ++i) {
            some[i].value[0] = i;
        }
        (void)fair.add(who, some);
    }
    EXPECT_EQ(fair.size(), 20U);
}

}  // namespace
}  // namespace calbox::overlay
