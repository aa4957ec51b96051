// Whole rendezvous that are to be two at least: when they have another one opened.
#include <gtest/gtest.h>

#include "support/test_network.hpp"

namespace calbox {
namespace {

using namespace std::chrono_literals;
using test::must;
using test::test_network;

class opening : public ::testing::Test {
protected:
    node::node_settings with_roles(std::uint32_t roles) {
        node::node_settings with;
        with.roles = roles;
        with.on_no_rendezvous = node::without_rendezvous::wait;
        with.rendezvous_min = 2;
        with.open_rendezvous = [this](std::uint32_t count) -> task<result<void>> {
            asked += count;
            co_return result<void>();
        };
        return with;
    }
    test_network::device& join(const std::string& name) {
        auto& one = net.add(name, with_roles(wire::role::rendezvous));
        must(net.run(
            one.api().network.join(must(net.run(registry.api().network.invite({"rendezvous"}))))));
        return one;
    }

    std::uint32_t asked = 0;
    test_network net;
    test_network::device& registry = net.add("registry", with_roles(wire::role::registry));
};

/// They say their loads each minute, and look whether they are enough before.
TEST_F(opening, of_two_that_are_there_none_asks_and_the_one_that_is_left_does) {
    join("r1");
    auto& lost = join("r2");
    for (int second = 0; second < 180; ++second) {
        net.world.advance(1s);
        ASSERT_EQ(asked, 0U) << "after " << second << " s";
    }
    net.stop(lost);
    net.until([&] { return asked == 1; }, 3min);
}

}  // namespace
}  // namespace calbox
