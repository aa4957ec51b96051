#include <gtest/gtest.h>

#include "base/gathering.hpp"
#include "base/task_scope.hpp"
#include "support/test_environment.hpp"

namespace calbox {
namespace {

using namespace std::chrono_literals;
using test::test_environment;

task<void> note_after(const environment& env, duration d, std::vector<int>& order, int number) {
    co_await sleep_for(env, d);
    order.push_back(number);
}
task<result<int>> value_after(const environment& env, duration d) {
    co_await sleep_for(env, d);
    co_return 7;
}
task<void> wait_on(event& flag, int& woken) {
    co_await flag.wait();
    ++woken;
}
task<void> throw_now() {
    throw std::runtime_error("broken on purpose");
    co_return;
}

TEST(async, sleeps_on_the_injected_clock) {
    test_environment world;
    std::vector<int> order;
    task_scope scope(world.env, "test");
    scope.spawn("b", note_after(world.env, 2s, order, 2));
    scope.spawn("a", note_after(world.env, 1s, order, 1));
    world.advance(999ms);
    EXPECT_TRUE(order.empty());
    world.advance(1ms);
    EXPECT_EQ(order, std::vector({1}));
    world.advance(1s);
    EXPECT_EQ(order, std::vector({1, 2}));
    EXPECT_EQ(scope.running(), 0u);
}

TEST(async, deadline_cuts_slow_work_and_leaves_quick_work_alone) {
    test_environment world;
    const auto quick = world.run(with_deadline<int>(world.env, 5s, value_after(world.env, 1s)));
    ASSERT_TRUE(quick);
    EXPECT_EQ(*quick, 7);
    const auto slow = world.run(with_deadline<int>(world.env, 1s, value_after(world.env, 5s)));
    ASSERT_FALSE(slow);
    EXPECT_EQ(slow.error().code, errc::timed_out);
    EXPECT_TRUE(world.timers.empty()) << "a cancelled sleep leaves its timer behind";
}

TEST(async, event_wakes_everyone_once_and_stays_set) {
    test_environment world;
    event flag(world.env);
    int woken = 0;
    task_scope scope(world.env, "test");
    scope.spawn("one", wait_on(flag, woken));
    scope.spawn("two", wait_on(flag, woken));
    world.settle();
    EXPECT_EQ(woken, 0);
    flag.set();
    world.settle();
    EXPECT_EQ(woken, 2);
    scope.spawn("three", wait_on(flag, woken));
    world.settle();
    EXPECT_EQ(woken, 3);
}

TEST(async, what_waits_through_is_cancelled_afterwards) {
    test::test_environment in;
    event done(in.env);
    std::vector<std::string> said;
    task_scope scope(in.env, "scope");
    scope.spawn(
        "work",
        [](const environment& env, event& until, std::vector<std::string>& says) -> task<void> {
            co_await until.wait_through();
            says.emplace_back("done");
            co_await sleep_for(env, 1s);
            says.emplace_back("went on");
        }(in.env, done, said));
    scope.request_stop();
    in.settle();
    EXPECT_EQ(scope.running(), 1U);
    EXPECT_TRUE(said.empty());
    done.set();
    in.run(scope.join());
    EXPECT_EQ(said, std::vector<std::string>{"done"});
}

TEST(task_scope, stops_and_joins_what_it_started) {
    test_environment world;
    event flag(world.env);
    int woken = 0;
    std::vector<int> order;
    task_scope scope(world.env, "test");
    scope.spawn("waiting", wait_on(flag, woken));
    scope.spawn("sleeping", note_after(world.env, 1h, order, 1));
    world.settle();
    EXPECT_EQ(scope.running(), 2u);
    scope.request_stop();
    world.run(scope.join());
    EXPECT_EQ(scope.running(), 0u);
    EXPECT_EQ(woken, 0);
    scope.spawn("late", wait_on(flag, woken));
    EXPECT_EQ(scope.running(), 0u) << "nothing starts after request_stop";
    EXPECT_TRUE(world.timers.empty());
}

TEST(task_scope, logs_an_escaped_exception_with_the_name_of_the_task) {
    test_environment world;
    task_scope scope(world.env, "test");
    scope.spawn("breaker", throw_now());
    world.settle();
    ASSERT_EQ(world.log.lines.size(), 1u);
    EXPECT_NE(world.log.lines[0].text.find("breaker"), std::string::npos);
    EXPECT_NE(world.log.lines[0].text.find("broken on purpose"), std::string::npos);
}

task<result<void>> wait_for_ever(event& flag) {
    co_await flag.wait();
    co_return result<void>();
}
task<void> wait_an_hour(const environment& env, event& flag) {
    (void)co_await with_deadline<void>(env, 1h, wait_for_ever(flag));
}

TEST(task_scope, says_nothing_of_a_deadline_that_is_cancelled) {
    test_environment world;
    event never(world.env);
    task_scope scope(world.env, "test");
    scope.spawn("patient", wait_an_hour(world.env, never));
    world.settle();
    scope.request_stop();
    world.run(scope.join());
    EXPECT_TRUE(world.log.lines.empty());
}

task<void> part_of(const environment& env, duration takes, gathering::part) {
    if (takes > 0s) {
        co_await sleep_for(env, takes);
    }
}
task<void> gather(const environment& env, task_scope& scope, std::vector<duration> all,
                  instant& over) {
    gathering parts(env);
    for (const duration takes : all) {
        scope.spawn("part", part_of(env, takes, parts.one()));
    }
    co_await parts.wait();
    over = env.time.now();
}

TEST(gathering, waits_for_the_last_also_where_the_first_ends_before_the_second_begins) {
    test_environment world;
    task_scope scope(world.env, "test");
    const instant begun = world.env.time.now();
    instant over{};
    world.run(gather(world.env, scope, {0s, 3s, 0s, 1s}, over));
    EXPECT_EQ(over, begun + 3s);
    world.run(gather(world.env, scope, {0s, 0s}, over));
    EXPECT_EQ(over, begun + 3s);
    world.run(gather(world.env, scope, {}, over));
    EXPECT_EQ(over, begun + 3s);
}

TEST(random, below_stays_below) {
    test::seeded_random entropy(1);
    for (int i = 0; i < 1000; ++i) {
        EXPECT_LT(entropy.below(7), 7u);
    }
    EXPECT_EQ(entropy.below(0), 0u);
    EXPECT_EQ(entropy.below(1), 0u);
}

}  // namespace
}  // namespace calbox
