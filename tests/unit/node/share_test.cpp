// Two people share an event and a file, over whole nodes: directly, through a relay, and while one
// of them is away.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/test_network.hpp"

namespace calbox {
namespace {

using test::must;
using test::test_network;

struct two_people {
    explicit two_people(const std::string& strategy, net::reach bobs_reach = net::reach::automatic)
        : net(1, strategy),
          hub(net.add_hub()),
          alice(net.add_edge("alice", hub)),
          bob(net.add_edge("bob", hub, bobs_reach)) {
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

class share : public testing::TestWithParam<std::string> {};

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

TEST_P(share, files_of_all_sizes) {
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, std::size_t{64 * 1024}, std::size_t{300'000}}) {
        two_people all(GetParam());
        share_a_file(all, size);
    }
}

TEST_P(share, through_a_relay) {
    two_people all(GetParam(), net::reach::relay_only);
    share_a_file(all, 300'000);
    const auto peers = all.bob.api().info.peers();
    const auto found =
        std::ranges::find_if(peers, [](const node::peer_view& one) { return one.relayed; });
    EXPECT_TRUE(found != peers.end()) << "Bob has no relayed session";
}

TEST_P(share, friends_and_groups) {
    two_people all(GetParam());
    auto& [net, hub, alice, bob] = all;
    must(net.run(alice.api().contact.ask(alice.me(), "bob")));
    net.until([&] { return bob.api().contact.friends(bob.me()).size() == 1; });
    EXPECT_EQ(bob.api().contact.friends(bob.me())[0].state, "asks");
    must(net.run(bob.api().contact.accept(bob.me(), "alice")));
    net.until([&] { return alice.api().contact.friends(alice.me()).at(0).state == "friend"; });
    EXPECT_TRUE(alice.api().contact.friends(alice.me())[0].online);
    must(net.run(alice.api().contact.set_group(alice.me(), {"team", {"bob"}})));
    auto draft = all.draft("for the group");
    draft.participants = std::vector<std::string>{"@team"};
    const auto made = must(net.run(alice.api().events.create(alice.me(), draft)));
    EXPECT_EQ(made.content.participants, std::vector<std::string>{"bob"});
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

TEST_P(share, second_device_has_it_all) {
    two_people all(GetParam());
    const auto made = all.share("on every device");
    auto& laptop = all.net.add_edge("laptop", all.hub);
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

INSTANTIATE_TEST_SUITE_P(with, share, testing::ValuesIn(test::strategies()),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace calbox
