// When another rendezvous is opened, and by whom.
#include "overlay/opener.hpp"

#include <gtest/gtest.h>

#include "support/numbered_devices.hpp"

namespace calbox::overlay {
namespace {

using namespace std::chrono_literals;

class opener_test : public testing::Test {
protected:
    std::vector<discovery::load> loads(std::size_t count, std::uint32_t edges,
                                       std::uint32_t most) const {
        std::vector<discovery::load> all;
        for (std::size_t i = 1; i <= count; ++i) {
            all.push_back({device(static_cast<std::uint8_t>(i)), edges, most, now});
        }
        return all;
    }
    std::uint32_t look(opener& of, const std::vector<discovery::load>& all, bool advised = false) {
        now = now + 10s;
        return of.look(all, advised, now);
    }
    instant now{1h};
};

TEST_F(opener_test, replaces_one_that_is_lost_when_two_looks_agree_and_not_again_at_once) {
    opener one(device(1), now, {.least = 2});
    now = now + 1min;
    EXPECT_EQ(look(one, loads(2, 5, 100)), 0u);
    EXPECT_EQ(look(one, loads(1, 5, 100)), 0u);
    EXPECT_EQ(look(one, loads(2, 5, 100)), 0u) << "it is back";
    EXPECT_EQ(look(one, loads(1, 5, 100)), 0u);
    EXPECT_EQ(look(one, loads(1, 5, 100)), 1u);
    int until_asked_again = 0;
    do {
        ++until_asked_again;
    } while (look(one, loads(1, 5, 100)) == 0 && until_asked_again < 100);
    EXPECT_EQ(until_asked_again, 9) << "what was opened had 90 s to join";
    opener many(device(1), instant{1h}, {.least = 5});
    (void)look(many, loads(2, 5, 100));
    EXPECT_EQ(look(many, loads(2, 5, 100)), 3u);
}

TEST_F(opener_test, nobody_is_missed_before_it_could_have_been_heard_of) {
    opener one(device(1), now, {.least = 2});
    EXPECT_EQ(look(one, loads(1, 0, 100)), 0u);
    EXPECT_EQ(look(one, loads(1, 0, 100)), 0u);
    EXPECT_EQ(look(one, loads(1, 0, 100)), 0u);
    EXPECT_EQ(look(one, loads(1, 0, 100)), 1u);
}

TEST_F(opener_test, opens_as_many_as_bring_all_to_seventy_per_cent_of_their_room) {
    for (const auto& [count, edges, advised, wanted] :
         {std::tuple(std::size_t{10}, 90u, true, 3u), std::tuple(std::size_t{10}, 90u, false, 0u),
          std::tuple(std::size_t{10}, 96u, false, 4u), std::tuple(std::size_t{1}, 81u, true, 1u),
          std::tuple(std::size_t{2}, 10u, true, 1u), std::tuple(std::size_t{100}, 100u, false, 20u),
          std::tuple(std::size_t{200}, 100u, false, 40u)}) {
        now = instant{1h};
        opener one(device(1), now, {});
        now = now + 1min;
        (void)look(one, loads(count, edges, 100), advised);
        EXPECT_EQ(look(one, loads(count, edges, 100), advised), wanted)
            << count << " with " << edges << " of 100, advised: " << advised;
    }
}

TEST_F(opener_test, a_crowd_is_seen_to_come_and_what_was_opened_for_it_is_not_opened_twice) {
    opener one(device(1), now, {});
    now = now + 1min;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> asked;  // at how many edges each, and for
    for (std::uint32_t edges = 20; edges < 90; edges += 5) {
        if (const std::uint32_t more = look(one, loads(10, edges, 100))) {
            asked.emplace_back(edges, more);
        }
    }
    // 5 come in a second: what is free lasts for another 90 s from 55 on; two looks are needed.
    ASSERT_GE(asked.size(), 2u);
    EXPECT_EQ(asked[0], (std::pair{60u, 2u}))
        << "600, 50 since that was heard, and 150 before those serve, of 70 each";
    EXPECT_EQ(asked[1], (std::pair{80u, 3u}))
        << "15 for 1,000, of whom 50 came since, and 12 are there or come";
}

TEST_F(opener_test, only_the_first_one_asks) {
    opener second(device(2), now, {.least = 9});
    now = now + 1min;
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(look(second, loads(3, 100, 100), true), 0u);
    }
    auto left = loads(3, 100, 100);
    left.erase(left.begin());
    (void)look(second, left, true);
    EXPECT_GT(look(second, left, true), 0u) << "the first one is gone";
}

}  // namespace
}  // namespace calbox::overlay
