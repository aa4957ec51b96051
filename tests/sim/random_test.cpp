// Random worlds: a plan is the same on every machine, survives a file, and plays out the same way
// twice. What thousands of them show is the business of `calbox-lab random`.
#include "lab/random/run.hpp"

#include <gtest/gtest.h>

namespace calbox::lab {
namespace {

run_settings settings() {
    run_settings with;
    with.plugin_directories = {CALBOX_PLUGIN_DIRECTORY};
    return with;
}

std::string text_of(const std::vector<claims::violation>& all) {
    std::string text;
    for (const claims::violation& one : all) {
        text += to_line(one) + "\n";
    }
    return text;
}

TEST(random_worlds, a_plan_survives_a_file) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        const plan made = make_plan(seed);
        const auto read = plan_from_json(to_json(made));
        ASSERT_TRUE(read) << read.error().message();
        EXPECT_EQ(*read, made);
    }
    EXPECT_FALSE(plan_from_json("{}"));
    EXPECT_FALSE(plan_from_json("no json"));
}

TEST(random_worlds, one_seed_is_one_run) {
    for (const std::uint64_t seed : {1u, 2u, 3u}) {
        const plan made = make_plan(seed);
        const auto first = run_plan(made, settings());
        const auto second = run_plan(made, settings());
        EXPECT_EQ(first.trace, second.trace);
        EXPECT_EQ(first.events, second.events);
        EXPECT_EQ(first.told, second.told);
        EXPECT_NE(first.trace, run_plan(make_plan(seed + 100), settings()).trace);
    }
}

class first_seeds : public testing::TestWithParam<std::uint64_t> {};
TEST_P(first_seeds, hold) {
    const auto report = run_plan(make_plan(GetParam()), settings());
    EXPECT_TRUE(report.good()) << text_of(report.violations);
}
INSTANTIATE_TEST_SUITE_P(seeds, first_seeds, testing::Range<std::uint64_t>(1, 21));

}  // namespace
}  // namespace calbox::lab
