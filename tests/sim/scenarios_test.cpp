// Every scenario, as calbox-lab runs it: it passes with several seeds, and one seed gives the same
// run, byte for byte, whenever it is played.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lab/scenarios/render.hpp"

namespace calbox::lab {
namespace {

struct setting {
    const scenario* which;
    std::uint64_t seed;
    std::string consensus;
};

scenario_options options(const setting& with) {
    scenario_options options;
    options.seed = with.seed;
    options.consensus = with.consensus;
    options.plugin_directories = {CALBOX_PLUGIN_DIRECTORY};
    options.size = with.which->quick_size;
    return options;
}

class sim_scenario : public testing::TestWithParam<setting> {};

TEST_P(sim_scenario, passes) {
    const report came = play(*GetParam().which, options(GetParam()));
    EXPECT_TRUE(came.passed()) << text_of(came);
    if (GetParam().seed == 1 && GetParam().consensus == "views") {
        const report again = play(*GetParam().which, options(GetParam()));
        EXPECT_EQ(json_of(came).dump(1), json_of(again).dump(1));
    }
}

std::vector<setting> all_settings() {
    std::vector<setting> all;
    for (const scenario& one : all_scenarios()) {
        all.push_back({&one, 1, "naive"});
        for (const std::uint64_t seed : {1, 2}) {
            all.push_back({&one, seed, "views"});
        }
        if (one.name == "report-6.7" || one.name == "strategy-change") {
            all.push_back({&one, 1, "etcd"});
            all.push_back({&one, 1, "organizer"});
        }
    }
    return all;
}

std::string name_of(const testing::TestParamInfo<setting>& info) {
    std::string name(info.param.which->name);
    for (char& c : name) {
        c = c == '-' || c == '.' ? '_' : c;
    }
    return name + "_" + std::to_string(info.param.seed) +
           (info.param.consensus == "naive" ? "" : "_" + info.param.consensus);
}

INSTANTIATE_TEST_SUITE_P(seed, sim_scenario, testing::ValuesIn(all_settings()), name_of);

// The script itself
// ------------------------------------------------------------------------------------------

class sim_script : public testing::Test {
protected:
    static report run(void (*what)(script&)) {
        const scenario one{"test", "a test", what};
        scenario_options with;
        with.plugin_directories = {CALBOX_PLUGIN_DIRECTORY};
        return play(one, with);
    }
};

TEST_F(sim_script, nothing_is_tried_after_a_failed_step) {
    const report came = run([](script& on) {
        on.step("good", {1}, [] {});
        on.step("bad", {2}, [] { expect(false, "it is not so"); });
        on.step("later", {3}, [] { FAIL(); });
        on.step_if(false, "much later", {4}, [] { FAIL(); });
    });
    EXPECT_FALSE(came.passed());
    ASSERT_EQ(came.steps.size(), 4u);
    EXPECT_EQ(came.steps[0].state, step_state::holds);
    EXPECT_EQ(came.steps[1].state, step_state::failed);
    EXPECT_EQ(came.steps[1].sentence, "it is not so");
    EXPECT_EQ(came.steps[2].state, step_state::not_tried);
    EXPECT_EQ(came.steps[3].state, step_state::not_tried);
}

TEST_F(sim_script, an_unclaimed_step_that_fails_is_no_failure_and_one_that_holds_is) {
    const report fails = run(
        [](script& on) { on.step_if(false, "locks", {199}, [] { expect(false, "both won"); }); });
    EXPECT_TRUE(fails.passed());
    EXPECT_EQ(fails.steps[0].state, step_state::unclaimed);
    EXPECT_EQ(fails.steps[0].sentence, "both won");
    const report holds = run([](script& on) { on.step_if(false, "locks", {199}, [] {}); });
    EXPECT_FALSE(holds.passed());
    EXPECT_EQ(holds.steps[0].state, step_state::surprise);
}

TEST_F(sim_script, an_exception_that_no_script_throws_is_a_failure_wherever_it_comes_from) {
    const report in_step = run(
        [](script& on) { on.step_if(false, "x", {1}, [] { throw std::logic_error("broken"); }); });
    EXPECT_EQ(in_step.steps[0].state, step_state::failed);
    EXPECT_EQ(in_step.steps[0].sentence, "a bug: broken");
    const report between = run([](script& on) {
        on.step("x", {1}, [] {});
        throw failure("the network cannot be founded");
    });
    EXPECT_FALSE(between.passed());
    EXPECT_EQ(between.broken, "the network cannot be founded");
}

TEST_F(sim_script, a_step_that_the_strategies_claim_is_one_like_any_other) {
    const report came = run([](script& on) {
        on.step_if(true, "claimed", {1}, [] {});
        on.step_if(true, "claimed and broken", {1}, [] { expect(false, "no"); });
    });
    EXPECT_FALSE(came.passed());
    EXPECT_EQ(came.steps[0].state, step_state::holds);
    EXPECT_EQ(came.steps[1].state, step_state::failed);
}

TEST_F(sim_script, a_failed_wait_says_what_it_waited_for_and_shows_the_log) {
    const report came = run([](script& on) {
        world& in = on.fresh_world();
        found_network(in, "hub", wire::role::rendezvous);
        on.step("wait", {1}, [&] {
            in.wait_for(
                "pigs fly", [] { return false; }, std::chrono::seconds(90));
        });
    });
    EXPECT_EQ(came.steps.at(0).sentence, "waited in vain: pigs fly");
    EXPECT_FALSE(came.steps.at(0).log.empty());
    EXPECT_EQ(came.steps.at(0).took, std::chrono::seconds(90));
    EXPECT_GE(came.simulated, std::chrono::seconds(90));
}

// What people and programs read
// ------------------------------------------------------------------------------------------

TEST(sim_render, requirements_times_and_numbers_are_short) {
    EXPECT_EQ(requirements_text({203, 195, 204, 205, 7, 8}), "R7, R8, R195, R203-R205");
    EXPECT_EQ(requirements_text({}), "");
    EXPECT_EQ(time_text(std::chrono::milliseconds(83'468)), "01:23.468");
    EXPECT_EQ(time_text(std::chrono::hours(4) + std::chrono::seconds(61)), "4:01:01");
    EXPECT_EQ(time_text(std::chrono::hours(75)), "3d 03:00:00");
    EXPECT_EQ(number_text(0.25), "0.25");
    EXPECT_EQ(number_text(30), "30");
}

report sample() {
    report one;
    one.scenario = "sample";
    one.summary = "<b>&\"";
    one.steps.push_back({"a step", {1}, step_state::holds, "", {}, {}, {}});
    one.steps.push_back({"another", {2, 3}, step_state::unclaimed, "not so", {}, {}, {}});
    one.figures.push_back({"speed", 1.5, "m/s"});
    one.tables.push_back({"A table", {"name", "n"}, {{"long name", "1"}, {"x", "22"}}});
    return one;
}

TEST(sim_render, the_text_is_aligned) {
    const std::string text = text_of(sample());
    EXPECT_NE(text.find("  ok         00:00.000  R1      a step\n"
                        "  unclaimed  00:00.000  R2, R3  another\n"
                        "                                  not so\n"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("  name       n\n  long name  1\n  x          22\n"), std::string::npos)
        << text;
    EXPECT_NE(text.find("passed: 1 of 2 steps hold, 1 unclaimed"), std::string::npos) << text;
}

TEST(sim_render, the_page_stands_alone_and_trusts_no_text) {
    const std::string page = html_of({sample()});
    EXPECT_EQ(page.find("http"), std::string::npos);
    EXPECT_EQ(page.find("<script"), std::string::npos);
    EXPECT_EQ(page.find("<b>"), std::string::npos);
    EXPECT_NE(page.find("&lt;b&gt;&amp;&quot;"), std::string::npos);
    EXPECT_NE(page.find("prefers-color-scheme: dark"), std::string::npos);
    EXPECT_NE(page.find("name=\"viewport\""), std::string::npos);
}

TEST(sim_render, json_has_every_step_and_figure) {
    const auto found = json_of(sample());
    EXPECT_EQ(found.at("passed"), true);
    EXPECT_EQ(found.at("steps").size(), 2u);
    EXPECT_EQ(found.at("steps").at(1).at("state"), "unclaimed");
    EXPECT_EQ(found.at("figures").at(0).at("value"), 1.5);
}

}  // namespace
}  // namespace calbox::lab
