// Looks after this device's store: reads again what it holds, heals what the disk has damaged from
// the others, and answers the operator. Owned by the node; core thread only.
#pragma once

#include <functional>
#include <set>

#include "base/task_scope.hpp"
#include "node/event_copies.hpp"
#include "node/file_keeper.hpp"
#include "node/files_service.hpp"
#include "node/store_admin.hpp"
#include "replica/scrub.hpp"

namespace calbox::node {

class store_service final : public store_admin {
public:
    struct parts {
        replica::database& db;
        replica::replicator& replica;
        opened_events& opened;
        const people& names;
        held_files& held;
        files_service& files;
        file_keeper& keeper;
        const event_copies& copies;
        std::function<void()> catch_up;       // the others are asked what is missing here
        std::function<std::string()> engine;  // the storage plugin's name
        replica::scrub_terms terms;
    };
    store_service(const environment& env, parts with);

    task<result<void>> load();
    /// From now on it reads by itself, as its terms say.
    void start();
    void request_stop() noexcept { tasks_.request_stop(); }
    task<void> join() { return tasks_.join(); }

    task<result<store_view>> show() override;
    task<result<storage::check_report>> check() override { return with_.db.check(); }
    task<result<backup_view>> back_up(std::string file) override;
    scrub_view scrub() override;
    scrub_view scrubbed() const override;

private:
    struct damage {
        std::string name;
        std::optional<event_id> event;  // its current version
        std::optional<file_root> file;
        bool healed = false;  // of what is neither, or at once
    };
    bool is_healed(const damage& one) const;
    void note(damage what);
    std::uint64_t lost() const;
    task<void> work();
    task<void> wait(duration most);
    task<result<void>> go_on();
    task<result<void>> look_at_records(replica::record_kind kind);
    task<result<void>> look_at_next_file();
    task<result<void>> finish_file(file_root root, std::vector<std::uint64_t> bad, bool whole);
    task<void> heal();
    task<void> settle();
    task<result<void>> store_state();

    const environment& env_;
    parts with_;
    replica::scrub scrub_;
    std::vector<damage> found_;
    std::uint64_t more_found_ = 0;  // than are listed, and that are not healed as far as is known
    bool healing_ = false;
    event hurry_;
    task_scope tasks_;
};

}  // namespace calbox::node
