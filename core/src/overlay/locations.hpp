// Where devices can be found, as far as this node has heard: from sessions, leases, presence and
// answers. Hints only; the TLS handshake decides. That a device is a rendezvous, and where, counts
// by its signed advertisement alone, whoever brings it; what is not good is dropped and counted.
// Kept in the store, so that a restart finds the network again. Owned by the node; core thread
// only.
#pragma once

#include <map>
#include <set>

#include "base/task_scope.hpp"
#include "net/secure_channel.hpp"
#include "overlay/address_book.hpp"
#include "overlay/advertisements.hpp"
#include "replica/database.hpp"

namespace calbox::overlay {

class locations final : public address_book {
public:
    /// `mine` says which network's advertisements count, and outlives this.
    locations(const environment& env, replica::database& db, const net::credentials& mine)
        : env_(env), db_(db), mine_(mine), tasks_(env, "locations") {}

    /// Whatever was known at the last run and is still good; nobody counts as online.
    task<result<void>> load();
    void request_stop() noexcept { tasks_.request_stop(); }
    /// Stores what has changed last.
    task<void> join();
    /// What has changed of these devices and is not stored yet; it may be stored once more.
    void write_unsaved(replica::batch& writes, const std::vector<device_id>& devices) const;

    bool note(wire::location what) override;
    bool note_offline(const device_id& device) override;
    /// What a device says of itself, by itself. True when it is news, and good.
    bool hear(const device_id& from, const wire::signed_advertisement& said);
    /// The same, whoever brought it: of whom it is. Nothing when it is not good.
    std::optional<device_id> hear(const wire::signed_advertisement& said);
    /// Rendezvous whose advertisements are past their time are none any more.
    void drop_expired();

    std::optional<wire::location> find(const device_id& device) const override;
    /// Promoted rendezvous are left out: they serve where no other one is found.
    std::vector<device_id> holders(std::uint32_t roles) const override;
    std::vector<device_id> leased_from(const device_id& rendezvous) const override;
    /// With promoted rendezvous.
    std::vector<wire::location> with_roles(std::uint32_t roles) const;
    bool is_rendezvous(const device_id& device) const noexcept;
    bool is_promoted(const device_id& device) const noexcept;
    /// What was dropped since the start.
    const refusals& dropped() const noexcept { return dropped_; }
    std::vector<wire::location> of_users(const std::vector<user_id>& users) const override;
    bool is_online(const device_id& device) const noexcept;
    const std::map<device_id, wire::location>& all() const noexcept { return known_; }

    static constexpr std::size_t kept = 20'000;  // devices; the rest are asked for again

private:
    task<void> store_soon();
    task<void> store_changes();
    void index(const wire::location& what, bool in);
    void save_soon(const device_id& device);
    bool take_in(const device_id& device, const wire::signed_advertisement& said);
    void strip(wire::location& known);

    const environment& env_;
    replica::database& db_;
    const net::credentials& mine_;
    task_scope tasks_;
    std::map<device_id, wire::location> known_;
    std::map<device_id, advertised> said_;  // of those in known_ that have said something
    refusals dropped_;
    std::map<std::uint32_t, std::set<device_id>> with_role_;  // by bit; not of edges, who are many
    std::map<user_id, std::set<device_id>> of_user_;
    std::set<device_id> unsaved_;
};

}  // namespace calbox::overlay
