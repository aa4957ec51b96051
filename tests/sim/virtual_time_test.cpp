#include "lab/sim/virtual_time.hpp"

#include <gtest/gtest.h>

#include "lab/world/worker.hpp"

namespace calbox::lab {
namespace {

using namespace std::chrono_literals;

TEST(virtual_time, events_happen_in_their_order_and_time_jumps_to_them) {
    time_line line;
    const instant begun = line.now();
    std::vector<int> seen;
    line.schedule_in(2s, [&] { seen.push_back(3); });
    line.schedule_in(1s, [&] { seen.push_back(1); });
    line.schedule_in(1s, [&] { seen.push_back(2); });
    const auto never = line.schedule_in(1s, [&] { seen.push_back(99); });
    EXPECT_TRUE(line.cancel(never));
    EXPECT_FALSE(line.cancel(never));
    while (line.step(begun + 90min)) {
    }
    EXPECT_EQ(seen, (std::vector{1, 2, 3}));
    EXPECT_EQ(line.now(), begun + 2s);
    EXPECT_FALSE(line.step(begun + 90min));
}

TEST(virtual_time, a_fast_clock_fires_its_timers_early_for_the_world) {
    time_line line;
    device_clock fast(line), slow(line);
    device_timers early(line, fast), late(line, slow);
    fast.drift(100'000);
    slow.drift(-100'000);
    const instant begun = line.now();
    std::map<std::string, duration> fired;
    early.schedule(fast.now() + 110s, [&] { fired["fast"] = line.now() - begun; });
    late.schedule(slow.now() + 90s, [&] { fired["slow"] = line.now() - begun; });
    while (line.step(begun + 1h)) {
    }
    EXPECT_NEAR(static_cast<double>(fired.at("fast").count()), 100e9, 1e7);
    EXPECT_NEAR(static_cast<double>(fired.at("slow").count()), 100e9, 1e7);
}

TEST(virtual_time, timers_follow_a_clock_whose_rate_changes) {
    time_line line;
    device_clock time(line);
    device_timers timers(line, time);
    const instant begun = line.now();
    std::optional<duration> fired;
    timers.schedule(time.now() + 100s, [&] { fired = line.now() - begun; });
    line.schedule_in(50s, [&] {
        time.drift(-500'000);  // the second half takes twice as long
        timers.clock_changed();
    });
    while (line.step(begun + 1h)) {
    }
    ASSERT_TRUE(fired);
    EXPECT_NEAR(static_cast<double>(fired->count()), 150e9, 1e7);
}

TEST(virtual_time, a_worker_that_rushes_leaves_no_work_for_later) {
    time_line line;
    seeded chance(1, "worker");
    sim_worker worker(line, chance, 1s, 1s);
    int done = 0;
    worker.post([&] { ++done; });
    worker.post([&] { worker.post([&] { ++done; }); });
    worker.rush();
    EXPECT_EQ(done, 2);
    EXPECT_FALSE(line.next()) << "nothing waits for its time";
    worker.post([&] { ++done; });
    EXPECT_EQ(done, 3);
    EXPECT_FALSE(line.step(line.now() + 1h));
}

TEST(virtual_time, a_wall_clock_that_jumps_leaves_intervals_alone) {
    time_line line;
    device_clock time(line);
    const instant before = time.now();
    const timestamp wall = time.wall();
    time.jump(-1h);
    EXPECT_EQ(time.now(), before);
    EXPECT_EQ(time.wall().ms, wall.ms - 3'600'000);
}

}  // namespace
}  // namespace calbox::lab
