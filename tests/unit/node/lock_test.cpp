// Locks for people, over whole nodes: who edits is seen by everybody who takes part, keeps others
// out, and is forgotten; a lost lock is no lost edit.
#include <gtest/gtest.h>

#include "node/lock_table.hpp"
#include "support/test_network.hpp"

namespace calbox {
namespace {

using namespace std::chrono_literals;
using node::event_state;
using test::must;
using test::test_network;

struct editors : ::testing::TestWithParam<std::string> {
    editors()
        : net(1, GetParam()),
          hub(net.add_hub()),
          alice(net.add_edge("alice", hub)),
          bob(net.add_edge("bob", hub)) {
        alice.sign_in("alice");
        bob.sign_in("bob");
        node::event_draft draft;
        draft.title = "lecture";
        draft.start = "2026-05-04 14:00";
        draft.participants = std::vector<std::string>{"bob"};
        which = must(net.run(alice.api().events.create(alice.me(), draft))).id;
        net.until([&] { return bob.api().events.show(bob.me(), which).has_value(); });
    }
    node::event_view seen_by(test_network::device& who) {
        return must(who.api().events.show(who.me(), which));
    }
    result<node::event_view> rename(test_network::device& who, const std::string& title,
                                    node::edit_terms terms = {}) {
        node::event_draft change;
        change.title = title;
        return net.run(who.api().events.modify(who.me(), which, change, std::move(terms)));
    }
    result<node::session_view> open(test_network::device& who) {
        return net.run(who.api().lock.begin(who.me(), which));
    }
    void wait_for_state(test_network::device& who, event_state state, duration most = 1min) {
        net.until([&] { return seen_by(who).state == state; }, most);
    }
    bool was_told(test_network::device& who, const std::string& what, std::uint64_t after) {
        for (const auto& one : must(net.run(who.api().changes.next(who.me(), after)))) {
            if (one.what == what && one.id == "alice/1.1") {
                return true;
            }
        }
        return false;
    }

