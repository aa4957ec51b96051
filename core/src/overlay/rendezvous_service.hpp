// The rendezvous' side of the overlay: carries out what the lessor decides, and answers its
// messages. Owned by the node; core thread only.
#pragma once

#include <memory>

#include "base/async.hpp"
#include "net/session.hpp"
#include "overlay/lessor.hpp"
#include "overlay/member_watch.hpp"

namespace calbox::overlay {

class rendezvous_service {
public:
    rendezvous_service(const environment& env, locations& known, discovery::strategy& strategy,
                       rendezvous_mediator& mediator, device_id self, lessor::settings with,
                       member_watch::settings watched = {});

    void start();
    /// It stops soon, and its edges are to go to `to`.
    void retire(const device_id& to) { carry_out(machine_.retire(to, env_.time.now())); }
    void request_stop() noexcept;
    task<void> join();

    // Handlers of messages.
    task<result<bytes>> on_probe(device_id from, wire::probe its);
    task<result<bytes>> on_lease(const net::peer& from, wire::lease what);
    task<result<bytes>> on_heartbeat(device_id from);
    task<result<bytes>> on_locate(device_id from, wire::locate what);
    task<result<bytes>> on_make_room(wire::make_room what);
    task<result<bytes>> on_loads();
    task<result<bytes>> on_members(device_id from, wire::members what) {
        return watch_.on_members(from, std::move(what));
    }
    task<result<bytes>> on_watch(device_id from, wire::watch what);
    void on_leave(const device_id& from, const wire::leave& what);
    /// Another rendezvous tells of its leases.
    void on_presence(const device_id& from, const wire::presence& what);
    /// The session has ended: so has the lease.
    void on_peer_gone(const device_id& device);

    std::uint32_t edges() const noexcept { return machine_.edges(); }
    std::uint32_t edges_max() const noexcept { return machine_.on_probe().edges_max; }
    bool holds(const device_id& device) const noexcept { return machine_.holds(device); }
    std::vector<discovery::load> loads() const { return machine_.loads(env_.time.now()); }
    /// How many rendezvous are there, with this one, where they watch each other; else 0.
    std::size_t watched() const noexcept { return watch_.members(); }
    /// Where they watch each other: is a session with it kept?
    bool keeps(const device_id& device) const noexcept;
    /// More of them are heard of than meet each other one by one: they watch each other, or do so
    /// from now on, and nobody needs to meet all.
    bool are_many();
    /// This one's load, and those of all the others that are there: of whom nothing was heard, the
    /// mean of those that were.
    std::vector<discovery::load> loads_of_all() const;
    std::uint64_t moved_away() const noexcept { return machine_.moved_away(); }
    bool others_are_wanted() const noexcept {
        return machine_.advised() == discovery::advice::open_rendezvous;
    }

private:
    void carry_out(const lessor::effects& all);
    void keep_to_neighbours();
    void arm();
    task<void> ask_informant(circles::question what);
    task<void> know(wire::locate what);
    std::vector<device_id> heard_of() const;
    task<void> ask_load(device_id whom);
    task<void> ask_room(lessor::ask_room what);
    std::vector<wire::location> places(const std::vector<device_id>& devices) const;
    void send_all(const std::vector<device_id>& to, const std::vector<wire::location>& what,
                  bool circled = false);

    const environment& env_;
    locations& known_;
    rendezvous_mediator& mediator_;
    device_id self_;
    lessor machine_;
    member_watch watch_;
    circles::settings in_circles_;
    std::uint64_t near_version_ = 0;   // of the neighbours that are kept to
    std::shared_ptr<event> answered_;  // the next answer of an informant
    task_scope tasks_;
    std::optional<timer_queue::id> timer_;
    /// Ends with this: a handler belongs to its session, and may be left waiting.
    std::shared_ptr<const int> here_ = std::make_shared<const int>();
};

/// What any node answers to locate: from what it has heard.
wire::locate_reply locate_in(const locations& known, const wire::locate& what);

}  // namespace calbox::overlay
