// When a rendezvous ends because the others have room for all.
#include "overlay/retirer.hpp"

#include <gtest/gtest.h>

#include "support/numbered_devices.hpp"

namespace calbox::overlay {
namespace {

using namespace std::chrono_literals;

class retirer_test : public testing::Test {
protected:
    std::vector<discovery::load> loads(std::initializer_list<std::uint32_t> edges) const {
        std::vector<discovery::load> all;
        for (const std::uint32_t one : edges) {
            all.push_back({device(static_cast<std::uint8_t>(all.size() + 1)), one, 100, now});
        }
        return all;
    }
    /// Minutes until it ends, with a look each minute; nothing within an hour.
    std::optional<int> ends_after(retirer& one, std::initializer_list<std::uint32_t> edges) {
        for (int minutes = 0; minutes < 60; ++minutes) {
            went_to = one.look(loads(edges), now);
            if (went_to) {
                return minutes;
            }
            now = now + 1min;
        }
        return std::nullopt;
    }
    instant now{1h};
    std::optional<device_id> went_to;
};

TEST_F(retirer_test, the_greatest_id_ends_first_and_names_who_has_most_room) {
    retirer third(device(3), {}), second(device(2), {}), first(device(1), {});
    EXPECT_EQ(ends_after(third, {20, 10, 5}), 10);
    EXPECT_EQ(went_to, device(2));
    EXPECT_EQ(ends_after(second, {20, 10, 5}), 11);
    EXPECT_EQ(went_to, device(3));
    EXPECT_EQ(ends_after(first, {20, 10, 5}), 12);
}

TEST_F(retirer_test, stays_while_it_is_needed) {
    retirer one(device(2), {.least = 2});
    EXPECT_FALSE(ends_after(one, {5, 5})) << "two there are to be";
    EXPECT_FALSE(ends_after(one, {40, 40, 40}));
    EXPECT_TRUE(ends_after(one, {39, 39, 39}));
    retirer large(device(2), {});
    EXPECT_FALSE(ends_after(large, {33, 33})) << "the other one would be too full";
    EXPECT_TRUE(ends_after(large, {32, 32}));
    retirer alone(device(1), {.least = 0});
    EXPECT_FALSE(ends_after(alone, {0})) << "the last one";
}

TEST_F(retirer_test, waits_anew_when_another_one_has_gone_or_the_load_has_risen) {
    retirer second(device(2), {});
    for (int i = 0; i < 10; ++i) {
        EXPECT_FALSE(second.look(loads({5, 5, 5}), now));
        now = now + 1min;
    }
    EXPECT_EQ(ends_after(second, {8, 7}), 10) << "the third went";
    for (const std::uint32_t load : {5u, 60u}) {
        EXPECT_FALSE(second.look(loads({load, load, load}), now));
        now = now + 9min;
    }
    EXPECT_EQ(ends_after(second, {5, 5, 5}), 11);
}

}  // namespace
}  // namespace calbox::overlay
