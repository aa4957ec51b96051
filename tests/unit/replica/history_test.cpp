// How long earlier versions are kept.
#include <gtest/gtest.h>

#include "replica/history.hpp"

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

}  // namespace
}  // namespace calbox::replica