    test_network net;
    test_network::device& hub;
    test_network::device& alice;
    test_network::device& bob;
    event_id which;
};

INSTANTIATE_TEST_SUITE_P(strategies, editors, ::testing::Values("organizer", "views"),
                         [](const auto& one) { return one.param; });

TEST_P(editors, are_seen_by_everybody_and_keep_others_out) {
    for (auto* holder : {&alice, &bob}) {
        test_network::device& other = holder == &alice ? bob : alice;
        const std::string name = holder == &alice ? "alice" : "bob";
        const auto before = other.api().changes.last_number();
        const auto session = must(open(*holder));
        EXPECT_EQ(session.version, seen_by(*holder).version);
        EXPECT_EQ(seen_by(*holder).state, event_state::locked);
        EXPECT_TRUE(seen_by(*holder).lock->here);
        wait_for_state(other, event_state::locked, 1s);
        const auto lock = *seen_by(other).lock;
        EXPECT_EQ(lock.by, name);
        EXPECT_EQ(lock.device, device_number(1));
        EXPECT_FALSE(lock.here);
        EXPECT_EQ(lock.since, session.lock.since);
        EXPECT_TRUE(was_told(other, "locked", before));
        const auto changed = rename(other, "mine");
        ASSERT_FALSE(changed);
        EXPECT_EQ(changed.error().code, errc::busy);
        for (const std::string& part :
             {name + " is editing since ", std::string("on device 1"), std::string("at most")}) {
            EXPECT_NE(changed.error().detail.find(part), std::string::npos)
                << changed.error().detail;
        }
        const auto removed = net.run(other.api().events.remove(other.me(), which, {}));
        ASSERT_FALSE(removed);
        EXPECT_EQ(removed.error().code, errc::busy);
        EXPECT_EQ(open(other).error().code, errc::busy);
        must(rename(*holder, "by " + name, {session.version, session.id}));
        wait_for_state(other, event_state::confirmed, 1s);
        EXPECT_EQ(seen_by(other).content.title, "by " + name);
        EXPECT_TRUE(was_told(other, "unlocked", before));
        EXPECT_EQ(seen_by(*holder).state, event_state::confirmed);
        must(rename(other, "and now by the other"));
        net.until([&] { return seen_by(*holder).content.title == "and now by the other"; });
    }
}

TEST_P(editors, give_the_lock_back_to_whoever_asks_while_that_is_under_way) {
    must(open(alice));
    wait_for_state(bob, event_state::locked, 1s);
    ASSERT_TRUE(alice.api().lock.release(alice.me(), which));
    must(rename(bob, "by bob"));
    net.until([&] { return seen_by(alice).content.title == "by bob"; });
}

TEST_P(editors, keep_the_lock_for_as_long_as_they_are_open) {
    const auto session = must(open(bob));
    for (int minute = 0; minute < 3; ++minute) {
        net.world.advance(1min);
        EXPECT_EQ(seen_by(alice).state, event_state::locked);
        EXPECT_EQ(rename(alice, "mine").error().code, errc::busy);
    }
    bob.api().lock.end(session.id);
    wait_for_state(alice, event_state::confirmed, 1s);
    must(rename(alice, "free again"));
}

TEST_P(editors, do_not_begin_where_somebody_signs_out_meanwhile) {
    std::set<bool> outcomes;
    for (int moment = 0; moment < 40; ++moment) {
        const auto begun = net.begin(bob.api().lock.begin(bob.me(), which));
        net.world.settle_at_most(moment);
        must(net.run(bob.api().account.sign_out(bob.me())));
        net.until([&] { return begun->has_value(); });
        outcomes.insert((*begun)->has_value());
        net.until([&] { return rename(alice, "by alice").has_value(); }, 5s);
        must(net.run(bob.api().account.sign_in("bob", "a long password of bob", false)));
        net.until([&] { return bob.api().events.show(bob.me(), which).has_value(); });
        net.world.advance(10s);  // the registry answers so many requests a minute
    }
    EXPECT_EQ(outcomes, (std::set<bool>{false, true}));
}

TEST_P(editors, end_after_a_quarter_of_an_hour) {
    must(open(bob));
    net.world.advance(14min);
    EXPECT_EQ(seen_by(alice).state, event_state::locked);
    net.world.advance(2min);
    EXPECT_EQ(seen_by(alice).state, event_state::confirmed);
    must(rename(alice, "free again"));
}

TEST_P(editors, that_die_free_the_event_within_40_seconds) {
    must(open(bob));
    net.world.advance(15s);
    net.stop(bob);  // its sessions are not released: the node ends without handing over
    EXPECT_EQ(seen_by(alice).state, event_state::locked);
    net.world.advance(39s);
    EXPECT_EQ(seen_by(alice).state, event_state::confirmed);
    net.until([&] { return rename(alice, "free again").has_value(); }, 1s);
}

TEST_P(editors, may_release_by_hand_and_lose_no_edit) {
    const auto session = must(open(bob));
    wait_for_state(alice, event_state::locked, 1s);
    EXPECT_EQ(alice.api().lock.release(alice.me(), which).error().code, errc::not_found);
    must(bob.api().lock.release(bob.me(), which));
    wait_for_state(alice, event_state::confirmed, 1s);
    // The version is the same: the edit is made without the lock.
    must(rename(bob, "saved all the same", {session.version, session.id}));
    net.until([&] { return seen_by(alice).content.title == "saved all the same"; });
}

TEST_P(editors, whose_lock_was_lost_are_refused_when_somebody_was_faster) {
    const auto session = must(open(bob));
    must(bob.api().lock.release(bob.me(), which));
    net.until([&] { return rename(alice, "by alice").has_value(); });
    const auto late = rename(bob, "by bob", {session.version, session.id});
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, errc::conflict);
    net.until([&] { return seen_by(bob).content.title == "by alice"; });
}

TEST_P(editors, need_the_version_beside_the_lock) {
    const auto session = must(open(bob));
    EXPECT_EQ(rename(bob, "x", {std::nullopt, session.id}).error().code, errc::invalid_argument);
    // Nothing was tried, and the session goes on.
    must(rename(bob, "y", {session.version, session.id}));
}

/// The second one is refused, and takes nothing from the first, at whatever moment it comes.
TEST_P(editors, that_save_twice_at_once_have_saved_once) {
    for (int moment = 0; moment < 12; ++moment) {
        const auto session = must(open(bob));
        const auto save = [&](const std::string& title) {
            node::event_draft change;
            change.title = title;
            return net.begin(
                bob.api().events.modify(bob.me(), which, change, {session.version, session.id}));
        };
        const auto first = save("first");
        net.world.settle_at_most(moment);
        const auto second = save("second");
        net.until([&] { return first->has_value() && second->has_value(); });
        EXPECT_TRUE(**first) << "after " << moment
                             << " turns: " << (**first ? "" : (*first)->error().message());
        EXPECT_FALSE(**second) << moment;
        EXPECT_EQ(seen_by(bob).content.title, "first");
        net.until([&] { return rename(alice, "by alice").has_value(); }, 5s);
        net.until([&] { return seen_by(bob).content.title == "by alice"; });
    }
}

TEST(locks, are_not_to_be_had_where_the_strategy_promises_none) {
    test_network net(1, "naive");
    auto& hub = net.add_hub();
    auto& alice = net.add_edge("alice", hub);
    alice.sign_in("alice");
    node::event_draft draft;
    draft.title = "mine";
    draft.start = "2026-05-04 14:00";
    const auto made = must(net.run(alice.api().events.create(alice.me(), draft)));
    const auto refused = net.run(alice.api().lock.begin(alice.me(), made.id));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, errc::unsupported);
    EXPECT_NE(refused.error().detail.find("promises no locks"), std::string::npos);
}

