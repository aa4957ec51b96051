// What a strategy that makes promises must do when devices die, messages vanish and the network
// splits; and that one without promises fails in just these ways, so that the checks are known to
// see it.
#include <cstdlib>
#include <set>

#include "contract/consensus_storm.hpp"
#include "contract/consensus_suite.hpp"

namespace calbox::contract {
namespace {

using namespace std::chrono_literals;

class consensus_faults : public consensus_suite {
protected:
    static consensus::traits everything() {
        consensus::traits all;
        all.mutual_exclusion = all.linearizable = all.survives_holder_crash = true;
        all.partition_safe = true;
        return all;
    }
    bool keeps_versions() { return promised().linearizable && promised().partition_safe; }
    static std::string first(const std::vector<std::string>& wrong) {
        return wrong.empty() ? std::string() : wrong.front();
    }
};

std::uint64_t storms() {
    if (test::sanitized) {
        return 20;
    }
    return std::getenv("CALBOX_CHECK_RELEASE") != nullptr ? 20'000 : 1'000;
}

/// Both ask in the same moment and save when they may.
std::vector<std::string> race(consensus_world& w, const event_id& event,
                              const consensus::traits& promised) {
    w.make(event);
    std::vector<std::pair<std::size_t, operation_id>> all;
    for (std::size_t who = 0; who < w.size(); ++who) {
        all.emplace_back(who, w.acquire(who, event));
    }
    w.run_for(5s);
    for (const auto& [who, op] : all) {
        const auto found = w.outcomes.find(op);
        const auto* const grant =
            found == w.outcomes.end() ? nullptr : std::get_if<granted>(&found->second.outcome);
        if (grant != nullptr) {
            const auto held = *grant;
            w.commit(who, op, event, held.held, held.version, value_of(held.version.next(), op));
        }
    }
    w.run_for(20s);
    return w.history.judge(promised);
}

TEST_P(consensus_faults, a_race_has_one_winner) {
    for (std::uint64_t seed = 1; seed <= seeds(100); ++seed) {
        auto w = world(2 + seed % 7, seed);
        w.shuffled = true;
        const auto wrong = race(w, event_, promised());
        ASSERT_TRUE(wrong.empty()) << "seed " << seed << ": " << first(wrong);
        if (keeps_versions()) {
            EXPECT_EQ(w.shown(0, event_), version_number(2)) << "nobody won, seed " << seed;
        }
    }
}

TEST_P(consensus_faults, a_split_lets_no_two_sides_edit) {
    for (std::uint64_t seed = 1; seed <= seeds(100); ++seed) {
        auto w = world(3 + seed % 3, seed);
        w.shuffled = true;
        w.make(event_);
        std::set<std::size_t> side;
        for (std::size_t i = 0; i < w.size(); ++i) {
            if ((seed >> i & 1) != 0) {
                side.insert(i);
            }
        }
        w.split(side);
        for (std::size_t who = 0; who < w.size(); ++who) {
            w.edit(who, event_, w.shown(who, event_));
        }
        w.split({});
        w.run_for(20s);
        const auto wrong = w.history.judge(promised());
        ASSERT_TRUE(wrong.empty()) << "seed " << seed << ": " << first(wrong);
        if (keeps_versions()) {
            EXPECT_TRUE(w.edit(1, event_, w.shown(1, event_))) << "after it healed, seed " << seed;
        }
    }
}

TEST_P(consensus_faults, what_a_dead_editor_had_saved_is_not_lost) {
    if (!keeps_versions()) {
        GTEST_SKIP() << GetParam() << " does not promise it";
    }
    for (std::size_t nth = 1; nth < 40; ++nth) {
        auto w = world(3, nth);
        w.make(event_);
        const auto op = w.acquire(1, event_);
        const auto grant = as<granted>(w.outcome_of(op));
        ASSERT_TRUE(grant);
        w.crash_before_effect(1, nth);
        w.commit(1, op, event_, grant->held, version_number(1), value_of(version_number(2), op));
        w.run_for(10s);
        const bool died = !w.is_up(1);
        w.crash_before_effect(1, 0);
        const auto version = w.shown(0, event_);
        EXPECT_EQ(w.shown(2, event_), version) << "all or none, effect " << nth;
        std::optional<version_number> next;
        for (int tries = 0; tries < 5 && !next; ++tries) {
            next = w.edit(0, event_, w.shown(0, event_));
            w.run_for(9s);
        }
        EXPECT_TRUE(next) << "not freed within 40 s, effect " << nth;
        if (died) {
            w.restart(1);
        }
        w.run_for(10s);
        const auto end = w.outcome_of(w.fate(1, event_, op, version_number(1)));
        EXPECT_EQ(as<committed>(end).has_value(), version == version_number(2))
            << "the fate, effect " << nth;
        const auto wrong = w.history.judge(promised());
        EXPECT_TRUE(wrong.empty()) << "effect " << nth << ": " << first(wrong);
        if (!died) {
            return;
        }
    }
    ADD_FAILURE() << "an edit has no end";
}

TEST_P(consensus_faults, a_dead_holder_frees_the_lock_within_40_seconds) {
    if (!promised().survives_holder_crash) {
        GTEST_SKIP() << GetParam() << " does not promise it";
    }
    for (std::size_t nth = 1; nth < 40; ++nth) {
        auto w = world(3, nth);
        w.make(event_);
        w.crash_before_effect(1, nth);
        w.acquire(1, event_);
        w.run_for(5s);
        const bool died = !w.is_up(1);
        w.crash(1);
        const instant died_at = w.now();
        std::optional<granted> next;
        while (!next && w.now() - died_at <= 40s) {
            next = as<granted>(w.outcome_of(w.acquire(2, event_)));
            w.run_for(1s);
        }
        EXPECT_TRUE(next) << "effect " << nth;
        if (!died) {
            EXPECT_GT(w.now() - died_at, 20s) << "and not as soon as it is out of sight";
            return;
        }
    }
    ADD_FAILURE() << "an acquisition has no end";
}

TEST_P(consensus_faults, an_old_token_commits_nothing) {
    if (!promised().mutual_exclusion) {
        GTEST_SKIP() << GetParam() << " does not promise it";
    }
    auto w = world(3);
    w.make(event_);
    const auto old = w.acquire(1, event_);
    const auto grant = as<granted>(w.outcome_of(old));
    ASSERT_TRUE(grant);
    w.run_for(45s);
    const auto now = w.acquire(2, event_);
    const auto next = as<granted>(w.outcome_of(now));
    ASSERT_TRUE(next) << "the lock has ended";
    EXPECT_GT(next->held, grant->held);
    w.commit(1, old, event_, grant->held, version_number(1), value_of(version_number(2), old));
    EXPECT_TRUE(as<refused>(w.outcome_of(old)));
    w.commit(2, now, event_, next->held, version_number(1), value_of(version_number(2), now));
    EXPECT_TRUE(as<committed>(w.outcome_of(now)));
    EXPECT_TRUE(w.history.judge(promised()).empty());
}

/// What was granted before a crash may be all that the device did of an event, and on no disk.
TEST_P(consensus_faults, a_device_that_died_is_not_granted_its_token_again) {
    if (!promised().mutual_exclusion) {
        GTEST_SKIP() << GetParam() << " does not promise it";
    }
    for (const std::size_t devices : {1, 3}) {
        auto w = world(devices);
        std::set<consensus::token> given;
        for (std::size_t life = 0; life < 4; ++life) {
            const auto grant = as<granted>(
                w.outcome_of(w.acquire(0, event_, version_number(0), consensus::intent::create)));
            ASSERT_TRUE(grant);
            EXPECT_TRUE(given.empty() || *given.rbegin() < grant->held) << "in life " << life;
            given.insert(grant->held);
            w.crash(0);
            w.restart(0);
            w.run_for(45s);  // a strategy may have written the lock down: then it has to end
        }
        EXPECT_EQ(given.size(), 4U);
    }
}

TEST_P(consensus_faults, a_repeated_commit_changes_nothing) {
    if (!promised().linearizable) {
        GTEST_SKIP() << GetParam() << " does not promise it";
    }
    auto w = world(3);
    w.make(event_);
    const auto op = w.acquire(1, event_);
    const auto grant = as<granted>(w.outcome_of(op));
    ASSERT_TRUE(grant);
    const bytes value = value_of(version_number(2), op);
    for (int times = 0; times < 3; ++times) {
        w.commit(1, op, event_, grant->held, version_number(1), value);
        const auto end = as<committed>(w.outcome_of(op));
        ASSERT_TRUE(end) << "time " << times;
        EXPECT_EQ(end->version, version_number(2));
    }
    EXPECT_TRUE(w.edit(2, event_, version_number(2)));
    w.commit(1, op, event_, grant->held, version_number(1), value);
    const auto end = as<committed>(w.outcome_of(op));
    ASSERT_TRUE(end) << "after another edit";
    EXPECT_EQ(end->version, version_number(2));
}

TEST_P(consensus_faults, a_fate_that_was_told_stays) {
    if (!promised().linearizable) {
        GTEST_SKIP() << GetParam() << " does not promise it";
    }
    auto w = world(3);
    w.make(event_);
    const auto op = w.acquire(1, event_);
    const auto grant = as<granted>(w.outcome_of(op));
    ASSERT_TRUE(grant);
    const auto told = as<refused>(w.outcome_of(w.fate(1, event_, op, version_number(1))));
    ASSERT_TRUE(told) << "nothing was committed";
    EXPECT_EQ(told->why.code, errc::conflict);
    w.commit(1, op, event_, grant->held, version_number(1), value_of(version_number(2), op));
    EXPECT_TRUE(as<refused>(w.outcome_of(op))) << "after it was said that it never will";
}

TEST_P(consensus_faults, a_read_is_confirmed_and_a_missing_quorum_is_named) {
    if (!keeps_versions()) {
        GTEST_SKIP() << GetParam() << " does not promise it";
    }
    auto w = world(3);
    w.make(event_);
    EXPECT_TRUE(w.edit(1, event_));
    const auto seen = as<current>(w.outcome_of(w.read(2, event_)));
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->version, version_number(2));
    w.split({2});
    const auto alone = as<refused>(w.outcome_of(w.read(2, event_)));
    ASSERT_TRUE(alone) << "it cannot know";
    EXPECT_EQ(alone->why.code, errc::unavailable);
    if (!promised().needs_external) {  // then it is no device that is missing
        EXPECT_FALSE(alone->missing.empty());
        EXPECT_GE(alone->needed, 1U);
    }
    const auto no = as<refused>(w.outcome_of(w.acquire(2, event_)));
    ASSERT_TRUE(no);
    EXPECT_EQ(no->why.code, errc::unavailable);
}

TEST_P(consensus_faults, who_answered_an_earlier_edit_is_missed_in_the_next) {
    if (!keeps_versions() || promised().needs_external) {
        GTEST_SKIP() << GetParam() << " does not promise it";
    }
    auto w = world(3);
    w.make(event_);
    EXPECT_TRUE(w.edit(1, event_));
    w.split({1});
    const auto no = as<refused>(w.outcome_of(w.acquire(1, event_)));
    ASSERT_TRUE(no);
    EXPECT_EQ(no->why.code, errc::unavailable);
    EXPECT_FALSE(no->missing.empty());
    EXPECT_GE(no->needed, 1U);
}

TEST_P(consensus_faults, an_event_number_is_used_once) {
    if (!promised().linearizable) {
        GTEST_SKIP() << GetParam() << " does not promise it";
    }
    auto w = world(3);
    w.make(event_);
    w.crash(0);
    w.restart(0);
    const auto again =
        w.outcome_of(w.acquire(0, event_, version_number(0), consensus::intent::create));
    const auto no = as<refused>(again);
    ASSERT_TRUE(no);
    EXPECT_EQ(no->why.code, errc::already_exists);
}

TEST_P(consensus_faults, random_storms_are_explained_by_one_copy) {
    if (!keeps_versions()) {
        GTEST_SKIP() << GetParam() << " does not promise it";
    }
    std::size_t edits = 0;
    const char* const only = std::getenv("CALBOX_SEED");
    const std::uint64_t from = only != nullptr ? std::strtoull(only, nullptr, 10) : 1;
    const std::uint64_t to = only != nullptr ? from : storms();
    for (std::uint64_t seed = from; seed <= to; ++seed) {
        const auto report = run_storm(GetParam(), seed);
        ASSERT_TRUE(report.wrong.empty())
            << "CALBOX_SEED=" << seed << ": " << first(report.wrong) << "\n"
            << (only != nullptr ? report.history : "");
        edits += report.committed;
    }
    EXPECT_GT(edits, 5 * (to - from + 1)) << "hardly anything was edited";
    RecordProperty("edits", static_cast<int>(edits));
}

TEST_P(consensus_faults, the_strategy_that_promises_nothing_is_caught) {
    if (GetParam() != "naive") {
        GTEST_SKIP() << "the proof that these checks see what the first CalendarBox did wrong";
    }
    std::size_t raced = 0, split = 0, died = 0, storm = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        auto w = world(3, seed);
        w.shuffled = true;
        raced += race(w, event_, everything()).empty() ? 0 : 1;

        auto parted = world(3, seed);
        parted.make(event_);
        parted.split({1});
        parted.edit(1, event_);
        parted.edit(2, event_);
        split += parted.history.judge(everything()).empty() ? 0 : 1;

        // The holder dies when it has saved, and before anybody has heard of it.
        auto dying = world(3, seed);
        dying.make(event_);
        dying.edit(1, event_);
        dying.crash(1);
        dying.edit(2, event_, dying.shown(2, event_));
        died += dying.history.judge(everything()).empty() ? 0 : 1;

        storm += run_storm("naive", seed, everything()).wrong.empty() ? 0 : 1;
    }
    EXPECT_GE(raced, 15U);
    EXPECT_EQ(split, 20U);
    EXPECT_EQ(died, 20U);
    EXPECT_EQ(storm, 20U);
}

INSTANTIATE_TEST_SUITE_P(plugin, consensus_faults, testing::ValuesIn(names()), name_of);

}  // namespace
}  // namespace calbox::contract
