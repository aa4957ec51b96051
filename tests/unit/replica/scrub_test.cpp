// When everything that is stored is read again, and how fast.
#include "replica/scrub.hpp"

#include <gtest/gtest.h>

namespace calbox::replica {
namespace {

using namespace std::chrono_literals;

constexpr timestamp may{1'777'800'000'000};
timestamp later(std::chrono::milliseconds by) { return {may.ms + by.count()}; }

struct scrub_test : testing::Test {
    scrub_terms terms{24h, 1'000'000};
    instant now{1h};
};

TEST_F(scrub_test, a_pass_is_due_at_first_and_then_once_in_a_while) {
    scrub one(terms);
    EXPECT_TRUE(one.is_due(may));
    EXPECT_FALSE(scrub(scrub_terms{}).is_due(may)) << "never by itself";
    one.begin(may, false);
    one.end(later(1h));
    EXPECT_FALSE(one.running());
    EXPECT_FALSE(one.is_due(later(24h)));
    EXPECT_TRUE(one.is_due(later(25h)));
    EXPECT_TRUE(one.is_due(later(-1h))) << "the clock was set back";
    EXPECT_EQ(one.state().last->began, may);
    EXPECT_EQ(one.state().last->ended, later(1h));
}

TEST_F(scrub_test, goes_through_events_their_versions_and_files) {
    scrub one(terms);
    one.begin(may, false);
    EXPECT_EQ(one.state().now->stage, scrub_stage::events);
    one.read_events(16, 1'000, {7}, now);
    EXPECT_EQ(one.state().now->stage, scrub_stage::events);
    EXPECT_EQ(one.state().now->from, bytes{7});
    one.read_events(4, 500, {}, now);
    EXPECT_EQ(one.state().now->stage, scrub_stage::versions);
    EXPECT_TRUE(one.state().now->from.empty());
    one.read_versions(3, 500, {}, now);
    EXPECT_EQ(one.state().now->stage, scrub_stage::files);
    one.read_leaves(10'000, now);
    one.read_file({9});
    EXPECT_EQ(one.state().now->from, bytes{9});
    one.end(later(1h));
    const scrub_pass& last = *one.state().last;
    EXPECT_EQ(last.events, 20U);
    EXPECT_EQ(last.versions, 3U);
    EXPECT_EQ(last.files, 1U);
    EXPECT_EQ(last.bytes_read, 12'000U);
}

TEST_F(scrub_test, rests_as_long_as_it_would_have_taken_unless_somebody_waits) {
    scrub one(terms);
    one.begin(may, false);
    EXPECT_EQ(one.rest(now), 0s);
    one.read_events(1, 3'000'000, {1}, now);
    EXPECT_EQ(one.rest(now), 3s);
    EXPECT_EQ(one.rest(now + 1s), 2s);
    EXPECT_EQ(one.rest(now + 5s), 0s);
    one.begin(may, true);
    EXPECT_TRUE(one.hurries());
    EXPECT_EQ(one.rest(now), 0s);
    one.read_events(1, 3'000'000, {}, now);
    EXPECT_EQ(one.rest(now), 0s);
    EXPECT_EQ(one.state().now->began, may) << "it is the same pass";
    one.end(may);
    one.begin(may, false);
    one.read_events(1, 3'000'000, {1}, now);
    EXPECT_EQ(one.rest(now), 3s) << "nobody waits for this one";
}

TEST_F(scrub_test, goes_on_after_a_restart_where_it_was) {
    scrub one(terms);
    one.begin(may, true);
    one.read_events(5, 100, {}, now);
    one.read_versions(5, 100, {4, 4}, now);
    one.found(true);
    const auto record = codec::decode<scrub_record>(codec::encode(one.state()));
    ASSERT_TRUE(record);
    scrub again(terms, *record);
    EXPECT_TRUE(again.is_due(may));
    EXPECT_FALSE(again.hurries()) << "nobody waits for it any more";
    again.begin(later(1h), false);
    EXPECT_EQ(again.state().now->began, may);
    EXPECT_EQ(again.state().now->stage, scrub_stage::versions);
    EXPECT_EQ(again.state().now->from, (bytes{4, 4}));
    EXPECT_EQ(again.state().now->damaged, 1U);
}

TEST_F(scrub_test, counts_what_has_been_healed_since) {
    scrub one(terms);
    EXPECT_FALSE(one.still_lost(0));
    one.begin(may, false);
    one.found(true);
    one.found(false);
    one.found(false);
    one.end(may);
    EXPECT_EQ(one.state().last->healed, 1U);
    EXPECT_FALSE(one.still_lost(2));
    EXPECT_TRUE(one.still_lost(1));
    EXPECT_EQ(one.state().last->healed, 2U);
    EXPECT_FALSE(one.still_lost(2)) << "something else was lost";
    EXPECT_TRUE(one.still_lost(0));
    EXPECT_EQ(one.state().last->healed, one.state().last->damaged);
}

}  // namespace
}  // namespace calbox::replica
