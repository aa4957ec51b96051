#include "lab/check/watcher.hpp"

#include "sim/claims_fixture.hpp"

namespace calbox::lab::claims {
namespace {

using decisions = decided_only::decisions;

/// A world of one event between alice and bob, told to a watcher.
class watching : public claims_test {
protected:
    watching() {
        check.people = people;
        view.id = event;
        view.id_text = "alice/1.7";
        view.generation = generation_number(1);
        view.content.title = "Walk";
    }
    node::event_view as_version(std::uint64_t number) const {
        node::event_view made = view;
        made.version = version_number(number);
        made.content.info = "text of " + std::to_string(number);
        return made;
    }
    version_of of(std::uint64_t number) const { return shown_version(as_version(number)); }
    std::set<user_id> both() const { return {alice.who, bob.who}; }
    /// An edit of alice's that goes well.
    void edit(std::uint64_t number, int when) {
        const auto operation = id_of<operation_id>(static_cast<std::uint8_t>(number));
        check.begun(operation, alice, at(when));
        const version_of sealed{event, generation_number(1), version_number(number), {}};
        check.decided(sealed, at(when));
        check.stored(sealed, false, both(), alice.where);
        check.acknowledged(operation, of(number), false, both(), alice, at(when));
    }
    watcher check{decisions::in_time, 1};
    node::event_view view;
};

TEST_F(watching, a_good_day) {
    edit(1, 1);
    check.listed(alice, {as_version(1)}, at(1));
    check.listed(bob, {as_version(1)}, at(2));
    edit(2, 3);
    check.shown(bob, of(2), at(4));
    check.note({"alice",
                1,
                2,
                operation_kind::create,
                "alice/1.7",
                {},
                "a",
                false,
                operation_result::ok,
                1});
    check.ended(alice, {as_version(2)}, at(9));
    check.ended(bob, {as_version(2)}, at(9));
    EXPECT_EQ(lines(check.violations()), none());
}

TEST_F(watching, each_claim_hears_of_what_concerns_it) {
    edit(1, 1);
    check.listed(bob, {as_version(1)}, at(2));
    check.listed(bob, {}, at(3));
    check.listed(bob, {as_version(1)}, at(4));  // U5: it had gone
    check.shown(alice, of(2), at(5));           // U3
    node::event_view other = as_version(1);
    other.content.place = "elsewhere";
    check.shown(alice, shown_version(other), at(6));                               // U4, U5
    check.begun(id_of<operation_id>(9), bob, at(7));                               // U6
    check.acknowledged(id_of<operation_id>(9), of(3), false, both(), bob, at(8));  // U1
    check.failed("a device that does not start", at(8));                           // works
    check.ended(alice, {as_version(3)}, at(9));
    check.ended(bob, {as_version(1)}, at(9));          // U2, convergence
    check.begun(id_of<operation_id>(10), bob, at(9));  // U6
    check.note({"alice",
                0,
                10'000'000'000,
                operation_kind::read,
                "alice/1.7",
                {},
                {},
                false,
                operation_result::ok,
                4});
    std::map<claim, int> found;
    for (const violation& one : check.violations()) {
        ++found[one.what];
    }
    EXPECT_EQ(found, (std::map<claim, int>{{claim::durable, 1},
                                           {claim::delivered, 1},
                                           {claim::decided_only, 1},
                                           {claim::same_content, 1},
                                           {claim::forward, 2},
                                           {claim::known_fate, 1},
                                           {claim::convergence, 1},
                                           {claim::linearizable, 1},
                                           {claim::works, 1}}))
        << testing::PrintToString(lines(check.violations()));
    const auto all = check.violations();
    EXPECT_TRUE(std::ranges::is_sorted(all, {}, &violation::at));
    EXPECT_EQ(to_line(all.back()),
              "10.000 s: linearizable: alice/1.7: alice: version 4 was returned to alice at "
              "10000000000, though nobody made version 1");
    EXPECT_EQ(check.violations({claim::same_content}).size(), 1U);
    EXPECT_EQ(check.violations(required({})).size(), all.size() - 2);
    check.has_two_lives(as_version(1).id);
    EXPECT_EQ(check.violations().size(), all.size() - 1) << "of which it is another one now";
    check.has_lines(as_version(1).id);
    EXPECT_EQ(check.violations().size(), all.size() - 1) << "numbers begin anew in each";
}

TEST_F(watching, unknown_operations_are_settled_everywhere) {
    watcher late(decisions::late, 1);
    const auto one = id_of<operation_id>(1), two = id_of<operation_id>(2);
    late.begun(one, alice, at(1));
    late.unknown_creation(one, alice.who, at(2));
    late.shown(bob, of(1), at(3));
    late.begun(two, bob, at(4));
    late.unknown(two, of(2), at(5));
    late.shown(bob, of(2), at(6));
    EXPECT_EQ(late.violations().size(), 2U);  // neither is settled
    late.settled(two, of(2), true, at(7));
    late.settled_creation(one, alice.who, true, at(7));
    EXPECT_EQ(lines(late.violations()), none());
    late.begun(two, bob, at(8));
    late.unknown(two, of(3), at(9));
    late.shown(alice, of(3), at(10));
    late.settled(two, of(3), false, at(11));
    EXPECT_EQ(late.violations().size(), 1U);  // shown, and never done
}

TEST_F(watching, a_creation_that_never_was_excuses_nothing) {
    watcher late(decisions::late, 1);
    const auto one = id_of<operation_id>(1);
    late.begun(one, alice, at(1));
    late.unknown_creation(one, alice.who, at(2));
    late.shown(bob, of(1), at(3));
    late.settled_creation(one, alice.who, false, at(4));
    EXPECT_EQ(lines(late.violations()),
              (none{"3.000 s: U3 decided only: 01000000/1.7: 02000000 at 0c000000: version 1 was "
                    "shown, and no operation that happened made it"}));
}

TEST_F(watching, content_digests_tell_every_part_apart) {
    std::set<digest> seen;
    model::event_content content;
    const auto differs = [&] { return seen.insert(content_digest(content, 3)).second; };
    EXPECT_TRUE(differs());
    content.title = "a";
    EXPECT_TRUE(differs());
    content.title = "";
    content.info = "a";
    EXPECT_TRUE(differs());
    content.place = "b";
    EXPECT_TRUE(differs());
    content.time.end.year = 2026;
    EXPECT_TRUE(differs());
    content.time.all_day = true;
    EXPECT_TRUE(differs());
    content.participants = {"bob", "carol"};
    EXPECT_TRUE(differs());
    content.participants = {"bobcarol"};
    EXPECT_TRUE(differs());
    content.files.emplace_back().name = "map.pdf";
    EXPECT_TRUE(differs());
    content.files[0].root = id_of<file_root>(1);
    EXPECT_TRUE(differs());
    content.modified.ms = 1;
    EXPECT_TRUE(differs());
    EXPECT_FALSE(differs());
    EXPECT_TRUE(seen.insert(content_digest(content, 2)).second);
}

TEST_F(watching, headers_tell_who_takes_part) {
    envelope_header header;
    header.event = event;
    header.version = version_number(4);
    header.participants = {bob.who};
    EXPECT_EQ(people_of(header), both());
    EXPECT_EQ(sealed_version(header).version.value, 4U);
    EXPECT_TRUE(sealed_version(header).content.is_zero());
}

}  // namespace
}  // namespace calbox::lab::claims
