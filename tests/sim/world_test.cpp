// Worlds of whole nodes: what the scenarios and the random worlds stand on.
#include "lab/world/world.hpp"

#include <gtest/gtest.h>

#include <chrono>

#include "lab/world/cast.hpp"

namespace calbox::lab {
namespace {

using namespace std::chrono_literals;

class sim_world : public testing::Test {
protected:
    static world_settings settings(std::uint64_t seed = 1) {
        world_settings with;
        with.seed = seed;
        with.plugin_directories = {CALBOX_PLUGIN_DIRECTORY};
        return with;
    }
};

TEST_F(sim_world, two_people_share_an_event_and_a_file) {
    world in(settings());
    auto& hub = found_network(in, "hub", wire::role::rendezvous | wire::role::backup);
    auto& a = join_network(in, "A", wire::role::edge, hub);
    auto& b = join_network(in, "B", wire::role::edge, hub);
    person alice(a, "alice"), bob(b, "bob");
    alice.sign_up();
    bob.sign_up();
    const auto made = must(alice.create("lunch", {"bob"}), "create");
    in.wait_for("bob sees it", [&] { return bob.title_of(made.id) == "lunch"; });
    must(alice.attach(made.id, "menu.txt", to_bytes("soup")), "attach");
    in.wait_for("bob has the version with the file",
                [&] { return bob.sees(made.id)->version == version_number(2); });
    EXPECT_EQ(must(bob.read(made.id, "menu.txt"), "read"), to_bytes("soup"));
}

TEST_F(sim_world, a_killed_device_starts_again_and_hears_what_it_missed) {
    world in(settings());
    auto& hub = found_network(in, "hub", wire::role::rendezvous | wire::role::backup);
    auto& a = join_network(in, "A", wire::role::edge, hub);
    auto& b = join_network(in, "B", wire::role::edge, hub);
    person alice(a, "alice"), bob(b, "bob");
    alice.sign_up();
    bob.sign_up();
    for (const ending how : {ending::process, ending::power}) {
        b.kill(how);
        in.pass(5s);
        const auto made = must(alice.create("while you were out", {"bob"}), "create");
        in.pass(1s);  // the backup has it by now
        a.stop();
        b.start();
        in.wait_for("bob sees it", [&] { return bob.sees(made.id).has_value(); });
        a.start();
        in.pass(1min);  // until nobody takes a dead device for one that might answer
    }
}

TEST_F(sim_world, nobody_waits_for_one_that_died_without_a_word) {
    world in(settings());
    auto& hub = found_network(in, "hub", wire::role::rendezvous | wire::role::backup);
    auto& a = join_network(in, "A", wire::role::edge, hub);
    auto& b = join_network(in, "B", wire::role::edge, hub);
    person alice(a, "alice"), bob(b, "bob");
    alice.sign_up();
    bob.sign_up();
    const auto made = must(alice.create("lunch", {"bob"}), "create");
    in.wait_for("bob sees it", [&] { return bob.title_of(made.id) == "lunch"; });
    b.kill(ending::power);  // the rendezvous has not noticed when A asks it who is online
    a.kill(ending::process);
    a.start();
    in.wait_for(
        "A is connected and has caught up",
        [&] {
            const auto status = a.api().info.status();
            return status.state == "connected" && status.recovery.exchanges > 0 && status.caught_up;
        },
        5s);
    must(alice.change(made.id, "dinner"), "change");
    b.start();  // and is asked, now that he is there after all
    in.wait_for("bob sees the change", [&] { return bob.title_of(made.id) == "dinner"; });
}

TEST_F(sim_world, who_signs_in_during_a_handshake_is_known_at_the_other_end) {
    world in(settings());
    auto& hub = found_network(in, "hub", wire::role::rendezvous);
    auto& z = join_network(in, "Z", wire::role::backup, hub);
    auto& a = join_network(in, "A", wire::role::edge, hub);
    person alice(a, "alice");
    alice.sign_up();
    const auto made = must(alice.create("lunch"), "create");
    in.wait_for("the backup has it", [&] { return z.api().info.status().events == 1; });
    a.stop();
    in.net.way("B", "Z").latency = in.net.way("Z", "B").latency = 200ms;
    auto& fresh = join_network(in, "B", wire::role::edge, hub);
    in.pass(900ms);  // B has begun to greet the backup
    person there(fresh, "alice");
    there.sign_in();
    in.wait_for("alice sees it there", [&] { return there.title_of(made.id) == "lunch"; });
}

TEST_F(sim_world, an_operation_ends_with_the_daemon_that_it_was_asked_of) {
    world in(settings());
    auto& hub = found_network(in, "hub", wire::role::rendezvous | wire::role::backup);
    auto& a = join_network(in, "A", wire::role::edge, hub);
    person alice(a, "alice");
    alice.sign_up();
    const auto begun = alice.begin_create("never", {});
    in.settle_at_most(3);
    a.kill(ending::process);
    EXPECT_TRUE(begun->ended);
    EXPECT_FALSE(begun->value);
}

/// Worlds whose devices run the code of the storage plugin `sqlite` on simulated disks.
class sim_disk_world : public sim_world {
protected:
    static world_settings on_disks() {
        world_settings with = settings();
        with.storage = "sqlite";
        return with;
    }
    world in{on_disks()};
    device& hub = found_network(in, "hub", wire::role::rendezvous | wire::role::backup);
    device& a = join_network(in, "A", wire::role::edge, hub);
    person alice{a, "alice"};
};

TEST_F(sim_disk_world, what_was_acknowledged_survives_a_power_cut_in_the_next_operation) {
    alice.sign_up();
    const auto made = must(alice.create("lunch"), "create");
    for (std::uint64_t later = 1; later <= 12; ++later) {
        const auto before = a.drive()->power_cuts();
        const auto title = alice.title_of(made.id);
        a.drive()->cut_power_in(later);
        const auto changed = alice.begin_change(made.id, "dinner " + std::to_string(later));
        in.until([&] { return !a.up() || changed->ended; });
        in.pass(1s);
        if (a.up()) {
            a.kill(ending::power);
        }
        EXPECT_EQ(a.drive()->power_cuts(), before + 1);
        a.start();
        const auto now = alice.title_of(made.id);
        if (changed->value) {
            EXPECT_EQ(now, "dinner " + std::to_string(later));
        } else {
            EXPECT_TRUE(now == title || now == "dinner " + std::to_string(later)) << now;
        }
    }
    EXPECT_TRUE(in.errors().empty());
}

TEST_F(sim_disk_world, the_power_goes_before_the_daemon_can_see_its_disk_fail) {
    alice.sign_up();
    std::vector<std::string> lost;
    in.on_disk_lost = [&](device& of, ending how) {
        lost.push_back(of.name() + (how == ending::power ? " power" : " process"));
        of.kill(how);
    };
    a.drive()->kill_in(1);
    const auto first = alice.begin_create("first", {});
    in.until([&] { return !a.up(); });
    a.start();
    a.drive()->cut_power_in(1);
    const auto second = alice.begin_create("second", {});
    in.until([&] { return !a.up(); });
    EXPECT_EQ(lost, (std::vector<std::string>{"A process", "A power"}));
    EXPECT_FALSE(first->value);
    EXPECT_FALSE(second->value);
}

TEST_F(sim_disk_world, a_wiped_machine_joins_as_a_new_device) {
    auto& r = join_network(in, "R", wire::role::rendezvous, hub);
    const auto before = r.api().info.status().device;
    r.kill(ending::power);
    r.drive()->wipe();
    join_again(r, hub);
    EXPECT_NE(r.api().info.status().device, before);
}

TEST_F(sim_disk_world, nothing_that_people_write_is_readable_on_any_disk) {
    alice.sign_up();
    must(alice.create("a title like no other"), "create");
    in.pass(10s);
    for (const auto& one : in.devices()) {
        EXPECT_FALSE(one->drive()->contains("a title like no other")) << one->name();
        EXPECT_TRUE(one->drive()->contains("SQLite format 3")) << one->name();
    }
}

}  // namespace
}  // namespace calbox::lab
