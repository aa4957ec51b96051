// What every consensus strategy must do, and what it must do when it declares a trait. A strategy
// that declares none passes by what stands first.
#include <nlohmann/json.hpp>

#include "contract/consensus_suite.hpp"

namespace calbox::contract {
namespace {

TEST_P(consensus_suite, alone_it_grants_and_commits) {
    auto w = world(1);
    const auto op = w.acquire(0, event_, version_number(0), consensus::intent::create);
    const auto grant = as<granted>(w.outcome_of(op));
    ASSERT_TRUE(grant);
    EXPECT_GT(grant->lease, duration{});
    w.commit(0, op, event_, grant->held, version_number(0), to_bytes("value"));
    const auto end = as<committed>(w.outcome_of(op));
    ASSERT_TRUE(end);
    EXPECT_EQ(end->version, version_number(1)) << "expect + 1";
    ASSERT_EQ(w.decisions.size(), 1U);
    EXPECT_EQ(w.decisions[0].event, event_);
    EXPECT_EQ(w.decisions[0].value, to_bytes("value"));
}

TEST_P(consensus_suite, among_others_that_are_up_one_edit_after_the_other_succeeds) {
    auto w = world(4);
    w.make(event_);
    for (std::uint64_t version = 1; version < 9; ++version) {
        const std::size_t who = version % 4;
        const auto op = w.acquire(who, event_, version_number(version));
        const auto grant = as<granted>(w.outcome_of(op));
        ASSERT_TRUE(grant) << "version " << version;
        w.commit(who, op, event_, grant->held, version_number(version),
                 to_bytes(std::to_string(version)));
        ASSERT_TRUE(as<committed>(w.outcome_of(op))) << "version " << version;
        w.run_for(std::chrono::seconds(1));
    }
}

TEST_P(consensus_suite, one_device_does_not_hold_a_lock_twice) {
    auto w = world(1);
    w.make(event_);
    const auto first = w.acquire(0, event_);
    const auto grant = as<granted>(w.outcome_of(first));
    ASSERT_TRUE(grant);
    const auto end = as<refused>(w.outcome_of(w.acquire(0, event_)));
    ASSERT_TRUE(end);
    EXPECT_EQ(end->why.code, errc::busy);
    EXPECT_FALSE(end->why.message().empty());
    w.make(event_of(2));
    EXPECT_TRUE(as<granted>(w.outcome_of(w.acquire(0, event_of(2)))))
        << "another event is another lock";
    w.release(0, first, event_, grant->held);
    EXPECT_TRUE(as<granted>(w.outcome_of(w.acquire(0, event_)))) << "after its release";
}

TEST_P(consensus_suite, somebody_who_edits_is_respected_when_messages_arrive) {
    auto w = world(3);
    w.make(event_);
    const auto op = w.acquire(0, event_);
    const auto grant = as<granted>(w.outcome_of(op));
    ASSERT_TRUE(grant);
    const auto other = as<refused>(w.outcome_of(w.acquire(1, event_)));
    ASSERT_TRUE(other);
    EXPECT_EQ(other->why.code, errc::busy);
    w.release(0, op, event_, grant->held);
    w.run_for(std::chrono::seconds(1));
    EXPECT_TRUE(as<granted>(w.outcome_of(w.acquire(1, event_))));
}

TEST_P(consensus_suite, a_lock_ends_with_its_lease_unless_it_is_renewed) {
    auto w = world(1);
    w.make(event_);
    const auto op = w.acquire(0, event_);
    const auto grant = as<granted>(w.outcome_of(op));
    ASSERT_TRUE(grant);
    w.run_for(grant->lease / 2);
    const auto again = as<granted>(w.outcome_of(w.renew(0, event_, grant->held)));
    ASSERT_TRUE(again);
    w.run_for(grant->lease * 3 / 4);
    EXPECT_TRUE(as<refused>(w.outcome_of(w.acquire(0, event_)))) << "renewed, and so still held";
    w.run_for(again->lease * 2);
    const auto late = w.acquire(0, event_);
    EXPECT_TRUE(as<granted>(w.outcome_of(late)));
    EXPECT_TRUE(as<refused>(w.outcome_of(w.renew(0, event_, grant->held))))
        << "its lease has ended";
}

TEST_P(consensus_suite, a_token_that_is_not_the_lock_commits_nothing) {
    auto w = world(1);
    w.make(event_);
    w.make(event_of(2));
    const std::size_t before = w.decisions.size();
    const auto op = w.acquire(0, event_);
    const auto grant = as<granted>(w.outcome_of(op));
    ASSERT_TRUE(grant);
    w.commit(0, op, event_, grant->held + 1, version_number(1), to_bytes("forged"));
    EXPECT_TRUE(as<refused>(w.outcome_of(op)));
    const auto never = w.acquire(0, event_of(2));
    ASSERT_TRUE(as<granted>(w.outcome_of(never)));
    w.commit(0, never, event_of(3), grant->held, version_number(1), to_bytes("forged"));
    EXPECT_TRUE(as<refused>(w.outcome_of(never))) << "never acquired";
    EXPECT_EQ(w.decisions.size(), before);
}

TEST_P(consensus_suite, every_operation_is_answered_whatever_is_lost) {
    for (std::uint64_t seed = 1; seed < 30; ++seed) {
        auto w = world(4, seed);
        w.make(event_);
        w.lost_percent = 50;
        w.repeated_percent = 30;
        w.shuffled = true;
        if (seed % 3 == 0) {
            w.crash(3);
        }
        for (std::size_t who = 0; who < 3; ++who) {
            const auto op = w.acquire(who, event_);
            const auto end = w.outcome_of(op);
            ASSERT_TRUE(end) << "no answer, seed " << seed;
            if (const auto grant = as<granted>(end)) {
                w.commit(who, op, event_, grant->held, version_number(1), to_bytes("x"));
                ASSERT_TRUE(w.outcome_of(op)) << "no answer to the commit, seed " << seed;
            }
        }
    }
}

TEST_P(consensus_suite, arbitrary_messages_and_timers_do_nothing_bad) {
    auto w = world(3);
    w.make(event_);
    test::seeded_random chance(3);
    const std::size_t before = w.decisions.size();
    const auto op = w.acquire(0, event_);
    for (int round = 0; round < 5000; ++round) {
        bytes body(chance.below(120));
        chance.fill(body);
        w.message(chance.below(3), consensus_world::device_of(chance.below(5)), std::move(body));
    }
    EXPECT_TRUE(w.outcome_of(op));
    EXPECT_EQ(w.decisions.size(), before);
}

TEST_P(consensus_suite, the_same_inputs_have_the_same_effects) {
    const auto play = [&] {
        auto w = world(3, 5);
        w.keep_trace = true;
        w.lost_percent = 20;
        w.shuffled = true;
        for (std::uint32_t n = 0; n < 20; ++n) {
            w.acquire(n % 3, event_of(n / 2));
            w.run_for(std::chrono::milliseconds(100 * n));
        }
        return w.trace;
    };
    const auto first = play();
    EXPECT_FALSE(first.empty());
    EXPECT_EQ(first, play());
}

TEST_P(consensus_suite, a_restarted_device_starts_from_what_it_persisted) {
    auto w = world(2);
    w.make(event_);
    const auto op = w.acquire(0, event_);
    ASSERT_TRUE(w.outcome_of(op));
    w.crash(0);
    w.restart(0);
    w.run_for(std::chrono::minutes(5));
    EXPECT_TRUE(as<granted>(w.outcome_of(w.acquire(0, event_))))
        << "the lease of its earlier life has ended";
}

TEST_P(consensus_suite, explains_itself_in_json) {
    auto w = world(2);
    w.make(event_);
    for (int round = 0; round < 2; ++round) {
        const auto text =
            nlohmann::json::parse(w.at(0).explain(event_, w.where(0)), nullptr, false);
        EXPECT_TRUE(text.is_object());
        w.outcome_of(w.acquire(0, event_));
    }
}

// What is promised
// ---------------------------------------------------------------------------------------------------

TEST_P(consensus_suite, mutual_exclusion_where_it_is_declared) {
    if (!promised().mutual_exclusion) {
        GTEST_SKIP() << GetParam() << " does not promise it";
    }
    for (std::uint64_t seed = 1; seed <= seeds(200); ++seed) {
        auto w = world(3, seed);
        w.make(event_);
        w.shuffled = true;
        w.lost_percent = seed % 2 == 0 ? 0 : 10;
        if (promised().partition_safe && seed % 3 == 0) {
            w.split({0});
        }
        std::vector<operation_id> all;
        for (std::size_t who = 0; who < 3; ++who) {
            all.push_back(w.acquire(who, event_));
        }
        std::size_t holders = 0;
        w.run_for(std::chrono::seconds(5));
        for (const auto& op : all) {
            const auto found = w.outcomes.find(op);
            holders +=
                found != w.outcomes.end() && std::holds_alternative<granted>(found->second.outcome)
                    ? 1
                    : 0;
        }
        EXPECT_LE(holders, 1U) << "seed " << seed;
    }
}

TEST_P(consensus_suite, no_version_is_decided_twice_where_that_is_declared) {
    if (!promised().linearizable) {
        GTEST_SKIP() << GetParam() << " does not promise it";
    }
    for (std::uint64_t seed = 1; seed <= seeds(200); ++seed) {
        auto w = world(3, seed);
        w.make(event_);
        w.shuffled = true;
        w.lost_percent = 10;
        std::set<std::uint64_t> versions;
        for (std::size_t round = 0; round < 6; ++round) {
            const std::size_t who = round % 3;
            const auto op = w.acquire(who, event_);
            const auto grant = as<granted>(w.outcome_of(op));
            if (!grant) {
                continue;
            }
            // All believe to follow version 1: one of them may.
            w.commit(who, op, event_, grant->held, version_number(1),
                     to_bytes(std::to_string(round)));
            if (const auto end = as<committed>(w.outcome_of(op))) {
                EXPECT_TRUE(versions.insert(end->version.value).second) << "seed " << seed;
            }
        }
    }
}

TEST_P(consensus_suite, a_dead_holder_is_survived_where_that_is_declared) {
    if (!promised().survives_holder_crash) {
        GTEST_SKIP() << GetParam() << " does not promise it";
    }
    auto w = world(3);
    w.make(event_);
    const auto grant = as<granted>(w.outcome_of(w.acquire(1, event_)));
    ASSERT_TRUE(grant);
    w.crash(1);
    w.run_for(grant->lease * 2);
    EXPECT_TRUE(as<granted>(w.outcome_of(w.acquire(2, event_))));
}

TEST_P(consensus_suite, edits_go_on_offline_where_that_is_declared) {
    if (!promised().edits_offline) {
        GTEST_SKIP() << GetParam() << " does not promise it";
    }
    auto w = world(3);
    w.make(event_);
    w.split({1});
    const auto op = w.acquire(1, event_);
    const auto grant = as<granted>(w.outcome_of(op));
    ASSERT_TRUE(grant);
    w.commit(1, op, event_, grant->held, version_number(1), to_bytes("offline"));
    EXPECT_TRUE(as<committed>(w.outcome_of(op)));
}

TEST_P(consensus_suite, who_ends_in_order_leaves_its_events_to_the_others_where_that_is_declared) {
    auto w = world(2);
    w.run_for(std::chrono::seconds(5));
    w.make(event_);
    w.leave(0);
    w.run_for(std::chrono::seconds(2));
    EXPECT_TRUE(w.has_left(0));
    w.crash(0);
    EXPECT_EQ(w.edit(1, event_).has_value(), promised().hands_over);
    w.restart(0);
    w.run_for(std::chrono::seconds(5));
    EXPECT_TRUE(w.edit(1, event_, w.shown(1, event_)));
}

TEST_P(consensus_suite, what_comes_from_another_strategy_goes_on_here) {
    if (!promised().inherits) {
        GTEST_SKIP() << "no network changes to it";
    }
    const version_number left(5);
    for (const std::vector<std::size_t>& told : {std::vector<std::size_t>{0, 1, 2}, {0, 1}}) {
        auto w = world(3);
        w.run_for(std::chrono::seconds(5));
        w.inherit(told, event_, left, to_bytes("of another"));
        const auto op = w.acquire(1, event_, left);
        const auto grant = as<granted>(w.outcome_of(op));
        ASSERT_TRUE(grant);
        EXPECT_EQ(grant->version, left);
        if (promised().mutual_exclusion) {
            EXPECT_GE(grant->held, consensus::first_token(left, network_epoch(1)));
            EXPECT_TRUE(as<refused>(w.outcome_of(w.acquire(0, event_, left))));
        }
        w.commit(1, op, event_, grant->held, left, to_bytes("the first here"));
        const auto end = as<committed>(w.outcome_of(op));
        ASSERT_TRUE(end);
        EXPECT_EQ(end->version, left.next());
        w.run_for(std::chrono::seconds(5));
        // Told again, as at a restart: nothing goes back.
        w.inherit({0, 1}, event_, left, to_bytes("of another"));
        if (promised().linearizable) {
            const auto next = as<granted>(w.outcome_of(w.acquire(2, event_, left.next())));
            ASSERT_TRUE(next) << "told: " << told.size();
            EXPECT_EQ(next->version, left.next());
        }
    }
}

TEST_P(consensus_suite, what_comes_from_another_strategy_survives_restarts) {
    if (!promised().inherits || !promised().linearizable) {
        GTEST_SKIP();
    }
    auto w = world(3);
    w.run_for(std::chrono::seconds(5));
    w.inherit({0, 1, 2}, event_, version_number(5), to_bytes("of another"));
    for (std::size_t i = 0; i < 3; ++i) {
        w.crash(i);
    }
    for (std::size_t i = 0; i < 3; ++i) {
        w.restart(i);
    }
    w.inherit({0, 1, 2}, event_, version_number(5), to_bytes("of another"));  // as the host does
    w.run_for(std::chrono::seconds(5));
    const auto grant = as<granted>(w.outcome_of(w.acquire(2, event_, version_number(5))));
    ASSERT_TRUE(grant);
    EXPECT_EQ(grant->version, version_number(5));
}

TEST_P(consensus_suite, what_has_gone_over_to_another_strategy_gets_no_lock_here) {
    if (!promised().linearizable) {
        GTEST_SKIP() << "promises nothing";
    }
    auto w = world(3);
    w.make(event_);
    const auto op = w.acquire(0, event_);
    const auto grant = as<granted>(w.outcome_of(op));
    ASSERT_TRUE(grant);
    const bytes last = value_of(version_number(2), op);
    w.commit(0, op, event_, grant->held, version_number(1), last);
    ASSERT_TRUE(as<committed>(w.outcome_of(op)));
    w.leave_with(last);
    for (std::size_t who = 0; who < 3; ++who) {
        // Whoever has missed it learns of it: that is the same as any other change.
        const auto end = as<refused>(w.outcome_of(w.acquire(who, event_, version_number(1))));
        ASSERT_TRUE(end);
        EXPECT_EQ(end->why.code, errc::conflict);
        w.run_for(std::chrono::seconds(2));
        EXPECT_EQ(w.shown(who, event_), version_number(2));
    }
}

TEST_P(consensus_suite, it_declares_the_same_to_people_and_to_the_host) {
    const auto mine = promised();
    const std::vector<std::pair<const char*, bool>> all{
        {"mutual_exclusion", mine.mutual_exclusion},
        {"linearizable", mine.linearizable},
        {"survives_holder_crash", mine.survives_holder_crash},
        {"partition_safe", mine.partition_safe},
        {"edits_offline", mine.edits_offline},
        {"needs_external", mine.needs_external},
        {"takes_over", mine.takes_over},
        {"inherits", mine.inherits},
        {"hands_over", mine.hands_over}};
    for (const auto& [word, declared] : all) {
        EXPECT_EQ(has_trait("consensus", GetParam(), word), declared) << word;
    }
}

TEST_P(consensus_suite, settings_that_do_not_fit_are_refused_with_a_sentence) {
    for (const char* const settings : {"nothing", "[1]", R"({"no_such":1})"}) {
        const auto made = host().consensus(GetParam(), settings);
        ASSERT_FALSE(made) << settings;
        EXPECT_FALSE(made.error().message().empty());
    }
}

TEST_P(consensus_suite, an_event_out_of_reach_is_taken_over_where_that_is_declared) {
    if (!promised().takes_over) {
        GTEST_SKIP() << GetParam() << " does not promise it";
    }
    auto w = world(2);
    w.make(event_);
    const auto line = taken_over(generation_number(1), consensus_world::device_of(1));
    const auto take = [&] {
        return w.acquire(1, event_, version_number(1), consensus::intent::take_over, line);
    };
    const auto early = as<refused>(w.outcome_of(take()));
    ASSERT_TRUE(early) << "it can be changed as usual";
    EXPECT_EQ(early->why.code, errc::conflict);
    w.split({1});
    const auto alone = as<refused>(w.outcome_of(w.acquire(1, event_)));
    ASSERT_TRUE(alone);
    EXPECT_EQ(alone->why.code, errc::unavailable);
    const auto op = take();
    const auto grant = as<granted>(w.outcome_of(op));
    ASSERT_TRUE(grant);
    EXPECT_EQ(grant->version, version_number(1));
    w.commit(1, op, event_, grant->held, version_number(1), value_of(version_number(2), op));
    ASSERT_TRUE(as<committed>(w.outcome_of(op)));
    // Those who were out of reach find the other line, and a lock or an edit of theirs ends there.
    w.split({});
    w.run_for(std::chrono::seconds(10));
    EXPECT_EQ(w.shown(0, event_), version_number(2));
    const auto before = w.decisions.size();
    const auto late = w.acquire(0, event_);
    if (const auto old = as<granted>(w.outcome_of(late))) {
        w.commit(0, late, event_, old->held, version_number(1), to_bytes("in the old line"));
        EXPECT_TRUE(as<refused>(w.outcome_of(late)));
    }
    EXPECT_EQ(w.decisions.size(), before);
    w.run_for(std::chrono::minutes(1));
    const auto second = as<refused>(
        w.outcome_of(w.acquire(0, event_, version_number(1), consensus::intent::take_over,
                               taken_over(generation_number(1), consensus_world::device_of(0)))));
    ASSERT_TRUE(second) << "somebody else has taken it over";
    EXPECT_EQ(second->why.code, errc::conflict);
    EXPECT_TRUE(as<granted>(
        w.outcome_of(w.acquire(0, event_, version_number(2), consensus::intent::modify, line))));
}

/// The suite itself must be able to tell a strategy that promises nothing from one that holds a
/// lock.
TEST_P(consensus_suite, two_who_ask_at_once_both_edit_where_nothing_is_promised) {
    if (GetParam() != "naive") {
        GTEST_SKIP() << "the demonstration of the first CalendarBox's race";
    }
    auto w = world(2);
    w.make(event_);
    const auto one = w.acquire(0, event_);
    const auto two = w.acquire(1, event_);
    EXPECT_TRUE(as<granted>(w.outcome_of(one)));
    EXPECT_TRUE(as<granted>(w.outcome_of(two)));
}

INSTANTIATE_TEST_SUITE_P(plugin, consensus_suite, testing::ValuesIn(names()), name_of);

}  // namespace
}  // namespace calbox::contract
