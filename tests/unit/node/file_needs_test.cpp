// Files of deleted events, over whole nodes: people's devices say that they need them no more, and
// the backup erases them a while after the last one has.
#include <gtest/gtest.h>

#include "node/own_needs.hpp"
#include "support/test_network.hpp"

namespace calbox {
namespace {

using std::chrono::hours;
using test::must;

class file_needs_of_nodes : public testing::Test {
protected:
    node::node_settings settings() const {
        node::node_settings with;
        with.heartbeat = std::chrono::minutes(5);  // days pass here
        with.trash_kept = trash;
        with.history_kept = history;
        with.unneeded_kept = grace;
        return with;
    }
    test::test_network::device& device(const std::string& name,
                                       std::uint32_t roles = wire::role::edge) {
        auto with = settings();
        with.roles = roles;
        auto& one = net.add(name, std::move(with));
        const bool stores = (roles & wire::role::backup) != 0;
        must(net.run(one.api().network.join(
            must(net.run(hub->api().network.invite({stores ? "backup" : "edge"}))))));
        net.until([&] { return one.api().info.status().state == "connected"; });
        return one;
    }
    void meet() {
        auto with = settings();
        with.roles = wire::role::registry | wire::role::rendezvous | wire::role::backup;
        hub = &net.add("hub", std::move(with));
        alice = &device("alice");
        alice->sign_in("alice");
        bob = &device("bob");
        bob->sign_in("bob");
    }
    event_id share() {
        node::event_draft what;
        what.title = "Meeting";
        what.start = "2026-05-04 14:00";
        what.participants = std::vector<std::string>{"bob"};
        const auto made = must(net.run(alice->api().events.create(alice->me(), std::move(what))));
        net.until([&] { return bob->api().events.show(bob->me(), made.id).has_value(); });
        return made.id;
    }
    void attach(event_id which, const std::string& name) {
        test::bytes_source from(bytes(100'000, 7));
        must(net.run(alice->api().file.attach(alice->me(), which, name, "", from, false)));
        net.until([&] { return backing().files > 0; });
    }
    void remove(event_id which) {
        must(net.run(alice->api().events.remove(alice->me(), which, std::nullopt)));
    }
    bool sees(test::test_network::device& who, event_id which) {
        return who.api().events.show(who.me(), which).has_value();
    }
    node::backing_view backing() { return *hub->api().info.status().backing; }
    std::uint64_t files_on(test::test_network::device& one) {
        return one.api().info.status().files;
    }

    duration trash = hours(2), history = hours(12), grace = hours(8);
    static constexpr duration step = std::chrono::minutes(1);
    test::test_network net;
    test::test_network::device* hub = nullptr;
    test::test_network::device* alice = nullptr;
    test::test_network::device* bob = nullptr;
};

TEST_F(file_needs_of_nodes, a_deleted_events_file_goes_when_the_last_one_needs_it_no_more) {
    meet();
    const event_id event = share();
    attach(event, "plan.pdf");
    net.until([&] { return !must(bob->api().file.list(bob->me(), event)).empty(); });
    net.stop(*bob);
    remove(event);
    net.world.advance(trash + grace * 3);
    EXPECT_EQ(backing().files, 1U) << "bob is away, and has not seen that it is deleted";
    EXPECT_EQ(backing().unneeded_files, 0U);
    EXPECT_EQ(files_on(*alice), 1U) << "her own copy may be the last one";
    net.start(*bob);
    net.until([&] { return !sees(*bob, event); });
    net.world.advance(trash - std::chrono::minutes(20));
    EXPECT_EQ(backing().unneeded_files, 0U) << "it is in his trash";
    net.until([&] { return backing().unneeded_files == 1; }, hours(13), step);
    EXPECT_EQ(backing().unneeded_bytes, 100'000U);
    net.stop(*hub);
    net.start(*hub);
    net.until([&] { return alice->api().info.status().state == "connected"; });
    EXPECT_EQ(backing().unneeded_files, 1U) << "it remembers";
    net.world.advance(grace - hours(1));
    EXPECT_EQ(backing().files, 1U) << "not before the grace is over";
    net.until([&] { return backing().files == 0; }, hours(14), step);
    EXPECT_EQ(backing().erased_files, 1U);
    EXPECT_EQ(backing().erased_bytes, 100'000U);
    EXPECT_EQ(backing().unneeded_files, 0U);
    net.world.advance(grace);
    EXPECT_EQ(backing().files, 0U) << "nobody brings it again";
}

TEST_F(file_needs_of_nodes, what_comes_back_from_the_trash_has_its_file) {
    meet();
    const event_id event = share();
    attach(event, "plan.pdf");
    remove(event);
    net.until([&] { return !sees(*bob, event); });
    net.world.advance(trash / 2);
    must(net.run(alice->api().past.restore(alice->me(), event, std::nullopt, std::nullopt)));
    net.until([&] { return sees(*bob, event); });
    net.world.advance(grace * 2);
    EXPECT_EQ(backing().files, 1U);
    EXPECT_EQ(backing().unneeded_files, 0U);
    EXPECT_EQ(files_on(*alice), 1U);
    must(net.run(bob->api().file.fetch(bob->me(), event, "plan.pdf")));
}

TEST_F(file_needs_of_nodes, a_file_that_was_taken_off_stays_as_long_as_the_history) {
    meet();
    const event_id event = share();
    attach(event, "plan.pdf");
    const auto with_file = must(alice->api().events.show(alice->me(), event)).version;
    must(net.run(alice->api().file.detach(alice->me(), event, "plan.pdf")));
    net.world.advance(history - hours(2));
    EXPECT_EQ(backing().unneeded_files, 0U);
    must(net.run(alice->api().past.restore(alice->me(), event, with_file, std::nullopt)));
    must(net.run(alice->api().file.detach(alice->me(), event, "plan.pdf")));
    net.until([&] { return backing().unneeded_files == 1; }, history + hours(7), step);
    net.until([&] { return backing().erased_files == 1; }, grace + hours(7), step);
    EXPECT_EQ(files_on(*alice), 1U);
}

/// As after a crash, or where a program from before there were notes has made the copy.
TEST_F(file_needs_of_nodes, what_was_never_noted_is_found_before_anything_is_released) {
    meet();
    const event_id event = share();
    attach(event, "plan.pdf");
    const auto copied =
        must(net.run(alice->api().branch.copy(alice->me(), event, "Mine", false)));
    const file_root root = must(alice->api().file.list(alice->me(), copied.id)).front().what.root;
    const user_id she = alice->me();
    bytes key = to_bytes(root.view());
    key.insert(key.end(), she.value.begin(), she.value.end());
    const node::own_need note{{event}, replica::ordered({she, bob->me()}), {}, {}, {}};
    storage::batch writes;
    writes.put(storage::record_kind::file, key, codec::encode(note));
    must(alice->store->records().apply(writes));
    net.stop(*alice);
    net.start(*alice);
    net.until([&] { return alice->api().info.status().state == "connected"; });
    remove(event);
    net.until([&] { return !sees(*bob, event); });
    net.world.advance(trash + history + grace * 3);
    EXPECT_EQ(backing().files, 1U) << "her copy names it";
    EXPECT_EQ(backing().unneeded_files, 0U);
    remove(copied.id);
    net.until([&] { return backing().files == 0; }, history + grace + hours(20), step);
}

TEST_F(file_needs_of_nodes, another_device_of_his_that_needs_it_still_is_in_time) {
    history = hours(6);
    grace = hours(20);
    meet();
    auto with = settings();
    with.history_kept = hours(24 * 30);
    auto& other = net.add("bob2", std::move(with));
    must(net.run(other.api().network.join(must(net.run(hub->api().network.invite({"edge"}))))));
    net.until([&] { return other.api().info.status().state == "connected"; });
    other.sign_in("bob", false);
    const event_id event = share();
    attach(event, "plan.pdf");
    net.until([&] {
        const auto seen = other.api().file.list(other.me(), event);
        return seen && !seen->empty();
    });
    must(net.run(alice->api().file.detach(alice->me(), event, "plan.pdf")));
    net.world.advance(history + grace * 2 + hours(14));
    EXPECT_EQ(backing().files, 1U) << "it is in the history of bob's other device";
    EXPECT_EQ(backing().erased_files, 0U);
}

TEST_F(file_needs_of_nodes, a_second_backup_knows_what_the_first_was_told) {
    meet();
    const event_id event = share();
    attach(event, "plan.pdf");
    auto& second = device("second", wire::role::backup);
    const auto its = [&] { return *second.api().info.status().backing; };
    net.until([&] { return its().files == 1; });
    remove(event);
    net.until([&] { return !sees(*bob, event); });
    net.until([&] { return its().unneeded_files == 1 && backing().unneeded_files == 1; }, hours(20),
              step);
    net.until([&] { return its().files == 0 && backing().files == 0; }, grace + hours(7), step);
    net.world.advance(hours(1));
    EXPECT_EQ(its().files + backing().files, 0U) << "neither gives it back to the other";
}

}  // namespace
}  // namespace calbox
