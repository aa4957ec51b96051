// Where devices can be found, as far as this node has heard: from sessions, leases, presence and
// answers. Hints only; the TLS handshake decides. Kept in the store, so that a restart finds the
// network again. Owned by the node; core thread only.
#pragma once

#include <map>
#include <set>

#include "base/task_scope.hpp"
#include "replica/database.hpp"
#include "wire/messages.hpp"

namespace calbox::overlay {

class locations {
public:
    locations(const environment& env, replica::database& db)
        : env_(env), db_(db), tasks_(env, "locations") {}

    /// Whatever was known at the last run; nobody counts as online.
    task<result<void>> load();
    void request_stop() noexcept { tasks_.request_stop(); }
    /// Stores what has changed last.
    task<void> join();

    /// Takes in what was said of a device. An empty list of addresses, and roles or users of zero,
    /// change nothing that is known already. True when its being online changed.
    bool note(wire::location what);
    /// The lease of the device has ended, as far as `relay` can tell.
    bool note_offline(const device_id& device);

    std::optional<wire::location> find(const device_id& device) const;
    std::vector<wire::location> with_roles(std::uint32_t roles) const;
    std::vector<wire::location> of_users(const std::vector<user_id>& users) const;
    bool is_online(const device_id& device) const noexcept;
    const std::map<device_id, wire::location>& all() const noexcept { return known_; }

    static constexpr std::size_t kept = 20'000;  // devices; the rest are asked for again

private:
    task<void> store_soon();
    task<void> store_changes();

    const environment& env_;
    replica::database& db_;
    task_scope tasks_;
    std::map<device_id, wire::location> known_;
    std::set<device_id> unsaved_;
};

}  // namespace calbox::overlay
