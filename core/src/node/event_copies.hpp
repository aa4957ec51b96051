// Which backups have the events of this device. What is owed to a backup is known (the outbox); a
// backup that was empty when it came fills itself from everybody, and is asked for each event until
// it has all that there were, so that nothing is said to be where it is not. Owned by the node;
// core thread only.
#pragma once

#include <map>
#include <set>

#include "base/task_scope.hpp"
#include "node/held_files.hpp"
#include "replica/event_store.hpp"

namespace calbox::node {

class event_copies {
public:
    event_copies(const environment& env, replica::database& db, const replica::event_store& events,
                 files_mediator& mediator)
        : env_(env), db_(db), events_(events), mediator_(mediator), tasks_(env, "event copies") {}

    task<result<void>> load();
    void request_stop() noexcept { tasks_.request_stop(); }
    task<void> join() { return tasks_.join(); }

    /// The device can be reached.
    void on_peer(const device_id& device);
    /// The backups that are not known to have this event, whatever they are owed.
    std::vector<device_id> unsure(const event_id& which) const;

private:
    task<void> look_after(device_id backup);
    task<result<bool>> has(device_id backup, event_id which);

    const environment& env_;
    replica::database& db_;
    const replica::event_store& events_;
    files_mediator& mediator_;
    task_scope tasks_;
    std::set<device_id> filled_, looking_;
    std::map<device_id, std::set<event_id>> confirmed_;  // of those that are not filled
};

}  // namespace calbox::node
