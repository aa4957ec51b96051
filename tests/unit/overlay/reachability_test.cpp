// Where a rendezvous dials back, how often, and what the asker believes then.
#include "overlay/reachability.hpp"

#include <gtest/gtest.h>

#include "support/numbered_devices.hpp"

namespace calbox::overlay {
namespace {

using namespace std::chrono_literals;

TEST(reachability, dials_only_the_host_that_asks) {
    EXPECT_EQ(address_to_dial("192.0.2.7:51234", 7320), "192.0.2.7:7320");
    EXPECT_EQ(address_to_dial("[2001:db8::1]:51234", 7320), "[2001:db8::1]:7320");
    for (const char* const seen : {"", "relay via 00ff", "this device", ":51234", "a connection"}) {
        EXPECT_FALSE(address_to_dial(seen, 7320)) << seen;
    }
    EXPECT_FALSE(address_to_dial("192.0.2.7:51234", 0));
    EXPECT_FALSE(address_to_dial("192.0.2.7:51234", 65'536));
}

TEST(reachability, dials_are_limited_for_each_and_for_all) {
    dial_limit limit;
    instant now{1h};
    EXPECT_TRUE(limit.admit(device(1), device(1), now));
    EXPECT_FALSE(limit.admit(device(1), device(1), now + 19s));
    EXPECT_TRUE(limit.admit(device(1), device(2), now + 19s));
    EXPECT_TRUE(limit.admit(device(1), device(1), now + 20s));
    now = now + 1h;
    std::size_t admitted = 0;
    for (std::uint16_t n = 0; n < 100; ++n) {
        admitted += limit.admit(device(n), device(n), now) ? 1 : 0;
    }
    EXPECT_EQ(admitted, dial_limit::at_once);
    EXPECT_TRUE(limit.admit(device(99), device(99), now + 1s));
}

TEST(reachability, is_denied_by_two_in_a_row_and_believed_at_once) {
    reach_belief belief;
    belief.hear(false);
    EXPECT_EQ(belief.now(), reachability::unknown);
    belief.hear(true);
    EXPECT_EQ(belief.now(), reachability::reachable);
    belief.hear(false);
    EXPECT_EQ(belief.now(), reachability::reachable);
    belief.hear(false);
    EXPECT_EQ(belief.now(), reachability::unreachable);
    belief.hear(true);
    EXPECT_EQ(belief.now(), reachability::reachable);
}

}  // namespace
}  // namespace calbox::overlay
