// How soon a friend is seen to go, and that a crash of his rendezvous does not make him flicker.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "lab/world/cast.hpp"
#include "world_of_plugins.hpp"

namespace calbox::lab {
namespace {

using namespace std::chrono_literals;

/// A registry, two rendezvous, and Alice and Bob, who share an event.
class sim_presence : public testing::TestWithParam<std::uint64_t> {
protected:
    void SetUp() override {
        in.net.usual.latency = 20ms;
        registry = &found_network(in, "registry", wire::role::backup);
        for (const char* const name : {"R1", "R2"}) {
            join_network(in, name, wire::role::rendezvous, *registry);
        }
        a = &join_network(in, "A", wire::role::edge, *registry);
        b = &join_network(in, "B", wire::role::edge, *registry);
        alice.emplace(*a, "alice");
        bob.emplace(*b, "bob");
        alice->sign_up();
        bob->sign_up();
        must(alice->create("lunch", {"bob"}), "create");
        bobs = b->api().info.status().device;
        in.wait_for("A sees B", [&] { return sees_bob(); });
        in.pass(1min);
    }
    bool sees_bob() {
        const auto routes = a->api().overlay.known_routes();
        return std::ranges::any_of(
            routes, [&](const node::route_view& one) { return one.device == bobs && one.online; });
    }
    /// Until Alice sees him go.
    duration offline_after() {
        const instant begun = in.now();
        in.wait_for("A sees B go", [&] { return !sees_bob(); }, 2min);
        return in.now() - begun;
    }
    device& lessor_of(device& edge) {
        const std::string its = edge.api().info.status().rendezvous;
        for (const char* const name : {"R1", "R2"}) {
            if (in.find(name).api().info.status().device == its) {
                return in.find(name);
            }
        }
        throw failure("nobody's lease");
    }

    world in{settings(GetParam())};
    device *registry = nullptr, *a = nullptr, *b = nullptr;
    std::optional<person> alice, bob;
    std::string bobs;  // his device
};

TEST_P(sim_presence, who_leaves_is_seen_to_go_at_once_and_who_falls_silent_soon) {
    b->stop();
    EXPECT_LE(offline_after(), duration(1s));
    b->start();
    in.wait_for("A sees B", [&] { return sees_bob(); }, 2min);
    in.pass(1min);
    in.net.silence("B", true);
    const duration silent = offline_after();
    EXPECT_LE(silent, duration(37s));
    RecordProperty("silent_ms", std::to_string(silent / 1ms));
}

TEST_P(sim_presence, nobody_flickers_when_a_rendezvous_dies) {
    for (const ending how : {ending::process, ending::power}) {
        device& dying = lessor_of(*b);
        dying.kill(how);
        unsigned gone = 0;
        for (int tenths = 0; tenths < 900; ++tenths) {
            in.pass(100ms);
            gone += sees_bob() ? 0 : 1;
        }
        EXPECT_EQ(gone, 0u) << "tenths of a second, of 90 s";
        dying.start();
        in.pass(1min);
    }
}
INSTANTIATE_TEST_SUITE_P(seeds, sim_presence, testing::Values(1, 2, 3));

}  // namespace
}  // namespace calbox::lab
