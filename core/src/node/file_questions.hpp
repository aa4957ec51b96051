// How devices are asked which files they have: of what has changed lately together, in as many
// questions as that takes. Core thread only.
#pragma once

#include <functional>
#include <set>
#include <utility>
#include <vector>

#include "base/task_scope.hpp"
#include "node/held_files.hpp"

namespace calbox::node {

/// What changes together is told and asked together, and the others have the event by then.
constexpr duration gathered_for = std::chrono::seconds(1);

/// A while after something has come all that has come by then is handled. The tasks end before this
/// does.
class together {
public:
    together(const environment& env, task_scope& tasks, std::function<void()> handle)
        : env_(env), tasks_(tasks), handle_(std::move(handle)) {}

    /// Something has come.
    void begin();

private:
    task<void> wait();

    const environment& env_;
    task_scope& tasks_;
    const std::function<void()> handle_;
    bool come_ = false, waiting_ = false;
};

/// As many as one question may name, each.
std::vector<std::vector<file_root>> questions_of(const std::vector<file_root>& all);
/// Which of these the device has, by its own word.
task<result<std::set<file_root>>> ask_which_are_there(files_mediator& mediator, device_id device,
                                                      std::vector<file_root> some);

}  // namespace calbox::node
