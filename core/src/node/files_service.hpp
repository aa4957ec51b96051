// Files of events: sealed and stored here, copied to the backups (file_copies), then named by the
// event; fetched from whoever has them.
// Owned by the node; core thread only.
#pragma once

#include <map>
#include <memory>
#include <set>

#include "node/device_label.hpp"
#include "node/file_copies.hpp"
#include "node/file_holders.hpp"
#include "node/own_needs.hpp"
#include "node/set_operations.hpp"

namespace calbox::node {

/// By which it is found.
file_label label_of(const model::attachment& what);

class files_service final : public files {
public:
    files_service(const environment& env, replica::replicator& replica, opened_events& opened,
                  set_operations& sets, people& who, held_files& held, file_copies& copies,
                  file_holders& holders, own_needs& needs, files_mediator& mediator);

    void request_stop() noexcept { tasks_.request_stop(); }
    task<void> join() { return tasks_.join(); }

    task<result<file_view>> attach(user_id as, event_id which, file_label name,
                                   std::string media_type, byte_source& from,
                                   attach_terms terms) override;
    task<result<std::vector<file_view>>> attach_all(user_id as, event_id which,
                                                    file_sequence& from) override;
    task<result<void>> detach(user_id as, event_id which, file_label name) override;
    result<std::vector<file_view>> list(user_id as, event_id which) const override;
    task<result<file_view>> fetch(user_id as, event_id which, file_label name) override;
    task<result<std::vector<file_view>>> fetch_all(user_id as, event_id which,
                                                   std::string occurrence) override;
    task<result<file_view>> pause(user_id as, event_id which, file_label name) override;
    task<result<file_view>> resume(user_id as, event_id which, file_label name) override;
    task<result<void>> read(user_id as, event_id which, file_label name, std::uint64_t first,
                            std::uint64_t length, byte_sink& into) override;

    /// The files of an event that was made with those of another one: as if they had been attached
    /// to it. What is not here is fetched, if that can be.
    void adopt(const user_id& as, const event_id& which);

    /// Fetches a file that was here, and that the disk has lost, for an event of somebody who is
    /// signed in. not_found: no such event names it any more; else as fetch().
    task<result<void>> bring_back(file_root root);

    // Handlers of messages.
    task<result<bytes>> on_info(wire::file_info what);
    task<result<bytes>> on_hashes(wire::file_hashes what);
    task<result<bytes>> on_leaf(wire::file_leaf what);
    task<result<bytes>> on_small(wire::small_files what);

private:
    struct arrived;
    struct arriving;
    struct fetches;
    using sources = std::vector<device_id>;

    file_view view_of(const user_id& as, const event_id& which,
                      const model::attachment& what) const;
    std::vector<file_view> views_of(const user_id& as, const event_id& which,
                                    const std::vector<model::attachment>& some) const;
    file_view view_of(const model::attachment& what, const device_labels& people,
                      const sources& devices) const;
    result<model::attachment> find(const opened_event& in, const file_label& name) const;
    result<void> may_attach(const opened_event& to, const user_id& as) const;
    result<void> may_come(const opened_event& to, const user_id& as, const file_label& label,
                          attach_terms& terms) const;
    model::attachment attachment_of(const replica::stored_file& stored, const user_id& as,
                                    const std::string& media_type) const;
    task<result<void>> take_all(arriving& all, file_sequence& from);
    task<result<void>> take(arriving& all, file_label label, std::string media_type,
                            byte_source& from, attach_terms terms);
    task<result<void>> write(arriving& all);
    task<result<void>> expect(const arriving& all, std::vector<file_root> roots);
    result<void> may_name(const arriving& all) const;
    task<result<std::vector<file_view>>> name(arriving all, result<void> taken);
    task<result<void>> name_them(arriving& all);
    task<void> drop(const arriving& all);
    result<model::attachment> find(const user_id& as, const event_id& which,
                                   const file_label& label) const;
    task<void> bring(user_id as, event_id which, model::attachment what);
    task<void> adopt_one(user_id as, event_id which, model::attachment what);
    std::map<file_root, sources> sources_of(const user_id& as, const std::set<file_root>& roots);
    task<result<void>> fetch_from(model::attachment what, sources from);
    task<void> fetch_next(std::shared_ptr<fetches> of);

    const environment& env_;
    replica::replicator& replica_;
    opened_events& opened_;
    set_operations& sets_;
    people& people_;
    held_files& held_;
    file_copies& copies_;
    file_holders& holders_;
    own_needs& needs_;
    files_mediator& mediator_;
    std::set<file_root> coming_;  // begun by resume()
    task_scope tasks_;
};

}  // namespace calbox::node
