#include "node/together.hpp"

#include <utility>

namespace calbox::node {

void together::begin() {
    come_ = true;
    if (!tasks_.stopping() && !std::exchange(working_, true)) {
        tasks_.spawn(name_, work());
    }
}

task<void> together::work() {
    const struct ending {
        bool& working;
        ~ending() { working = false; }
    } however_it_ends{working_};
    while (come_) {
        if (wait_ > duration{}) {
            co_await sleep_for(env_, wait_);
        }
        come_ = false;
        co_await handle_();
    }
}

}  // namespace calbox::node
