// Open events over whole nodes: links, who may use them, and what becomes of those who ask.
#include <gtest/gtest.h>

#include "node/event_link.hpp"
#include "node/open_event_service.hpp"
#include "support/test_network.hpp"
#include "wire/limits.hpp"

namespace calbox::node {
namespace {

using namespace std::chrono_literals;
using test::must;
using test::test_network;

TEST(event_link_test, says_what_is_wrong_with_a_link) {
    const user_id alice = *user_id::from_bytes(bytes(20, 1));
    const event_link what{"alice",
                          {alice, event_id::make_seq(device_number(1), 7)},
                          *network_id::from_bytes(bytes(32, 2)),
                          bytes(16, 3)};
    const std::string text = to_text(what);
    EXPECT_TRUE(text.starts_with("calbox:event/alice/1.7?network=0202"));
    const auto read = must(parse_event_link(text));
    EXPECT_EQ(read.organizer, "alice");
    EXPECT_EQ(read.event, what.event);
    EXPECT_EQ(read.network, what.network);
    EXPECT_EQ(read.secret, what.secret);
    for (std::size_t end = 0; end < text.size(); ++end) {
        EXPECT_EQ(parse_event_link(text.substr(0, end)).error().code, errc::invalid_argument);
    }
    for (const std::string_view wrong : {"http://alice/1.7?network=1", "calbox:event/?",
                                         "calbox:event/alice/x?network=&organizer"}) {
        EXPECT_EQ(parse_event_link(wrong).error().code, errc::invalid_argument) << wrong;
    }
    EXPECT_FALSE(parse_event_link(text + std::string(3'000, 'x')));
}

TEST(wrong_links_test, who_sends_many_waits_and_others_do_not) {
    wrong_links seen;
    const auto device = [](std::uint8_t n) { return *device_id::from_bytes(bytes(32, n)); };
    for (std::size_t i = 0; i < wire::limits::wrong_joins; ++i) {
        EXPECT_TRUE(seen.admits(device(1), instant{1min}));
        seen.note(device(1), instant{1min});
    }
    EXPECT_FALSE(seen.admits(device(1), instant{1min + 59s}));
    EXPECT_TRUE(seen.admits(device(2), instant{1min + 59s}));
    EXPECT_TRUE(seen.admits(device(1), instant{2min}));
}

class open_event_world : public ::testing::Test {
public:
    open_event_world() {
        for (test_network::device* const one : {&alice, &bob, &carol}) {
            one->sign_in(one->called);
        }
        event_draft draft;
        draft.title = "Course";
        draft.start = "2026-05-04 10:00";
        which = must(net.run(alice.api().events.create(alice.me(), draft))).id;
        link = must(net.run(alice.api().opening.open(alice.me(), which)));
    }
    result<join_view> join(test_network::device& who, std::string by) {
        return net.run(who.api().joining.join(who.me(), std::move(by)));
    }
    std::vector<std::string> taking_part() {
        return must(alice.api().events.show(alice.me(), which)).content.participants;
    }
    void leave(test_network::device& who) {
        must(net.run(who.api().events.leave(who.me(), which)));
        net.until([&] { return std::ranges::count(taking_part(), who.called) == 0; });
    }
    void set_participants(std::vector<std::string> names) {
        event_draft change;
        change.participants = std::move(names);
        must(net.run(alice.api().events.modify(alice.me(), which, change, std::nullopt)));
    }
    open_list listed(test_network::device& who, std::string name) {
        return must(net.run(who.api().opening.list(who.me(), std::move(name))));
    }

    test_network net{1, "views"};
    test_network::device& hub = net.add_hub();
    test_network::device& alice = net.add_edge("alice", hub);
    test_network::device& bob = net.add_edge("bob", hub);
    test_network::device& carol = net.add_edge("carol", hub);
    event_id which;
    std::string link;
};

TEST_F(open_event_world, a_stranger_joins_by_the_link_and_leaves_again) {
    const auto joined = must(join(bob, link));
    EXPECT_TRUE(joined.joined) << joined.why;
    EXPECT_EQ(joined.why, "");
    const auto seen = must(bob.api().events.show(bob.me(), which));
    EXPECT_EQ(seen.content.title, "Course");
    EXPECT_EQ(seen.content.answers.at("bob"), model::participation::accepted);
    const std::uint64_t version = seen.version.value;
    EXPECT_TRUE(must(join(bob, link)).joined) << "again changes nothing";
    EXPECT_EQ(must(bob.api().events.show(bob.me(), which)).version.value, version);
    EXPECT_TRUE(bob.api().joining.waiting(bob.me()).empty());
    EXPECT_EQ(bob.api().opening.link(bob.me(), which).error().code, errc::forbidden)
        << "the link is its organizer's to show";
    leave(bob);
    EXPECT_EQ(must(alice.api().events.show(alice.me(), which)).content.declined,
              std::vector<std::string>{"bob"});
    EXPECT_TRUE(must(join(bob, link)).joined);
    EXPECT_EQ(net.run(alice.api().events.leave(alice.me(), which)).error().code,
              errc::invalid_argument);
    EXPECT_EQ(join(alice, link).error().code, errc::invalid_argument);
}

TEST_F(open_event_world, those_who_ask_together_are_taken_in_by_one_version) {
    const std::uint64_t before = must(alice.api().events.show(alice.me(), which)).version.value;
    using namespace asio::experimental::awaitable_operators;
    const auto [one, other] = net.run([](open_event_world& in) -> task<std::pair<bool, bool>> {
        auto both = co_await (in.bob.api().joining.join(in.bob.me(), in.link) &&
                              in.carol.api().joining.join(in.carol.me(), in.link));
        co_return std::pair(std::get<0>(both).has_value(), std::get<1>(both).has_value());
    }(*this));
    EXPECT_TRUE(one && other);
    EXPECT_EQ(taking_part().size(), 2U);
    EXPECT_EQ(must(alice.api().events.show(alice.me(), which)).version.value, before + 1);
}

TEST_F(open_event_world, old_forged_and_foreign_links_are_refused) {
    const auto refused = [&](std::string by, errc why) {
        const auto came = join(bob, by);
        return !came && came.error().code == why && bob.api().joining.waiting(bob.me()).empty();
    };
    std::string other = link;
    other.back() = other.back() == '0' ? '1' : '0';
    EXPECT_TRUE(refused(other, errc::forbidden));
    event_link of = must(parse_event_link(link));
    of.organizer = "carol";
    EXPECT_TRUE(refused(to_text(of), errc::forbidden)) << "says that it is carol's event";
    of = must(parse_event_link(link));
    of.network = *network_id::from_bytes(bytes(32, 5));
    EXPECT_TRUE(refused(to_text(of), errc::invalid_argument));
    must(net.run(alice.api().opening.close(alice.me(), which)));
    EXPECT_EQ(must(alice.api().opening.link(alice.me(), which)), "");
    EXPECT_TRUE(refused(link, errc::forbidden));
    const std::string fresh = must(net.run(alice.api().opening.open(alice.me(), which)));
    EXPECT_NE(fresh, link);
    EXPECT_TRUE(refused(link, errc::forbidden)) << "opened again, by another link";
    EXPECT_TRUE(must(join(bob, fresh)).joined);
    for (std::size_t i = 0; i < wire::limits::wrong_joins; ++i) {
        EXPECT_EQ(join(carol, link).error().code, errc::forbidden);
    }
    const auto limited = must(join(carol, link));  // it is asked again later
    EXPECT_FALSE(limited.joined);
    EXPECT_NE(limited.why.find("too many wrong links"), std::string::npos) << limited.why;
}

TEST_F(open_event_world, whom_the_organizer_removes_may_not_come_back_unless_he_asks_him) {
    ASSERT_TRUE(must(join(bob, link)).joined);
    ASSERT_TRUE(must(join(carol, link)).joined);
    set_participants({"carol"});
    net.until([&] { return !bob.api().events.show(bob.me(), which); });
    EXPECT_EQ(join(bob, link).error().code, errc::forbidden);
    net.stop(alice);
    net.start(alice);
    net.until([&] { return alice.api().info.status().caught_up; });
    EXPECT_EQ(join(bob, link).error().code, errc::forbidden) << "after a restart";
    set_participants({"bob", "carol"});
    net.until([&] { return bob.api().events.show(bob.me(), which).has_value(); });
    net.world.advance(10s);
    leave(bob);
    EXPECT_TRUE(must(join(bob, link)).joined);
}

/// Both write the opening: neither what is said first nor what is said last is lost.
TEST_F(open_event_world, closed_while_somebody_is_removed_it_is_closed_and_he_is_removed) {
    for (int moment = 0; moment < 60; moment += 3) {
        ASSERT_TRUE(must(join(bob, link)).joined);
        event_draft nobody;
        nobody.participants.emplace();
        const auto removed = net.begin(
            alice.api().events.modify(alice.me(), which, std::move(nobody), std::nullopt));
        net.world.settle_at_most(moment);
        const auto closed = net.begin(alice.api().opening.close(alice.me(), which));
        net.until([&] { return removed->has_value() && closed->has_value(); });
        EXPECT_TRUE(**removed && **closed) << moment;
        net.world.advance(10s);
        EXPECT_EQ(must(alice.api().opening.link(alice.me(), which)), "") << moment;
        link = must(net.run(alice.api().opening.open(alice.me(), which)));
        EXPECT_EQ(join(bob, link).error().code, errc::forbidden) << moment;
        set_participants({"bob"});
        net.world.advance(10s);
        leave(bob);
    }
}

TEST_F(open_event_world, deleted_while_somebody_is_removed_it_is_open_no_more) {
    for (int moment = 0; moment < 60; moment += 3) {
        ASSERT_TRUE(must(join(bob, link)).joined);
        event_draft nobody;
        nobody.participants.emplace();
        const auto removed = net.begin(
            alice.api().events.modify(alice.me(), which, std::move(nobody), std::nullopt));
        net.world.settle_at_most(moment);
        net.until([&] {
            return net.run(alice.api().events.remove(alice.me(), which, std::nullopt)).has_value();
        });
        net.world.advance(10s);
        must(net.run(alice.api().past.restore(alice.me(), which, std::nullopt, std::nullopt)));
        EXPECT_EQ(must(alice.api().opening.link(alice.me(), which)), "") << moment;
        link = must(net.run(alice.api().opening.open(alice.me(), which)));
    }
}

TEST_F(open_event_world, a_request_waits_for_the_organizer_over_restarts) {
    net.stop(alice);
    const auto waits = must(join(bob, link));
    EXPECT_FALSE(waits.joined);
    EXPECT_FALSE(waits.why.empty());
    net.stop(bob);
    net.start(bob);
    net.until([&] { return bob.api().info.status().caught_up; });
    ASSERT_EQ(bob.api().joining.waiting(bob.me()).size(), 1U);
    EXPECT_EQ(bob.api().joining.waiting(bob.me())[0].id_text, "alice/" + which.seq_text());
    EXPECT_FALSE(must(join(carol, link)).joined);
    must(net.run(carol.api().joining.withdraw(carol.me(), "alice/" + which.seq_text())));
    net.start(alice);
    net.until([&] { return bob.api().events.show(bob.me(), which).has_value(); }, 3min);
    net.until([&] { return bob.api().joining.waiting(bob.me()).empty(); });
    net.world.advance(2min);
    EXPECT_EQ(taking_part(), std::vector<std::string>{"bob"}) << "carol has withdrawn";
    EXPECT_EQ(net.run(carol.api().joining.withdraw(carol.me(), "alice/1.1")).error().code,
              errc::not_found);
}

/// The answer to the old link comes while the new one is asked about, or before.
TEST_F(open_event_world, a_request_by_a_new_link_is_answered_for_itself) {
    for (int moment = 0; moment < 80; moment += 2) {
        const std::string old = link;
        must(net.run(alice.api().opening.close(alice.me(), which)));
        link = must(net.run(alice.api().opening.open(alice.me(), which)));
        const auto before = net.begin(bob.api().joining.join(bob.me(), old));
        net.world.settle_at_most(moment);
        if (moment % 4 == 0) {
            (void)net.run(bob.api().joining.withdraw(bob.me(), "alice/" + which.seq_text()));
        }
        const auto joined = join(bob, link);
        EXPECT_TRUE(joined && joined->joined)
            << moment << ": " << (joined ? joined->why : joined.error().message());
        net.until([&] { return before->has_value(); });
        net.world.advance(10s);
        EXPECT_TRUE(bob.api().joining.waiting(bob.me()).empty());
        leave(bob);
    }
}

TEST_F(open_event_world, friends_see_what_is_open_and_others_do_not) {
    EXPECT_EQ(listed(bob, "alice").why, "alice is no friend of yours");
    must(net.run(bob.api().contact.ask(bob.me(), "alice")));
    net.until([&] { return !net.run(alice.api().contact.friends(alice.me())).empty(); });
    must(net.run(alice.api().contact.accept(alice.me(), "bob")));
    net.until([&] { return net.run(bob.api().contact.friends(bob.me()))[0].state == "friend"; });
    auto all = listed(bob, "alice");
    ASSERT_TRUE(all.known) << all.why;
    ASSERT_EQ(all.events.size(), 1U);
    EXPECT_EQ(all.events[0].title, "Course");
    EXPECT_EQ(all.events[0].link, link);
    EXPECT_FALSE(all.events[0].joined);
    EXPECT_TRUE(must(join(bob, all.events[0].link)).joined);
    EXPECT_TRUE(listed(bob, "alice").events[0].joined);
    EXPECT_EQ(listed(alice, "").events.size(), 1U);
    set_participants({});
    net.until([&] { return !bob.api().events.show(bob.me(), which); });
    EXPECT_TRUE(listed(bob, "alice").events.empty()) << "who was removed does not see it either";
    net.stop(alice);
    all = listed(bob, "alice");
    EXPECT_FALSE(all.known);
    EXPECT_TRUE(all.events.empty());
}

}  // namespace
}  // namespace calbox::node
