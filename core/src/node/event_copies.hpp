// Which backups have the events of this device. What is owed to a backup is known (the outbox); a
// backup that was empty when it came fills itself from everybody, and is asked for its events until
// it has all that there were, so that nothing is said to be where it is not. One that had them all
// is counted again whenever it is met, and is given what it lacks, as is one that does not get it
// by itself. Owned by the node; core thread only.
#pragma once

#include <functional>
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

    /// Has a backup have these events, which it lacks.
    std::function<task<result<void>>(device_id, std::vector<event_id>)> give;

    /// The device can be reached.
    void on_peer(const device_id& device);
    /// There are events here that no backup may have heard of: none counts until it has said so.
    void recount();
    /// Events that some backup lacks, as far as it is known to; and how many have been given to
    /// backups that lacked them since the start.
    std::size_t lacking() const;
    std::uint64_t given() const noexcept { return given_; }
    /// The backups that are not known to have this event, whatever they are owed.
    std::vector<device_id> unsure(const event_id& which) const;

private:
    task<void> look_after(device_id backup);
    task<result<void>> settle(device_id backup);
    task<result<std::set<event_id>>> lacking_of(device_id backup, std::set<event_id> which);
    task<result<std::map<event_id, envelope_order>>> ask(device_id backup,
                                                         std::vector<event_id> which);
    task<result<std::map<event_id, envelope_order>>> ask_singly(device_id backup,
                                                                std::vector<event_id> which);
    task<void> note_filled(device_id backup);

    const environment& env_;
    replica::database& db_;
    const replica::event_store& events_;
    files_mediator& mediator_;
    task_scope tasks_;
    std::set<device_id> filled_, looking_;
    std::map<device_id, std::set<event_id>> confirmed_;  // of those that are not filled
    std::map<device_id, std::set<event_id>> lacking_;
    std::map<device_id, instant> counted_;
    std::uint64_t given_ = 0;
    std::uint64_t recounts_ = 0;
};

}  // namespace calbox::node
