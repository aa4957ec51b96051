#include "base/environment_real.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "support/test_environment.hpp"

namespace calbox {
namespace {

using std::chrono::milliseconds;

class real_world : public testing::Test {
protected:
    test::no_transport nowhere_;
    real_environment world_;
    const environment& env_ = world_.use(nowhere_);
};

TEST_F(real_world, timers_fire_in_order_of_time_and_then_of_scheduling) {
    std::string order;
    const instant now = env_.time.now();
    env_.timers.schedule(now + milliseconds(30), [&] { order += 'd'; });
    env_.timers.schedule(now + milliseconds(10), [&] { order += 'b'; });
    env_.timers.schedule(now + milliseconds(10), [&] { order += 'c'; });
    env_.timers.schedule(now + milliseconds(5), [&] { order += 'a'; });
    EXPECT_EQ(order, "") << "never from within schedule()";
    world_.context().run();
    EXPECT_EQ(order, "abcd");
    EXPECT_GE(env_.time.now(), now + milliseconds(30)) << "not before its time";
}

TEST_F(real_world, a_cancelled_timer_does_not_fire_and_does_not_keep_the_program) {
    bool fired = false;
    const auto far =
        env_.timers.schedule(env_.time.now() + std::chrono::hours(1), [&] { fired = true; });
    EXPECT_TRUE(env_.timers.cancel(far));
    EXPECT_FALSE(env_.timers.cancel(far));
    world_.context().run();  // would last an hour
    EXPECT_FALSE(fired);
}

TEST_F(real_world, a_timer_may_cancel_and_schedule_others_as_it_fires) {
    std::string order;
    const instant now = env_.time.now();
    timer_queue::id second = 0;
    env_.timers.schedule(now, [&] {
        order += 'a';
        EXPECT_TRUE(env_.timers.cancel(second));
        env_.timers.schedule(now, [&] { order += 'c'; });
    });
    second = env_.timers.schedule(now, [&] { order += 'b'; });
    world_.context().run();
    EXPECT_EQ(order, "ac");
}

TEST_F(real_world, an_earlier_timer_moves_the_alarm) {
    std::string order;
    const instant now = env_.time.now();
    const auto late = env_.timers.schedule(now + std::chrono::hours(1), [&] { order += 'x'; });
    env_.timers.schedule(now + milliseconds(1), [&] {
        order += 'a';
        env_.timers.cancel(late);
    });
    world_.context().run();
    EXPECT_EQ(order, "a");
}

TEST_F(real_world, a_worker_runs_its_jobs_elsewhere_and_in_order) {
    std::vector<int> seen;
    std::thread::id where;
    for (int i = 0; i < 1000; ++i) {
        env_.disk.post([&seen, &where, i] {
            where = std::this_thread::get_id();
            seen.push_back(i);
        });
    }
    std::atomic<bool> done = false;
    env_.disk.post([&done] {
        done = true;
        done.notify_one();
    });
    done.wait(false);
    ASSERT_EQ(seen.size(), 1000U);
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
    EXPECT_NE(where, std::this_thread::get_id());
}

TEST(real_environment, finishes_what_was_posted_before_it_ends) {
    std::atomic<int> finished = 0;
    {
        test::no_transport nowhere;
        real_environment world;
        const environment& env = world.use(nowhere);
        for (int i = 0; i < 50; ++i) {
            env.disk.post([&finished] {
                std::this_thread::sleep_for(milliseconds(1));
                ++finished;
            });
        }
    }
    EXPECT_EQ(finished, 50);
}

TEST_F(real_world, randomness_differs_and_clocks_go_forward) {
    std::array<std::uint8_t, 32> one{}, two{};
    env_.entropy.fill(one);
    env_.entropy.fill(two);
    EXPECT_NE(one, two);
    const instant before = env_.time.now();
    EXPECT_GE(env_.time.now(), before);
    EXPECT_GT(env_.time.wall().ms, 1'700'000'000'000) << "milliseconds of UTC";
}

TEST_F(real_world, offloaded_work_comes_back_to_the_core_thread) {
    int answer = 0;
    const auto home = std::this_thread::get_id();
    const auto work = [&]() -> task<void> {
        answer = co_await offload(env_, env_.compute, [] { return 42; });
        EXPECT_EQ(std::this_thread::get_id(), home);
    };
    asio::co_spawn(world_.context(), work(),
                   [](std::exception_ptr problem) { EXPECT_FALSE(problem); });
    world_.context().run();
    EXPECT_EQ(answer, 42);
}

TEST(logfmt, escapes_whatever_could_forge_a_line_or_move_a_cursor) {
    EXPECT_EQ(logfmt("net", "plain"), "area=net msg=\"plain\"");
    EXPECT_EQ(logfmt("net", "a\"b\\c\nd"), "area=net msg=\"a\\\"b\\\\c\\nd\"");
    EXPECT_EQ(logfmt("net", "\x1b[2J\r\x7f"), "area=net msg=\"\\x1b[2J\\x0d\\x7f\"");
    EXPECT_EQ(logfmt("net", "J\xc3\xbcrgen \xe2\x82\xac \xf0\x9f\x93\x85"),
              "area=net msg=\"J\xc3\xbcrgen \xe2\x82\xac \xf0\x9f\x93\x85\"");
    // C1 controls are escapes to some terminals, and so are single bytes that are no UTF-8.
    EXPECT_EQ(logfmt("net",
                     "\xc2\x9b"
                     "2J"),
              "area=net msg=\"\\xc2\\x9b2J\"");
    EXPECT_EQ(logfmt("net",
                     "\x9b"
                     "2J"),
              "area=net msg=\"\\x9b2J\"");
    EXPECT_EQ(logfmt("net", "\xe2\x82"), "area=net msg=\"\\xe2\\x82\"");
    EXPECT_EQ(logfmt("net", "\xc0\x9b"), "area=net msg=\"\\xc0\\x9b\"");
    EXPECT_EQ(logfmt("net", std::string("\0", 1)), "area=net msg=\"\\x00\"");
}

}  // namespace
}  // namespace calbox
