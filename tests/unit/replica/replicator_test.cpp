// The replicator over stores that fail, strategies that are wrong, and versions that were missed.
#include "replica/replicator.hpp"

#include <gtest/gtest.h>

#include "unit/replica/replicator_fixture.hpp"
#include "wire/limits.hpp"

namespace calbox::replica {
namespace {

using namespace std::chrono_literals;

// Versions between
// -----------------------------------------------------------------------------------------------------------

class versions_between : public replicator_test {
protected:
    /// alice holds version 1 of hers, with bob; she missed 2, in which carol comes to take part.
    void SetUp() override {
        at_alice();
        first = sign(header_of(which, alice, 1, {bob.id}), alice, in.entropy);
        ASSERT_TRUE(in.run(replica->receive(first)));
        second = sign(header_of(which, alice, 2, {bob.id, carol.id}, order_of(first)), alice,
                      in.entropy);
        third = sign(header_of(which, carol, 3, {bob.id, carol.id}, order_of(second)), carol,
                     in.entropy);
        fourth = sign(header_of(which, carol, 4, {bob.id, carol.id}, order_of(third)), carol,
                      in.entropy);
    }
    errc take(const envelope& what, const device_id& from) {
        const auto held = in.run(replica->receive(what, from));
        return held ? errc::ok : held.error().code;
    }
    version_number held() const { return replica->events().find(which)->header.version; }
    envelope first, second, third, fourth;
};

TEST_F(versions_between, are_asked_for_where_their_author_may_have_come_meanwhile) {
    EXPECT_EQ(take(fourth, bob.on), errc::forbidden) << "nobody has them";
    EXPECT_EQ(take(fourth, {}), errc::forbidden);
    rest.earlier = {second, third};
    EXPECT_EQ(take(fourth, bob.on), errc::ok);
    EXPECT_EQ(held(), version_number(4));
    EXPECT_EQ(rest.asked_for_earlier, 2U);
    EXPECT_EQ(in.run(replica->earlier().kept(which))->size(), 3U) << "they are history now";
}

TEST_F(versions_between, are_not_asked_for_by_the_next_version_or_by_what_is_no_ones) {
    auto next = header_of(which, carol, 2, {bob.id, carol.id}, order_of(first));
    EXPECT_EQ(take(sign(next, carol, in.entropy), bob.on), errc::forbidden);
    EXPECT_EQ(rest.asked_for_earlier, 0U);
}

TEST_F(versions_between, prove_nothing_that_they_do_not_say) {
    // Whoever brings forged or other versions gets no further than with none.
    auto forged = second;
    forged.body.push_back(1);
    const auto by_carol =
        sign(header_of(which, carol, 2, {bob.id, carol.id}, order_of(first)), carol, in.entropy);
    event_id another = which;
    ++another.seq;
    const auto of_another =
        sign(header_of(another, alice, 2, {bob.id, carol.id}), alice, in.entropy);
    for (const envelope& one : {forged, by_carol, of_another, third}) {
        rest.earlier = {one};
        EXPECT_EQ(take(fourth, carol.on), errc::forbidden);
        EXPECT_EQ(held(), version_number(1));
    }
}

TEST_F(versions_between, are_given_to_those_who_took_part_in_them) {
    for (const envelope* const one : {&second, &third, &fourth}) {
        ASSERT_EQ(take(*one, {}), errc::ok);
    }
    const auto given = [&](std::vector<user_id> users, bool backup, const envelope& after) {
        const auto answer =
            in.run(replica->on_earlier(std::move(users), backup, {which, order_of(after)}));
        const auto reply = codec::decode<wire::earlier_reply>(*answer);
        std::vector<std::uint64_t> versions;
        for (const envelope& one : reply->versions) {
            versions.push_back(crypto::read_header(one)->version.value);
        }
        return versions;
    };
    EXPECT_EQ(given({bob.id}, false, first), (std::vector<std::uint64_t>{2, 3}));
    EXPECT_EQ(given({bob.id}, false, second), (std::vector<std::uint64_t>{3}));
    EXPECT_EQ(given({dave.id}, false, first), std::vector<std::uint64_t>());
    EXPECT_EQ(given({}, false, first), std::vector<std::uint64_t>());
    EXPECT_EQ(given({}, true, first), (std::vector<std::uint64_t>{2, 3}));
}

// Stores
// -----------------------------------------------------------------------------------------------------------

TEST_F(replicator_test, a_store_that_cannot_be_read_stops_the_start) {
    at_alice(false);
    store.unreadable = true;
    EXPECT_EQ(in.run(replica->start()).error().code, errc::io_failed);
    store.unreadable = false;
    const bytes key = left_out_key(which, {});
    store.held[{record_kind::history, key}] = {1};
    EXPECT_FALSE(in.run(replica->start()));
    // A notice that is damaged is one that nobody gets, and no reason to stay down.
    store.held.clear();
    store.held[{record_kind::history, removal_key(which, carol.id)}] = {1};
    EXPECT_TRUE(in.run(replica->start()));
}

TEST_F(replicator_test, what_was_written_is_known_though_the_peer_has_hung_up) {
    at_alice();
    const envelope one = begin();
    const auto second =
        sign(header_of(which, bob, 2, {bob.id, carol.id}, order_of(one)), bob, in.entropy);
    task_scope session(in.env, "session");
    session.spawn("request", [](replicator& at, wire::update what) -> task<void> {
        (void)co_await at.on_update({}, std::move(what));
    }(*replica, wire::update{second}));
    session.request_stop();
    in.run(session.join());
    in.settle();
    EXPECT_EQ(replica->events().find(which)->order, order_of(second));
    EXPECT_EQ(rest.shown.back().version, version_number(2));
    EXPECT_TRUE(in.run(replica->receive(second))) << "the event can be changed";
}

TEST_F(replicator_test, what_cannot_be_written_is_neither_shown_nor_acknowledged) {
    at_alice();
    const envelope one = begin();
    rest.shown.clear();
    store.refuses = [](const batch&) { return true; };
    const auto second =
        sign(header_of(which, bob, 2, {bob.id, carol.id}, order_of(one)), bob, in.entropy);
    EXPECT_EQ(in.run(replica->receive(second)).error().code, errc::io_failed);
    EXPECT_EQ(replica->events().find(which)->header.version, version_number(1));
    EXPECT_TRUE(rest.shown.empty());
    store.refuses = nullptr;
    EXPECT_EQ(in.run(replica->receive(second))->version, version_number(2));
}

TEST_F(replicator_test, damage_is_set_aside_and_mended_as_soon_as_the_disk_lets_it) {
    at_alice();
    const envelope one = begin();
    ASSERT_TRUE(in.run(replica->receive(
        sign(header_of(which, bob, 2, {bob.id, carol.id}, order_of(one)), bob, in.entropy))));
    for (const record_kind kind : {record_kind::envelope, record_kind::history}) {
        const auto look = [&] { return in.run(replica->look(kind, {})); };
        EXPECT_TRUE(look()->damaged.empty());
        const auto row = store.held.lower_bound({kind, {}});
        ASSERT_EQ(row->first.first, kind);
        row->second[row->second.size() / 2] ^= 1;
        store.unreadable = true;
        EXPECT_EQ(look().error().code, errc::io_failed);
        store.unreadable = false;
        store.refuses = [](const batch&) { return true; };
        EXPECT_EQ(look().error().code, errc::io_failed);
        store.refuses = nullptr;
        const auto seen = look();
        ASSERT_EQ(seen->damaged.size(), 1U);
        EXPECT_EQ(seen->damaged.front().event, which);
        // What is current is in memory; of an earlier version nobody here has another copy.
        EXPECT_EQ(seen->damaged.front().healed, kind == record_kind::envelope);
        EXPECT_TRUE(look()->damaged.empty());
    }
    store.held[{record_kind::history, removal_key(which, carol.id)}] = {1};
    EXPECT_EQ(in.run(replica->look(record_kind::history, {}))->damaged.size(), 1U);
}

TEST_F(replicator_test, out_of_an_archive_comes_what_is_newer_and_may_be) {
    at_alice();
    const envelope one = begin();
    const envelope two =
        sign(header_of(which, bob, 2, {bob.id, carol.id}, order_of(one)), bob, in.entropy);
    const auto restore = [&](const envelope& current, bool refuse = false) {
        std::vector<restored_event> all;
        all.push_back({*verify(current), {}});
        return in.run(replica->restore(
            std::move(all), [&](batch writes, std::function<void()> stored) -> task<result<void>> {
                if (refuse) {
                    co_return fail(errc::io_failed);
                }
                auto done = co_await db.apply(std::move(writes));
                if (done) {
                    stored();
                }
                co_return done;
            }));
    };
    const auto version = [&] { return replica->events().find(which)->header.version; };
    EXPECT_EQ(restore(two, true).error().code, errc::io_failed);
    EXPECT_EQ(version(), version_number(1));
    EXPECT_TRUE(restore(two));
    EXPECT_EQ(version(), version_number(2));
    EXPECT_TRUE(restore(one)) << "it is older, and nothing happens";
    EXPECT_EQ(version(), version_number(2));
    const auto forged =
        sign(header_of(which, dave, 3, {bob.id, carol.id}, order_of(two)), dave, in.entropy);
    EXPECT_EQ(restore(forged).error().code, errc::forbidden);
    EXPECT_EQ(version(), version_number(2));
    replica->begin_anew(bob.id);  // whose events are not here
}

TEST_F(replicator_test, what_is_owed_of_an_event_that_is_gone_is_given_up) {
    batch writes;
    const event_id gone{alice.id, event_id::make_seq(device_number(1), 9)};
    outbox::write_to(writes, {bob.on}, gone, {});
    ASSERT_TRUE(in.run(db.apply(std::move(writes))));
    at_alice();
    in.settle();
    EXPECT_TRUE(rest.delivered.empty());
    EXPECT_EQ(replica->outbox_size(), 0U);
}

TEST_F(replicator_test, what_is_owed_is_written_with_what_is_known_of_to_whom) {
    at_alice();
    rest.backing = {bob.on};
    std::size_t with_it = 0;
    store.refuses = [&](const batch& writes) {
        const auto holds = [&](record_kind kind) {
            return std::ranges::any_of(writes.writes,
                                       [kind](const auto& one) { return one.kind == kind; });
        };
        with_it += holds(record_kind::outbox) && holds(record_kind::overlay) ? 1 : 0;
        return false;
    };
    ASSERT_TRUE(in.run(replica->commit(by_alice({}))));
    EXPECT_EQ(with_it, 1U);
}

TEST_F(replicator_test, what_is_owed_to_a_backup_that_is_none_any_more_is_given_up) {
    at_alice();
    rest.backing = {bob.on};
    rest.reply.reset();
    ASSERT_TRUE(in.run(replica->commit(by_alice({}))));
    in.settle();
    rest.backing.clear();
    rest.delivered.clear();
    replica->on_reachable(bob.on);
    in.settle();
    EXPECT_TRUE(rest.delivered.empty());
    EXPECT_EQ(replica->outbox_size(), 0U);
}

TEST_F(replicator_test, an_answer_that_cannot_be_read_acknowledges_nothing) {
    at_alice();
    rest.reply = bytes{1};
    ASSERT_TRUE(in.run(replica->commit(by_alice({bob.id}))));
    in.settle();
    EXPECT_EQ(replica->owed(which), std::vector{bob.on});
    rest.reply = codec::encode(wire::update_reply{});
    in.advance(outbox::retry);
    EXPECT_EQ(replica->outbox_size(), 0U);
}

// What comes from others
// -----------------------------------------------------------------------------------------------------------

TEST_F(replicator_test, what_is_not_signed_or_not_for_us_is_refused) {
    at_alice();
    envelope one = sign(header_of(which, alice, 1, {bob.id}), alice, in.entropy);
    one.signature[0] ^= 1;
    EXPECT_EQ(in.run(replica->on_update(bob.on, {one})).error().code, errc::mismatch);
    const event_id theirs{bob.id, 1ULL << 32 | 1};
    const auto strange = sign(header_of(theirs, bob, 1, {carol.id}), bob, in.entropy);
    EXPECT_EQ(in.run(replica->on_update(bob.on, {strange})).error().code, errc::forbidden);
    const auto forged = sign(header_of(which, bob, 1, {bob.id}), bob, in.entropy);
    EXPECT_EQ(in.run(replica->on_update(bob.on, {forged})).error().code, errc::forbidden);
    EXPECT_EQ(replica->events().find(which), nullptr);
}

TEST_F(replicator_test, of_what_was_recovered_only_what_is_sound_counts) {
    at_alice();
    const auto one = sign(header_of(which, alice, 1, {bob.id}), alice, in.entropy);
    auto damaged = one;
    damaged.body[0] ^= 1;
    auto unsigned_one = sign(header_of(which, alice, 2, {bob.id}), alice, in.entropy);
    unsigned_one.signature[0] ^= 1;
    recovery.found = {{1},
                      codec::encode(damaged),
                      codec::encode(unsigned_one),
                      codec::encode(one),
                      codec::encode(one)};
    const auto report = in.run(replica->catch_up({{{bob.on, {bob.id}}}, {}, {alice.id}}));
    EXPECT_TRUE(report.caught_up);
    EXPECT_EQ(report.applied, 1U);
    EXPECT_EQ(replica->events().find(which)->order, order_of(one));
    EXPECT_EQ(
        std::ranges::count(in.log.lines, log_level::warn, &test::recording_logger::line::level), 3);
}

TEST_F(replicator_test, what_was_decided_is_kept_where_it_is_a_version_for_us) {
    at_alice();
    const envelope one = begin();
    hear({1});
    EXPECT_EQ(in.log.lines.back().level, log_level::warn);
    const event_id another{alice.id, which.seq + 1};
    hear(codec::encode(sign(header_of(another, alice, 1, {}), alice, in.entropy)));
    EXPECT_EQ(replica->events().all().size(), 1U) << "a value of another event";
    hear(codec::encode(one));
    EXPECT_EQ(replica->events().find(which)->order, order_of(one));
    const auto second =
        sign(header_of(which, bob, 2, {bob.id, carol.id}, order_of(one)), bob, in.entropy);
    hear(codec::encode(second));
    EXPECT_EQ(replica->events().find(which)->order, order_of(second));
    EXPECT_EQ(rest.shown.back().version, version_number(2));
}

// Edits
// -----------------------------------------------------------------------------------------------------------

TEST_F(replicator_test, an_edit_that_cannot_be_made_says_why) {
    at_alice();
    EXPECT_TRUE(in.run(replica->commit(by_alice({bob.id}))));
    change edit = by_alice({bob.id});
    edit.event = which;
    const auto ends_with = [&](const change& what) {
        const auto done = in.run(replica->commit(what));
        return done ? errc::ok : done.error().code;
    };
    change unknown = edit;
    unknown.event = event_id{bob.id, 77};
    EXPECT_EQ(ends_with(unknown), errc::not_found);
    change upon_nothing = edit;
    upon_nothing.brings_back = true;
    EXPECT_EQ(ends_with(upon_nothing), errc::not_found);
    change outdated = edit;
    outdated.expect = version_number(7);
    EXPECT_EQ(ends_with(outdated), errc::conflict);
    change as_bob = edit;
    as_bob.as = bob.id;
    EXPECT_EQ(ends_with(as_bob), errc::unauthorised);
    rest.online = false;
    EXPECT_EQ(ends_with(edit), errc::offline);
    rest.online = true;
    granted = version_number(5);
    EXPECT_EQ(ends_with(edit), errc::conflict) << "the version that was granted is not here yet";
    granted.reset();
    EXPECT_EQ(strategy.count<consensus::release>(), 1U);
    rest.known.erase(bob.id);
    EXPECT_EQ(ends_with(edit), errc::not_found) << "nothing can be sealed for bob";
    EXPECT_EQ(strategy.count<consensus::release>(), 2U) << "and the lock is free again";
    EXPECT_EQ(replica->events().find(which)->header.version, version_number(1));
}

TEST_F(replicator_test, whom_an_edit_waits_for_is_told_by_name) {
    at_alice();
    begin();
    change edit = by_alice({bob.id, carol.id});
    edit.event = which;
    no.emplace();
    no->why = error(errc::busy, "somebody edits it");
    no->holder = bob.on;
    EXPECT_EQ(in.run(replica->commit(edit)).error().detail, rest.label_of(bob.on) + " edits it");
    no->why = error(errc::unavailable, "no quorum");
    no->missing = {bob.on, carol.on};
    no->needed = 1;
    for (const bool takes_over : {false, true}) {
        strategy.traits.takes_over = takes_over;
        const auto refused = in.run(replica->commit(edit)).error();
        EXPECT_NE(refused.detail.find(rest.label_of(bob.on) + ", " + rest.label_of(carol.on)),
                  std::string::npos);
        EXPECT_EQ(refused.detail.find("events takeover") != std::string::npos, takes_over);
    }
    ASSERT_NE(replica->lacks_quorum(which), nullptr);
    EXPECT_EQ(replica->lacks_quorum(which)->needed, 1U);
    replica->on_peer(dave.on, true);
    EXPECT_NE(replica->lacks_quorum(which), nullptr);
    replica->on_peer(bob.on, true);
    EXPECT_EQ(replica->lacks_quorum(which), nullptr);
}

TEST_F(replicator_test, a_lock_is_of_the_version_that_is_here) {
    at_alice();
    begin();
    EXPECT_EQ(in.run(replica->lock(alice.id, {alice.id, 99})).error().code, errc::not_found);
    EXPECT_EQ(in.run(replica->lock(alice.id, which))->token, 5U);
    granted = version_number(4);
    EXPECT_EQ(in.run(replica->lock(alice.id, which)).error().code, errc::conflict);
    EXPECT_EQ(strategy.count<consensus::release>(), 1U);
    rest.online = false;
    EXPECT_EQ(in.run(replica->lock(alice.id, which)).error().code, errc::offline);
    strategy.traits.mutual_exclusion = false;
    EXPECT_EQ(in.run(replica->lock(alice.id, which)).error().code, errc::unsupported);
}

TEST_F(replicator_test, a_take_over_needs_a_strategy_that_knows_it_an_event_and_a_reader) {
    at_alice();
    EXPECT_EQ(in.run(replica->take_over(alice.id, which)).error().code, errc::unsupported);
    strategy.traits.takes_over = true;
    EXPECT_EQ(in.run(replica->take_over(alice.id, which)).error().code, errc::not_found);
    // Sealed for bob alone.
    ASSERT_TRUE(
        in.run(replica->receive(sign(header_of(which, alice, 1, {bob.id}), alice, in.entropy))));
    auto unread = header_of(which, bob, 2, {bob.id});
    ASSERT_TRUE(in.run(replica->receive(sign(unread, bob, in.entropy))));
    EXPECT_EQ(in.run(replica->take_over(alice.id, which)).error().code, errc::forbidden);
    auto often = header_of(which, alice, 3, {bob.id});
    often.left.resize(wire::limits::takeovers);
    ASSERT_TRUE(in.run(replica->receive(sign(often, alice, in.entropy))));
    EXPECT_EQ(in.run(replica->take_over(alice.id, which)).error().code, errc::too_large);
}

TEST_F(replicator_test, a_version_is_expected_in_the_line_in_which_it_was_read) {
    at_alice();
    begin();
    EXPECT_EQ(replica->line_of(which), generation_number(1));
    auto edit = by_alice({bob.id, carol.id});
    edit.event = which;
    edit.expect = version_number(1);
    edit.line = replica->line_of(which);
    auto other = header_of(which, alice, 1, {bob.id, carol.id});
    other.generation = generation_number(2);
    ASSERT_TRUE(in.run(replica->receive(sign(other, alice, in.entropy))));
    EXPECT_EQ(in.run(replica->commit(edit)).error().code, errc::conflict)
        << "the other line has a first version, too";
    held_lock of_the_first;
    of_the_first.event = which;
    of_the_first.version = version_number(1);
    of_the_first.generation = generation_number(1);
    of_the_first.in = network_epoch(1);
    edit.line = replica->line_of(which);
    edit.held = of_the_first;
    EXPECT_EQ(in.run(replica->commit(edit)).error().code, errc::conflict)
        << "the lock was taken before the other line came";
    edit.held.reset();
    EXPECT_TRUE(in.run(replica->commit(edit)));
}

TEST_F(replicator_test, an_answer_for_others_goes_by_the_strategy_of_recovery) {
    at_alice();
    wire::recovery_message ask{"scripted", false, 1, {}, {}, {}};
    in.run(replica->on_recovery(bob.on, {bob.id}, false, ask));
    EXPECT_EQ(rest.sent.size(), 2U);
    ask.strategy = "another";
    in.run(replica->on_recovery(bob.on, {bob.id}, false, ask));
    EXPECT_EQ(rest.sent.size(), 3U) << "that it has no such strategy";
    EXPECT_EQ(replica->explain_lock(which), "{}");
}

}  // namespace
}  // namespace calbox::replica
