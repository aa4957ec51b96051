// Which devices of people have which files of the events that they share with this one, as each has
// said of itself: it is asked of all of them when a session to it opens, and of what an event names
// anew, and says by itself when a file has come to it or is gone. Rows survive restarts, so that a
// device that is away counts with what it said last. Backups are counted by file_copies. Owned by
// the node; core thread only.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>

#include "base/task_scope.hpp"
#include "node/held_files.hpp"

namespace calbox::node {

class file_holders {
public:
    /// Files of an event, and the devices of who takes part in it, this one not among them.
    struct shared_files {
        std::vector<file_root> files;
        std::vector<device_id> devices;
    };
    struct parts {
        const held_files& held;
        files_mediator& mediator;
        /// Of these events, or of all, in which users of this device take part.
        std::function<std::vector<shared_files>(const std::optional<std::set<event_id>>& of)>
            shared;
        /// A backup says nothing of what it holds, and is asked otherwise.
        bool is_backup = false;
    };
    file_holders(const environment& env, replica::database& db, parts with)
        : env_(env), db_(db), with_(std::move(with)), tasks_(env, "holders") {}

    task<result<void>> load();
    void request_stop() noexcept { tasks_.request_stop(); }
    task<void> join() { return tasks_.join(); }

    /// Those that have said that they have it, and not taken that back.
    std::vector<device_id> of(const file_root& root) const;

    /// A file has come here, or is gone: the others are told. Nothing before load().
    void changed(const file_root& root);
    /// What the event names may be new, and who takes part in it.
    void look(const event_id& which);
    /// There is a session to it.
    void on_peer(const device_id& device);
    /// Other events are shared from now on, since somebody has signed in or out.
    void users_changed();
    /// The device has the file, or has it no more. Of what it was never asked nothing is noted.
    void on_kept(const device_id& from, const wire::file_kept& what);

    /// Forgets what no event names any more, and who takes part no more.
    void clean();

private:
    using roots = std::set<file_root>;
    /// A device is being asked; what it says by itself meanwhile is newer than the answer.
    struct asking {
        int questions = 0;
        roots heard;
    };

    /// Those of people to whom a session is open.
    std::set<device_id> connected() const;
    void begin_work();
    task<void> work();
    void tell(const roots& changed);
    void ask_of_new(const std::set<event_id>& events);
    task<void> look_after(device_id device);
    task<void> ask(device_id device, roots which);
    task<bool> ask_some(device_id device, std::vector<file_root> some);
    void note(const file_root& root, const device_id& device, bool has_it);
    void write_later(const file_root& root);
    task<void> write();

    const environment& env_;
    replica::database& db_;
    const parts with_;
    /// What each has said; false, too, while it is asked for the first time.
    std::map<file_root, std::map<device_id, bool>> said_;
    roots changed_;
    std::set<event_id> events_;  // to look at
    bool loaded_ = false, working_ = false;
    std::set<device_id> looking_;
    std::map<device_id, instant> looked_;
    std::map<device_id, asking> asking_;
    roots unwritten_;
    bool writing_ = false;
    task_scope tasks_;
};

}  // namespace calbox::node
