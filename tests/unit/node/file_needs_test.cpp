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
    /// Whether a backup has a file, or is owed it, as that device has noted.
    std::size_t copies_noted(test::test_network::device& at) {
        std::size_t rows = 0;
        const auto look = [&](byte_view key, byte_view) {
            rows += key.size() == file_root::size + device_id::size ? 1U : 0U;
            return true;
        };
        must(at.store->records().scan(storage::record_kind::file, {}, {}, look));
        return rows;
    }
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
    EXPECT_EQ(copies_noted(*alice), 0U) << "though the file is on her disk";
}

TEST_F(file_needs_of_nodes, who_has_fetched_a_file_soon_knows_which_backups_have_it) {
    meet();
    const event_id event = share();
    attach(event, "plan.pdf");
    net.until([&] { return !must(bob->api().file.list(bob->me(), event)).empty(); });
    const auto owed = [&] { return must(bob->api().file.list(bob->me(), event)).front().owed; };
    ASSERT_EQ(owed().size(), 1U);
    must(net.run(bob->api().file.fetch(bob->me(), event, "plan.pdf")));
    net.world.advance(std::chrono::seconds(3));
    EXPECT_TRUE(owed().empty());
    EXPECT_EQ(copies_noted(*bob), 1U);
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
    const node::own_need note{{event}, replica::ordered({she, bob->me()}), {}, {}, {}, {}};
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

/// One after the other, with something to do before the end of them.
class files_of_test final : public node::file_sequence {
public:
    files_of_test(std::vector<std::size_t> sizes, std::function<task<void>()> at_the_end)
        : sizes_(std::move(sizes)), at_the_end_(std::move(at_the_end)) {}
    task<result<std::optional<node::new_file>>> next() override {
        if (at_ == sizes_.size()) {
            co_await at_the_end_();
            co_return std::nullopt;
        }
        now_.emplace(bytes(sizes_[at_], 7));
        co_return node::new_file{node::file_label(std::to_string(at_++)), "", &*now_};
    }

private:
    std::vector<std::size_t> sizes_;
    std::function<task<void>()> at_the_end_;
    std::size_t at_ = 0;
    std::optional<test::bytes_source> now_;
};

task<void> attach_files(test::test_network::device& by, event_id which, node::file_sequence& from) {
    (void)co_await by.api().file.attach_all(by.me(), which, from);
}

task<void> edit_event(test::test_network::device& by, event_id which, node::event_draft what) {
    const auto changed = co_await by.api().events.modify(by.me(), which, std::move(what), {});
    must(changed);
}

/// A megabyte of small ones, and a large one, are durable before the last one has come.
TEST_F(file_needs_of_nodes, what_was_to_be_attached_when_the_device_ended_goes_again) {
    meet();
    const event_id event = share();
    bool waiting = false;
    const auto never = [&] {
        waiting = true;
        return sleep_for(net.env, hours(24 * 365));
    };
    files_of_test all(std::vector<std::size_t>(17, 64 * 1024), never);
    files_of_test large({100'000}, never);
    {
        task_scope attaching(net.env, "test");
        for (node::file_sequence* const one : {&all, &large}) {
            waiting = false;
            attaching.spawn("attach", attach_files(*alice, event, *one));
            net.until([&] { return waiting; });
        }
        attaching.request_stop();
        net.run(attaching.join());
    }
    net.stop(*alice);
    net.start(*alice);
    net.until([&] { return alice->api().info.status().state == "connected"; });
    net.until([&] { return backing().files == files_on(*alice); });
    EXPECT_EQ(files_on(*alice), 17U) << "16 of them together, and the large one";
    net.until([&] { return files_on(*alice) == 0; }, grace * 2 + hours(14), step);
    net.until([&] { return backing().files == 0; }, grace + hours(14), step);
    EXPECT_EQ(backing().erased_files, 17U);
    test::bytes_source from(bytes(10, 7));
    must(net.run(alice->api().file.attach(alice->me(), event, "new", "", from, false)));
    net.until([&] { return backing().files == 1; });
}

TEST_F(file_needs_of_nodes, what_was_not_attached_in_the_end_goes_again) {
    meet();
    const event_id event = share();
    node::event_draft no_more;
    no_more.guests_may = guest_right::modify;
    const auto forbids = [&] { return edit_event(*alice, event, no_more); };
    files_of_test all({10, 100'000, 64 * 1024}, forbids);
    EXPECT_EQ(net.run(bob->api().file.attach_all(bob->me(), event, all)).error().code,
              errc::forbidden);
    EXPECT_EQ(backing().files, 3U) << "they were offered before";
    EXPECT_EQ(files_on(*bob), 0U);
    EXPECT_EQ(must(net.run(bob->api().store.show())).size.blobs, 0U);
    net.until([&] { return backing().files == 0; }, grace + hours(14), step);
}

}  // namespace
}  // namespace calbox
