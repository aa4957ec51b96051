// Who needs a file, and from when on nobody does.
#include "replica/file_needs.hpp"

#include <gtest/gtest.h>

#include "wire/limits.hpp"

namespace calbox::replica {
namespace {

user_id user(std::uint8_t n) { return *user_id::from_bytes(bytes(user_id::size, n)); }
constexpr duration grace = std::chrono::seconds(10);
const user_id ann = user(1), bob = user(2), cem = user(3);

TEST(file_needs, waits_from_the_last_release_on_and_is_over_after_the_grace) {
    file_needs what;
    EXPECT_TRUE(need(what, {ann, bob}, {ann}));
    EXPECT_FALSE(need(what, {ann, bob}, {ann}));
    EXPECT_TRUE(release(what, ann, {1'000}));
    EXPECT_FALSE(release(what, ann, {2'000})) << "he has";
    EXPECT_FALSE(what.unneeded);
    EXPECT_FALSE(is_over(what, {1'000'000}, grace)) << "somebody needs it";
    EXPECT_TRUE(release(what, bob, {5'000}));
    EXPECT_EQ(what.unneeded, timestamp{5'000});
    EXPECT_FALSE(is_over(what, {14'999}, grace));
    EXPECT_TRUE(is_over(what, {15'000}, grace));
    what.cleared = true;
    EXPECT_FALSE(is_over(what, {15'000}, grace)) << "it is gone";
}

TEST(file_needs, nobody_releases_who_was_not_named) {
    file_needs what;
    need(what, {ann}, {ann});
    EXPECT_FALSE(release(what, cem, {1}));
    EXPECT_EQ(what.users, user_list{ann});
    EXPECT_TRUE(what.released.empty());
}

TEST(file_needs, only_who_released_it_takes_that_back) {
    file_needs what;
    need(what, {ann, bob}, {ann});
    release(what, bob, {1'000});
    EXPECT_FALSE(need(what, {ann, bob}, {ann})) << "she may not know that he needs it no more";
    EXPECT_EQ(what.users, user_list{ann});
    release(what, ann, {2'000});
    EXPECT_FALSE(need(what, {ann, bob}, {cem}));
    EXPECT_TRUE(need(what, {bob}, {bob})) << "another device of his does need it";
    EXPECT_EQ(what.users, user_list{bob});
    EXPECT_EQ(what.released, user_list{ann});
    EXPECT_FALSE(what.unneeded);
    EXPECT_FALSE(is_over(what, {1'000'000}, grace));
    EXPECT_TRUE(need(what, {cem}, {})) << "anybody says it for who was not known";
}

TEST(file_needs, one_without_a_time_is_never_over) {
    EXPECT_FALSE(is_over(file_needs{}, {1'000'000}, grace));
}

TEST(file_needs, says_when_there_are_more_than_are_remembered) {
    file_needs what;
    for (std::size_t n = 0; n <= wire::limits::needs_per_file; ++n) {
        EXPECT_FALSE(too_many(what));
        user_id one;
        one.value[0] = static_cast<std::uint8_t>(n);
        one.value[1] = static_cast<std::uint8_t>(n >> 8);
        need(what, {one}, {});
        if (n % 2 == 0) {
            release(what, one, {1});
        }
    }
    EXPECT_TRUE(too_many(what));
}

TEST(file_needs, lists_are_ordered_and_taken_from_each_other) {
    EXPECT_EQ(ordered({cem, ann, cem}), (user_list{ann, cem}));
    EXPECT_EQ(without({ann, bob, cem}, {bob}), (user_list{ann, cem}));
    const file_needs what{{ann}, {bob}, {}, timestamp{7}, true};
    const auto read = codec::decode<file_needs>(codec::encode(what));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->users, what.users);
    EXPECT_EQ(read->released, what.released);
    EXPECT_EQ(read->erased, what.erased);
    EXPECT_EQ(read->cleared, what.cleared);
}

}  // namespace
}  // namespace calbox::replica
