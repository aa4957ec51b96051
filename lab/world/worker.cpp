#include "lab/world/worker.hpp"

namespace calbox::lab {

sim_worker::~sim_worker() {
    if (armed_) {
        line_.cancel(*armed_);
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
    while (!jobs_.empty()) {
        const auto job = std::move(jobs_.front());
        jobs_.pop_front();
        job();
    }
}

}  // namespace calbox::lab
