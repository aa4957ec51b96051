// Large worlds of the overlay: what every strategy must reach, and what chance alone must; and that
// a run depends on its seed and on nothing else.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lab/policy/scenarios.hpp"
#include "lab/policy/statistics.hpp"
#include "support/test_environment.hpp"

namespace calbox::lab::policy {
namespace {

using namespace std::chrono_literals;

plugins::plugin_host& host() {
    static test::recording_logger log;
    static plugins::plugin_host only({CALBOX_PLUGIN_DIRECTORY}, log);
    return only;
}

report must(result<report> what) {
    if (!what) {
        throw std::runtime_error(what.error().message());
    }
    return std::move(*what);
}

void expect_goals(const report& what) {
    for (const figure& one : what.missed()) {
        ADD_FAILURE() << what.scenario << ", seed " << what.seed << ": " << one.name << " = "
                      << one.value << " misses " << one.wanted->name;
    }
    testing::Test::RecordProperty("report", to_json(what).dump());
}

TEST(policy, flash_crowd_of_ten_thousand) {
    const report seen = must(flash_crowd({host()}));
    expect_goals(seen);
    EXPECT_EQ(seen.value("leases_refused"), 0);
}

TEST(policy, rendezvous_crash_among_a_hundred) {
    const report seen = must(rendezvous_crash({host()}));
    expect_goals(seen);
    EXPECT_NEAR(seen.value("failovers_silent"), 1000, 150);
    EXPECT_NEAR(seen.value("failovers_killed"), 1000, 300);
}

TEST(policy, members_know_who_is_gone_and_give_up_nobody_else) {
    expect_goals(must(membership_crash({host(), {}, 1, 1, 100})));
}

TEST(policy, members_in_circles_know_everybody_soon_after_they_came) {
    const report seen = must(membership_in_circles({host(), {}, 1, 1, 100}));
    expect_goals(seen);
    EXPECT_LT(seen.value("kept_to"), 0.75) << "nearly all are asked, and nothing is shown";
}

TEST(policy, friends_are_seen_rightly_in_circles_at_a_cost_that_is_bounded) {
    const report seen = must(presence_crash({host(), {}, 1, 1'000, 100}));
    expect_goals(seen);
    EXPECT_LT(seen.value("sessions_mean_quiet"), 70) << "of 99";
    EXPECT_LT(seen.value("seen_as_online_4min_after"), 0.1);
}

TEST(policy, lossy_hour_makes_nobody_give_up) {
    expect_goals(must(lossy_hour({host(), {}, 1, 1'000, 10})));
}

choice by(const std::string& strategy) { return {strategy, "", true}; }

TEST(policy, load_aware_is_even_and_fills_whoever_returns_and_chance_does_not) {
    // A fifth of the design's world, at a cost of seconds; docs/track-record.md has the whole one.
    const report balanced = must(balance({host(), by("load_aware"), 1, 2'000, 20}));
    const report chance = must(balance({host(), by("random"), 1, 2'000, 20}));
    expect_goals(balanced);
    expect_goals(chance);
    EXPECT_EQ(balanced.value("leases_refused"), 0);
    EXPECT_GT(balanced.value("moves_after_return"), 300) << "of 10,000: or nothing was moved";
    EXPECT_LT(chance.value("refill_of_returned_5min"), 0.25);
    EXPECT_GT(chance.value("load_max_over_mean_10min"), 1.1);
    EXPECT_EQ(chance.value("moves_after_return"), 0);
}

TEST(policy, two_choices_are_nearly_as_even_and_fill_nobody) {
    const report seen = must(balance({host(), by("two_choices"), 1, 1'000, 10}));
    expect_goals(seen);
    EXPECT_LT(seen.value("load_max_over_mean_10min"), 1.06);
    EXPECT_LT(seen.value("refill_of_returned_5min"), 0.4);
}

TEST(policy, load_aware_serves_uneven_and_tight_rendezvous_and_chance_refuses) {
    for (const char* const name : {"load_aware", "random"}) {
        const report uneven = must(uneven_rendezvous({host(), by(name), 1, 1'000, 20}));
        const report tight = must(tight_rendezvous({host(), by(name), 1, 1'000, 10}));
        expect_goals(uneven);
        expect_goals(tight);
        if (uneven.strategy == "random") {
            EXPECT_GT(uneven.value("leases_refused"), 20);
        }
    }
}

TEST(policy, a_crowd_beyond_all_room_waits_for_nobody_since_others_are_opened_in_time) {
    // A tenth of the design's world.
    const report seen = must(overload({host(), by("load_aware"), 1, 1'600, 10}));
    expect_goals(seen);
    EXPECT_GE(seen.value("rendezvous_opened"), 6);
    EXPECT_LT(seen.value("fullest"), 1);
}

TEST(policy, orphans_of_one_of_two_rendezvous_make_no_storm) {
    expect_goals(must(storm({host(), by("random"), 1, 10'000, 2})));
}

TEST(policy, without_a_word_of_how_long_to_wait_there_is_a_storm) {
    // The spread does it: rendezvous whose rate is without limit announce the least.
    settings with;
    with.rendezvous = 2;
    with.edges_max = 10'000;
    with.admit_rate = 1'000'000;
    auto made = world::make(host(), {}, with);
    ASSERT_TRUE(made);
    world& in = **made;
    in.arrive(4'000, 2min);
    in.run_for(3min);
    (void)in.busiest_second();
    in.kill(in.pick(1));
    in.run_for(1min);
    EXPECT_GT(in.busiest_second(), 1'500u);
}

TEST(policy, same_seed_same_trace_and_another_seed_another) {
    const auto trace = [](std::uint64_t seed, bool shared) {
        trial with{host(), {}, seed, 500, 10};
        with.strategy.shared = shared;
        return must(rendezvous_crash(with)).trace;
    };
    const std::uint64_t first = trace(7, true);
    EXPECT_EQ(trace(7, true), first);
    EXPECT_EQ(trace(7, false), first) << "`random` remembers something between calls";
    EXPECT_NE(trace(8, true), first);
    const auto balanced = [] {
        return must(balance({host(), by("load_aware"), 7, 500, 10})).trace;
    };
    EXPECT_EQ(balanced(), balanced());
}

TEST(policy, a_full_world_refuses_and_serves_whom_it_can) {
    settings tight;
    tight.rendezvous = 10;
    tight.edges_max = 90;
    auto made = world::make(host(), {}, tight);
    ASSERT_TRUE(made);
    world& in = **made;
    in.arrive(1'000, 60s);
    in.run_for(10min);
    EXPECT_EQ(in.present(), 1'000u);
    EXPECT_EQ(in.leased(), 900u);
    EXPECT_GT(in.so_far().refused, 100u);
    for (const std::uint32_t load : in.loads()) {
        EXPECT_EQ(load, 90u);
    }
}

TEST(policy, an_edge_that_leaves_is_missed_at_once_and_one_that_vanishes_after_its_lease) {
    for (const unsigned vanishing : {0u, 1000u}) {
        settings with;
        with.rendezvous = 2;
        with.session = 10min;
        with.vanish_per_mille = vanishing;
        auto made = world::make(host(), {}, with);
        ASSERT_TRUE(made);
        world& in = **made;
        in.arrive(100, 1s);
        in.replace(false);
        in.run_for(20min);
        in.stay();
        EXPECT_LT(in.present(), 40u);
        EXPECT_GT(in.present(), 1u);
        in.run_for(vanishing == 0 ? 1s : 35s);
        const auto left = in.loads();
        EXPECT_EQ(left[0] + left[1], in.present()) << vanishing;
    }
}

TEST(policy, whoever_answers_first_is_no_even_choice) {
    // As JXTA chose. Where some places are more central than others, the measure must see it.
    settings with;
    with.wraps = false;
    auto made = world::make(host(), {"random", R"({"pick":"first"})", true}, with);
    ASSERT_TRUE(made);
    world& in = **made;
    in.arrive(10'000, 60s);
    in.run_for(90s);
    EXPECT_LT(evenness_p(in.loads()), 1e-6);
    EXPECT_GT(spread_of(in.loads()).max_over_mean, 1.40);
}

TEST(policy, a_strategy_that_is_not_there_is_an_error) {
    const auto made = world::make(host(), {"no_such", "", true}, {});
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, errc::not_found);
}

TEST(policy, statistics) {
    EXPECT_EQ(quantile({5, 1, 4, 2, 3}, 0.5), 3);
    EXPECT_EQ(quantile({5, 1, 4, 2, 3}, 1), 5);
    EXPECT_EQ(quantile({}, 0.5), 0);
    EXPECT_DOUBLE_EQ(spread_of({50, 100, 150}).max_over_mean, 1.5);
    EXPECT_NEAR(spread_of({50, 100, 150}).variation, 0.408, 0.001);
    EXPECT_NEAR(evenness_p({90, 110}), 0.1573, 0.0001);  // chi-squared 2, one degree of freedom
    EXPECT_LT(evenness_p({50, 150}), 1e-9);
}

TEST(policy, heap_gives_events_in_order_and_equals_as_they_came) {
    event_heap<int> heap;
    seeded chance(3);
    std::vector<std::pair<instant, int>> all;
    for (int i = 0; i < 5'000; ++i) {
        const instant at{std::chrono::seconds(chance.below(500))};
        heap.push(at, i);
        all.emplace_back(at, i);
    }
    std::ranges::sort(all);
    for (const auto& [at, number] : all) {
        ASSERT_EQ(heap.next(), at);
        ASSERT_EQ(heap.pop(), number);
    }
    EXPECT_TRUE(heap.empty());
}

}  // namespace
}  // namespace calbox::lab::policy
