// Waits for several tasks at once, which run in a scope that outlives whoever waits. A coroutine
// has no scope of its own: where it is not resumed any more, as in a process that is killed, its
// frame may be destroyed before those of its tasks. Core thread only.
#pragma once

#include <memory>
#include <utility>

#include "base/async.hpp"

namespace calbox {

class gathering {
    struct state {
        std::size_t awaited = 0;
        event over;
        explicit state(const environment& env) : over(env) {}
    };

public:
    /// A parameter of the task that is waited for: it ends with the task, and where that never
    /// begins, too.
    class part {
    public:
        explicit part(std::shared_ptr<state> of) : of_(std::move(of)) { ++of_->awaited; }
        part(part&&) noexcept = default;
        part(const part&) = delete;
        part& operator=(const part&) = delete;
        part& operator=(part&&) = delete;
        ~part() {
            if (of_ && --of_->awaited == 0) {
                of_->over.set();
            }
        }

    private:
        std::shared_ptr<state> of_;
    };

    explicit gathering(const environment& env) : state_(std::make_shared<state>(env)) {}
    part one() { return part(state_); }
    /// Returns when no part is left. No more of them are made from then on.
    task<void> wait() { return wait(state_); }

private:
    static task<void> wait(std::shared_ptr<state> of) {
        if (of->awaited > 0) {
            of->over.reset();  // the first may have ended before the second was begun
            co_await of->over.wait();
        }
    }
    std::shared_ptr<state> state_;
};

}  // namespace calbox
