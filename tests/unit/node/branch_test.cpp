// Without a quorum, over whole nodes: who is missing, copies, take-overs, and what becomes of the
// line that lost.
#include <gtest/gtest.h>

#include <set>

#include "support/test_network.hpp"

namespace calbox {
namespace {

using namespace std::chrono_literals;
using node::event_state;
using test::must;
using test::test_network;

/// Alice's event with bob and carol; the hub is rendezvous and registry, and no backup.
struct branches_world {
    branches_world() : net(1, "views"), hub(net.add("hub", hub_settings())) {
        for (const std::string name : {"alice", "bob", "carol"}) {
            all.push_back(&net.add_edge(name, hub));
            all.back()->sign_in(name);
        }
    }
    static node::node_settings hub_settings() {
        node::node_settings with;
        with.roles = wire::role::registry | wire::role::rendezvous;
        return with;
    }
    event_id share(const std::vector<std::string>& guests,
                   std::uint32_t rights = guest_right::standard) {
        node::event_draft draft;
        draft.title = "lecture";
        draft.start = "2026-05-04 14:00";
        draft.participants = guests;
        draft.guests_may = rights;
        const auto id = must(net.run(alice().api().events.create(alice().me(), draft))).id;
        for (auto* const one : all) {
            if (std::ranges::count(guests, one->called) > 0) {
                net.until([&] { return one->api().events.show(one->me(), id).has_value(); });
            }
        }
        net.world.advance(5s);
        return id;
    }
    test_network::device& alice() { return *all[0]; }
    test_network::device& bob() { return *all[1]; }
    test_network::device& carol() { return *all[2]; }
    result<node::event_view> rename(test_network::device& who, const event_id& which,
                                    const std::string& title) {
        node::event_draft change;
        change.title = title;
        return net.run(who.api().events.modify(who.me(), which, change, {}));
    }
    node::event_view seen_by(test_network::device& who, const event_id& which) {
        return must(who.api().events.show(who.me(), which));
    }
    result<node::event_view> take_over(test_network::device& who, const event_id& which) {
        return net.run(who.api().branch.take_over(who.me(), which));
    }
    std::multiset<std::string> titles(test_network::device& who) {
        std::multiset<std::string> found;
        for (const auto& one : who.api().events.list(who.me(), {})) {
            found.insert(one.content.title);
        }
        return found;
    }
    void again(test_network::device& who) {
        net.start(who);
        net.until([&] { return who.api().info.status().caught_up; });
    }
    /// Nobody hands anything over.
    void kill(test_network::device& who) { net.stop(who); }

