// Whole rendezvous in circles: a friend whose device leases in another circle is seen to come and
// to go, also when whoever tells of that circle dies, and nobody has a session with all others.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "lab/world/cast.hpp"
#include "world_of_plugins.hpp"

namespace calbox::lab {
namespace {

using namespace std::chrono_literals;

constexpr unsigned in_all = 24;
constexpr std::size_t circles_here = 4;

class sim_circles : public testing::Test {
protected:
    void SetUp() override {
        in.net.usual.latency = 20ms;
        registry = &found_network(in, "registry", wire::role::backup);
        for (unsigned i = 0; i < in_all; ++i) {
            node::node_settings with;
            with.watched = {8, 6, {}, {circles_here, 10s, 10min, 2min}};
            names.push_back("R" + std::to_string(i));
            join_network(in, names.back(), wire::role::rendezvous, *registry, with);
        }
        in.wait_for(
            "all watch each other", [&] { return watching(in_all); }, 2min);
    }
    bool watching(std::size_t there) {
        return std::ranges::all_of(names, [&](const std::string& one) {
            return !in.find(one).up() || in.find(one).api().overlay.show_overlay().watched == there;
        });
    }
    static std::size_t circle_of(const std::string& device) {
        return std::stoull(device.substr(0, 16), nullptr, 16) % circles_here;
    }
    std::string id_of(const std::string& name) { return in.find(name).api().info.status().device; }
    /// The name of the rendezvous that the device leases from.
    std::string lessor_of(device& edge) {
        const std::string its = edge.api().info.status().rendezvous;
        const auto found = std::ranges::find_if(
            names, [&](const std::string& one) { return in.find(one).up() && id_of(one) == its; });
        return found == names.end() ? throw failure("nobody's lease") : *found;
    }
    /// Other rendezvous with whom it has a session.
    std::vector<std::string> neighbours(const std::string& name) {
        std::vector<std::string> found;
        for (const node::peer_view& one : in.find(name).api().info.peers()) {
            for (const std::string& other : names) {
                if (in.find(other).up() && id_of(other) == one.device) {
                    found.push_back(other);
                }
            }
        }
        return found;
    }
    bool sees(device& who, const std::string& other) {
        const auto routes = who.api().overlay.known_routes();
        return std::ranges::any_of(
            routes, [&](const node::route_view& one) { return one.device == other && one.online; });
    }

    world in{settings(7)};
    std::vector<std::string> names;
    device* registry = nullptr;
};

TEST_F(sim_circles, a_friend_of_another_circle_is_seen_to_come_and_go_and_nobody_meets_all) {
    device& a = join_network(in, "A", wire::role::edge, *registry);
    person alice(a, "alice");
    alice.sign_up();
    const std::size_t circle = circle_of(a.api().info.status().rendezvous);
    device* b = nullptr;
    for (const char* const name : {"B", "C", "D", "E"}) {
        device& one = join_network(in, name, wire::role::edge, *registry);
        if (b == nullptr && circle_of(one.api().info.status().rendezvous) != circle) {
            b = &one;
        }
    }
    ASSERT_NE(b, nullptr) << "chance put all into one circle: take another seed";
    person bob(*b, "bob");
    bob.sign_up();
    must(alice.create("lunch", {"bob"}), "create");
    const std::string bobs = b->api().info.status().device;
    in.wait_for(
        "A sees B", [&] { return sees(a, bobs); }, 10s);
    in.pass(2min);
    EXPECT_TRUE(sees(a, bobs));

    std::size_t sessions = 0, most = 0;
    for (const std::string& one : names) {
        const std::size_t its = neighbours(one).size();
        sessions += its;
        most = std::max(most, its);
    }
    RecordProperty("sessions", std::to_string(sessions));
    EXPECT_LT(sessions, in_all * (in_all - 1) * 3 / 4) << "a full mesh has all of them";

    const auto gone_after = [&](const duration limit) {
        const instant begun = in.now();
        in.wait_for(
            "A sees B go", [&] { return !sees(a, bobs); }, 2min);
        EXPECT_LE(in.now() - begun, limit);
    };
    b->stop();
    gone_after(2s);
    b->start();
    in.wait_for(
        "A sees B again", [&] { return sees(a, bobs); }, 1min);
    in.pass(1min);
    in.net.silence(b->name(), true);
    gone_after(37s);
    in.net.silence(b->name(), false);
    in.wait_for(
        "A sees B after the silence", [&] { return sees(a, bobs); }, 2min);
    in.pass(1min);

    // Whoever could tell A's rendezvous of that circle ends, all but B's own rendezvous.
    const std::string hers = lessor_of(a), his = lessor_of(*b);
    if (circle_of(id_of(hers)) != circle_of(id_of(his))) {
        std::size_t ended = 0;
        for (const std::string& one : neighbours(hers)) {
            if (one != his && circle_of(id_of(one)) == circle_of(id_of(his))) {
                in.find(one).kill(ending::process);
                ++ended;
            }
        }
        EXPECT_GT(ended, 0U);
        unsigned flickers = 0;
        for (int seconds = 0; seconds < 100; ++seconds) {
            in.pass(1s);
            flickers += sees(a, bobs) ? 0 : 1;
        }
        EXPECT_EQ(flickers, 0U);
        in.net.silence(b->name(), true);
        gone_after(37s);
    } else {
        ADD_FAILURE() << "B leases in A's circle now: take another seed";
    }
}

/// An office of twelve rendezvous where more than eight keep to circles.
TEST(sim_few_of_many, advertisements_alone_make_nobody_keep_to_a_circle) {
    world in{settings(6)};
    in.net.usual.latency = 20ms;
    device& registry = found_network(in, "registry", wire::role::backup);
    node::node_settings with;
    with.watched = {8, 6, {}, {circles_here, 10s, 10min, 2min}};
    std::vector<std::string> names;
    const auto come = [&](unsigned count) {
        for (const auto until = names.size() + count; names.size() < until;) {
            names.push_back("R" + std::to_string(names.size()));
            join_network(in, names.back(), wire::role::rendezvous, registry, with);
        }
        in.pass(3min);
    };
    come(6);
    for (unsigned i = 2; i < 6; ++i) {
        in.find(names[i]).stop();
    }
    in.pass(4min);  // the last loads that they said are forgotten
    come(6);
    for (const std::string& one : names) {
        if (in.find(one).up()) {
            EXPECT_EQ(in.find(one).api().overlay.show_overlay().watched, 0U)
                << one << ": 12 are known, and 8 are on";
        }
    }
    in.find(names[2]).start();
    in.wait_for(
        "the ninth makes them watch each other",
        [&] { return in.find(names[2]).api().overlay.show_overlay().watched == 9; }, 3min);
}

}  // namespace
}  // namespace calbox::lab