struct lock_table_test : ::testing::Test {
    static node::lock_entry entry(std::uint8_t device, consensus::token token, duration ends) {
        node::lock_entry one;
        one.holder.value.fill(device);
        one.token = token;
        one.ends = instant{ends};
        return one;
    }
    static device_id device(std::uint8_t number) {
        device_id id;
        id.value.fill(number);
        return id;
    }
    const event_id which{{}, 7};
    node::lock_table table;
};

TEST_F(lock_table_test, a_renewal_is_no_news_and_extends) {
    EXPECT_TRUE(table.put(which, entry(1, 5, 30s), {}));
    EXPECT_FALSE(table.put(which, entry(1, 5, 40s), instant{10s}));
    EXPECT_NE(table.find(which, instant{35s}), nullptr);
    EXPECT_EQ(table.find(which, instant{40s}), nullptr);
    EXPECT_EQ(table.expire(instant{40s}), std::vector<event_id>{which});
    EXPECT_FALSE(table.next_end());
}

TEST_F(lock_table_test, what_comes_late_changes_nothing) {
    EXPECT_TRUE(table.put(which, entry(2, 6, 30s), {}));
    EXPECT_FALSE(table.put(which, entry(1, 5, 30s), {}));
    EXPECT_EQ(table.find(which, {})->holder, device(2));
    EXPECT_FALSE(table.remove(which, device(1), 5));
    EXPECT_FALSE(table.remove(which, device(2), 5)) << "the end of an earlier lock";
    EXPECT_TRUE(table.remove(which, device(2), 6));
    EXPECT_FALSE(table.remove(which, device(2), 6));
}

TEST_F(lock_table_test, nobody_is_believed_for_long) {
    EXPECT_TRUE(table.put(which, entry(1, 5, 24h), {}));
    EXPECT_EQ(table.next_end(), instant{60s});
}

TEST_F(lock_table_test, an_older_token_counts_once_the_newer_lock_has_ended) {
    EXPECT_TRUE(table.put(which, entry(1, 9, 10s), {}));
    EXPECT_TRUE(table.put(which, entry(2, 3, 30s), instant{10s}));
    EXPECT_EQ(table.find(which, instant{11s})->holder, device(2));
}

}  // namespace
}  // namespace calbox
