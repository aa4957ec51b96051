// The network changes its consensus strategy while it runs, over whole nodes.
#include <gtest/gtest.h>

#include "crypto/certificates.hpp"
#include "node/strategy_book.hpp"
#include "support/test_network.hpp"

namespace calbox {
namespace {

using namespace std::chrono_literals;
using test::must;
using test::test_network;

/// From which strategy, and to which.
struct change {
    std::string from, to;
};

class epochs : public ::testing::TestWithParam<change> {
protected:
    epochs()
        : net(1, GetParam().from),
          hub(net.add_hub()),
          alice(net.add_edge("alice", hub)),
          bob(net.add_edge("bob", hub)) {
        alice.sign_in("alice");
        bob.sign_in("bob");
        node::event_draft draft;
        draft.title = "lecture";
        draft.start = "2026-05-04 14:00";
        draft.participants = {"bob"};
        which = must(net.run(alice.api().events.create(alice.me(), draft))).id;
        net.until([&] { return bob.api().events.show(bob.me(), which).has_value(); });
        net.world.advance(5s);
    }
    result<std::vector<node::strategy_view>> use(const std::string& name,
                                                 std::chrono::seconds after = 0s) {
        return net.run(hub.api().network.change_strategy({name, {}, after}));
    }
    result<node::event_view> rename(test_network::device& who, const std::string& title,
                                    node::edit_terms terms = {}) {
        node::event_draft draft;
        draft.title = title;
        return net.run(who.api().events.modify(who.me(), which, draft, std::move(terms)));
    }
    static node::event_view seen_by(test_network::device& who, const event_id& event) {
        return must(who.api().events.show(who.me(), event));
    }
    static std::vector<node::strategy_view> known_by(test_network::device& who) {
        return who.api().network.strategies();
    }
    static std::string decided_by(test_network::device& who, const event_id& event) {
        const std::string text = who.api().lock.explain(event);
        const auto at = text.find("\"strategy\":\"");
        return at == std::string::npos ? text
                                       : text.substr(at + 12, text.find('"', at + 12) - at - 12);
    }
    void until_moved(std::uint64_t epoch, duration most = 1min) {
        for (auto* const one : {&alice, &bob}) {
            net.until(
                [&] {
                    const auto all = known_by(*one);
                    return all.size() == epoch && all.back().events == 1;
                },
                most);
        }
    }
    test_network net;
    test_network::device &hub, &alice, &bob;
    event_id which;
};

std::string change_name(const ::testing::TestParamInfo<change>& info) {
    return info.param.from + "_to_" + info.param.to;
}
INSTANTIATE_TEST_SUITE_P(strategies, epochs,
                         ::testing::Values(change{"views", "organizer"},
                                           change{"organizer", "views"}),
                         change_name);

TEST_P(epochs, begin_everywhere_and_events_go_over_by_themselves) {
    ASSERT_EQ(known_by(alice).size(), 1U);
    EXPECT_EQ(known_by(alice).front().name, GetParam().from);
    EXPECT_EQ(decided_by(alice, which), GetParam().from);
    const auto before = seen_by(bob, which);
    const auto came = must(use(GetParam().to));
    ASSERT_EQ(came.size(), 2U);
    EXPECT_EQ(came.back().name, GetParam().to);
    EXPECT_EQ(came.back().version, "1.0.0");
    EXPECT_TRUE(came.back().in_effect);
    until_moved(2);
    const auto after = seen_by(bob, which);
    EXPECT_EQ(after.version, before.version.next());
    EXPECT_EQ(after.content.title, before.content.title);
    for (auto* const one : {&alice, &bob}) {
        EXPECT_EQ(decided_by(*one, which), GetParam().to);
        EXPECT_TRUE(known_by(*one).back().usable) << known_by(*one).back().problem;
        EXPECT_EQ(known_by(*one).front().events, 0U);
    }
    must(rename(bob, "by bob"));
    net.until([&] { return seen_by(alice, which).content.title == "by bob"; });
    must(rename(alice, "by alice"));
    net.until([&] { return seen_by(bob, which).content.title == "by alice"; });
}

TEST_P(epochs, are_kept_over_restarts_and_can_be_changed_back) {
    must(use(GetParam().to));
    until_moved(2);
    for (auto* const one : {&bob, &alice, &hub}) {
        net.stop(*one);
    }
    for (auto* const one : {&hub, &alice, &bob}) {
        net.start(*one);
    }
    EXPECT_EQ(known_by(bob).size(), 2U);
    EXPECT_EQ(decided_by(bob, which), GetParam().to);
    net.until([&] { return rename(bob, "by bob").has_value(); });
    must(use(GetParam().from));
    until_moved(3);
    EXPECT_EQ(decided_by(bob, which), GetParam().from);
    net.until([&] { return rename(alice, "by alice").has_value(); });
    net.until([&] { return seen_by(bob, which).content.title == "by alice"; });
}

TEST_P(epochs, reach_a_device_that_was_off) {
    net.stop(bob);
    must(use(GetParam().to));
    net.until([&] { return known_by(alice).back().events == 1; });
    must(rename(alice, "without bob"));
    net.start(bob);
    net.until([&] { return seen_by(bob, which).content.title == "without bob"; });
    EXPECT_EQ(known_by(bob).size(), 2U);
    net.until([&] { return rename(bob, "with bob").has_value(); });
    net.until([&] { return seen_by(alice, which).content.title == "with bob"; });
}

TEST_P(epochs, are_learned_by_a_device_that_joins_later) {
    must(use(GetParam().to));
    until_moved(2);
    auto& carol = net.add_edge("carol", hub);
    carol.sign_in("carol");
    EXPECT_EQ(known_by(carol).size(), 2U);
    node::event_draft draft;
    draft.participants = {"bob", "carol"};
    must(net.run(alice.api().events.modify(alice.me(), which, draft, {})));
    net.until([&] { return carol.api().events.show(carol.me(), which).has_value(); });
    net.until([&] { return rename(carol, "by carol").has_value(); });
    node::event_draft own;
    own.title = "hers";
    own.start = "2026-05-05 14:00";
    const auto made = must(net.run(carol.api().events.create(carol.me(), own))).id;
    EXPECT_EQ(decided_by(carol, made), GetParam().to);
}

TEST_P(epochs, leave_events_readable_where_the_plugin_is_missing) {
    bob.settings.open_consensus = [](const std::string& name,
                                     const std::string&) -> result<node::opened_strategy> {
        return fail(errc::not_found, "there is no consensus plugin \"" + name + "\"");
    };
    net.stop(bob);
    net.start(bob);
    net.until([&] { return bob.api().info.status().state == "connected"; });
    must(use(GetParam().to));
    net.until([&] { return known_by(alice).back().events == 1; });
    must(rename(alice, "without bob's plugin"));
    net.until([&] { return seen_by(bob, which).content.title == "without bob's plugin"; });
    const auto refused = rename(bob, "by bob");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, errc::unsupported);
    for (const std::string& part :
         {GetParam().to + " 1.0.0", std::string("can be read"), std::string("restart calboxd")}) {
        EXPECT_NE(refused.error().detail.find(part), std::string::npos) << refused.error().detail;
    }
    EXPECT_FALSE(known_by(bob).back().usable);
    net.stop(bob);
    bob.settings.open_consensus = nullptr;  // installed now
    net.start(bob);
    net.until([&] { return rename(bob, "by bob").has_value(); });
}

TEST_P(epochs, wait_for_whoever_edits_and_not_for_long) {
    const auto session = must(net.run(bob.api().lock.begin(bob.me(), which)));
    must(use(GetParam().to));
    net.world.advance(1s);
    EXPECT_EQ(known_by(bob).back().events, 0U);
    // His edit is the last one of the old strategy, and brings the event over.
    must(rename(bob, "begun before", {session.version, session.id}));
    net.until([&] { return known_by(alice).back().events == 1; });
    EXPECT_EQ(seen_by(alice, which).content.title, "begun before");
    // Who only sits there is not waited for: his lock is not renewed.
    must(net.run(bob.api().lock.begin(bob.me(), which)));
    must(use(GetParam().from));
    until_moved(3, 3min);
}

TEST_P(epochs, do_not_give_a_number_again) {
    must(use(GetParam().to));
    node::event_draft draft;
    draft.title = "later";
    draft.start = "2026-05-06 14:00";
    const auto made = must(net.run(alice.api().events.create(alice.me(), draft))).id;
    EXPECT_GT(made.n(), which.n() + 1'000);
    const auto next = must(net.run(alice.api().events.create(alice.me(), draft))).id;
    EXPECT_EQ(next.n(), made.n() + 1);
    net.stop(alice);
    net.start(alice);
    net.until([&] { return alice.api().info.status().state == "connected"; });
    EXPECT_EQ(must(net.run(alice.api().events.create(alice.me(), draft))).id.n(), next.n() + 1);
}

TEST_P(epochs, begin_later_where_that_was_asked) {
    must(use(GetParam().to, 60s));
    net.world.advance(30s);
    ASSERT_EQ(known_by(bob).size(), 2U);
    EXPECT_FALSE(known_by(bob).back().in_effect);
    EXPECT_EQ(known_by(bob).front().events, 1U);
    EXPECT_EQ(use(GetParam().from).error().code, errc::busy);
    must(rename(bob, "before"));
    EXPECT_EQ(known_by(bob).front().events, 1U);
    net.world.advance(35s);
    until_moved(2);
}

TEST_P(epochs, begin_only_where_the_registry_is_and_for_strategies_that_are_there) {
    const auto elsewhere = net.run(alice.api().network.change_strategy({GetParam().to, {}, 0s}));
    EXPECT_EQ(elsewhere.error().code, errc::forbidden);
    EXPECT_EQ(use("nobody").error().code, errc::not_found);
    EXPECT_EQ(use(GetParam().from).error().code, errc::already_exists);
    EXPECT_EQ(known_by(hub).size(), 1U);
}

TEST_P(epochs, are_begun_by_one_of_two_who_ask_at_once) {
    const auto change = [&] {
        return net.begin(hub.api().network.change_strategy({GetParam().to, {}, 0s}));
    };
    const auto one = change(), other = change();
    net.until([&] { return one->has_value() && other->has_value(); });
    EXPECT_NE((*one)->has_value(), (*other)->has_value());
    const auto& refused = (*one)->has_value() ? **other : **one;
    EXPECT_EQ(refused.error().code, errc::busy);
    EXPECT_EQ(known_by(hub).size(), 2U);
}

// The book
// --------------------------------------------------------------------------------------------

class strategy_book_test : public ::testing::Test {
protected:
    strategy_book_test()
        : storing(must(host.storage("memory", ""))),
          store(must(storing->open("book"))),
          db(in.env, *store),
          key((must(crypto::initialise()), crypto::signing_key::generate(in.entropy))) {
        book.set_ca(must(crypto::make_ca_certificate(key, in.time.wall(), in.entropy)));
    }
    wire::signed_strategy record(std::uint64_t epoch, const std::string& name,
                                 const crypto::signing_key& by, std::int64_t after_ms = 0) {
        wire::strategy_record what{network_epoch(epoch), name, "1.0.0", "",
                                   timestamp{in.time.wall().ms + after_ms}};
        bytes encoded = codec::encode(what);
        bytes signature = by.sign(node::strategy_domain, encoded);
        return {std::move(encoded), std::move(signature)};
    }
    result<bool> take(std::vector<wire::signed_strategy> what) {
        return in.run(book.take({std::move(what)}));
    }
    test::test_environment in;
    plugins::plugin_host host{{CALBOX_PLUGIN_DIRECTORY}, in.log};
    plugins::loaded<storage::strategy> storing;
    std::unique_ptr<storage::store> store;
    replica::database db;
    crypto::signing_key key;
    node::strategy_book book{in.env, db};
};

TEST_F(strategy_book_test, takes_what_the_registry_signed_once) {
    const auto one = record(1, "views", key), two = record(2, "organizer", key);
    EXPECT_TRUE(must(take({one, two})));
    EXPECT_EQ(book.last(), network_epoch(2));
    EXPECT_EQ(book.now(), network_epoch(2));
    EXPECT_FALSE(must(take({one, two})));
    EXPECT_FALSE(must(take({one})));
    node::strategy_book again(in.env, db);
    must(in.run(again.load()));
    EXPECT_EQ(again.known(), book.known());
}

TEST_F(strategy_book_test, believes_nobody_else_and_nothing_that_differs) {
    const auto other = crypto::signing_key::generate(in.entropy);
    const auto one = record(1, "views", key), two = record(2, "organizer", key);
    EXPECT_EQ(take({one, record(2, "naive", other)}).error().code, errc::mismatch);
    EXPECT_EQ(take({record(2, "organizer", key)}).error().code, errc::malformed);
    EXPECT_EQ(take({{to_bytes("x"), bytes(64)}}).error().code, errc::malformed);
    EXPECT_EQ(book.last(), network_epoch(1));
    EXPECT_TRUE(must(take({one, two})));
    EXPECT_EQ(take({one, record(2, "naive", key), record(3, "views", key)}).error().code,
              errc::conflict);
    EXPECT_EQ(book.last(), network_epoch(2));
}

TEST_F(strategy_book_test, keeps_the_most_of_what_is_told_at_once) {
    const auto one = record(1, "views", key), two = record(2, "organizer", key),
               three = record(3, "views", key);
    int taken = 0;
    const auto count = [&](const std::exception_ptr&, const result<bool>& news) {
        taken += must(news) ? 1 : 0;
    };
    asio::co_spawn(in.context, book.take({{one, two, three}}), count);
    asio::co_spawn(in.context, book.take({{one, two}}), count);
    in.settle();
    EXPECT_EQ(taken, 1);
    EXPECT_EQ(book.last(), network_epoch(3));
    node::strategy_book again(in.env, db);
    must(in.run(again.load()));
    EXPECT_EQ(again.known(), book.known());
}

TEST_F(strategy_book_test, knows_what_is_to_come) {
    EXPECT_TRUE(must(take({record(1, "views", key), record(2, "organizer", key, 5'000)})));
    EXPECT_EQ(book.now(), network_epoch(1));
    EXPECT_EQ(book.pending(), duration(5s));
    in.advance(5s);
    EXPECT_EQ(book.now(), network_epoch(2));
    EXPECT_EQ(book.pending(), std::nullopt);
}

TEST_F(strategy_book_test, goes_back_to_no_epoch_with_a_clock) {
    EXPECT_TRUE(must(take({record(1, "views", key), record(2, "organizer", key, 5'000)})));
    in.advance(5s);
    EXPECT_EQ(book.now(), network_epoch(2));
    in.time.base_ms -= 10'000;
    EXPECT_EQ(book.now(), network_epoch(2));
    EXPECT_EQ(book.pending(), std::nullopt);
}

}  // namespace
}  // namespace calbox
