// Who is removed from an event is told so, and by whom.
#include <algorithm>

#include "unit/replica/replicator_fixture.hpp"

namespace calbox::replica {
namespace {

TEST_F(replicator_test, whoever_may_remove_and_missed_it_tells_those_who_are_gone) {
    for (const auto kind : {envelope_kind::put, envelope_kind::tombstone}) {
        end();
        store.held.clear();
        at_alice();
        const std::uint32_t rights =
            guest_right::standard | guest_right::invite | guest_right::remove;
        begin(rights);
        auto third = header_of(which, bob, 3, {bob.id, dave.id}, {{}, {}, digest{{1}}});
        third.kind = kind;
        third.guests_may = rights;
        ASSERT_TRUE(in.run(replica->receive(sign(third, bob, in.entropy))));
        in.settle();
        const auto told = told_carol();
        ASSERT_EQ(told.size(), 1U);
        EXPECT_EQ(told[0].kind, envelope_kind::removed_you);
        EXPECT_EQ(told[0].version, version_number(3));
        EXPECT_EQ(crypto::author_user(told[0].by), alice.id);
        EXPECT_EQ(told[0].participants, std::vector{bob.id}) << "and not who came after her";
        EXPECT_EQ(told[0].streams.at(0).first, carol.id);
    }
}

TEST_F(replicator_test, a_removal_that_was_not_missed_is_told_by_its_author_alone) {
    at_alice();
    const envelope one = begin(guest_right::standard | guest_right::invite);
    auto second = header_of(which, bob, 2, {bob.id}, order_of(one));
    second.guests_may |= guest_right::invite;
    ASSERT_TRUE(in.run(replica->receive(sign(second, bob, in.entropy))));
    in.settle();
    EXPECT_TRUE(told_carol().empty());
}

TEST_F(replicator_test, whoever_left_is_told_so_by_the_organizer_too) {
    at_alice();
    const envelope one = begin();
    ASSERT_TRUE(in.run(replica->receive(
        sign(header_of(which, carol, 2, {bob.id}, order_of(one)), carol, in.entropy))));
    in.settle();
    const auto told = told_carol();  // whose device may have crashed before it had that
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].kind, envelope_kind::removed_you);
    EXPECT_EQ(crypto::author_user(told[0].by), alice.id);
}

TEST_F(replicator_test, who_has_signed_out_here_hears_that_he_was_removed) {
    rest.here = {{bob.id, &bob}};
    at_alice();
    const envelope first = begin();
    rest.here.clear();
    auto header = header_of(which, alice, 2, {carol.id}, order_of(first));
    header.kind = envelope_kind::removed_you;
    header.streams = {{bob.id, stream_number(0)}};
    const envelope notice = sign(header, alice, in.entropy);
    header.streams = {{dave.id, stream_number(0)}};
    const envelope of_a_stranger = sign(header, alice, in.entropy);
    EXPECT_FALSE(in.run(replica->receive(of_a_stranger)));
    EXPECT_TRUE(in.run(replica->receive(notice)));
    EXPECT_EQ(replica->events().find(which)->header.kind, envelope_kind::removed_you);
}

TEST_F(replicator_test, what_a_device_completes_for_who_has_signed_out_it_owes_to_the_others) {
    at_alice();
    const envelope first = begin();
    rest.here.clear();
    const envelope second =
        sign(header_of(which, bob, 2, {bob.id, carol.id}, order_of(first)), bob, in.entropy);
    completes = false;
    hear(codec::encode(second));
    EXPECT_EQ(replica->events().find(which)->order, order_of(first))
        << "whoever completed it brings it to those who take part";
    completes = true;
    hear(codec::encode(second));
    EXPECT_EQ(replica->events().find(which)->order, order_of(second));
    EXPECT_EQ(told_carol().size(), 1U);
}

TEST_F(replicator_test, whoever_never_took_part_can_drop_no_event_of_who_has_signed_out) {
    rest.here = {{bob.id, &bob}};
    at_alice();
    const envelope first = begin();
    rest.here.clear();
    auto header = header_of(which, dave, 2, {carol.id}, order_of(first));
    header.kind = envelope_kind::removed_you;
    header.streams = {{bob.id, stream_number(0)}};
    EXPECT_FALSE(in.run(replica->receive(sign(header, dave, in.entropy))));
    rest.here = {{carol.id, &carol}};  // who takes part, and is not whom it names
    header = header_of(which, alice, 2, {carol.id}, order_of(first));
    header.kind = envelope_kind::removed_you;
    header.streams = {{bob.id, stream_number(0)}};
    EXPECT_FALSE(in.run(replica->receive(sign(header, alice, in.entropy))));
    EXPECT_EQ(replica->events().find(which)->header.kind, envelope_kind::put);
}

