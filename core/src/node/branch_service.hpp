// Copies of events, and taking events over, for people. Keeps the versions of this device's that a
// take-over has left out, each as an event of its author's, once, over restarts. Owned by the node;
// core thread only.
#pragma once

#include "base/task_scope.hpp"
#include "node/calendar_service.hpp"
#include "node/files_service.hpp"

namespace calbox::node {

class branch_service final : public branches {
public:
    branch_service(const environment& env, replica::replicator& replica, opened_events& opened,
                   people& who, readiness& ready, const calendar_service& events,
                   files_service& files)
        : env_(env),
          replica_(replica),
          opened_(opened),
          people_(who),
          ready_(ready),
          events_(events),
          files_(files),
          tasks_(env, "branches") {}

    task<result<event_view>> copy(user_id as, event_id which, std::optional<std::string> title,
                                  bool with_participants) override;
    task<result<event_view>> take_over(user_id as, event_id which) override;

    /// There may be something to keep.
    void look();
    void request_stop() noexcept { tasks_.request_stop(); }
    task<void> join() { return tasks_.join(); }

    static constexpr duration again_after = std::chrono::seconds(5);

private:
    result<replica::change> copy_of(const opened_event& from, const user_id& as, std::string title,
                                    bool with_participants) const;
    task<void> keep_all();
    task<result<void>> keep(replica::left_out what);

    const environment& env_;
    replica::replicator& replica_;
    opened_events& opened_;
    people& people_;
    readiness& ready_;
    const calendar_service& events_;
    files_service& files_;
    bool keeping_ = false;
    task_scope tasks_;
};

}  // namespace calbox::node
