#include "lab/check/ending_claims.hpp"

#include "sim/claims_fixture.hpp"

namespace calbox::lab::claims {
namespace {

using ending_claims = claims_test;

std::set<user_id> both(const viewer& one, const viewer& other) { return {one.who, other.who}; }

const device_id hub = id_of<device_id>(77);  // where versions are known

TEST_F(ending_claims, u2_everybody_has_the_newest) {
    everybody_has_it check(people);
    check.observe_newest(version(2), false, both(alice, bob), hub);
    check.observe_newest(version(1), false, {alice.who}, hub);  // learnt later, and older
    check.observe_end(alice, {version(2)}, at(9));
    check.observe_end(bob, {version(2)}, at(9));
    check.observe_end(carol, {}, at(9));
    EXPECT_EQ(lines(check.violations()), none());
}

TEST_F(ending_claims, u2_somebody_does_not) {
    everybody_has_it check(people);
    check.observe_newest(version(1), false, {alice.who, bob.who, carol.who}, hub);
    check.observe_newest(version(2), false, {alice.who, bob.who, carol.who}, hub);
    check.observe_end(alice, {version(2)}, at(9));
    check.observe_end(bob, {version(1)}, at(9));
    check.observe_end(carol, {}, at(9));
    EXPECT_EQ(
        lines(check.violations()),
        (none{"9.000 s: U2 delivered: alice/1.7: bob at phone: version 1 is shown in the end, "
              "though version 2 is the newest",
              "9.000 s: U2 delivered: alice/1.7: 03000000 at 0d000000: is not shown in the "
              "end, though version 2 is the newest",
              "9.000 s: convergence: alice/1.7: bob at phone: version 1 is there in the end, "
              "and version 2 with alice at laptop"}));
}

TEST_F(ending_claims, u2_what_was_deleted_or_is_no_longer_shared_is_gone) {
    everybody_has_it check(people);
    check.observe_newest(version(1), false, both(alice, bob), hub);
    check.observe_newest(version(2), true, both(alice, bob), hub);
    version_of shared = version(5);
    shared.event = other_event;
    check.observe_newest(shared, false, {alice.who}, hub);  // bob was removed
    check.observe_end(alice, {shared}, at(9));
    check.observe_end(bob, {}, at(9));
    EXPECT_EQ(lines(check.violations()), none());
    version_of older = shared;
    older.version = version_number(4);
    check.observe_end(bob, {version(1), older}, at(10));
    EXPECT_EQ(
        lines(check.violations()),
        (none{"10.000 s: U2 delivered: alice/1.7: bob at phone: version 1 is shown in the end, "
              "though version 2 deleted the event",
              "10.000 s: U2 delivered: alice/1.8: bob at phone: version 4 is shown in the end "
              "to somebody whom version 5 removed",
              "10.000 s: convergence: alice/1.8: bob at phone: version 4 is there in the end, "
              "and version 5 with alice at laptop"}));
}

TEST_F(ending_claims, u2_an_unknown_operation_did_the_same_for_all_or_nothing) {
    const auto judge = [&](const std::vector<version_of>& with_alice,
                           const std::vector<version_of>& with_bob, bool settled) {
        everybody_has_it check(people);
        check.observe_newest(version(2), false, both(alice, bob), hub);
        check.observe_unknown(event);
        if (settled) {
            check.observe_settled(event);
        }
        check.observe_end(alice, with_alice, at(9));
        check.observe_end(bob, with_bob, at(9));
        return check.violations().size();
    };
    EXPECT_EQ(judge({version(2)}, {version(2)}, false), 0U);
    EXPECT_EQ(judge({version(3)}, {version(3)}, false), 0U);
    EXPECT_EQ(judge({}, {}, false), 0U);
    EXPECT_EQ(judge({version(3)}, {}, false), 0U);  // it may have removed him
    EXPECT_EQ(judge({version(2)}, {}, false), 1U);
    EXPECT_EQ(judge({}, {}, true), 2U);
    EXPECT_EQ(judge({version(3)}, {version(3, 'b')}, false), 1U);
}

TEST_F(ending_claims, u2_of_two_newest_either_may_win) {
    const auto judge = [&](const std::vector<version_of>& with_alice,
                           const std::vector<version_of>& with_bob) {
        everybody_has_it check(people);
        check.observe_newest(version(2), true, both(alice, bob), alice.where);
        check.observe_newest(version(2), false, {alice.who}, bob.where);
        check.observe_newest(version(2), false, {},
                             bob.where);  // acknowledged: people are not told
        check.observe_end(alice, with_alice, at(9));
        check.observe_end(bob, with_bob, at(9));
        return lines(check.violations());
    };
    EXPECT_EQ(judge({version(2)}, {}), none());
    EXPECT_EQ(judge({}, {}), none());
    EXPECT_EQ(judge({version(1)}, {}),
              (none{"9.000 s: U2 delivered: alice/1.7: alice at laptop: version 1 is shown in the "
                    "end to somebody whom version 2 removed"}));
}

TEST_F(ending_claims, u2_what_only_the_absent_have_is_not_asked_for) {
    everybody_has_it check(people);
    check.observe_newest(version(2), false, {alice.who, bob.who, carol.who}, hub);
    check.observe_newest(version(3), false, {alice.who, carol.who}, carol.where);
    check.observe_absent(carol.where);
    check.observe_end(alice, {version(2)}, at(9));
    check.observe_end(bob, {version(2)}, at(9));
    EXPECT_EQ(lines(check.violations()), none());
    // It reached Alice, who owes nobody anything; who it removed may not have heard of it.
    check.observe_newest(version(3), false, {alice.who, carol.who}, alice.where);
    check.observe_end(alice, {version(3)}, at(9));
    EXPECT_EQ(lines(check.violations()), none());
    check.observe_end(alice, {version(2)}, at(9));
    EXPECT_EQ(lines(check.violations()),
              (none{"9.000 s: U2 delivered: alice/1.7: alice at laptop: version 2 is shown in the "
                    "end, though version 3 is the newest"}));
}

TEST_F(ending_claims, u2_whom_the_absent_removed_may_know_it) {
    everybody_has_it check(people);
    check.observe_newest(version(1), false, both(alice, bob), hub);
    check.observe_newest(version(2), false, {alice.who}, alice.where);
    check.observe_absent(alice.where);
    check.observe_end(bob, {}, at(9));
    EXPECT_EQ(lines(check.violations()), none());
    check.observe_newest(version(2), false, both(alice, bob), alice.where);
    EXPECT_EQ(lines(check.violations()),
              (none{"9.000 s: U2 delivered: alice/1.7: bob at phone: is not shown in the end, "
                    "though version 1 is the newest"}));
}

TEST_F(ending_claims, convergence_counts_content_too) {
    everybody_has_it check(people);
    check.observe_end(alice, {version(2)}, at(9));
    check.observe_end(bob, {version(2, 'b')}, at(9));
    EXPECT_EQ(lines(check.violations()),
              (none{"9.000 s: convergence: alice/1.7: bob at phone: version 2 has another content "
                    "there in the end than with alice at laptop"}));
}

using outcome = known_fate::outcome;

TEST_F(ending_claims, u6_every_operation_gets_one_outcome) {
    known_fate check(people);
    for (std::uint8_t i = 1; i <= 4; ++i) {
        check.observe_begun(id_of<operation_id>(i), alice, at(i));
    }
    check.observe_outcome(id_of<operation_id>(1), outcome::acknowledged, at(5));
    check.observe_outcome(id_of<operation_id>(2), outcome::refused, at(5));
    check.observe_outcome(id_of<operation_id>(3), outcome::unknown, at(5));
    EXPECT_EQ(lines(check.violations()),
              (none{"3.000 s: U6 known fate: alice at laptop: operation 03000000, begun then, is "
                    "unknown and was never settled",
                    "4.000 s: U6 known fate: alice at laptop: operation 04000000, begun then, was "
                    "never answered"}));
    EXPECT_EQ(check.open(), 2U);
    check.observe_settled(id_of<operation_id>(3), at(6));
    check.observe_abandoned(id_of<operation_id>(4));
    EXPECT_EQ(lines(check.violations()), none());
}

TEST_F(ending_claims, u6_not_two) {
    known_fate check(people);
    check.observe_begun(id_of<operation_id>(1), alice, at(1));
    check.observe_outcome(id_of<operation_id>(1), outcome::unknown, at(2));
    check.observe_outcome(id_of<operation_id>(1), outcome::refused, at(3));
    check.observe_settled(id_of<operation_id>(1), at(4));
    check.observe_settled(id_of<operation_id>(1), at(5));
    EXPECT_EQ(
        lines(check.violations()),
        (none{"3.000 s: U6 known fate: alice at laptop: operation 01000000 got an outcome, and "
              "it had one or was never begun",
              "5.000 s: U6 known fate: operation 01000000 was settled, and was not unknown"}));
}

TEST_F(ending_claims, counters_come_back_under_their_limits) {
    growth check(people);
    check.limit("outbox", 0);
    check.limit("timers", 20);
    check.observe(bob.where, "outbox", 900, at(1));
    check.observe(bob.where, "outbox", 0, at(2));
    check.observe(bob.where, "timers", 20, at(2));
    check.observe(alice.where, "outbox", 3, at(2));
    EXPECT_EQ(lines(check.violations()),
              (none{"2.000 s: growth: laptop: outbox is 3 in the end, more than 0; the highest was "
                    "900"}));
    check.forget(alice.where);
    EXPECT_EQ(lines(check.violations()), none());
    check.observe(bob.where, "sessions", 1, at(3));
    EXPECT_EQ(lines(check.violations()),
              (none{"3.000 s: growth: phone: sessions has no limit to be held to"}));
}

}  // namespace
}  // namespace calbox::lab::claims
