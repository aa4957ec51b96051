// Which backups have a copy of the files of this device: kept, or owed until they have. Rows
// survive restarts. A backup that can be reached is asked what it holds, so that a new one, or one
// that has lost something, is offered what it lacks; and is asked of what comes here otherwise than
// to be offered. Owned by the node; core thread only.
#pragma once

#include <map>
#include <memory>
#include <set>

#include "base/task_scope.hpp"
#include "node/file_questions.hpp"
#include "wire/messages.hpp"

namespace calbox::node {

class file_copies {
public:
    file_copies(const environment& env, replica::database& db, const held_files& held,
                files_mediator& mediator)
        : env_(env),
          db_(db),
          held_(held),
          mediator_(mediator),
          tasks_(env, "copies"),
          writes_(env, tasks_, "write", duration{}, [this] { return write(); }),
          soon_(env, tasks_, "ask", gathered_for, [this] { return ask_of_new(); }) {}

    /// Who may need a file; nothing: this device does not know it. What needs no more copies. And
    /// what a backup is to be told once it has been offered all. Set before anything is offered.
    std::function<std::optional<std::vector<user_id>>(const file_root&)> needed_by;
    std::function<bool(const file_root&)> is_over;
    std::function<void(const device_id& backup)> met;

    /// Rows for what is no backup of the network any more are erased.
    task<result<void>> load();
    void request_stop() noexcept { tasks_.request_stop(); }
    task<void> join() { return tasks_.join(); }

    /// With its size.
    using file = std::pair<file_root, std::uint64_t>;
    /// Each backup that does not have one of the files is offered it, now or when it can be
    /// reached.
    task<result<void>> owe(std::vector<file> files);
    /// Until each of them is at a first backup, at most for 10 s, and not where none can be
    /// reached.
    task<void> wait_for_one(std::vector<file_root> roots);
    std::vector<device_id> kept(const file_root& root) const;
    /// Backups that do not take the file, and why, as they have said.
    std::map<device_id, std::string> refused(const file_root& root) const;
    /// The backups that are not among those.
    std::vector<device_id> lacking(const file_root& root) const;

    /// A backup has the file, or has it no more.
    task<void> on_kept(device_id from, wire::file_kept what);
    /// The device can be reached.
    void on_peer(const device_id& device);
    /// An event names the file: backups of which it is not known whether they have it are asked.
    void look(const file_root& root);
    /// Somebody looks at a file that is not here: the same, at most once in a minute.
    void shown(const file_root& root);

    /// Forgets who has those.
    void forget(const std::function<bool(const file_root&)>& which);

private:
    struct copies {
        std::set<device_id> kept, owed;
    };
    struct offers;
    /// Asks what the backup holds: of what it is not known to hold; of everything where it was not
    /// asked for all just now, since it may have lost something.
    task<void> look_after(device_id backup);
    void took(const device_id& backup, const file_root& root);
    task<void> ask_of_new();
    task<void> ask(device_id backup, std::vector<file_root> some);
    /// In as many questions as it takes. False: it does not say, and is asked when it is met next.
    task<bool> compare_all(device_id backup, std::vector<file_root> all);
    /// Whether the backup has it, or is owed it. Nothing: that is not known.
    std::optional<bool> known(const file_root& root, const device_id& backup) const;
    task<result<void>> compare(device_id backup, std::vector<file_root> some);
    /// Some at once; returns when all have been answered.
    task<void> offer_all(device_id backup, std::vector<file> files);
    task<void> offer_next(device_id backup, std::shared_ptr<offers> from);
    task<void> offer(device_id backup, file_root root, std::uint64_t size);
    void note(const file_root& root, const device_id& backup);
    task<void> write();

    const environment& env_;
    replica::database& db_;
    const held_files& held_;
    files_mediator& mediator_;
    task_scope tasks_;
    std::map<file_root, copies> copies_;
    std::set<device_id> looking_;
    std::map<device_id, instant> looked_;  // when it had been asked for everything
    std::map<file_root, std::map<device_id, std::string>> refused_;
    std::set<std::pair<file_root, device_id>> unwritten_;
    together writes_;
    std::set<file_root> come_;
    std::set<file_root> shown_;  // in the minute that began then
    instant shown_since_{};
    together soon_;
};

}  // namespace calbox::node
