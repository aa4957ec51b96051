// What comes soon after one another is handled at once: messages, questions and rows of many files.
// Core thread only.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "base/task_scope.hpp"

namespace calbox::node {

/// A while after something has come, all that has come by then is handled; and what comes
/// meanwhile, after that. The tasks end before this does.
class together {
public:
    /// `name`: of the task, in the log. `wait`: zero for at once.
    together(const environment& env, task_scope& tasks, std::string name, duration wait,
             std::function<task<void>()> handle)
        : env_(env),
          tasks_(tasks),
          name_(std::move(name)),
          wait_(wait),
          handle_(std::move(handle)) {}

    /// Something has come.
    void begin();

private:
    task<void> work();

    const environment& env_;
    task_scope& tasks_;
    const std::string name_;
    const duration wait_;
    const std::function<task<void>()> handle_;
    bool come_ = false, working_ = false;
};

}  // namespace calbox::node
