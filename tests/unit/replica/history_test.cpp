// How long earlier versions are kept, and what a sweep erases.
#include "replica/history.hpp"

#include <gtest/gtest.h>

#include "unit/replica/replica_bench.hpp"

namespace calbox::replica {
namespace {

constexpr std::int64_t day_ms = 86'400'000;
constexpr auto put = envelope_kind::put;
constexpr auto tombstone = envelope_kind::tombstone;

timestamp day(std::int64_t number) { return {number * day_ms}; }

past_outline version(std::uint64_t number, envelope_kind kind, std::int64_t replaced) {
    return {{generation_number(1), version_number(number), {}}, kind, day(replaced)};
}

history_terms terms(int versions, int trash) {
    return {std::chrono::days(versions), std::chrono::days(trash)};
}

using ends = std::vector<timestamp>;

TEST(history_test, a_version_is_kept_from_the_moment_at_which_it_was_replaced) {
    EXPECT_EQ(ends_of({version(1, put, 10), version(2, put, 40)}, false, terms(365, 30)),
              (ends{day(375), day(405)}));
    EXPECT_EQ(ends_of({}, false, terms(365, 30)), ends());
}

TEST(history_test, a_deletion_ends_all_of_them_with_the_trash_time) {
    EXPECT_EQ(ends_of({version(1, put, 10), version(2, put, 40), version(3, put, 50)}, true,
                      terms(365, 30)),
              (ends{day(80), day(80), day(80)}));
}

TEST(history_test, what_can_be_brought_back_outlasts_earlier_versions) {
    EXPECT_EQ(ends_of({version(1, put, 10), version(2, put, 50)}, true, terms(7, 30)),
              (ends{day(17), day(80)}));
}

TEST(history_test, a_deletion_is_counted_from_the_last_version_with_a_body) {
    // Two deletions beside each other, of which one was replaced by the other.
    EXPECT_EQ(ends_of({version(1, put, 10), version(2, tombstone, 60)}, true, terms(365, 30)),
              (ends{day(40), day(40)}));
    // Nothing of it was ever here.
    EXPECT_EQ(ends_of({version(2, tombstone, 60)}, true, terms(365, 30)), (ends{day(425)}));
}

TEST(history_test, an_event_that_was_brought_back_has_its_history_again) {
    EXPECT_EQ(ends_of({version(1, put, 10), version(2, tombstone, 20)}, false, terms(365, 1)),
              (ends{day(375), day(385)}));
}

TEST(history_test, nothing_is_kept_without_any_time) {
    EXPECT_EQ(ends_of({version(1, put, 10), version(2, put, 20)}, true, terms(0, 0)),
              (ends{day(10), day(20)}));
}

// Sweeps
// -----------------------------------------------------------------------------------------------------------

class history_sweep : public testing::Test {
protected:
    /// Versions 1 to `last`, each replaced by the next now.
    void make(const event_id& which, std::uint64_t last) {
        envelope_order before;
        for (std::uint64_t version = 1; version <= last; ++version) {
            const auto next =
                verify(sign(header_of(which, alice, version, {}, before), alice, in.entropy));
            before = next->order;
            batch writes;
            events.write_to(writes, *next);
            ASSERT_TRUE(in.run(db.apply(std::move(writes))));
            events.publish(*next);
            all.push_back(before);
        }
    }
    event_id event(std::uint32_t n) const {
        return {alice.id, event_id::make_seq(device_number(1), n)};
    }
    std::size_t rows() const {
        return static_cast<std::size_t>(std::ranges::count_if(
            store.held, [](const auto& one) { return one.first.first == record_kind::history; }));
    }

    test::test_environment in;
    test::faulty_store store;
    database db{in.env, store};
    event_store events{in.env, db};
    const person alice{in.entropy};
    history earlier{in.env, db, events, terms(10, 30)};
    std::vector<envelope_order> all;
};

TEST_F(history_sweep, erases_what_has_ended_and_nothing_else) {
    make(event(1), 40);  // more than are read at once
    in.advance(std::chrono::days(5));
    make(event(2), 3);
    const bytes notice = removal_key(event(1), alice.id);
    store.held[{record_kind::history, notice}] = {1};
    EXPECT_EQ(in.run(earlier.sweep()), 0U);
    EXPECT_EQ(in.run(earlier.kept(event(1)))->size(), 39U);
    in.advance(std::chrono::days(6));
    EXPECT_TRUE(in.run(earlier.kept(event(1)))->empty()) << "its time is up, though it is there";
    EXPECT_EQ(in.run(earlier.sweep()), 39U);
    EXPECT_EQ(in.run(earlier.read(event(1), all[0])).error().code, errc::not_found);
    EXPECT_EQ(in.run(earlier.read(event(2), all[40]))->header.version, version_number(1));
    EXPECT_TRUE(store.held.contains({record_kind::history, notice}));
    EXPECT_EQ(rows(), 3U);
}

TEST_F(history_sweep, a_version_without_a_date_is_counted_from_the_first_one_that_meets_it) {
    make(event(1), 2);
    const std::pair key(record_kind::history, history_key(event(1), all[0]));
    auto record = codec::decode<history_record>(store.held[key]).value();
    record.since.reset();
    store.held[key] = codec::encode(record);
    in.advance(std::chrono::days(100));
    EXPECT_EQ(in.run(earlier.sweep()), 0U);
    in.advance(std::chrono::days(9));
    EXPECT_EQ(in.run(earlier.sweep()), 0U);
    in.advance(std::chrono::days(2));
    EXPECT_EQ(in.run(earlier.sweep()), 1U);
}

TEST_F(history_sweep, what_cannot_be_read_as_a_version_is_left_alone) {
    make(event(1), 3);
    const std::pair key(record_kind::history, history_key(event(1), all[0]));
    store.held[key] = {1};
    EXPECT_EQ(in.run(earlier.kept(event(1)))->size(), 1U);
    EXPECT_FALSE(in.run(earlier.read(event(1), all[0])));
    in.advance(std::chrono::days(50));
    EXPECT_EQ(in.run(earlier.sweep()), 1U);
    EXPECT_TRUE(store.held.contains(key));
    store.held[{record_kind::history, {1, 2}}] = {1};  // no event's
    EXPECT_EQ(in.run(earlier.sweep()), 0U);
}

TEST_F(history_sweep, a_store_that_fails_is_reported_and_loses_nothing) {
    make(event(1), 3);
    in.advance(std::chrono::days(50));
    store.refuses = [](const batch&) { return true; };
    EXPECT_EQ(in.run(earlier.sweep()).error().code, errc::io_failed);
    EXPECT_EQ(rows(), 2U);
    store.unreadable = true;
    EXPECT_EQ(in.run(earlier.sweep()).error().code, errc::io_failed);
    EXPECT_EQ(in.run(earlier.kept(event(1))).error().code, errc::io_failed);
    EXPECT_EQ(in.run(earlier.read(event(1), all[0])).error().code, errc::io_failed);
}

}  // namespace
}  // namespace calbox::replica
