#include "lab/check/trace.hpp"

#include <chrono>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

namespace calbox::lab {
namespace {

using namespace std::chrono_literals;

constexpr instant begin{1h};

TEST(trace, the_same_records_give_the_same_hash_everywhere) {
    trace one, other;
    for (trace* each : {&one, &other}) {
        each->record(begin, happening::message, machine{1}, "hello, world", 12);
        each->record(begin + 5ms, happening::disk, machine{2}, "");
        each->record(begin + 1h, happening::fault, machine{}, "a text of exactly 32 characters.",
                     1);
    }
    EXPECT_EQ(one.hash(), other.hash());
    EXPECT_EQ(one.records(), 3U);
    // Fixed: a build or a machine that gives another number cannot be compared with the rest.
    EXPECT_EQ(one.text(), "6295198247c4ca43 after 3 records");
}

TEST(trace, every_part_of_a_record_counts) {
    const auto hash_of = [](auto... what) {
        trace made;
        made.record(what...);
        return made.hash();
    };
    const std::string text = "12345678abc";
    std::set<std::uint64_t> seen{hash_of(begin, happening::call, machine{1}, text, 7)};
    const auto differs = [&](std::uint64_t hash) { return seen.insert(hash).second; };
    EXPECT_TRUE(differs(hash_of(begin + 1ns, happening::call, machine{1}, text, 7)));
    EXPECT_TRUE(differs(hash_of(begin, happening::disk, machine{1}, text, 7)));
    EXPECT_TRUE(differs(hash_of(begin, happening::call, machine{2}, text, 7)));
    EXPECT_TRUE(differs(hash_of(begin, happening::call, machine{1}, text, 8)));
    EXPECT_TRUE(differs(hash_of(begin, happening::call, machine{1}, text + '\0', 7)));
    for (std::size_t i = 0; i < text.size(); ++i) {
        std::string changed = text;
        changed[i] ^= 1;
        EXPECT_TRUE(differs(hash_of(begin, happening::call, machine{1}, changed, 7))) << i;
    }
}

TEST(trace, order_counts) {
    trace one, other;
    one.record(begin, happening::message, machine{1}, "a");
    one.record(begin, happening::message, machine{1}, "b");
    other.record(begin, happening::message, machine{1}, "b");
    other.record(begin, happening::message, machine{1}, "a");
    EXPECT_NE(one.hash(), other.hash());
}

TEST(trace, the_log_is_for_people) {
    std::ostringstream log;
    trace made(log);
    made.record(begin + 1234567ns, happening::message, machine{3}, "alice to bob: 12 bytes", 5);
    made.record(begin + 2s, happening::fault, machine{}, "two\nlines \\");
    EXPECT_EQ(log.str(),
              "3600.001234567 3 message alice to bob: 12 bytes 5\n"
              "3602.000000000 0 fault two\\x0alines \\x5c\n");
    trace silent;
    silent.record(begin + 1234567ns, happening::message, machine{3}, "alice to bob: 12 bytes", 5);
    silent.record(begin + 2s, happening::fault, machine{}, "two\nlines \\");
    EXPECT_EQ(silent.hash(), made.hash());
}

TEST(trace, says_where_two_runs_part) {
    for (const std::uint64_t parting : {1U, 2U, 1000U, 50'000U, 99'999U}) {
        trace one, other;
        for (std::uint64_t i = 1; i <= 100'000; ++i) {
            one.record(begin + i * 1ms, happening::state, machine{1}, "x", i);
            other.record(begin + i * 1ms, happening::state, machine{1}, "x", i + (i == parting));
        }
        const trace::milestone common = common_part(one, other);
        EXPECT_LT(common.records, parting);
        EXPECT_GE(common.records + 100'000 / (trace::milestones_kept / 2), parting);
        EXPECT_LE(one.milestones().size(), trace::milestones_kept);
    }
    trace shorter, longer;
    for (std::uint64_t i = 1; i <= 20'000; ++i) {
        longer.record(begin, happening::state, machine{1}, "x", i);
        if (i <= 3000) {
            shorter.record(begin, happening::state, machine{1}, "x", i);
        }
    }
    EXPECT_GT(common_part(shorter, longer).records, 2900U);
}

TEST(trace, is_fast) {
    trace made;
    const auto before = std::chrono::steady_clock::now();
    constexpr std::uint64_t records = 2'000'000;
    for (std::uint64_t i = 0; i < records; ++i) {
        made.record(begin + i * 1us, happening::message, machine{7}, "envelope to 12, 900 bytes",
                    i);
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - before;
    std::printf("%.1f million records a second\n",
                static_cast<double>(records) / took.count() / 1e6);
    EXPECT_LT(took.count(), 4.0);  // sanitizers and busy machines are slow
}

}  // namespace
}  // namespace calbox::lab