TEST_F(replicator_test, a_notice_never_stands_where_somebody_wrote_himself_that_he_left) {
    at_alice();
    auto header = header_of(which, bob, 1, {alice.id, carol.id});
    header.event.organizer = bob.id;
    const event_id his = header.event;
    ASSERT_TRUE(in.run(replica->receive(sign(header, bob, in.entropy))));
    auto leaves = by_alice({carol.id});
    leaves.event = his;
    ASSERT_TRUE(in.run(replica->commit(leaves)));
    header.version = version_number(9);  // later than hers, however their hashes compare
    header.participants = {carol.id};
    header.kind = envelope_kind::removed_you;
    header.streams = {{alice.id, stream_number(0)}};
    EXPECT_EQ(in.run(replica->receive(sign(header, bob, in.entropy))).error().code,
              errc::forbidden);
    EXPECT_EQ(replica->events().find(his)->header.kind, envelope_kind::put)
        << "which carol may still be owed";
}

TEST_F(replicator_test,
       who_leaves_tells_her_other_device_though_the_notice_overtakes_the_decision) {
    at_alice();
    auto header = header_of(which, bob, 1, {alice.id, carol.id});
    header.event.organizer = bob.id;
    const event_id his = header.event;
    ASSERT_TRUE(in.run(replica->receive(sign(header, bob, in.entropy))));
    rest.elsewhere[alice.id] = dave.on;
    std::optional<consensus::commit> asked;
    strategy.answer = [&](const consensus::input& what, scripted_strategy::effects& out) {
        if (const auto* const edit = std::get_if<consensus::commit>(&what)) {
            asked = *edit;
        } else if (std::holds_alternative<consensus::message>(what)) {
            out.push_back(consensus::decide{asked->operation, his, asked->value, false});
            out.push_back(consensus::done{asked->operation,
                                          consensus::committed{asked->expect.next(), {}, {}}});
        } else {
            play(what, out);
        }
    };
    auto leaves = by_alice({carol.id});
    leaves.event = his;
    task_scope tasks(in.env, "edits");
    std::optional<result<event_id>> left;
    tasks.spawn("leave", [](replicator& at, change what, auto& to) -> task<void> {
        to = co_await at.commit(std::move(what));
    }(*replica, leaves, left));
    in.settle();
    ASSERT_TRUE(asked) << (left ? left->error().message() : "waits");
    header.version = version_number(2);
    header.participants = {carol.id};
    header.kind = envelope_kind::removed_you;
    header.streams = {{alice.id, stream_number(0)}};
    const envelope told = sign(header, bob, in.entropy);
    EXPECT_EQ(in.run(replica->receive(told)).error().code, errc::unavailable)
        << "whoever tells it tries again";
    rest.delivered.clear();
    hear({1});
    ASSERT_TRUE(left && *left);
    EXPECT_EQ(replica->events().find(his)->header.kind, envelope_kind::put);
    EXPECT_EQ(
        std::ranges::count(rest.delivered, dave.on, [](const auto& one) { return one.first; }), 1);
    EXPECT_EQ(in.run(replica->receive(told)).error().code, errc::forbidden);
}

TEST_F(replicator_test, who_may_not_remove_tells_nobody) {
    for (const std::uint32_t rights : {0U, guest_right::invite}) {
        end();
        store.held.clear();
        at_alice();
        auto header = header_of(which, bob, 1, {alice.id, carol.id});
        header.event.organizer = bob.id;
        header.guests_may |= rights;
        ASSERT_TRUE(in.run(replica->receive(sign(header, bob, in.entropy))));
        rest.delivered.clear();
        header.version = version_number(3);
        header.participants = {alice.id};
        header.previous = digest{{1}};
        ASSERT_TRUE(in.run(replica->receive(sign(header, bob, in.entropy))));
        in.settle();
        EXPECT_EQ(told_carol().size(), rights == 0 ? 0U : 1U);
    }
}

TEST_F(replicator_test, a_notice_that_was_not_delivered_is_after_a_restart) {
    at_alice();
    begin();
    rest.reply.reset();
    auto edit = by_alice({bob.id});
    edit.event = which;
    ASSERT_TRUE(in.run(replica->commit(edit)));
    in.settle();
    end();
    rest.delivered.clear();
    rest.reply = codec::encode(wire::update_reply{});
    at_alice();
    in.settle();
    const auto told = told_carol();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].kind, envelope_kind::removed_you);
    EXPECT_TRUE(replica->owed().empty());
}

TEST_F(replicator_test, whoever_was_removed_does_not_pass_on_the_notice_that_says_so) {
    rest.here = {{bob.id, &bob}};
    at_alice();
    const envelope first = begin();
    rest.reply.reset();
    completes = true;
    hear(codec::encode(
        sign(header_of(which, alice, 2, {bob.id, carol.id}, order_of(first)), alice, in.entropy)));
    ASSERT_FALSE(replica->owed().empty());
    auto header = header_of(which, alice, 3, {carol.id});
    header.kind = envelope_kind::removed_you;
    header.streams = {{bob.id, stream_number(0)}};
    ASSERT_TRUE(in.run(replica->receive(sign(header, alice, in.entropy))));
    rest.delivered.clear();
    rest.reply = codec::encode(wire::update_reply{});
    replica->on_reachable(carol.on);
    in.settle();
    EXPECT_TRUE(told_carol().empty()) << "it is for him alone";
}

