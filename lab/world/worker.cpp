#include "lab/world/worker.hpp"

#include <utility>

namespace calbox::lab {

sim_worker::~sim_worker() { disarm(); }

void sim_worker::disarm() noexcept {
    if (armed_) {
        line_.cancel(*std::exchange(armed_, std::nullopt));
    }
}

void sim_worker::post(std::function<void()> job) {
    jobs_.push_back(std::move(job));
    if (rushing_) {
        rush();
    } else {
        arm();
    }
}

void sim_worker::arm() {
    if (armed_ || jobs_.empty()) {
        return;
    }
    armed_ = line_.schedule_in(chance_.between(least_, most_) * slower_, [this] {
        armed_.reset();
        const auto job = std::move(jobs_.front());
        jobs_.pop_front();
        job();
        arm();
    });
}

void sim_worker::rush() {
    rushing_ = true;
    disarm();  // what it would do is done now
    while (!jobs_.empty()) {
        const auto job = std::move(jobs_.front());
        jobs_.pop_front();
        job();
    }
}

}  // namespace calbox::lab
