// The edge's side of the overlay: carries out what bootstrap decides, answers where devices are and
// who is online. Owned by the node; core thread only.
#pragma once

#include "overlay/bootstrap.hpp"
#include "overlay/further_leases.hpp"
#include "overlay/locations.hpp"
#include "overlay/resolver.hpp"

namespace calbox::overlay {

/// What the edge asks of the rest of the daemon.
class edge_mediator {
public:
    virtual ~edge_mediator();
    virtual task<result<bytes>> request(device_id to, wire::message_type type, bytes payload,
                                        duration limit) = 0;
    virtual void tell(const device_id& to, wire::message_type type, bytes payload) = 0;
    /// This device, as others should know it.
    virtual wire::location me() const = 0;
    virtual bool has_session(const device_id& device) const = 0;
    /// Users whose devices this one wants to know: those it shares events with.
    virtual std::vector<user_id> interests() const = 0;
    /// A lease was granted: others can be reached again, and may know more than this device.
    virtual void leased() = 0;
    /// Some time after that: where its users' people are is known by now.
    virtual void connected(const device_id& rendezvous) = 0;
    /// A lease at another rendezvous took the place of the one before.
    virtual void moved(const device_id& from, const device_id& to) = 0;
    /// No rendezvous was found since the start, or since the last one was lost, for as long as the
    /// profile says.
    virtual void found_none(bool since_the_start) = 0;
    /// Members with whom a session is open, a few by chance: they may know of a rendezvous.
    virtual std::vector<device_id> some_members() const = 0;
    /// These devices came online since the last call.
    virtual void came_online(const std::vector<device_id>& devices) = 0;
};

class edge_service {
public:
    edge_service(const environment& env, locations& known, discovery::strategy& strategy,
                 resolver& asks, edge_mediator& mediator, device_id self,
                 bootstrap::timers with = {});

    /// `only_self`: this node is a rendezvous and leases from itself. `everywhere`: others are to
    /// find it at every rendezvous, not only at the one that it has chosen.
    void start(bool only_self, bool everywhere = false);
    /// Before start(): who held the lease before the restart.
    void prefer(const device_id& rendezvous) { machine_.prefer(rendezvous); }
    /// Where to ask for rendezvous while none is known, for example the registry of the invitation.
    void ask_also(const device_id& helper);
    /// This device is a rendezvous from now on, because it found none: it leases from itself, and
    /// goes on looking.
    void act();
    void rest();
    /// What was heard of this rendezvous is news: it is one, or not any more.
    void on_advertised(const device_id& device);
    /// Gives the lease back.
    void request_stop() noexcept;
    task<void> join() { return tasks_.join(); }

    /// This node's users or addresses changed: renews the lease.
    void renew();
    /// From what is known, else asked.
    task<std::optional<wire::location>> find(device_id device);
    /// Asks whom the resolver's policy says; takes the answers into what is known.
    task<result<void>> locate(wire::locate what);
    /// From now on the rendezvous tells of these users' devices; when this ends, where they are now
    /// is known, unless it could not be asked: it is again when it answers a heartbeat.
    task<void> care_about(std::vector<user_id> users);
    /// The same, and nobody waits.
    void hear_of(const std::vector<user_id>& users);
    bool is_online(const device_id& device) const;
    std::vector<device_id> backups() const;
    std::optional<device_id> lessor() const noexcept { return machine_.lessor(); }
    /// A lease is held, and where it is held was asked who of this device's people is online.
    bool is_settled() const noexcept { return settled_at_ && machine_.lessor() == settled_at_; }
    bool seeks() const noexcept { return machine_.seeks(); }
    bootstrap::phase now_in() const noexcept { return machine_.now_in(); }
    bool knows_rendezvous() const noexcept { return machine_.candidates() > 0; }
    std::size_t candidates() const noexcept { return machine_.candidates(); }

    // Messages and news.
    /// A rendezvous (the message table sees to that) says who is where now.
    void on_presence(wire::presence what);
    void on_peer(const device_id& device, bool up);
    /// A rendezvous asks this edge to lease from another one.
    void on_move(const device_id& from, wire::location to);
    /// Loads of all rendezvous, as the lessor has heard of them.
    task<result<std::vector<wire::rendezvous_load>>> ask_loads();

private:
    static constexpr std::size_t ids_per_question = 500;

    void carry_out(bootstrap::effects all);
    void carry_out(const further_leases::effects& all);
    void lease_everywhere();
    void arm();
    task<result<wire::lease_reply>> request_lease(device_id from);
    task<void> ask_further_lease(device_id from);
    task<void> beat_further(device_id to, duration limit);
    task<void> probe(device_id to);
    task<void> ask_lease(device_id from);
    task<void> beat(device_id to, duration limit);
    void begin_lease(const device_id& rendezvous);
    task<void> after_lease(device_id rendezvous);
    task<void> doubt_hearsay(std::uint64_t lease);
    task<void> look_for_rendezvous();
    void consider(std::vector<device_id> rendezvous, bool seed);
    task<void> ask_for_rendezvous(device_id whom, bool seed);

    // edge_locating.cpp: where others are
    task<bool> tell_interests(std::vector<user_id> users, std::size_t at_once);
    task<void> tell_the_rest();
    void hear_from_a_member(const wire::locate& asked, std::vector<wire::location> said);

    const environment& env_;
    locations& known_;
    resolver& asks_;
    edge_mediator& mediator_;
    device_id self_;
    bootstrap machine_;
    further_leases further_;
    task_scope tasks_;
    std::optional<timer_queue::id> timer_;
    std::set<device_id> helpers_;
    std::set<user_id> told_;         // the rendezvous tells of them while this lease lasts
    std::set<user_id> untold_;       // of whom it is to tell, and does not know that yet
    std::set<device_id> confirmed_;  // online, as was said since the last lease began
    std::uint64_t lease_number_ = 0;
    std::optional<device_id> settled_at_;
    bool telling_ = false;
    bool only_self_ = false;
    bool everywhere_ = false;
    bool started_ = false;
};

}  // namespace calbox::overlay
