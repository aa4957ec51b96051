// Whole rendezvous that watch each other, as many do: who comes is known to all, who is gone as
// well, and when they are few again they stop.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "lab/world/cast.hpp"
#include "world_of_plugins.hpp"

namespace calbox::lab {
namespace {

using namespace std::chrono_literals;

class sim_members : public testing::Test {
protected:
    void SetUp() override {
        in.net.usual.latency = 20ms;
        registry = &found_network(in, "registry", wire::role::backup);
        for (const char* const name : {"R1", "R2", "R3", "R4", "R5"}) {
            add(name);
        }
    }
    void add(const std::string& name) {
        node::node_settings with;
        with.watched = {3, 3, {}};
        join_network(in, name, wire::role::rendezvous, *registry, with);
    }
    /// Rendezvous that count as there, at this one; 0 where they do not watch each other.
    std::size_t there(const std::string& name) {
        return in.find(name).api().overlay.show_overlay().watched;
    }
    bool all_say(const std::vector<std::string>& names, std::size_t count) {
        return std::ranges::all_of(names,
                                   [&](const std::string& one) { return there(one) == count; });
    }

    world in{settings(3)};
    device* registry = nullptr;
};

TEST_F(sim_members, who_comes_and_who_goes_is_known_to_all_and_few_do_not_watch) {
    const std::vector<std::string> five{"R1", "R2", "R3", "R4", "R5"};
    in.wait_for("all five watch each other", [&] { return all_say(five, 5); }, 5min);
    in.net.silence("R5", true);
    const instant silent = in.now();
    in.wait_for(
        "the others know that R5 is gone", [&] { return all_say({"R1", "R2", "R3", "R4"}, 4); },
        1min);
    EXPECT_LE(in.now() - silent, duration(15s));
    in.net.silence("R5", false);
    in.wait_for("it is back", [&] { return all_say(five, 5); }, 5min);
    for (const char* const name : {"R3", "R4", "R5"}) {
        in.find(name).kill(ending::power);
    }
    in.wait_for(
        "the two who remain do not watch each other", [&] { return all_say({"R1", "R2"}, 0); },
        2min);
}

TEST_F(sim_members, two_sides_of_a_partition_find_together) {
    add("R6");
    const std::vector<std::string> left{"R1", "R2", "R3"}, right{"R4", "R5", "R6"};
    std::vector<std::string> six = left;
    six.insert(six.end(), right.begin(), right.end());
    in.wait_for("all six watch each other", [&] { return all_say(six, 6); }, 5min);
    const auto cut = [&](bool open) {
        for (const std::string& one : left) {
            for (const std::string& other : right) {
                in.net.way(one, other).open = open;
                in.net.way(other, one).open = open;
            }
        }
    };
    cut(false);
    in.wait_for("each side has only itself", [&] { return all_say(six, 3); }, 2min);
    cut(true);
    in.wait_for("they have found together", [&] { return all_say(six, 6); }, 5min);
}

}  // namespace
}  // namespace calbox::lab