TEST_F(replicator_test, whoever_is_removed_still_tells_whom_he_removed) {
    at_alice();
    auto header = header_of(which, bob, 1, {alice.id, carol.id});
    header.event.organizer = bob.id;
    header.guests_may |= guest_right::invite;
    const event_id his = header.event;
    ASSERT_TRUE(in.run(replica->receive(sign(header, bob, in.entropy))));
    rest.reply.reset();
    auto edit = by_alice({alice.id});
    edit.event = his;
    edit.guests_may = header.guests_may;
    ASSERT_TRUE(in.run(replica->commit(edit)));
    header.version = version_number(3);
    header.participants = {};
    header.kind = envelope_kind::removed_you;
    header.streams = {{alice.id, stream_number(0)}};
    ASSERT_TRUE(in.run(replica->receive(sign(header, bob, in.entropy))));
    ASSERT_EQ(replica->events().find(his)->header.kind, envelope_kind::removed_you);
    rest.delivered.clear();
    rest.reply = codec::encode(wire::update_reply{});
    replica->on_reachable(carol.on);
    in.settle();
    ASSERT_EQ(told_carol().size(), 1U);
    EXPECT_EQ(told_carol()[0].kind, envelope_kind::removed_you);
    EXPECT_EQ(told_carol()[0].version, version_number(2)) << "which alice wrote for her";
}

TEST_F(replicator_test, of_two_removed_users_of_one_device_the_notice_of_the_last_is_sent) {
    at_alice();
    begin();
    rest.reply.reset();
    rest.elsewhere = {{bob.id, carol.on}};
    for (const auto& left : {std::vector{bob.id}, std::vector<user_id>()}) {
        auto edit = by_alice(left);
        edit.event = which;
        ASSERT_TRUE(in.run(replica->commit(edit)));
        in.settle();
    }
    rest.delivered.clear();
    rest.reply = codec::encode(wire::update_reply{});
    replica->on_reachable(carol.on);
    in.settle();
    const auto told = told_carol();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].kind, envelope_kind::removed_you);
    EXPECT_EQ(told[0].version, version_number(3));
}

TEST_F(replicator_test, whose_device_holds_something_else_is_told_again_that_he_was_removed) {
    at_alice();
    begin();
    auto edit = by_alice({bob.id});
    edit.event = which;
    ASSERT_TRUE(in.run(replica->commit(edit)));
    in.settle();
    ASSERT_EQ(told_carol().size(), 1U);
    rest.delivered.clear();
    for (const device_id& other : {carol.on, bob.on, dave.on, device_id()}) {
        replica->tell_removals_again(other);
        in.settle();
    }
    EXPECT_EQ(rest.delivered.size(), 1U);
    ASSERT_EQ(told_carol().size(), 1U);
    EXPECT_EQ(told_carol()[0].kind, envelope_kind::removed_you);
}

TEST_F(replicator_test, a_notice_that_comes_before_the_event_keeps_it_away) {
    rest.here = {{carol.id, &carol}};
    at_alice();
    const auto notice = [&](const person& by) {
        auto header = header_of(which, by, 2, {bob.id});
        header.kind = envelope_kind::removed_you;
        header.streams = {{carol.id, stream_number(0)}};
        return sign(std::move(header), by, in.entropy);
    };
    EXPECT_EQ(in.run(replica->receive(notice(bob))).error().code, errc::forbidden)
        << "of an event that is not known only the organizer's counts";
    ASSERT_TRUE(in.run(replica->receive(notice(alice))));
    const auto first = sign(header_of(which, alice, 1, {bob.id, carol.id}), alice, in.entropy);
    EXPECT_EQ(in.run(replica->receive(first))->version, version_number(2));
    EXPECT_EQ(replica->events().find(which)->header.kind, envelope_kind::removed_you);
    const auto again = sign(header_of(which, alice, 3, {bob.id, carol.id}), alice, in.entropy);
    ASSERT_TRUE(in.run(replica->receive(again))) << "she is invited again";
    EXPECT_EQ(replica->events().find(which)->header.kind, envelope_kind::put);
    for (const bool to_backup : {false, true}) {
        const auto answer =
            in.run(replica->on_earlier({bob.id}, to_backup, {which, order_of(first)}));
        EXPECT_TRUE(codec::decode<wire::earlier_reply>(*answer)->versions.empty())
            << "what is kept of the notice is no version";
    }
}

}  // namespace
}  // namespace calbox::replica
