#include "lab/check/version_claims.hpp"

#include "sim/claims_fixture.hpp"

namespace calbox::lab::claims {
namespace {

using version_claims = claims_test;

TEST_F(version_claims, u1_acknowledged_after_it_was_durable) {
    durable check(people);
    check.observe_decided(version(1));
    check.observe_acknowledged(version(1), alice, at(1));
    check.observe_decided({event, generation_number(1), version_number(2), {}});  // sealed
    check.observe_acknowledged(version(2), bob, at(2));
    EXPECT_EQ(lines(check.violations()), none());
}

TEST_F(version_claims, u1_acknowledged_too_early_or_as_something_else) {
    durable check(people);
    check.observe_decided(version(1));
    check.observe_acknowledged(version(2), bob, at(3));
    check.observe_decided(version(2));
    check.observe_acknowledged(version(1, 'z'), bob, at(4));
    EXPECT_EQ(lines(check.violations()),
              (none{"3.000 s: U1 durable: alice/1.7: bob at phone: version 2 was acknowledged "
                    "before it was durable at a decision point",
                    "4.000 s: U1 durable: alice/1.7: bob at phone: version 1 was acknowledged, and "
                    "another content of it was decided"}));
}

TEST_F(version_claims, u1_no_event_is_made_twice) {
    durable check(people);
    check.observe_created(event, alice, at(1));
    check.observe_created(other_event, alice, at(2));
    EXPECT_EQ(lines(check.violations()), none());
    check.observe_created(event, alice, at(3));
    EXPECT_EQ(lines(check.violations()),
              (none{"3.000 s: U1 durable: alice/1.7: alice at laptop: it was created, and had been "
                    "at 1.000 s"}));
}

using decisions = decided_only::decisions;

TEST_F(version_claims, u3_what_was_decided_may_be_shown) {
    for (const decisions told : {decisions::in_time, decisions::late}) {
        decided_only check(people, told);
        check.observe_decided(version(1), at(1));
        check.observe_shown(bob, version(1), at(2));
        check.observe_shown(bob, {event, generation_number(1), version_number(1), {}}, at(2));
        EXPECT_EQ(lines(check.violations()), none());
    }
}

TEST_F(version_claims, u3_a_sealed_decision_may_be_of_any_content) {
    decided_only check(people, decisions::in_time);
    check.observe_decided({event, generation_number(1), version_number(1), {}}, at(1));
    check.observe_shown(alice, version(1), at(1));
    check.observe_decided(version(1), at(2));  // as acknowledged to her
    check.observe_shown(bob, version(1, 'b'), at(3));
    check.observe_decided(version(1, 'b'), at(4));  // and to him: U4 is where that is wrong
    EXPECT_EQ(lines(check.violations()), none());
}

TEST_F(version_claims, u3_what_nobody_decided_may_not) {
    for (const decisions told : {decisions::in_time, decisions::late}) {
        decided_only check(people, told);
        check.observe_decided(version(1), at(1));
        check.observe_shown(bob, version(2), at(2));
        check.observe_shown(carol, version(2), at(3));
        check.observe_shown(carol, version(1, 'z'), at(4));
        EXPECT_EQ(lines(check.violations()),
                  (none{"4.000 s: U3 decided only: alice/1.7: 03000000 at 0d000000: version 1 was "
                        "shown with a content that was never decided",
                        "2.000 s: U3 decided only: alice/1.7: bob at phone: version 2 was shown, "
                        "and no operation that happened made it"}));
    }
}

TEST_F(version_claims, u3_shown_before_it_was_decided) {
    decided_only strict(people, decisions::in_time), lenient(people, decisions::late);
    for (decided_only* check : {&strict, &lenient}) {
        check->observe_shown(bob, version(1), at(2));
        check->observe_decided(version(1), at(3));
        check->observe_shown(bob, version(1), at(4));
    }
    EXPECT_EQ(lines(lenient.violations()), none());
    EXPECT_EQ(lines(strict.violations()),
              (none{"2.000 s: U3 decided only: alice/1.7: bob at phone: version 1 was shown before "
                    "it was decided at 3.000 s"}));
}

TEST_F(version_claims, u3_an_unknown_operation_may_have_happened) {
    decided_only check(people, decisions::late);
    check.observe_unknown(version(2));
    check.observe_shown(bob, version(2), at(2));
    EXPECT_EQ(lines(check.violations()), none());
    check.observe_never(version(2));
    EXPECT_EQ(check.violations().size(), 1U);

    decided_only strict(people, decisions::in_time);
    strict.observe_unknown(version(2));
    strict.observe_shown(bob, version(2), at(2));
    EXPECT_EQ(strict.violations().size(), 1U);
}

TEST_F(version_claims, u3_an_unknown_creation_excuses_one_event_of_its_author) {
    decided_only check(people, decisions::late);
    check.observe_shown(bob, version(1), at(2));
    EXPECT_EQ(check.violations().size(), 1U);
    check.observe_unknown_creation(bob.who);
    EXPECT_EQ(check.violations().size(), 1U);
    check.observe_unknown_creation(alice.who);
    EXPECT_EQ(check.violations().size(), 0U);
    version_of another = version(1);
    another.event = other_event;
    check.observe_shown(bob, another, at(3));
    EXPECT_EQ(check.violations().size(), 1U);
    check.observe_unknown_creation(alice.who);
    check.observe_shown(bob, version(2), at(4));
    EXPECT_EQ(check.violations().size(), 1U);  // the second version needs a reason of its own
}

TEST_F(version_claims, u4_one_content_of_a_version) {
    same_content check(people);
    check.observe_shown(alice, version(3), at(1));
    check.observe_shown(bob, version(3), at(2));
    check.observe_shown(bob, version(4, 'b'), at(3));
    check.observe_shown(alice, version(3, 'b', 2), at(3));  // another generation
    check.observe_shown(alice, {event, generation_number(1), version_number(4), {}}, at(3));
    EXPECT_EQ(lines(check.violations()), none());
    check.observe_shown(alice, version(4, 'c'), at(5));
    EXPECT_EQ(
        lines(check.violations()),
        (none{"5.000 s: U4 same content: alice/1.7: alice at laptop: version 4 was shown with "
              "another content than to bob at phone at 3.000 s"}));
}

TEST_F(version_claims, u5_versions_go_forward) {
    forward check(people);
    check.observe_shown(bob, version(3), at(1));
    check.observe_shown(bob, version(3), at(2));
    check.observe_shown(alice, version(1), at(3));  // another's view
    check.observe_shown(bob, version(1, 'a', 2), at(4));
    check.observe_gone(bob, event);
    check.observe_gone(bob, other_event);
    check.observe_shown(bob, version(2, 'a', 2), at(5));
    EXPECT_EQ(lines(check.violations()), none());
    check.observe_shown(bob, version(9), at(6));
    check.observe_shown(bob, version(8), at(7));  // said once
    EXPECT_EQ(
        lines(check.violations()),
        (none{"6.000 s: U5 forward: alice/1.7: bob at phone: version 9 was shown after version "
              "2 of generation 2 had been shown"}));
}

TEST_F(version_claims, u5_a_deleted_event_does_not_come_back) {
    forward check(people);
    check.observe_shown(bob, version(3), at(1));
    check.observe_gone(bob, event);
    check.observe_shown(bob, version(3), at(2));
    EXPECT_EQ(
        lines(check.violations()),
        (none{"2.000 s: U5 forward: alice/1.7: bob at phone: version 3 was shown after version "
              "3 had gone away"}));
    forward wiped(people);
    wiped.observe_shown(bob, version(3), at(1));
    wiped.forget(bob.where);
    wiped.observe_shown(bob, version(2), at(2));
    EXPECT_EQ(lines(wiped.violations()), none());
}

TEST_F(version_claims, memory_is_bounded_and_old_versions_accuse_nobody) {
    durable acknowledged(people);
    decided_only decided(people, decisions::late);
    same_content contents(people);
    for (std::uint64_t i = 1; i <= 100'000; ++i) {
        acknowledged.observe_decided(version(i));
        decided.observe_decided(version(i), at(1));
        contents.observe_shown(bob, version(i), at(1));
    }
    acknowledged.observe_acknowledged(version(1), bob, at(2));
    decided.observe_shown(bob, version(1), at(2));
    contents.observe_shown(bob, version(1, 'z'), at(2));
    EXPECT_EQ(lines(acknowledged.violations()), none());
    EXPECT_EQ(lines(decided.violations()), none());
    EXPECT_EQ(lines(contents.violations()), none());
    acknowledged.observe_acknowledged(version(100'001), bob, at(2));
    decided.observe_shown(bob, version(100'000, 'z'), at(2));
    contents.observe_shown(bob, version(99'999, 'z'), at(2));
    EXPECT_EQ(acknowledged.violations().size(), 1U);
    EXPECT_EQ(decided.violations().size(), 1U);
    EXPECT_EQ(contents.violations().size(), 1U);
}

TEST_F(version_claims, what_must_hold_depends_on_the_traits) {
    const std::set<claim> naive = required({});
    EXPECT_TRUE(naive.contains(claim::durable) && naive.contains(claim::convergence));
    EXPECT_EQ(naive.size(), 10U);
    consensus::traits promised;
    promised.linearizable = promised.mutual_exclusion = promised.takes_over = true;
    EXPECT_EQ(required(promised), naive);
    EXPECT_EQ(required(promised, {.partitions = false}).size(), claim_count);
    promised.partition_safe = true;
    EXPECT_EQ(required(promised).size(), claim_count);
    promised.mutual_exclusion = false;
    EXPECT_FALSE(required(promised).contains(claim::one_holder));
    EXPECT_TRUE(required(promised).contains(claim::tokens));
    for (const claim one : required(promised)) {
        EXPECT_FALSE(to_string(one).empty());
    }
}

TEST_F(version_claims, findings_are_counted_and_the_first_kept) {
    findings some;
    for (int i = 0; i < 1000; ++i) {
        some.add({claim::files, "", "", at(i), ""});
    }
    EXPECT_EQ(some.count(), 1000U);
    EXPECT_EQ(some.first().size(), findings::kept);
    EXPECT_EQ(some.first().back().at, at(findings::kept - 1));
}

}  // namespace
}  // namespace calbox::lab::claims
