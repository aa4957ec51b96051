// Which rendezvous keep an object's list, and what moves when they come and go.
#include "overlay/objects.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "crypto/primitives.hpp"
#include "overlay/object_index.hpp"

namespace calbox::overlay {
namespace {

using namespace std::chrono_literals;

device_id scattered_device(std::uint32_t n) {
    const bytes text = to_bytes("device " + std::to_string(n));
    return *device_id::from_bytes(crypto::sha256(text).view());
}
object_id object(std::uint32_t n) {
    event_id which;
    which.seq = n;
    return object_of(which, {});
}
std::vector<keeper> keepers(std::uint32_t count, std::uint32_t weight = 1) {
    std::vector<keeper> all;
    for (std::uint32_t i = 0; i < count; ++i) {
        all.push_back({scattered_device(i), weight});
    }
    return all;
}

TEST(objects, logarithms_are_exact_to_a_billionth) {
    EXPECT_EQ(minus_log2(UINT64_MAX), 0u);
    EXPECT_EQ(minus_log2(0), 64ull << 32);
    EXPECT_EQ(minus_log2((1ull << 63) - 1), 1ull << 32);
    for (const std::uint64_t hash :
         {1ull, 12345ull, 0xfedcba9876543210ull, 0xffffffff00000000ull, 0x8000000000000001ull}) {
        const double exact = 64 - std::log2(static_cast<double>(hash) + 1);
        EXPECT_NEAR(static_cast<double>(minus_log2(hash)) / std::pow(2.0, 32), exact, 2e-9) << hash;
    }
}

// Of these, every build and every version must choose the same.
TEST(objects, owners_are_those_of_the_test_vectors) {
    auto among = keepers(5, 100);
    among[3].weight = 300;
    EXPECT_EQ(object(1).hex(), "830092ccf6f2194878ae3b282c018d5663b511a8");
    const auto owners = owners_of(object(1), among, 3);
    std::string text;
    for (const device_id& one : owners) {
        text += one.hex().substr(0, 8) + " ";
    }
    EXPECT_EQ(text, "bb6a7d0a fb2c9cbb 04668303 ");
    std::swap(among[0], among[4]);
    EXPECT_EQ(owners_of(object(1), among, 3), owners) << "in whatever order they are known";
}

TEST(objects, shares_are_as_the_weights) {
    auto among = keepers(10, 100);
    among[0].weight = 400;
    among[1].weight = 50;
    std::map<device_id, int> first;
    constexpr int all = 26'000;  // 2,000 for a weight of 100
    for (std::uint32_t i = 0; i < all; ++i) {
        ++first[owners_of(object(i), among, 1).front()];
    }
    for (const keeper& one : among) {
        const double fair = all * one.weight / 1250.0;
        EXPECT_NEAR(first[one.device], fair, 5 * std::sqrt(fair)) << one.weight;
    }
}

TEST(objects, only_the_share_of_who_comes_moves) {
    const auto before = keepers(10, 7);
    const auto after = keepers(11, 7);
    int moved = 0;
    constexpr int all = 22'000;
    for (std::uint32_t i = 0; i < all; ++i) {
        const auto was = owners_of(object(i), before, 3);
        const auto is = owners_of(object(i), after, 3);
        const std::set<device_id> old(was.begin(), was.end());
        for (const device_id& one : is) {
            if (!old.contains(one)) {
                ++moved;
                EXPECT_EQ(one, scattered_device(10))
                    << "an old one takes nothing from another old one";
            }
        }
    }
    EXPECT_LE(moved, 1.1 * 3 * all / 11.0);
    EXPECT_GE(moved, 0.9 * 3 * all / 11.0);
}

TEST(objects, an_event_and_a_file_are_different_objects) {
    EXPECT_NE(object_of(event_id(), digest()), object_of(file_root()));
    EXPECT_NE(object(1), object(2));
}

TEST(object_index, knows_holders_until_their_time_is_over) {
    object_index index;
    const instant now{1h};
    EXPECT_TRUE(index.put(object(1), scattered_device(1), now + 10s));
    EXPECT_TRUE(index.put(object(1), scattered_device(2), now + 20s));
    EXPECT_TRUE(index.put(object(1), scattered_device(1), now + 5s)) << "the longer time counts";
    EXPECT_EQ(index.holders(object(1), now + 9s).size(), 2u);
    EXPECT_EQ(index.holders(object(1), now + 10s), std::vector{scattered_device(2)});
    index.sweep(now + 10s);
    EXPECT_EQ(index.entries(), 1u);
    index.erase(object(1), scattered_device(2));
    index.erase(object(1), scattered_device(2));
    EXPECT_EQ(index.entries(), 0u);
    EXPECT_EQ(index.objects(), 0u);
}

TEST(object_index, is_bounded_for_each_object_and_each_device) {
    object_index index;
    const instant until{1h};
    for (std::uint32_t i = 0; i < object_index::holders_most; ++i) {
        EXPECT_TRUE(index.put(object(1), scattered_device(i), until));
    }
    EXPECT_FALSE(index.put(object(1), scattered_device(object_index::holders_most), until));
    for (std::uint32_t i = 2; i < 20'001; ++i) {
        ASSERT_TRUE(index.put(object(i), scattered_device(0), until));
    }
    EXPECT_FALSE(index.put(object(20'001), scattered_device(0), until));
    EXPECT_TRUE(index.put(object(20'001), scattered_device(1), until));
}

/// Every owner's list after one has died: each object is at its owners again, and each move was
/// told once.
TEST(object_index, lists_are_whole_again_when_one_dies_and_when_one_comes) {
    constexpr std::uint32_t count = 8, all = 2'000;
    const instant until{1h};
    auto now = keepers(count, 10);
    std::map<device_id, object_index> at;
    for (std::uint32_t i = 0; i < all; ++i) {
        for (const device_id& owner : owners_of(object(i), now, object_index::copies)) {
            at[owner].put(object(i), scattered_device(1000), until);
        }
    }
    const auto change_to = [&](std::vector<keeper> next) {
        std::size_t told = 0;
        std::map<device_id, std::vector<object_index::entry>> arriving;
        for (const keeper& one : next) {
            for (auto& [to, entries] : at[one.device].moved(one.device, now, next)) {
                told += entries.size();
                arriving[to].insert(arriving[to].end(), entries.begin(), entries.end());
            }
        }
        for (const auto& [to, entries] : arriving) {
            for (const auto& one : entries) {
                at[to].put(one.object, one.holder, one.until);
            }
        }
        now = std::move(next);
        for (std::uint32_t i = 0; i < all; ++i) {
            const auto owners = owners_of(object(i), now, object_index::copies);
            for (const keeper& one : now) {
                const bool owns = std::ranges::count(owners, one.device) != 0;
                EXPECT_EQ(at[one.device].holders(object(i), instant{1min}).size(), owns ? 1u : 0u);
            }
        }
        return told;
    };
    auto fewer = now;
    fewer.erase(fewer.begin() + 2);
    at.erase(scattered_device(2));
    EXPECT_NEAR(static_cast<double>(change_to(fewer)), 3.0 * all / count, 100);
    auto more = fewer;
    more.push_back({scattered_device(77), 10});
    EXPECT_NEAR(static_cast<double>(change_to(more)), 3.0 * all / count, 100);
}

}  // namespace
}  // namespace calbox::overlay