    test_network net;
    test_network::device& hub;
    std::vector<test_network::device*> all;
};

struct branches : branches_world, ::testing::Test {};

TEST_F(branches, a_refusal_says_who_is_missing_and_what_can_be_done) {
    const auto which = share({"carol"});
    kill(alice());
    const auto refused = rename(carol(), which, "by carol");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, errc::unavailable);
    for (const std::string part : {"needs 1", "alice", "wait", "calboxctl events copy alice/1.1",
                                   "calboxctl events takeover alice/1.1"}) {
        EXPECT_NE(refused.error().detail.find(part), std::string::npos) << refused.error().detail;
    }
    const auto seen = seen_by(carol(), which);
    EXPECT_EQ(seen.state, event_state::no_quorum);
    ASSERT_TRUE(seen.lacks);
    EXPECT_EQ(seen.lacks->needed, 1u);
    EXPECT_EQ(seen.lacks->missing, std::vector<std::string>{"alice"});
    again(alice());
    net.until([&] { return seen_by(carol(), which).state == event_state::confirmed; });
    must(rename(carol(), which, "by carol"));
}

TEST_F(branches, a_copy_needs_nobody_and_has_the_files) {
    const auto which = share({"carol"});
    test::bytes_source slides(to_bytes("slides"));
    must(net.run(alice().api().file.attach(alice().me(), which, "a.pdf", "", slides, false)));
    net.until([&] { return seen_by(carol(), which).content.files.size() == 1; });
    must(net.run(carol().api().file.fetch(carol().me(), which, "a.pdf")));
    kill(alice());
    ASSERT_FALSE(rename(carol(), which, "by carol"));
    const auto made =
        must(net.run(carol().api().branch.copy(carol().me(), which, std::nullopt, false)));
    EXPECT_NE(made.id, which);
    EXPECT_EQ(made.organizer, "carol");
    EXPECT_EQ(made.content.title, "lecture");
    EXPECT_TRUE(made.content.participants.empty());
    EXPECT_NE(made.content.uid, seen_by(carol(), which).content.uid);
    must(rename(carol(), made.id, "mine"));
    test::bytes_sink read;
    must(net.run(carol().api().file.read(carol().me(), made.id, "a.pdf", 0, 0, read)));
    EXPECT_EQ(seen_by(carol(), which).content.title, "lecture");
    again(alice());
    const auto shared =
        must(net.run(carol().api().branch.copy(carol().me(), which, "again", true)));
    net.until([&] { return alice().api().events.show(alice().me(), shared.id).has_value(); });
}

TEST_F(branches, what_was_taken_over_wins_and_what_it_left_out_is_kept_once) {
    const auto which = share({"carol"});
    kill(carol());
    must(rename(alice(), which, "by alice"));  // she has the last word of two
    kill(alice());
    again(carol());
    const auto taken = must(take_over(carol(), which));
    EXPECT_EQ(takeovers_of(taken.generation), 1u);
    EXPECT_EQ(taken.content.title, "lecture");
    must(rename(carol(), which, "by carol"));
    again(alice());
    net.until([&] { return seen_by(alice(), which).content.title == "by carol"; }, 10s);
    const std::string kept = "by alice (conflict copy of alice/1.1, by alice)";
    net.until([&] { return titles(alice()).contains(kept); }, 10s);
    net.until([&] { return seen_by(alice(), which).state == event_state::confirmed; }, 10s);
    // Once, whatever comes afterwards; and everybody goes on in one line.
    kill(alice());
    again(alice());
    net.world.advance(1min);
    EXPECT_EQ(titles(alice()), (std::multiset<std::string>{"by carol", kept}));
    EXPECT_EQ(titles(carol()), std::multiset<std::string>{"by carol"});
    must(rename(alice(), which, "together"));
    net.until([&] { return seen_by(carol(), which).content.title == "together"; });
    EXPECT_EQ(seen_by(carol(), which).generation, taken.generation);
    must(rename(carol(), which, "and on"));
    net.until([&] { return seen_by(alice(), which).content.title == "and on"; });
}

/// Alice's daemon ends at one moment after the other between her return and the copy.
TEST(branches_over_restarts, what_was_left_out_is_kept_once_whenever_the_device_ends) {
    for (int moment = 0; moment < 24; ++moment) {
        branches_world in;
        const auto which = in.share({"carol"});
        in.kill(in.carol());
        must(in.rename(in.alice(), which, "by alice"));
        in.kill(in.alice());
        in.again(in.carol());
        must(in.take_over(in.carol(), which));
        must(in.rename(in.carol(), which, "by carol"));
        in.net.start(in.alice());
        const auto titles_now = [&] { return in.titles(in.alice()); };
        for (int step = 0; step < 2000 && !titles_now().contains("by carol"); ++step) {
            in.net.world.advance(1ms);
        }
        in.net.world.advance(1ms * moment);
        in.kill(in.alice());
        in.again(in.alice());
        const std::multiset<std::string> wanted{"by carol",
                                                "by alice (conflict copy of alice/1.1, by alice)"};
        in.net.until([&] { return titles_now() == wanted; }, 30s);
        in.net.world.advance(20s);
        EXPECT_EQ(titles_now(), wanted) << "ended " << moment << " ms after the other line came";
    }
}

TEST_F(branches, nothing_is_copied_where_nothing_was_left_out) {
    const auto which = share({"carol"});
    must(rename(alice(), which, "before"));
    net.until([&] { return seen_by(carol(), which).content.title == "before"; });
    kill(alice());
    must(take_over(carol(), which));
    must(rename(carol(), which, "after"));
    again(alice());
    net.until([&] { return seen_by(alice(), which).content.title == "after"; }, 10s);
    net.world.advance(20s);
    EXPECT_EQ(titles(alice()), std::multiset<std::string>{"after"});
}

TEST_F(branches, two_who_take_over_at_once_end_with_one_line) {
    const auto which = share({"bob", "carol"});
    for (auto* const one : all) {
        kill(*one);
    }
    for (auto* const one : {&bob(), &carol()}) {
        again(*one);
        must(take_over(*one, which));
        must(rename(*one, which, "by " + one->called));
        kill(*one);
    }
    for (auto* const one : all) {
        again(*one);
    }
    const auto same = [&] {
        std::set<std::string> seen;
        for (auto* const one : all) {
            seen.insert(seen_by(*one, which).content.title);
        }
        return seen.size() == 1 && *seen.begin() != "lecture";
    };
    net.until(same, 20s);
    const std::string winner = seen_by(alice(), which).content.title;
    auto& loser = winner == "by bob" ? carol() : bob();
    net.until([&] {
        return titles(loser).contains("by " + loser.called + " (conflict copy of alice/1.1, by " +
                                      loser.called + ")");
    });
    net.world.advance(30s);
    EXPECT_TRUE(same());
    EXPECT_EQ(titles(loser).size(), 2u);
    must(rename(alice(), which, "together"));
    net.until([&] { return seen_by(loser, which).content.title == "together"; });
}

/// Of two who take over at once one has an edit of alice's in his line, and the other has not. She
/// has gone over to the first line when the second one wins.
TEST(branches_at_once, what_the_line_that_lost_had_preserved_is_kept_once) {
    unsigned left_out = 0;
    for (const std::size_t knows : {1U, 2U}) {
        branches_world in;
        const auto which = in.share({"bob", "carol"});
        auto& knowing = *in.all[knows];
        auto& unknowing = *in.all[3 - knows];
        in.kill(unknowing);
        must(in.rename(in.alice(), which, "by alice"));
        in.net.until([&] { return in.seen_by(knowing, which).content.title == "by alice"; });
        in.kill(in.alice());
        in.kill(knowing);
        in.again(unknowing);
        const auto later = must(in.take_over(unknowing, which)).generation;
        in.kill(unknowing);
        in.again(knowing);
        const auto earlier = must(in.take_over(knowing, which)).generation;
        in.again(in.alice());
        in.net.until([&] { return in.seen_by(in.alice(), which).generation == earlier; }, 20s);
        in.again(unknowing);
        const auto wins = std::max(later, earlier);
        in.net.until(
            [&] {
                return std::ranges::all_of(in.all, [&](auto* const one) {
                    return in.seen_by(*one, which).generation == wins;
                });
            },
            20s);
        in.net.world.advance(30s);
        std::multiset<std::string> kept;
        for (auto* const one : in.all) {
            for (const std::string& title : in.titles(*one)) {
                if (title.find("conflict copy") != std::string::npos) {
                    kept.insert(title);
                }
            }
        }
        std::multiset<std::string> wanted;
        if (wins == later) {
            ++left_out;
            wanted.insert("by alice (conflict copy of alice/1.1, by alice)");
        }
        EXPECT_EQ(kept, wanted);
    }
    EXPECT_EQ(left_out, 1U) << "the other line wins where the other one knew";
}

TEST_F(branches, refuse_to_take_over_what_can_be_changed_and_who_may_not_change_it) {
    const auto open = share({"carol"});
    const auto refused = take_over(carol(), open);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, errc::conflict);
    EXPECT_NE(refused.error().detail.find("need not"), std::string::npos) << refused.error().detail;
    const auto closed = share({"carol"}, 0);
    kill(alice());
    EXPECT_EQ(take_over(carol(), closed).error().code, errc::forbidden);
    EXPECT_EQ(net.run(bob().api().branch.take_over(bob().me(), open)).error().code,
              errc::not_found);
}

TEST(branches_elsewhere, other_strategies_say_that_they_know_no_take_over) {
    test_network net(1, "organizer");
    auto& hub = net.add_hub();
    auto& alice = net.add_edge("alice", hub);
    alice.sign_in("alice");
    node::event_draft draft;
    draft.title = "lecture";
    draft.start = "2026-05-04 14:00";
    const auto id = must(net.run(alice.api().events.create(alice.me(), draft))).id;
    EXPECT_EQ(net.run(alice.api().branch.take_over(alice.me(), id)).error().code,
              errc::unsupported);
}

}  // namespace
}  // namespace calbox
