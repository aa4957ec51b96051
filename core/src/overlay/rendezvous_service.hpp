// The rendezvous' side of the overlay: leases to edges, who is where, and telling edges and other
// rendezvous of changes. Admission is the discovery strategy's. Owned by the node; core thread
// only.
#pragma once

#include "net/session.hpp"
#include "overlay/locations.hpp"

#include <calbox/discovery.hpp>

namespace calbox::overlay {

class rendezvous_mediator {
public:
    virtual ~rendezvous_mediator();
    virtual task<result<bytes>> request(device_id to, wire::message_type type, bytes payload,
                                        duration limit) = 0;
    /// Only over a session that is open.
    virtual bool tell(const device_id& to, wire::message_type type, byte_view payload) = 0;
    /// This node's own edge hears it, too.
    virtual void presence_here(wire::presence what) = 0;
};

class rendezvous_service {
public:
    struct settings {
        std::uint32_t edges_max = 10'000;
        duration heartbeat = std::chrono::seconds(10);
    };
    rendezvous_service(const environment& env, locations& known, discovery::strategy& strategy,
                       rendezvous_mediator& mediator, device_id self, settings with);

    void start();
    void request_stop() noexcept { tasks_.request_stop(); }
    task<void> join() { return tasks_.join(); }

    // Handlers of messages.
    task<result<bytes>> on_probe();
    task<result<bytes>> on_lease(const net::peer& from, wire::lease what);
    task<result<bytes>> on_heartbeat(device_id from);
    void on_leave(const device_id& from) { end(from); }
    /// Another rendezvous tells of its leases.
    void on_presence(const device_id& from, const wire::presence& what);
    /// The session has ended: so has the lease.
    void on_peer_gone(const device_id& device);

    std::uint32_t edges() const noexcept { return static_cast<std::uint32_t>(leases_.size()); }
    bool holds(const device_id& device) const noexcept { return leases_.contains(device); }

    static constexpr duration presence_delay =
        std::chrono::milliseconds(50);  // changes of a crowd go out together
    static constexpr std::uint32_t missed_beats = 3;

private:
    task<void> sweep();
    task<void> exchange_loads();
    task<void> announce();
    void changed(const device_id& device);
    void end(const device_id& device);
    discovery::load my_load() const;
    std::vector<discovery::load> other_loads() const;
    void send_all(const std::vector<device_id>& to, const std::vector<wire::location>& what);
    std::vector<device_id> other_rendezvous() const;

    const environment& env_;
    locations& known_;
    discovery::strategy& strategy_;
    rendezvous_mediator& mediator_;
    device_id self_;
    settings with_;
    task_scope tasks_;
    std::map<device_id, instant> leases_;  // until
    std::map<device_id, discovery::load> loads_;
    std::set<device_id> changed_;
    bool announcing_ = false;
};

/// What any node answers to locate: from what it has heard.
wire::locate_reply locate_in(const locations& known, const wire::locate& what);

}  // namespace calbox::overlay
