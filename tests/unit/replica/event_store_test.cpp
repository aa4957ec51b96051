// Stores that cannot be read, and who may make which version.
#include "replica/event_store.hpp"

#include <gtest/gtest.h>

#include "replica/recovery_driver.hpp"
#include "unit/replica/replica_bench.hpp"

namespace calbox::replica {
namespace {

class event_store_test : public testing::Test {
protected:
    void hold(const envelope& what) { events.publish(*verify(what)); }
    envelope first(std::uint32_t guests_may = guest_right::standard) {
        auto header = header_of(which, alice, 1, {bob.id});
        header.guests_may = guests_may;
        return sign(std::move(header), alice, in.entropy);
    }
    errc refused(const envelope_header& header, const person& by) {
        const auto allowed = events.permitted(*verify(sign(header, by, in.entropy)));
        return allowed ? errc::ok : allowed.error().code;
    }
    /// The next version by bob, which shows no change.
    envelope_header by_bob() {
        const held_event& held = *events.find(which);
        auto header = header_of(which, bob, held.header.version.value + 1, held.header.participants,
                                held.order);
        header.guests_may = held.header.guests_may;
        return header;
    }

    test::test_environment in;
    test::faulty_store store;
    database db{in.env, store};
    event_store events{in.env, db};
    const person alice{in.entropy}, bob{in.entropy}, eve{in.entropy};
    const event_id which{alice.id, event_id::make_seq(device_number(1), 1)};
};

TEST_F(event_store_test, what_is_stored_is_there_after_a_restart) {
    const envelope one = first();
    batch writes;
    events.write_to(writes, *verify(one));
    auto header = crypto::read_header(one).value();
    header.streams = {{bob.id, stream_number(9)}};
    events.numbers().write_given(writes, header);
    ASSERT_TRUE(in.run(db.apply(std::move(writes))));
    event_store again(in.env, db);
    ASSERT_TRUE(in.run(again.load()));
    ASSERT_NE(again.find(which), nullptr);
    EXPECT_EQ(again.find(which)->order, order_of(one));
    EXPECT_EQ(again.next_n(alice.id, device_number(1)), 2U);
    EXPECT_EQ(again.numbers().reserve(alice.on, incarnation(1), {bob.id}).front().second,
              stream_number(10));
}

TEST_F(event_store_test,
       the_numbers_of_streams_that_came_survive_a_restart_and_damage_of_an_event_empties_them) {
    const auto ours = [&](const user_id& user) { return user == bob.id; };
    const auto numbered = [&](std::uint32_t n, std::uint64_t version, std::uint64_t number,
                              const envelope_order& before) {
        event_id event = which;
        event.seq += n;
        auto header = header_of(event, alice, version, {bob.id}, before);
        header.streams = {{bob.id, stream_number(number)}, {alice.id, stream_number(number)}};
        return sign(std::move(header), alice, in.entropy);
    };
    const auto came = [&](const event_store& here) {
        const auto& all = here.numbers().all();
        return all.size() == 1 ? all.begin()->second : recovery::number_ranges();
    };
    const auto take = [&](const envelope& what) {
        batch writes;
        events.write_to(writes, *verify(what));
        ASSERT_TRUE(in.run(db.apply(std::move(writes))));
        events.publish(*verify(what));
    };
    events.numbers().ours = ours;
    const envelope old = numbered(0, 1, 1, {});
    take(old);
    take(numbered(1, 1, 2, {}));
    take(numbered(2, 1, 5, {}));
    take(numbered(0, 2, 3, order_of(old)));  // replaces number 1
    const recovery::number_ranges all{{1, 3}, {5, 5}};
    EXPECT_EQ(came(events), all);
    event_store again(in.env, db);
    again.numbers().ours = ours;
    ASSERT_TRUE(in.run(again.load()));
    EXPECT_EQ(came(again), all);

    store.held[{record_kind::envelope, event_key(which)}] = {1};
    event_store damaged(in.env, db);
    damaged.numbers().ours = ours;
    ASSERT_TRUE(in.run(damaged.load()));
    EXPECT_EQ(came(damaged), (recovery::number_ranges{{2, 2}, {5, 5}})) << "only what is held";
}

TEST_F(event_store_test, a_damaged_version_is_set_aside_and_its_event_lost_until_it_comes) {
    const bytes key = event_key(which);
    envelope torn = first();
    torn.body[0] ^= 1;
    event_id another = which;
    ++another.seq;
    const envelope good = first();
    const std::vector<std::pair<bytes, bytes>> cases{
        {key, {1}}, {key, codec::encode(torn)}, {event_key(another), codec::encode(good)}};
    for (const auto& [at, value] : cases) {
        store.held.clear();
        store.held[{record_kind::envelope, at}] = value;
        event_store damaged(in.env, db);
        ASSERT_TRUE(in.run(damaged.load()));
        EXPECT_TRUE(damaged.all().empty());
        EXPECT_EQ(damaged.lost(), std::set{*event_of_key(at)});
        ASSERT_EQ(store.held.size(), 1U) << "it is kept";
        EXPECT_EQ(store.held.begin()->first.first, record_kind::meta);
        EXPECT_EQ(store.held.begin()->second, value);
        EXPECT_GE(damaged.next_n(alice.id, device_number(1)), 2U) << "its number is given";
        // It is remembered, and comes again.
        event_store again(in.env, db);
        ASSERT_TRUE(in.run(again.load()));
        EXPECT_EQ(again.lost(), std::set{*event_of_key(at)});
        if (at == key) {
            again.publish(*verify(good));
            EXPECT_TRUE(again.lost().empty());
        }
    }
}

TEST_F(event_store_test, what_cannot_be_read_stops_the_start) {
    store.held[{record_kind::stream, {1}}] = {1};
    EXPECT_FALSE(in.run(events.load()));
    store.held.clear();
    EXPECT_TRUE(in.run(events.load()));
    store.unreadable = true;
    EXPECT_EQ(in.run(events.load()).error().code, errc::io_failed);
}

TEST_F(event_store_test, an_earlier_version_is_found_by_its_number) {
    const envelope one = first();
    batch writes;
    events.write_to(writes, *verify(one));
    hold(one);
    const auto second = verify(sign(by_bob(), bob, in.entropy));
    events.write_to(writes, *second);
    ASSERT_TRUE(in.run(db.apply(std::move(writes))));
    const auto line = generation_number(1);
    const auto found = in.run(events.earlier(which, line, version_number(1)));
    ASSERT_TRUE(found && *found);
    EXPECT_EQ((*found)->order, order_of(one));
    EXPECT_FALSE(in.run(events.earlier(which, line, version_number(2))).value());
    EXPECT_FALSE(in.run(events.earlier(which, generation_number(2), version_number(1))).value());
    store.held[{record_kind::history, history_key(which, order_of(one))}] = {1};
    EXPECT_EQ(in.run(events.earlier(which, line, version_number(1))).error().code, errc::malformed);
    store.unreadable = true;
    EXPECT_EQ(in.run(events.earlier(which, line, version_number(1))).error().code, errc::io_failed);
}

TEST_F(event_store_test, of_an_event_that_is_not_held_only_the_organizer_makes_the_first_version) {
    EXPECT_EQ(refused(header_of(which, bob, 1, {bob.id}), bob), errc::forbidden);
    EXPECT_EQ(refused(header_of(which, eve, 4, {bob.id}), eve), errc::forbidden);
    auto left = header_of(which, eve, 4, {bob.id});
    left.epoch = key_epoch(2);  // may have been the one by which eve left
    EXPECT_EQ(refused(left, eve), errc::ok);
    EXPECT_EQ(refused(header_of(which, alice, 1, {bob.id}), alice), errc::ok);
}

TEST_F(event_store_test, a_guest_does_what_he_has_the_right_to) {
    hold(first());
    EXPECT_EQ(refused(by_bob(), bob), errc::ok);
    auto stranger = by_bob();
    stranger.by = eve.by;
    EXPECT_EQ(refused(stranger, eve), errc::forbidden);
    auto invites = by_bob();
    invites.participants.push_back(eve.id);
    std::ranges::sort(invites.participants);
    EXPECT_EQ(refused(invites, bob), errc::forbidden);
    auto deletes = by_bob();
    deletes.kind = envelope_kind::tombstone;
    EXPECT_EQ(refused(deletes, bob), errc::forbidden);
    auto rights = by_bob();
    rights.guests_may |= guest_right::remove;
    EXPECT_EQ(refused(rights, bob), errc::forbidden);
    auto leaves = by_bob();
    leaves.participants.clear();
    EXPECT_EQ(refused(leaves, bob), errc::ok);
    leaves.kind = envelope_kind::removed_you;
    EXPECT_EQ(refused(leaves, bob), errc::ok) << "of which he tells his other devices";
    leaves.kind = envelope_kind::void_number;
    EXPECT_EQ(refused(leaves, bob), errc::forbidden);

    hold(first(guest_right::standard | guest_right::invite | guest_right::remove));
    const auto with_rights = [&](envelope_header header) {
        header.guests_may = events.find(which)->header.guests_may;
        return header;
    };
    EXPECT_EQ(refused(with_rights(invites), bob), errc::ok);
    EXPECT_EQ(refused(with_rights(deletes), bob), errc::ok);
}

TEST_F(event_store_test, whoever_was_removed_is_asked_again_by_those_who_came_since) {
    auto notice = header_of(which, alice, 2, {});
    notice.kind = envelope_kind::removed_you;
    hold(sign(notice, alice, in.entropy));
    auto again = header_of(which, eve, 4, {bob.id, eve.id});
    EXPECT_EQ(refused(again, eve), errc::ok);
    again.kind = envelope_kind::removed_you;
    EXPECT_EQ(refused(again, eve), errc::forbidden)
        << "what is no version of it is not hers to say";
    EXPECT_EQ(refused(header_of(which, eve, 4, {bob.id}), eve), errc::forbidden);
    again = header_of(which, eve, 2, {bob.id, eve.id});
    EXPECT_EQ(refused(again, eve), errc::forbidden) << "beside the removal, and not after it";
}

TEST_F(event_store_test, whoever_left_is_asked_again_by_those_who_came_since) {
    hold(first());
    auto left = by_bob();
    left.participants.clear();
    hold(sign(left, bob, in.entropy));
    events.numbers().ours = [&](const user_id& user) { return user == bob.id; };
    const auto again = header_of(which, eve, 4, {bob.id, eve.id});
    EXPECT_EQ(refused(again, eve), errc::forbidden) << "a backup knows who takes part";
    events.is_backups = false;
    EXPECT_EQ(refused(again, eve), errc::ok);
}

TEST_F(event_store_test, bringing_back_needs_the_right_to_delete) {
    for (const bool may : {false, true}) {
        hold(first(guest_right::standard | (may ? guest_right::remove : 0U)));
        auto deletion = by_bob();
        deletion.by = alice.by;
        deletion.kind = envelope_kind::tombstone;
        hold(sign(deletion, alice, in.entropy));
        EXPECT_EQ(refused(by_bob(), bob), may ? errc::ok : errc::forbidden);
        auto beside = by_bob();
        beside.previous = {};
        EXPECT_EQ(refused(beside, bob), errc::ok) << "the order of the two decides";
    }
}

TEST_F(event_store_test, another_line_is_judged_by_what_it_says_of_itself) {
    hold(first());
    auto taken = by_bob();
    taken.generation = taken_over(generation_number(1), bob.on);
    EXPECT_EQ(refused(taken, bob), errc::ok);
    taken.kind = envelope_kind::tombstone;
    EXPECT_EQ(refused(taken, bob), errc::forbidden);
    taken.guests_may |= guest_right::remove;
    EXPECT_EQ(refused(taken, bob), errc::ok);
    taken.kind = envelope_kind::put;
    taken.guests_may = guest_right::attach;
    EXPECT_EQ(refused(taken, bob), errc::forbidden);
}

TEST_F(event_store_test, whoever_asks_is_answered_by_those_who_take_part) {
    hold(first());
    const auto given = [&](bool is_backup, const user_id& ours, bool to_backup) {
        const event_set all(events, is_backup, [&] { return std::vector{ours}; });
        return all.to_answer({bob.id}, to_backup)->list()->events.size();
    };
    EXPECT_EQ(given(false, alice.id, false), 1U);
    EXPECT_EQ(given(false, eve.id, false), 0U) << "who may have left it";
    EXPECT_EQ(given(false, eve.id, true), 1U);
    EXPECT_EQ(given(true, eve.id, false), 1U);
}

TEST_F(event_store_test, a_view_shows_what_somebody_takes_part_in_and_no_notice) {
    const event_id other{alice.id, event_id::make_seq(device_number(1), 2)};
    const event_id third{alice.id, event_id::make_seq(device_number(1), 3)};
    hold(first());
    hold(sign(header_of(other, alice, 1, {bob.id}), alice, in.entropy));
    auto removed = header_of(third, alice, 2, {bob.id});
    removed.kind = envelope_kind::removed_you;
    hold(sign(removed, alice, in.entropy));
    const auto count = [](const store_view& view) { return view.list()->events.size(); };
    EXPECT_EQ(count({events, {bob.id}, false}), 2U);
    EXPECT_EQ(count({events, {eve.id}, false}), 0U);
    const store_view by_eve(events, {bob.id}, false, nullptr, std::vector{eve.id});
    EXPECT_EQ(count(by_eve), 0U) << "who takes part in neither, and may have left them";
    EXPECT_FALSE(by_eve.load(which));
    EXPECT_EQ(count({events, {bob.id}, false, nullptr, std::vector{alice.id}}), 2U);
    const store_view everything(events, {}, true);
    EXPECT_EQ(count(everything), 2U);
    EXPECT_FALSE(everything.find(third) || everything.load(third));
    EXPECT_TRUE(everything.find(which) && everything.load(which));
    EXPECT_FALSE(everything.find({eve.id, 1}) || everything.load({eve.id, 1}));
}

}  // namespace
}  // namespace calbox::replica
