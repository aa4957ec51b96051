// Archives of accounts. Owned by the node; core thread only.
#pragma once

#include <functional>
#include <map>
#include <set>

#include "node/account_archive.hpp"
#include "node/archives.hpp"
#include "node/files_service.hpp"

namespace calbox::node {

class archive_service final : public archives {
public:
    struct parts {
        replica::replicator& replica;
        opened_events& opened;
        const people& names;
        held_files& held;
        files_service& files;
        account_service::settings kdf;
        std::function<network_epoch()> epoch;  // of the network, now
        std::function<void()> restored;        // there are events that no backup may have
    };
    archive_service(const environment& env, parts with) : env_(env), with_(std::move(with)) {}

    task<result<archive_view>> show(user_id as) override;
    task<result<void>> save(user_id as, std::string password, archive_sink& into) override;
    task<result<archive_view>> restore(passwords with, replica::byte_source& from) override;

private:
    struct content;
    class restoring;
    task<result<void>> collect(content& all);
    void see_files(content& all, const replica::held_event& version) const;
    task<void> fetch_files(user_id as);
    static std::uint64_t length_of(const content& all);
    task<result<void>> write(const content& all, archive_writer& to, archive_sink& into);
    task<result<void>> write_file(const archived_file& what, archive_writer& to,
                                  archive_sink& into);
    task<result<archive_keys>> derive(std::string password, wire::kdf_parameters with);
    task<result<archive_view>> restore_all(restoring& all, passwords with,
                                           replica::byte_source& from);
    task<result<void>> finish(restoring& all, crypto::identity keys, std::string password,
                              archive_view& view);

    const environment& env_;
    parts with_;
    bool restoring_ = false;  // whose files are nobody's until it ends
};

}  // namespace calbox::node
