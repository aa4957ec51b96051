// Blocking work of a simulated device: done when its time has come, one job after the other, on the
// one thread that there is. A device that dies before does not do it.
#pragma once

#include <deque>

#include "lab/sim/chance.hpp"
#include "lab/sim/virtual_time.hpp"

namespace calbox::lab {

class sim_worker final : public worker {
public:
    /// Each job takes between `least` and `most`.
    sim_worker(time_line& line, seeded& chance, duration least, duration most)
        : line_(line), chance_(chance), least_(least), most_(most) {}
    ~sim_worker() override;
    sim_worker(const sim_worker&) = delete;
    sim_worker& operator=(const sim_worker&) = delete;

    void post(std::function<void()> job) override;
    /// Whatever waits is done now, and so is whatever comes later: the device is dead, and what
    /// remains of it must end. The caller has made sure that jobs can do no harm any more.
    void rush();
    /// Every job takes so many times as long (a slow disk).
    void slow_down(unsigned times) noexcept { slower_ = times; }

private:
    void arm();
    void disarm() noexcept;

    time_line& line_;
    seeded& chance_;
    duration least_, most_;
    unsigned slower_ = 1;
    bool rushing_ = false;
    std::deque<std::function<void()>> jobs_;
    std::optional<time_line::ticket> armed_;
};

}  // namespace calbox::lab
