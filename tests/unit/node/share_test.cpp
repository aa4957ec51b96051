// Two people share an event and a file, over whole nodes: directly, through a relay, and while one
// of them is away.
#include <gtest/gtest.h>

#include <algorithm>

#include "model/times.hpp"
#include "node/own_needs.hpp"
#include "node/registry_records.hpp"
#include "support/test_network.hpp"

namespace calbox {
namespace {

using test::must;
using test::test_network;

/// By which consensus strategy, and over what sessions.
struct way {
    std::string strategy;
    net::reach how = net::reach::automatic;
};

std::vector<way> ways() {
    std::vector<way> all;
    for (const std::string& strategy : test::strategies()) {
        all.push_back({strategy, net::reach::automatic});
        all.push_back({strategy, net::reach::relay_only});
    }
    return all;
}

struct two_people {
    explicit two_people(const way& by)
        : net(1, by.strategy),
          hub(net.add_hub()),
          alice(net.add_edge("alice", hub, by.how)),
          bob(net.add_edge("bob", hub, by.how)) {
        alice.sign_in("alice");
        bob.sign_in("bob");
    }
    node::event_draft draft(std::string title) const {
        node::event_draft what;
        what.title = std::move(title);
        what.start = "2026-05-04 14:00";
        what.end = "2026-05-04 15:00";
        what.participants = std::vector<std::string>{"bob"};
        return what;
    }
    node::event_view share(const std::string& title) {
        const auto made = must(net.run(alice.api().events.create(alice.me(), draft(title))));
        net.until([&] { return bob.api().events.show(bob.me(), made.id).has_value(); });
        return made;
    }

