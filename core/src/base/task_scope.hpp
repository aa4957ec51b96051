// Owns coroutines: nothing is ever spawned outside of a scope. Joined before it is destroyed, which
// it asserts. An exception that escapes a task is logged with the task's name and ends that task
// alone. Core thread only.
#pragma once

#include <list>
#include <string>

#include <boost/asio/cancellation_signal.hpp>

#include "base/async.hpp"

namespace calbox {

class task_scope {
public:
    explicit task_scope(const environment& env, std::string name);
    ~task_scope();
    task_scope(const task_scope&) = delete;
    task_scope& operator=(const task_scope&) = delete;

    /// Starts `work`, within a turn of the core thread up to where it first waits. After
    /// request_stop() it is dropped unstarted.
    void spawn(std::string name, task<void> work);
    /// Cancels every task, those already stopping included; idempotent.
    void request_stop() noexcept;
    bool stopping() const noexcept { return stopping_; }
    /// Returns when every task has ended, even if the caller is cancelled meanwhile.
    task<void> join();
    std::size_t running() const noexcept { return children_.size(); }

private:
    struct child {
        std::string name;
        asio::cancellation_signal stop;
    };
    void ended(std::list<child>::iterator which, std::exception_ptr problem) noexcept;

    const environment& env_;
    std::string name_;
    std::list<child> children_;
    event idle_;
    bool stopping_ = false;
};

}  // namespace calbox
