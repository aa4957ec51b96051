#include "node/together.hpp"

#include <utility>

#include "base/flag_taken.hpp"

namespace calbox::node {

void together::begin() {
    come_ = true;
    if (!tasks_.stopping() && !std::exchange(working_, true)) {
        tasks_.spawn(name_, work());
    }
}

task<void> together::work() {
    const flag_taken until_the_end{working_};
    while (come_) {
        if (wait_ > duration{}) {
            co_await sleep_for(env_, wait_);
        }
        come_ = false;
        co_await handle_();
    }
}

}  // namespace calbox::node
