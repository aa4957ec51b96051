// Files of events: sealed and stored here, copied to the backups, then named by the event; fetched
// from whoever has them. A file that a backup has not kept yet is owed to it, across restarts.
// Owned by the node; core thread only.
#pragma once

#include <map>
#include <set>

#include "node/set_operations.hpp"
#include "replica/file_store.hpp"
#include "replica/file_transfer.hpp"

namespace calbox::node {

class files_mediator {
public:
    virtual ~files_mediator();
    virtual std::vector<device_id> backups() const = 0;
    virtual bool is_reachable(const device_id& device) const = 0;
    virtual task<result<bytes>> ask(device_id to, wire::message_type type, bytes payload) = 0;
    virtual void send(const device_id& to, wire::message_type type, bytes payload) = 0;
};

class files_service final : public files, public replica::file_mediator {
public:
    files_service(const environment& env, replica::database& db, replica::replicator& replica,
                  opened_events& opened, set_operations& sets, people& who,
                  files_mediator& mediator, bool is_backup);

    task<result<void>> load();
    void request_stop() noexcept { tasks_.request_stop(); }
    task<void> join() { return tasks_.join(); }

    task<result<file_view>> attach(user_id as, event_id which, std::string name,
                                   std::string media_type, byte_source& from,
                                   attach_terms terms) override;
    task<result<void>> detach(user_id as, event_id which, std::string name) override;
    result<std::vector<file_view>> list(user_id as, event_id which) const override;
    task<result<file_view>> fetch(user_id as, event_id which, std::string name) override;
    task<result<void>> read(user_id as, event_id which, std::string name, std::uint64_t first,
                            std::uint64_t length, byte_sink& into) override;

    /// The files of an event that was made with those of another one: as if they had been attached
    /// to it. What is not here is fetched, if that can be.
    void adopt(const user_id& as, const event_id& which);

    // Handlers of messages.
    task<result<bytes>> on_info(wire::file_info what);
    task<result<bytes>> on_hashes(wire::file_hashes what);
    task<result<bytes>> on_leaf(wire::file_leaf what);
    task<result<bytes>> on_keep(device_id from, wire::file_keep what);
    task<void> on_kept(device_id from, wire::file_kept what);
    /// A backup can be reached: offer it what it is owed.
    void on_peer(const device_id& device);

    task<result<bytes>> ask(device_id to, wire::message_type type, bytes payload) override;

    std::uint64_t count() const noexcept { return sizes_.size(); }
    std::uint64_t total_bytes() const noexcept;

private:
    struct copies {
        std::set<device_id> kept, owed;
    };
    file_view view_of(const model::attachment& what) const;
    result<model::attachment> find(const opened_event& in, const std::string& name) const;
    result<void> may_attach(const opened_event& to, const user_id& as) const;
    task<result<void>> owe_to_backups(file_root root, std::uint64_t size);
    task<void> offer(device_id backup, file_root root, std::uint64_t size);
    task<void> keep(device_id from, wire::file_keep what);
    task<void> adopt_one(user_id as, event_id which, model::attachment what);
    std::vector<device_id> sources_of(const user_id& as, const file_root& root);
    task<void> wait_for_a_copy(file_root root);
    task<result<bool>> is_here(file_root root);
    void lost(const file_root& root);
    task<result<void>> fetch_file(file_root root, std::uint64_t size,
                                  std::vector<device_id> sources);

    const environment& env_;
    replica::database& db_;
    replica::replicator& replica_;
    opened_events& opened_;
    set_operations& sets_;
    people& people_;
    files_mediator& mediator_;
    bool is_backup_;
    replica::file_store store_;
    replica::file_transfer transfer_;
    task_scope tasks_;
    std::map<file_root, std::uint64_t> sizes_;  // files that are wholly here
    std::map<file_root, copies> copies_;
    std::map<file_root, std::uint64_t> progress_;  // plaintext bytes of files on their way
};

}  // namespace calbox::node
