// Where devices can be found, as far as this node has heard: from sessions, leases, presence and
// answers. Hints only; the TLS handshake decides. Kept in the store, so that a restart finds the
// network again. Owned by the node; core thread only.
#pragma once

#include <map>
#include <set>

#include "base/task_scope.hpp"
#include "overlay/address_book.hpp"
#include "replica/database.hpp"

namespace calbox::overlay {

class locations final : public address_book {
public:
    locations(const environment& env, replica::database& db)
        : env_(env), db_(db), tasks_(env, "locations") {}

    /// Whatever was known at the last run; nobody counts as online.
    task<result<void>> load();
    void request_stop() noexcept { tasks_.request_stop(); }
    /// Stores what has changed last.
    task<void> join();

    bool note(wire::location what) override;
    bool note_offline(const device_id& device) override;

    std::optional<wire::location> find(const device_id& device) const override;
    std::vector<device_id> holders(std::uint32_t roles) const override;
    std::vector<wire::location> with_roles(std::uint32_t roles) const;
    std::vector<wire::location> of_users(const std::vector<user_id>& users) const;
    bool is_online(const device_id& device) const noexcept;
    const std::map<device_id, wire::location>& all() const noexcept { return known_; }

    static constexpr std::size_t kept = 20'000;  // devices; the rest are asked for again

private:
    task<void> store_soon();
    task<void> store_changes();
    void index(const wire::location& what, bool in);

    const environment& env_;
    replica::database& db_;
    task_scope tasks_;
    std::map<device_id, wire::location> known_;
    std::map<std::uint32_t, std::set<device_id>> with_role_;  // by bit; not of edges, who are many
    std::map<user_id, std::set<device_id>> of_user_;
    std::set<device_id> unsaved_;
};

}  // namespace calbox::overlay
