// Which devices of people have which files of the events that they share with this one, as each has
// said of itself: it is asked about an event's files when the event has changed or is looked at,
// and about all of those events when a session to it opens, and says by itself when a file has come
// to it or is gone. Of other events nothing is opened for that. Rows survive restarts, so that a
// device that is away counts with what it said last. Backups are counted by file_copies. Owned by
// the node; core thread only.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>

#include "base/task_scope.hpp"
#include "node/file_questions.hpp"

namespace calbox::node {

class file_holders {
public:
    using roots = std::set<file_root>;
    /// Files of an event, and the devices of who takes part in it, this one not among them.
    struct shared_files {
        std::vector<file_root> files;
        std::vector<device_id> devices;  // ascending
    };
    struct parts {
        const held_files& held;
        files_mediator& mediator;
        /// Opens the event. Nothing: it has no files, or nobody here takes part in it.
        std::function<std::optional<shared_files>(const event_id&)> shared;
        /// Events that name one of these, and perhaps others.
        std::function<std::set<event_id>(const roots&)> naming;
        /// Does one of the users take part in an event that names it?
        std::function<bool(const file_root&, const std::vector<user_id>&)> concerns;
        /// A backup says nothing of what it holds, and is asked otherwise.
        bool is_backup = false;
    };
    /// To one device in one turn: a session ends where more one-way messages wait than it bears.
    static constexpr std::size_t told_at_once = 500;

    file_holders(const environment& env, replica::database& db, parts with)
        : env_(env),
          db_(db),
          with_(std::move(with)),
          soon_(env, tasks_, "tell and ask", gathered_for, [this] { return tell_and_ask(); }),
          writes_(env, tasks_, "write", written_after, [this] { return write(); }),
          tasks_(env, "holders") {}

    task<result<void>> load();
    void request_stop() noexcept { tasks_.request_stop(); }
    /// What was not written yet is written then.
    task<void> join();

    /// Those that have said that they have it, and not taken that back; ascending.
    std::vector<device_id> of(const file_root& root) const;

    /// A file has come here, or is gone: the others are told. Nothing before load().
    void changed(const file_root& root);
    /// What the event names may be new, and who takes part in it.
    void look(const event_id& which);
    /// Somebody looks at the event's files: as look(), the first time since the start.
    void shown(const event_id& which);
    /// There is a session to it, or somebody has signed in there.
    void on_peer(const device_id& device);
    /// The device, of these users, has the file, or has it no more.
    void on_kept(const device_id& from, const std::vector<user_id>& users,
                 const wire::file_kept& what);

    /// Forgets what no event names any more, and who takes part no more.
    task<void> clean();

private:
    static constexpr duration written_after = std::chrono::seconds(3);
    struct holder {
        device_id device;
        bool is_named = true;  // since clean() has begun to look
    };
    /// A device is being asked; what it says by itself meanwhile is newer than the answer.
    struct asking {
        int questions = 0;
        roots heard;
    };

    /// Those of people to whom a session is open.
    std::set<device_id> connected() const;
    std::set<device_id> take_due(const std::set<device_id>& there);
    task<void> leave_turn(std::size_t looked);
    task<void> tell_and_ask();
    task<void> tell();
    task<void> ask_all();
    task<void> ask(device_id device, std::vector<file_root> which);
    task<result<void>> ask_some(device_id device, std::vector<file_root> some);
    void note(const file_root& root, const device_id& device, bool has_it);
    void write_later(const file_root& root);
    task<void> write();

    const environment& env_;
    replica::database& db_;
    const parts with_;
    std::map<file_root, std::vector<holder>> said_;  // who has it, ascending
    roots changed_;                                  // to tell of
    std::set<event_id> events_;                      // to ask about
    std::map<event_id, digest> looked_;   // since the start: with which files and devices
    std::map<device_id, instant> due_;    // to ask about all of those, from then on
    std::map<device_id, instant> asked_;  // about all of those, in the last minute
    std::map<device_id, asking> asking_;
    roots unwritten_;
    bool loaded_ = false;
    together soon_, writes_;
    task_scope tasks_;
};

}  // namespace calbox::node