    test_network net;
    test_network::device& hub;
    test_network::device& alice;
    test_network::device& bob;
};

bytes pattern(std::size_t size) {
    bytes all(size);
    for (std::size_t i = 0; i < size; ++i) {
        all[i] = static_cast<std::uint8_t>(i * 7 + i / 251);
    }
    return all;
}

void share_a_file(two_people& all, std::size_t size) {
    const auto made = all.share("slides");
    const bytes sent = pattern(size);
    test::bytes_source from(sent);
    must(all.net.run(all.alice.api().file.attach(all.alice.me(), made.id, "slides.pdf",
                                                 "application/pdf", from, false)));
    all.net.until([&] { return must(all.bob.api().file.list(all.bob.me(), made.id)).size() == 1; });
    must(all.net.run(all.bob.api().file.fetch(all.bob.me(), made.id, "slides.pdf")));
    test::bytes_sink into;
    must(all.net.run(all.bob.api().file.read(all.bob.me(), made.id, "slides.pdf", 0, 0, into)));
    EXPECT_TRUE(into.all == sent) << size << " bytes";
}

/// Every one of these holds with every strategy, over direct sessions and over relayed ones.
class share : public testing::TestWithParam<way> {};

INSTANTIATE_TEST_SUITE_P(ways, share, testing::ValuesIn(ways()), [](const auto& one) {
    const bool direct = one.param.how == net::reach::automatic;
    return one.param.strategy + (direct ? "_direct" : "_relayed");
});

TEST_P(share, event_reaches_the_guest_and_his_edit_the_organizer) {
    two_people all(GetParam());
    const auto made = all.share("DS meeting");
    const auto seen = must(all.bob.api().events.show(all.bob.me(), made.id));
    EXPECT_EQ(seen.content.title, "DS meeting");
    EXPECT_EQ(seen.organizer, "alice");
    node::event_draft change;
    change.place = "Room 3";
    must(all.net.run(all.bob.api().events.modify(all.bob.me(), made.id, change, std::nullopt)));
    all.net.until([&] {
        return must(all.alice.api().events.show(all.alice.me(), made.id)).content.place == "Room 3";
    });
    must(all.net.run(all.alice.api().events.remove(all.alice.me(), made.id, std::nullopt)));
    all.net.until([&] { return !all.bob.api().events.show(all.bob.me(), made.id).has_value(); });
}

TEST_P(share, a_series_meets_what_is_later_in_its_way) {
    two_people all(GetParam());
    auto weekly = all.draft("choir");
    weekly.recurrence = "FREQ=WEEKLY;COUNT=4";
    weekly.zone = "UTC";
    auto& calendar = all.alice.api().events;
    const auto now = model::to_local(all.net.env.time.wall(), "UTC");
    weekly.start = now.date_text() + " 14:00";
    weekly.end = now.date_text() + " 15:00";
    const auto series = must(all.net.run(calendar.create(all.alice.me(), weekly)));
    auto once = all.draft("lunch");
    once.zone = "UTC";
    const auto later = [&](int days) {
        return model::from_wall_seconds(model::wall_seconds(now) + days * 86'400).date_text();
    };
    once.start = later(14) + " 14:30";
    once.end = later(14) + " 16:00";
    const auto lunch = must(all.net.run(calendar.create(all.alice.me(), once)));
    EXPECT_EQ(lunch.conflicts, std::vector{series.id_text});
    EXPECT_EQ(must(calendar.show(all.alice.me(), series.id)).conflicts, std::vector{lunch.id_text});
    EXPECT_EQ(calendar.conflicts(all.alice.me()).size(), 1U);
    node::event_query week;
    week.from = model::parse_utc(later(21)).value();
    week.to = model::parse_utc(later(22)).value();
    EXPECT_EQ(calendar.list(all.alice.me(), week).size(), 1U);
    week.from = model::parse_utc(later(28)).value();
    week.to = model::parse_utc(later(29)).value();
    EXPECT_TRUE(calendar.list(all.alice.me(), week).empty());
    once.start = later(28) + " 14:30";
    once.end = later(28) + " 16:00";
    must(all.net.run(calendar.modify(all.alice.me(), lunch.id, once, std::nullopt)));
    EXPECT_TRUE(calendar.conflicts(all.alice.me()).empty());
}

TEST_P(share, files_of_all_sizes) {
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, std::size_t{64 * 1024}, std::size_t{300'000}}) {
        two_people all(GetParam());
        share_a_file(all, size);
    }
}

TEST_P(share, the_files_of_one_time_come_without_the_others) {
    two_people all(GetParam());
    auto& [net, hub, alice, bob] = all;
    auto weekly = all.draft("choir");
    weekly.recurrence = "FREQ=WEEKLY;COUNT=4";
    weekly.zone = "UTC";
    const auto made = must(net.run(alice.api().events.create(alice.me(), weekly)));
    const std::string second = "2026-05-11T14:00:00";
    for (const std::string& time : {std::string(), second, std::string("2026-05-18T14:00:00")}) {
        test::bytes_source from(pattern(1000 + time.size()));
        must(net.run(alice.api().file.attach(alice.me(), made.id, {"notes " + time, time}, "", from,
                                             false)));
    }
    const auto seen = [&] {
        const auto files = bob.api().file.list(bob.me(), made.id);
        return files ? *files : std::vector<node::file_view>();
    };
    net.until([&] { return seen().size() == 3; });
    // A day alone means the only time on it.
    for (const std::string& asked : {second, std::string("2026-05-11")}) {
        const auto come = must(net.run(bob.api().file.fetch_all(bob.me(), made.id, asked)));
        ASSERT_EQ(come.size(), 1U) << asked;
        EXPECT_EQ(come.front().what.name, "notes " + second);
        EXPECT_EQ(come.front().held, "here");
    }
    for (const node::file_view& file : seen()) {
        EXPECT_EQ(file.held == "here", file.what.name == "notes " + second) << file.what.name;
    }
    const auto none = net.run(bob.api().file.fetch_all(bob.me(), made.id, "2026-05-25T14:00:00"));
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, errc::not_found);
}

/// Files that are given one after the other.
class given_files final : public node::file_sequence {
public:
    explicit given_files(std::vector<std::pair<std::string, bytes>> all) : all_(std::move(all)) {}
    task<result<std::optional<node::new_file>>> next() override {
        if (at_ == all_.size()) {
            if (breaks_off) {
                co_return fail(errc::closed, "the client has gone");
            }
            co_return std::nullopt;
        }
        const auto& [name, content] = all_[at_++];
        now_.emplace(content);
        co_return node::new_file{node::file_label(name), "image/jpeg", &*now_};
    }
    bool breaks_off = false;

private:
    std::vector<std::pair<std::string, bytes>> all_;
    std::size_t at_ = 0;
    std::optional<test::bytes_source> now_;
};

TEST_P(share, many_files_come_with_one_version_or_none_does) {
    two_people all(GetParam());
    auto& [net, hub, alice, bob] = all;
    const auto made = all.share("photos");
    const auto version = [&] {
        return must(alice.api().events.show(alice.me(), made.id)).version.value;
    };
    const auto before = version();
    std::vector<std::pair<std::string, bytes>> photos;
    for (std::size_t n = 0; n < 60; ++n) {
        photos.emplace_back(std::to_string(n), pattern(n == 7 ? 200'000 : n * 100));
    }
    given_files from(photos);
    const auto attached = must(net.run(alice.api().file.attach_all(alice.me(), made.id, from)));
    EXPECT_EQ(attached.size(), 60U);
    EXPECT_EQ(version(), before + 1);
    net.until([&] { return must(bob.api().file.list(bob.me(), made.id)).size() == 60; });
    for (const node::file_view& file : must(net.run(bob.api().file.fetch_all(bob.me(), made.id)))) {
        EXPECT_EQ(file.held, "here");
        EXPECT_EQ(file.problem, "");
    }
    for (const auto& [name, content] : photos) {
        test::bytes_sink into;
        must(net.run(bob.api().file.read(bob.me(), made.id, name, 0, 0, into)));
        EXPECT_TRUE(into.all == content) << name;
    }
    const auto held = must(net.run(alice.api().store.show())).size.blobs;
    for (const bool breaks_off : {true, false}) {
        given_files more({{"new", pattern(10)}, {"large", pattern(100'000)}, {"7", pattern(10)}});
        given_files broken({{"new", pattern(10)}, {"large", pattern(100'000)}});
        broken.breaks_off = true;
        const auto refused =
            net.run(alice.api().file.attach_all(alice.me(), made.id, breaks_off ? broken : more));
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, breaks_off ? errc::closed : errc::already_exists);
        EXPECT_EQ(must(net.run(alice.api().store.show())).size.blobs, held) << "nothing stays";
    }
    std::vector<std::pair<std::string, bytes>> long_names;
    for (std::size_t n = 100; n < 1'000; ++n) {
        long_names.emplace_back(std::to_string(n) + std::string(250, 'n'), pattern(10));
    }
    long_names.back().second = pattern(100'000);
    given_files too_many(long_names);
    EXPECT_EQ(net.run(alice.api().file.attach_all(alice.me(), made.id, too_many)).error().code,
              errc::too_large);
    EXPECT_EQ(must(net.run(alice.api().store.show())).size.blobs, held) << "none was stored";
    given_files twice({{"new", pattern(10)}, {"new", pattern(11)}}), none({});
    EXPECT_EQ(net.run(alice.api().file.attach_all(alice.me(), made.id, twice)).error().code,
              errc::already_exists);
    EXPECT_EQ(net.run(alice.api().file.attach_all(alice.me(), made.id, none)).error().code,
              errc::invalid_argument);
    EXPECT_EQ(version(), before + 1);
}

TEST_P(share, a_file_counts_the_devices_that_have_it) {
    two_people all(GetParam());
    auto& [net, hub, alice, bob] = all;
    auto& second = net.add_edge("second", hub, GetParam().how);
    second.sign_in("bob", false);
    const auto made = all.share("slides");
    test::bytes_source from(pattern(1'000));
    must(net.run(alice.api().file.attach(alice.me(), made.id, "a.bin", "", from, false)));
    using places = std::vector<std::string>;
    const auto on = [&](test_network::device& at) {
        const auto files = at.api().file.list(at.me(), made.id);
        places people;
        for (const std::string& one :
             files && !files->empty() ? files->front().stored_on : places()) {
            if (!one.starts_with("backup")) {
                people.push_back(one);
            }
        }
        std::ranges::sort(people);
        return people;
    };
    net.until([&] { return on(bob) == places{"alice"} && on(second) == places{"alice"}; });
    EXPECT_EQ(on(alice), places{"this device"});
    // What backups have of a file that is not here is asked, too.
    net.until([&] {
        const auto files = must(bob.api().file.list(bob.me(), made.id));
        return files.front().held == "elsewhere" && files.front().owed.empty();
    });
    must(net.run(bob.api().file.fetch(bob.me(), made.id, "a.bin")));
    net.until([&] {
        return on(bob) == places{"alice", "this device"} &&
               on(alice) == places{"bob, device 1", "this device"};
    });
    // Another device of his need not have a session with that one.
    must(net.run(second.api().file.fetch(second.me(), made.id, "a.bin")));
    net.until([&] { return on(alice) == places{"bob, device 1", "bob, device 2", "this device"}; });
    net.stop(second);
    net.stop(alice);
    net.start(alice);
    EXPECT_EQ(on(alice), (places{"bob, device 1", "bob, device 2", "this device"}))
        << "it is known over a restart, though one of them is away";
    // What a disk has lost is taken back.
    const auto root = must(bob.api().file.list(bob.me(), made.id)).front().what.root;
    net.until([&] { return bob.api().info.status().state == "connected"; });
    must(bob.store->blobs().remove(root));
    test::bytes_sink into;
    EXPECT_FALSE(net.run(bob.api().file.read(bob.me(), made.id, "a.bin", 0, 0, into)));
    net.until(
        [&] {
            return on(alice) == places{"bob, device 2", "this device"};
        },
        std::chrono::minutes(3));
    EXPECT_EQ(on(bob).front(), "alice");
    // Who takes part no more does not count, whatever he said.
    node::event_draft alone;
    alone.participants = std::vector<std::string>();
    must(net.run(alice.api().events.modify(alice.me(), made.id, alone, std::nullopt)));
    EXPECT_EQ(on(alice), places{"this device"});
}

TEST(share_by_naive, a_file_of_more_events_than_are_remembered_is_told_of) {
    two_people all({"naive"});
    auto& [net, hub, alice, bob] = all;
    const auto made = all.share("slides");
    test::bytes_source from(pattern(1'000));
    must(net.run(alice.api().file.attach(alice.me(), made.id, "a.bin", "", from, false)));
    event_id last;
    for (std::size_t n = 0; n < node::own_needs::events_most; ++n) {
        last = must(net.run(alice.api().branch.copy(alice.me(), made.id, std::nullopt, true))).id;
    }
    net.until([&] { return bob.api().events.show(bob.me(), last).has_value(); });
    const auto on_bob = [&] {
        const auto files = must(alice.api().file.list(alice.me(), made.id));
        return std::ranges::count(files.front().stored_on, "bob") == 1;
    };
    EXPECT_FALSE(on_bob());
    net.world.advance(std::chrono::seconds(10));
    EXPECT_FALSE(on_bob()) << "it was asked about all of them by now";
    must(net.run(bob.api().file.fetch(bob.me(), made.id, "a.bin")));
    net.until(on_bob);
}

TEST_P(share, a_device_where_somebody_signs_in_later_counts_with_its_files) {
    two_people all(GetParam());
    auto& [net, hub, alice, bob] = all;
    auto& second = net.add_edge("second", hub, GetParam().how);
    const auto made = all.share("slides");
    test::bytes_source from(pattern(1'000));
    must(net.run(alice.api().file.attach(alice.me(), made.id, "a.bin", "", from, false)));
    net.until([&] { return must(alice.api().file.list(alice.me(), made.id)).size() == 1; });
    second.sign_in("bob", false);
    net.until([&] {
        const auto files = second.api().file.list(second.me(), made.id);
        return files && files->size() == 1;
    });
    must(net.run(second.api().file.fetch(second.me(), made.id, "a.bin")));
    net.until([&] {
        const auto files = must(alice.api().file.list(alice.me(), made.id));
        return std::ranges::count(files.front().stored_on, "bob, device 2") == 1;
    });
}

TEST_P(share, a_file_that_the_disk_lost_is_fetched_again) {
    two_people all(GetParam());
    auto& [net, hub, alice, bob] = all;
    const auto made = all.share("slides");
    const bytes sent = pattern(200'000);
    test::bytes_source from(sent);
    const auto file =
        must(net.run(alice.api().file.attach(alice.me(), made.id, "a", "", from, false)));
    net.until(
        [&] { return must(alice.api().file.list(alice.me(), made.id))[0].stored_on.size() > 1; });
    must(net.run([](storage::blob_store& blobs, file_root root) -> task<result<void>> {
        co_return blobs.remove(root);
    }(alice.store->blobs(), file.what.root)));
    must(net.run(alice.api().file.fetch(alice.me(), made.id, "a")));
    test::bytes_sink into;
    must(net.run(alice.api().file.read(alice.me(), made.id, "a", 0, 0, into)));
    EXPECT_TRUE(into.all == sent);
}

TEST_P(share, a_file_is_paused_and_resumed) {
    two_people all(GetParam());
    auto& [net, hub, alice, bob] = all;
    const auto made = all.share("film");
    const bytes sent = pattern(200'000);
    test::bytes_source from(sent);
    must(net.run(alice.api().file.attach(alice.me(), made.id, "a", "", from, false)));
    net.until([&] { return must(bob.api().file.list(bob.me(), made.id)).size() == 1; });
    EXPECT_EQ(must(net.run(bob.api().file.pause(bob.me(), made.id, "a"))).held, "paused");
    EXPECT_EQ(net.run(bob.api().file.fetch(bob.me(), made.id, "a")).error().code, errc::busy);
    EXPECT_EQ(must(bob.api().file.list(bob.me(), made.id))[0].held, "paused");
    must(net.run(bob.api().file.resume(bob.me(), made.id, "a")));
    net.until([&] { return must(bob.api().file.list(bob.me(), made.id))[0].held == "here"; });
    test::bytes_sink into;
    must(net.run(bob.api().file.read(bob.me(), made.id, "a", 0, 0, into)));
    EXPECT_TRUE(into.all == sent);
    EXPECT_EQ(net.run(bob.api().file.pause(bob.me(), made.id, "a")).error().code, errc::conflict);
    EXPECT_EQ(net.run(bob.api().file.pause(bob.me(), made.id, "b")).error().code, errc::not_found);
}

TEST_P(share, takes_the_way_that_it_may) {
    two_people all(GetParam());
    share_a_file(all, 300'000);
    const auto peers = all.bob.api().info.peers();
    const bool relayed =
        std::ranges::any_of(peers, [](const node::peer_view& one) { return one.relayed; });
    EXPECT_EQ(relayed, GetParam().how == net::reach::relay_only);
}

TEST_P(share, friends_and_groups) {
    two_people all(GetParam());
    auto& [net, hub, alice, bob] = all;
    must(net.run(alice.api().contact.ask(alice.me(), "bob")));
    net.until([&] { return net.run(bob.api().contact.friends(bob.me())).size() == 1; });
    EXPECT_EQ(net.run(bob.api().contact.friends(bob.me()))[0].state, "asks");
    must(net.run(bob.api().contact.accept(bob.me(), "alice")));
    net.until(
        [&] { return net.run(alice.api().contact.friends(alice.me())).at(0).state == "friend"; });
    EXPECT_TRUE(net.run(alice.api().contact.friends(alice.me()))[0].online);
    must(net.run(alice.api().contact.set_group(alice.me(), {"team", {"bob"}})));
    auto draft = all.draft("for the group");
    draft.participants = std::vector<std::string>{"@team"};
    const auto made = must(net.run(alice.api().events.create(alice.me(), draft)));
    EXPECT_EQ(made.content.participants, std::vector<std::string>{"bob"});
}

TEST_P(share, hears_of_those_it_shares_with_and_of_those_it_listed) {
    two_people all(GetParam());
    auto& [net, hub, alice, bob] = all;
    auto& carol = net.add_edge("carol", hub);
    carol.sign_in("carol");
    const auto comes_back = [&](test_network::device& one) {
        net.stop(one);
        net.world.advance(std::chrono::seconds(1));
        const auto before = alice.api().changes.last_number();
        net.start(one);
        net.until([&] {
            if (alice.api().changes.last_number() == before) {
                return false;
            }
            const auto changes = must(net.run(alice.api().changes.next(alice.me(), before)));
            return std::ranges::any_of(changes, [&](const node::change& change) {
                return change.what == "peer" && change.text == one.called + " is online";
            });
        });
    };
    all.share("after the lease: the rendezvous learns of it only now");
    comes_back(bob);
    must(net.run(alice.api().contact.users(alice.me())));
    comes_back(carol);
}

TEST_P(share, who_was_away_gets_it_later_without_the_sender) {
    two_people all(GetParam());
    all.share("first");
    all.net.stop(all.bob);
    const auto made =
        must(all.net.run(all.alice.api().events.create(all.alice.me(), all.draft("while away"))));
    const bytes sent = pattern(100'000);
    test::bytes_source from(sent);
    must(all.net.run(
        all.alice.api().file.attach(all.alice.me(), made.id, "notes", "text/plain", from, false)));
    // The backup has both before Alice leaves.
    all.net.until([&] {
        const auto view = must(all.alice.api().events.show(all.alice.me(), made.id));
        const auto files = must(all.alice.api().file.list(all.alice.me(), made.id));
        return std::ranges::any_of(
                   view.stored_on,
                   [](const std::string& who) { return who.starts_with("backup"); }) &&
               files.size() == 1 && files[0].stored_on.size() > 1;
    });
    all.net.stop(all.alice);
    all.net.start(all.bob);
    all.net.until([&] { return all.bob.api().events.show(all.bob.me(), made.id).has_value(); });
    must(all.net.run(all.bob.api().file.fetch(all.bob.me(), made.id, "notes")));
    test::bytes_sink into;
    must(all.net.run(all.bob.api().file.read(all.bob.me(), made.id, "notes", 0, 0, into)));
    EXPECT_TRUE(into.all == sent);
}

TEST_P(share, who_was_away_gets_what_a_newcomer_changed) {
    two_people all(GetParam());
    auto& carol = all.net.add_edge("carol", all.hub, GetParam().how);
    carol.sign_in("carol");
    const auto made = all.share("without carol");
    all.net.stop(all.bob);
    node::event_draft change;
    change.participants = std::vector<std::string>{"bob", "carol"};
    must(all.net.run(all.alice.api().events.modify(all.alice.me(), made.id, change, std::nullopt)));
    all.net.until([&] { return carol.api().events.show(carol.me(), made.id).has_value(); });
    change = {};
    change.title = "changed by carol";
    must(all.net.run(carol.api().events.modify(carol.me(), made.id, change, std::nullopt)));
    all.net.start(all.bob);
    all.net.until([&] {
        const auto seen = all.bob.api().events.show(all.bob.me(), made.id);
        return seen && seen->content.title == "changed by carol";
    });
}

TEST_P(share, second_device_has_it_all) {
    two_people all(GetParam());
    const auto made = all.share("on every device");
    auto& laptop = all.net.add_edge("laptop", all.hub, GetParam().how);
    const auto refused =
        all.net.run(laptop.api().account.sign_in("alice", "not her password", false));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, errc::unauthorised);
    laptop.sign_in("alice", false);
    all.net.until([&] { return laptop.api().events.show(laptop.me(), made.id).has_value(); });
    node::event_draft change;
    change.title = "changed on the laptop";
    must(all.net.run(laptop.api().events.modify(laptop.me(), made.id, change, std::nullopt)));
    for (auto* const one : {&all.alice, &all.bob}) {
        all.net.until([&] {
            return must(one->api().events.show(one->me(), made.id)).content.title ==
                   "changed on the laptop";
        });
    }
}

TEST_P(share, restart_needs_no_password_and_no_registry) {
    two_people all(GetParam());
    const auto made = all.share("kept");
    all.net.stop(all.hub);
    all.net.stop(all.bob);
    all.net.start(all.bob);
    EXPECT_TRUE(all.bob.api().events.show(all.bob.me(), made.id).has_value());
    EXPECT_EQ(all.bob.api().account.signed_in().size(), 1u);
    all.net.start(all.hub);
    all.net.until([&] { return all.bob.api().info.status().state == "connected"; },
                  std::chrono::minutes(5));
}

TEST_P(share, removed_guest_learns_it_and_reads_nothing_new) {
    two_people all(GetParam());
    const auto made = all.share("secret");
    node::event_draft change;
    change.participants = std::vector<std::string>();
    must(all.net.run(all.alice.api().events.modify(all.alice.me(), made.id, change, std::nullopt)));
    all.net.until([&] { return !all.bob.api().events.show(all.bob.me(), made.id).has_value(); });
}

TEST_P(share, a_guest_takes_the_event_from_his_calendar_and_the_host_sees_it) {
    for (const std::uint32_t rights : {guest_right::standard, std::uint32_t{0}}) {
        two_people all(GetParam());
        auto& [net, hub, alice, bob] = all;
        auto draft = all.draft("not for me");
        draft.guests_may = rights;
        const auto made = must(net.run(alice.api().events.create(alice.me(), draft)));
        net.until([&] { return bob.api().events.show(bob.me(), made.id).has_value(); });
        must(net.run(bob.api().events.remove(bob.me(), made.id, std::nullopt)));
        EXPECT_FALSE(bob.api().events.show(bob.me(), made.id).has_value());
        net.until([&] {
            return !must(alice.api().events.show(alice.me(), made.id)).content.declined.empty();
        });
        const auto seen = must(alice.api().events.show(alice.me(), made.id));
        EXPECT_EQ(seen.content.declined, std::vector<std::string>{"bob"});
        EXPECT_TRUE(seen.content.participants.empty());
        EXPECT_EQ(seen.content.title, "not for me");
        // A device that never saw Bob take part gets the version that he signed last.
        auto& laptop = net.add_edge("laptop", hub, GetParam().how);
        laptop.sign_in("alice", false);
        net.until([&] { return laptop.api().events.show(laptop.me(), made.id).has_value(); });
        // Asked again, he has it again.
        node::event_draft again;
        again.participants = std::vector<std::string>{"bob"};
        must(net.run(alice.api().events.modify(alice.me(), made.id, again, std::nullopt)));
        net.until([&] { return bob.api().events.show(bob.me(), made.id).has_value(); });
        EXPECT_TRUE(must(bob.api().events.show(bob.me(), made.id)).content.declined.empty());
    }
}

TEST_P(share, a_guest_does_what_he_may_and_nothing_else) {
    two_people all(GetParam());
    auto& [net, hub, alice, bob] = all;
    const auto with_rights = [&](std::uint32_t rights) {
        auto draft = all.draft("rights");
        draft.guests_may = rights;
        const auto made = must(net.run(alice.api().events.create(alice.me(), draft)));
        net.until([&] { return bob.api().events.show(bob.me(), made.id).has_value(); });
        return made.id;
    };
    node::event_draft rename;
    rename.title = "renamed";
    const auto renames = [&](const event_id& id) {
        return net.run(bob.api().events.modify(bob.me(), id, rename, std::nullopt)).has_value();
    };
    const auto attaches = [&](const event_id& id) {
        test::bytes_source from(pattern(10));
        return net.run(bob.api().file.attach(bob.me(), id, "a", "", from, false)).has_value();
    };
    const event_id for_notes = with_rights(guest_right::modify);
    EXPECT_TRUE(renames(for_notes));
    EXPECT_FALSE(attaches(for_notes));
    const event_id for_photos = with_rights(guest_right::attach);
    EXPECT_FALSE(renames(for_photos));
    EXPECT_TRUE(attaches(for_photos));
    const event_id to_read = with_rights(0);
    EXPECT_FALSE(renames(to_read));
    EXPECT_FALSE(attaches(to_read));
    EXPECT_EQ(must(alice.api().events.show(alice.me(), to_read)).version, version_number(1));
}

TEST(sign_in, a_password_is_the_same_whichever_way_its_letters_were_typed) {
    test_network net;
    auto& hub = net.add_hub();
    auto& laptop = net.add_edge("laptop", hub);
    auto& phone = net.add_edge("phone", hub);
    must(net.run(laptop.api().account.sign_in("alice", "caf\u00e9 au lait", true)));
    must(net.run(phone.api().account.sign_in("alice", "cafe\u0301 au lait", false)));
    const auto short_one =
        net.run(phone.api().account.sign_in("bob", "\u00e9\u00e9\u00e9\u00e9\u00e9", true));
    ASSERT_FALSE(short_one);
    EXPECT_EQ(short_one.error().code, errc::invalid_argument);
    EXPECT_FALSE(net.run(phone.api().account.sign_in("bob", "\xff\xfe not of UTF-8", true)));
}

TEST(sign_in, a_registry_that_wants_the_password_cheaply_gets_nothing) {
    test_network net;
    auto& hub = net.add_hub();
    net.add_edge("laptop", hub).sign_in("alice");
    net.stop(hub);
    hub.store = must(hub.storing->open(hub.called));
    const bytes key = to_bytes(std::string_view("user alice"));
    auto& records = hub.store->records();
    const auto stored = must(records.get(storage::record_kind::registry, key));
    ASSERT_TRUE(stored);
    auto account = must(codec::decode<node::user_record>(*stored));
    account.kdf.memory_bytes = 8192;
    storage::batch writes;
    writes.put(storage::record_kind::registry, key, codec::encode(account));
    must(records.apply(writes));
    hub.store.reset();
    net.start(hub);
    auto& phone = net.add_edge("phone", hub);
    const auto refused =
        net.run(phone.api().account.sign_in("alice", "a long password of alice", false));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, errc::mismatch);
}

TEST(network, is_founded_when_it_is_asked_for) {
    test_network net;
    node::node_settings with;
    with.roles = wire::role::registry | wire::role::rendezvous | wire::role::backup;
    with.found = false;
    auto& hub = net.add("hub", with);
    EXPECT_TRUE(hub.api().network.show().id.empty());
    net.stop(hub);
    net.start(hub);
    EXPECT_TRUE(hub.api().network.show().id.empty());
    const auto made = must(net.run(hub.api().network.create()));
    EXPECT_FALSE(made.id.empty());
    EXPECT_TRUE(made.founded_here);
    const auto again = net.run(hub.api().network.create());
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, errc::already_exists);
    auto& alice = net.add_edge("alice", hub);
    alice.sign_in("alice");
    net.stop(hub);
    net.start(hub);
    EXPECT_EQ(hub.api().network.show().id, made.id);

    auto& bob = net.add("bob", {});
    const auto edge = net.run(bob.api().network.create());
    ASSERT_FALSE(edge);
    EXPECT_EQ(edge.error().code, errc::forbidden);
}

TEST_P(share, wrong_requests_are_refused_in_words) {
    two_people all(GetParam());
    auto& [net, hub, alice, bob] = all;
    const auto made = all.share("fixed");
    auto draft = all.draft("for nobody");
    draft.participants = std::vector<std::string>{"carol"};
    const auto unknown = net.run(alice.api().events.create(alice.me(), draft));
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().code, errc::not_found);
    const auto stale = net.run(
        alice.api().events.modify(alice.me(), made.id, all.draft("stale"), version_number(7)));
    ASSERT_FALSE(stale);
    EXPECT_EQ(stale.error().code, errc::conflict);
    const auto taken = net.run(bob.api().account.sign_in("alice", "some other password", true));
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code, errc::already_exists);
}

}  // namespace
}  // namespace calbox
