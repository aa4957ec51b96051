// What was made of a part of an event lasts: found where it does not, and believed where it may.
#include "lab/check/field_claims.hpp"

#include "sim/claims_fixture.hpp"

namespace calbox::lab::claims {
namespace {

class field_claims : public claims_test {
protected:
    void ask(std::uint8_t by, const field& what, std::optional<std::string> value, int when) {
        check.observe_asked(id_of<operation_id>(by), event, what, std::move(value), at(when));
    }
    void acknowledge(std::uint8_t by, int when) {
        check.observe_acknowledged(id_of<operation_id>(by), at(when));
    }
    void refuse(std::uint8_t by) { check.observe_refused(id_of<operation_id>(by)); }
    std::size_t broken(const std::string& says) {
        lasting copy = check;
        copy.observe_newest(
            bob, event, [&](const field&) { return says; }, at(100));
        return copy.violations().size();
    }

    const field title{field::kind::title, {}};
    lasting check{people};
};

TEST_F(field_claims, what_was_acknowledged_is_there_in_the_end) {
    ask(1, title, "lunch", 1);
    acknowledge(1, 2);
    EXPECT_EQ(broken("lunch"), 0U);
    check.observe_newest(
        bob, event, [](const field&) { return "brunch"; }, at(9));
    EXPECT_EQ(lines(check.violations()),
              none{"9.000 s: lasting: alice/1.7: bob at phone: the title is \"brunch\" in the end, "
                   "though \"lunch\" was acknowledged at 2.000 s and nothing was asked after it"});
}

TEST_F(field_claims, of_those_that_overlap_either_may_be_the_last) {
    ask(1, title, "lunch", 1);
    ask(2, title, "dinner", 2);
    acknowledge(1, 3);
    acknowledge(2, 4);
    EXPECT_EQ(broken("lunch") + broken("dinner"), 0U);
    ask(3, title, "walk", 5);
    acknowledge(3, 6);
    EXPECT_EQ(broken("lunch"), 1U);
    EXPECT_EQ(broken("dinner"), 1U);
    EXPECT_EQ(broken("walk"), 0U);
}

TEST_F(field_claims, what_has_no_answer_may_happen_at_any_time_and_what_was_refused_never) {
    ask(1, title, "lunch", 1);
    ask(2, title, "dinner", 2);
    acknowledge(2, 3);
    EXPECT_EQ(broken("lunch"), 0U);
    refuse(1);
    EXPECT_EQ(broken("lunch"), 1U);
    EXPECT_EQ(broken("dinner"), 0U);
}

TEST_F(field_claims, what_sets_a_field_to_whatever_it_likes_excuses_every_value) {
    const field answer{field::kind::answer, "bob"};
    ask(1, answer, "accepted", 1);
    acknowledge(1, 2);
    EXPECT_EQ(broken("none"), 1U);
    ask(2, answer, std::nullopt, 3);
    acknowledge(2, 4);
    EXPECT_EQ(broken("none"), 0U);
    ask(3, answer, "declined", 5);
    acknowledge(3, 6);
    EXPECT_EQ(broken("none"), 1U);
    EXPECT_EQ(broken("declined"), 0U);
}

TEST_F(field_claims, one_operation_sets_several_and_fields_are_apart) {
    const field map{field::kind::file, "map.pdf"}, part{field::kind::part, "bob"};
    ask(1, map, "there", 1);
    ask(1, part, "gone", 1);
    acknowledge(1, 2);
    EXPECT_EQ(broken("there"), 1U);
    check.observe_newest(
        bob, event, [](const field&) { return "away"; }, at(9));
    ASSERT_EQ(check.violations().size(), 2U);
    EXPECT_NE(check.violations()[0].text.find("the file map.pdf"), std::string::npos);
    EXPECT_NE(check.violations()[1].text.find("the part of bob"), std::string::npos);
    check.observe_newest(
        bob, other_event, [](const field&) { return ""; }, at(9));
    EXPECT_EQ(check.violations().size(), 2U) << "of which nothing was asked";
}

}  // namespace
}  // namespace calbox::lab::claims
