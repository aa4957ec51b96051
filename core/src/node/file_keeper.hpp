// What a backup does for files: keeps those that it is offered, asks the other backups for theirs,
// so that all hold the same, and has what its disk lost offered again. Owned by the node; core
// thread only.
#pragma once

#include <deque>
#include <map>
#include <set>

#include "base/task_scope.hpp"
#include "node/held_files.hpp"
#include "node/kept_needs.hpp"
#include "replica/recovery_driver.hpp"

namespace calbox::node {

/// The files of a device, as recovery strategies compare them: an event for each, whose id and
/// version are made of the file's root.
class file_set final : public replica::recovery_set {
public:
    file_set(const held_files& held, const kept_needs& needs) : held_(held), needs_(needs) {}
    std::unique_ptr<recovery::view> to_ask(const replica::recovery_peers& peers) const override;
    std::unique_ptr<recovery::view> to_answer(std::vector<user_id> users,
                                              bool everything) const override;

private:
    const held_files& held_;
    const kept_needs& needs_;
};

class file_keeper final : public replica::recovery_mediator {
public:
    struct settings {
        bool is_backup = false;
        std::uint64_t quota_bytes = UINT64_MAX;  // of plaintext
    };
    file_keeper(const environment& env, held_files& held, kept_needs& needs,
                replica::recovery_strategies strategies, files_mediator& mediator, settings with);

    void request_stop() noexcept;
    task<void> join();

    /// Asks these backups for the files that they have and this one lacks.
    task<void> level_with(std::vector<device_id> backups);
    result<void> use(std::string_view strategy) { return recovery_.use(strategy); }

    // Handlers of messages.
    /// From a device of these users, or another backup.
    task<result<bytes>> on_keep(device_id from, bool from_backup, std::vector<user_id> users,
                                wire::file_keep what);
    task<void> on_recovery(device_id from, bool from_backup, wire::recovery_message what);
    /// The device can be reached: it may have what was lost here.
    void on_peer(const device_id& device);
    /// Whatever is lost is wanted from all who can be reached.
    void seek_lost();

    bool wants(const file_root& root) const { return wanted_.contains(root); }
    std::uint64_t wanted_files() const noexcept { return wanted_.size(); }
    /// That have not come yet.
    std::uint64_t wanted_bytes() const noexcept;
    std::uint64_t quota_bytes() const noexcept { return with_.quota_bytes; }
    /// Offers that would have been too much since the start.
    std::uint64_t refused() const noexcept { return refused_; }

    // recovery_mediator
    task<result<void>> send(device_id to, wire::recovery_message what) override;
    task<result<bool>> apply(device_id from, bytes encoded) override;

private:
    struct wanted {
        std::uint64_t size = 0;
        std::set<device_id> sources;
        std::set<device_id> tell;  // want to know when it is here
    };
    result<void> want(const wire::file_keep& what, const device_id& source, bool tell);
    task<void> keep_here(device_id from, wire::file_keep what);
    /// Files that nobody fetches yet, by who has offered them, and how many of them are fetched at
    /// once: one who does not answer leaves room for those of others.
    struct line {
        struct offers {
            std::deque<file_root> queue;
            int working = 0;
        };
        std::map<device_id, offers> of;
        int working = 0;
        const int most, most_of_one;
        explicit line(int at_once) : most(at_once), most_of_one(at_once / 2) {}
    };
    line& line_of(std::uint64_t size) noexcept;
    void begin_work(line& in);
    task<void> work(line& in, device_id source);
    task<void> fetch(file_root root);
    void ask_for(const device_id& device, const file_root& root);

    const environment& env_;
    held_files& held_;
    kept_needs& needs_;
    files_mediator& mediator_;
    settings with_;
    file_set set_;
    replica::recovery_driver recovery_;
    task_scope tasks_;
    std::map<file_root, wanted> wanted_;
    line small_{256}, large_{16};  // of one part, and others
    std::uint64_t pending_bytes_ = 0;
    std::uint64_t refused_ = 0;
};

}  // namespace calbox::node
