#include "lab/check/lock_claims.hpp"

#include "sim/claims_fixture.hpp"

namespace calbox::lab::claims {
namespace {

class lock_claims : public claims_test {
protected:
    static operation_id op(std::uint8_t number) { return id_of<operation_id>(number); }
    void grant(std::uint8_t operation, const viewer& whose, consensus::token token, int from,
               int until) {
        check.observe_granted(event, op(operation), whose.where, token, at(until), at(from));
    }
    locks check{people};
};

TEST_F(lock_claims, one_after_the_other) {
    check.observe_asked(event, op(1));
    grant(1, alice, 5, 1, 31);
    check.observe_renewed(event, op(1), at(41));
    grant(1, alice, 5, 2, 41);  // told twice
    check.observe_asked(event, op(2));
    check.observe_ended(event, op(1));
    grant(2, bob, 6, 3, 33);
    check.observe_asked(event, op(3));
    grant(3, alice, 9, 33, 63);  // bob's lease has ended
    // Another event has tokens of its own.
    check.observe_asked(other_event, op(4));
    check.observe_granted(other_event, op(4), bob.where, 1, at(99), at(34));
    EXPECT_EQ(lines(check.violations()), none());
}

TEST_F(lock_claims, a_token_has_one_holder) {
    grant(1, alice, 5, 1, 31);
    check.observe_ended(event, op(1));
    grant(2, bob, 5, 2, 32);
    EXPECT_EQ(
        lines(check.violations()),
        (none{"2.000 s: tokens: alice/1.7: phone: token 5 was granted, which laptop had got"}));
}

TEST_F(lock_claims, tokens_grow) {
    grant(1, alice, 5, 1, 31);
    check.observe_ended(event, op(1));
    check.observe_asked(event, op(2));
    grant(2, bob, 4, 2, 32);
    EXPECT_EQ(lines(check.violations()),
              (none{"2.000 s: tokens: alice/1.7: phone: token 4 was granted, though 5 had been "
                    "granted before it was asked for"}));
}

TEST_F(lock_claims, an_answer_may_be_late) {
    check.observe_asked(event, op(1));
    check.observe_asked(event, op(2));
    grant(2, bob, 6, 1, 2);
    grant(1, alice, 5, 3, 4);  // granted before bob's, told after it
    EXPECT_EQ(lines(check.violations()), none());
}

TEST_F(lock_claims, a_lock_has_one_holder) {
    grant(1, alice, 5, 1, 31);
    grant(2, bob, 6, 30, 60);
    EXPECT_EQ(
        lines(check.violations()),
        (none{"30.000 s: one holder: alice/1.7: phone: was granted the lock that laptop holds "
              "until 31.000 s"}));
    locks renewed(people);
    renewed.observe_granted(event, op(1), alice.where, 5, at(31), at(1));
    renewed.observe_renewed(event, op(1), at(50));
    renewed.observe_granted(event, op(2), bob.where, 6, at(75), at(45));
    EXPECT_EQ(renewed.violations().size(), 1U);
}

TEST_F(lock_claims, memory_is_bounded) {
    for (consensus::token token = 1; token <= 50'000; ++token) {
        operation_id operation;
        for (std::size_t i = 0; i < 8; ++i) {
            operation.value[i] = static_cast<std::uint8_t>(token >> 8 * i);
        }
        check.observe_asked(event, operation);
        check.observe_granted(event, operation, alice.where, token, at(2), at(1));
        check.observe_ended(event, operation);
    }
    EXPECT_EQ(lines(check.violations()), none());
    check.observe_granted(event, op(1), bob.where, 49'999, at(2), at(1));
    EXPECT_EQ(check.violations().size(), 1U);
}

}  // namespace
}  // namespace calbox::lab::claims
