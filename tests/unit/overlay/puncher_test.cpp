// When a direct connection is tried in place of a relayed one, and when the router is asked.
#include "overlay/puncher.hpp"

#include <gtest/gtest.h>

#include "overlay/port_mapping.hpp"
#include "support/numbered_devices.hpp"
#include "support/test_environment.hpp"

namespace calbox::overlay {
namespace {

using namespace std::chrono_literals;

class puncher_test : public testing::Test {
protected:
    test::seeded_random chance{1};
    puncher who;
};

TEST_F(puncher_test, tries_soon_and_then_ever_more_rarely) {
    EXPECT_FALSE(who.due());
    who.relayed(device(1), instant(1h));
    EXPECT_EQ(who.due(), instant(1h) + puncher::first_after);
    EXPECT_FALSE(who.next(instant(1h)));
    instant now = *who.due();
    const auto fails = [&] {
        EXPECT_EQ(who.next(now), device(1));
        EXPECT_FALSE(who.next(now)) << "one at a time with each";
        EXPECT_FALSE(who.due());
        who.ended(device(1), false, now, chance);
        const duration pause = *who.due() - now;
        now = *who.due();
        return pause;
    };
    for (const duration wanted : {duration(30s), duration(30s), duration(15min), duration(30min),
                                  duration(1h), duration(2h), duration(4h), duration(4h)}) {
        const duration pause = fails();
        EXPECT_GE(pause, wanted * 4 / 5);
        EXPECT_LE(pause, wanted * 6 / 5);
    }
    // The relayed session ends and comes again: the pause stays.
    who.over(device(1));
    EXPECT_FALSE(who.due());
    who.relayed(device(1), now + duration(-1h));
    EXPECT_EQ(who.due(), now);
    // A success ends the series, and no try follows at once where the session does not last.
    EXPECT_TRUE(who.next(now));
    who.over(device(1));
    who.ended(device(1), true, now, chance);
    EXPECT_FALSE(who.due());
    who.relayed(device(1), now + 1s);
    EXPECT_GE(*who.due() - now, duration(24s));
    EXPECT_LE(*who.due() - now, duration(36s));
}

TEST_F(puncher_test, a_few_at_once_and_no_more_than_it_can_remember) {
    for (std::uint16_t n = 0; n < 2 * puncher::remembered; ++n) {
        who.relayed(device(n), instant(1h));
    }
    const instant later(2h);
    std::size_t tried = 0;
    while (who.next(later)) {
        ++tried;
    }
    EXPECT_EQ(tried, puncher::at_once);
    EXPECT_FALSE(who.due());
    who.ended(device(0), true, later, chance);
    EXPECT_EQ(who.next(later), device(puncher::at_once));
    // Who is gone makes room for others.
    for (std::uint16_t n = 0; n < puncher::remembered; ++n) {
        who.over(device(n));
    }
    who.ended(device(1), false, later, chance);
    who.relayed(device(5000), later);
    EXPECT_EQ(who.next(later + 1s), device(5000));
}

TEST(port_mapping, is_renewed_at_half_and_asked_for_more_rarely_when_nobody_answers) {
    port_mapping its;
    const instant begun(1h);
    EXPECT_EQ(its.address(begun), "");
    its.failed(begun);
    EXPECT_EQ(its.due(), begun + 1min);
    for (int i = 0; i < 20; ++i) {
        its.failed(begun);
    }
    EXPECT_EQ(its.due(), begun + port_mapping::last_again);
    its.mapped("192.0.2.1:7320", 2h, begun);
    EXPECT_EQ(its.due(), begun + 1h);
    EXPECT_EQ(its.address(begun + 1h), "192.0.2.1:7320");
    // Not renewed: others are told of it as long as the router keeps it.
    its.failed(begun + 1h);
    EXPECT_EQ(its.due(), begun + 1h + 1min) << "a success ends the series";
    EXPECT_EQ(its.address(begun + 119min), "192.0.2.1:7320");
    EXPECT_EQ(its.address(begun + 2h), "");
    its.mapped("192.0.2.1:7320", 10s, begun);
    EXPECT_EQ(its.due(), begun + port_mapping::least) << "whatever the router says";
    its.mapped("192.0.2.1:7320", 2h, begun);
    its.ended();
    EXPECT_EQ(its.address(begun), "");
}

}  // namespace
}  // namespace calbox::overlay
