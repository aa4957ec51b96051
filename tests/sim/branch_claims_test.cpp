// What a take-over left out is kept: missed where nothing has it, and believed where something may.
#include "lab/check/branch_claims.hpp"

#include "sim/claims_fixture.hpp"

namespace calbox::lab::claims {
namespace {

class branch_claims : public claims_test {
protected:
    /// A version, of which everybody is shown that it says `title`; the first of a line where it
    /// names those that it was made from.
    void version(std::uint64_t generation, std::uint64_t number, const viewer& by,
                 const std::string& title, std::vector<envelope_order> left = {},
                 envelope_kind kind = envelope_kind::put) {
        envelope_header made;
        made.event = event;
        made.generation = generation_number(generation);
        made.version = version_number(number);
        if (left.empty()) {
            left = left_[generation];
            made.previous = id_of<digest>(1);
        }
        made.left = left_[generation] = std::move(left);
        made.kind = kind;
        check.observe_version(made, by.who);
        check.observe_shown({event, made.generation, made.version, {}}, title);
    }
    static envelope_order end_of(std::uint64_t generation, std::uint64_t number) {
        return {generation_number(generation), version_number(number), {}};
    }
    std::vector<std::string> in_the_end(std::uint64_t generation, std::uint64_t number) {
        check.observe_end({event, generation_number(generation), version_number(number), {}},
                          present, at(9));
        return lines(check.violations());
    }

    std::map<std::uint64_t, std::vector<envelope_order>> left_;
    std::set<user_id> present{alice.who, bob.who};
    kept_branches check{people};
};

TEST_F(branch_claims, what_the_line_that_stays_lacks_is_missed) {
    version(1, 1, alice, "lecture");
    version(1, 2, alice, "by alice");
    version(2, 2, bob, "lecture", {end_of(1, 1)});
    EXPECT_EQ(in_the_end(2, 2), none{"9.000 s: kept: alice/1.7: alice: version 2, \"by alice\", "
                                     "was left out by the line that stays, 2, and nothing keeps "
                                     "it"});
}

TEST_F(branch_claims, what_is_in_the_line_that_stays_needs_no_keeping) {
    version(1, 2, alice, "by alice");
    version(2, 3, bob, "by alice", {end_of(1, 2)});
    EXPECT_EQ(in_the_end(2, 3), none());
    version(2, 4, bob, "by bob");
    EXPECT_EQ(in_the_end(2, 4), none());
}

TEST_F(branch_claims, a_copy_of_the_event_keeps_it) {
    version(1, 2, alice, "by alice");
    version(2, 2, bob, "lecture", {end_of(1, 1)});
    check.observe_copy("alice/1.7", "by alice");
    EXPECT_EQ(in_the_end(2, 2), none());
    version(1, 3, alice, "once more");
    check.observe_copy("alice/1.8", "once more");
    EXPECT_EQ(in_the_end(2, 2).size(), 1U) << "that is of another event";
}

TEST_F(branch_claims, what_its_author_was_refused_he_knows_not_to_be_kept) {
    version(1, 2, alice, "by alice");
    version(2, 2, bob, "lecture", {end_of(1, 1)});
    check.observe_refused("by alice");
    EXPECT_EQ(in_the_end(2, 2), none());
}

TEST_F(branch_claims, what_somebody_changed_in_another_line_is_kept_with_that) {
    version(1, 2, alice, "by alice");
    version(2, 3, bob, "by alice", {end_of(1, 2)});
    version(2, 4, bob, "by bob");
    version(3, 2, bob, "lecture", {end_of(1, 1)});
    const auto missed = in_the_end(3, 2);
    ASSERT_EQ(missed.size(), 1U);
    EXPECT_NE(missed.front().find("by bob"), std::string::npos);
}

TEST_F(branch_claims, what_a_line_that_was_only_begun_had_preserved_is_missed) {
    version(1, 2, alice, "by alice");
    version(2, 3, bob, "by alice", {end_of(1, 2)});
    version(3, 2, bob, "lecture", {end_of(1, 1)});
    EXPECT_EQ(in_the_end(3, 2).size(), 1U) << "of alice's, and not of bob's";
}

TEST_F(branch_claims, nobody_keeps_a_deletion_nor_for_who_is_not_there) {
    version(1, 2, alice, "by alice", {}, envelope_kind::tombstone);
    version(2, 2, bob, "lecture", {end_of(1, 1)});
    EXPECT_EQ(in_the_end(2, 2), none());
    version(1, 3, alice, "once more");
    present.erase(alice.who);
    EXPECT_EQ(in_the_end(2, 2), none());
    present.insert(alice.who);
    EXPECT_EQ(in_the_end(2, 2).size(), 1U);
}

}  // namespace
}  // namespace calbox::lab::claims
