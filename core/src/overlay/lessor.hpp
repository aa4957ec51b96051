// How a rendezvous grants leases and spreads presence: whom it admits, when a lease ends, whom a
// change concerns, and how loads are exchanged. Sans-IO: inputs with the time in, answers and
// effects out; admission is the discovery strategy's. Owned by whoever carries its effects out;
// core thread only.
#pragma once

#include <set>
#include <variant>
#include <vector>

#include <boost/container/flat_map.hpp>

#include <calbox/discovery.hpp>

#include "overlay/address_book.hpp"
#include "overlay/interests.hpp"

namespace calbox::overlay {

class lessor {
public:
    struct settings {
        std::uint32_t edges_max = 10'000;
        duration heartbeat = std::chrono::seconds(10);
    };

    // Effects, to be carried out in their order. What is told of a device is what the address book
    // says of it then.
    struct tell {
        std::vector<device_id> to;
        std::vector<device_id> about;
    };
    /// Another rendezvous gets all of this one's leases.
    struct tell_leases {
        device_id to;
    };
    struct ask_load {
        device_id whom;
    };
    /// This node's own edge hears it, too.
    struct heard {
        std::vector<device_id> about;
    };
    using effect = std::variant<tell, tell_leases, ask_load, heard>;
    using effects = std::vector<effect>;

    lessor(discovery::strategy& strategy, random& entropy, address_book& book, device_id self,
           settings with)
        : strategy_(strategy), entropy_(entropy), book_(book), self_(self), with_(with) {}

    effects start(instant now);
    void stop() noexcept;
    wire::offer on_probe() const noexcept { return {edges(), with_.edges_max}; }
    /// `who` is what the handshake proved, and where it says that it is.
    wire::lease_reply on_lease(wire::location who, instant now);
    /// Nothing when there is no lease of this device.
    std::optional<wire::heartbeat> on_heartbeat(const device_id& from, instant now);
    void on_leave(const device_id& from, instant now) { end(from, now); }
    /// An edge asked where these users are, so it wants to hear of them while its lease lasts.
    void on_interest(const device_id& from, const std::vector<user_id>& users);
    /// Another rendezvous tells of its leases.
    effects on_presence(const device_id& from, const wire::presence& what);
    /// What came of ask_load; nothing when there was no answer.
    effects on_load(const device_id& from, const std::optional<wire::offer>& what, instant now);
    /// The session has ended: so has the lease.
    void on_peer_gone(const device_id& device, instant now);
    /// deadline() has passed.
    effects on_time(instant now);

    std::optional<instant> deadline() const noexcept;
    std::uint32_t edges() const noexcept { return static_cast<std::uint32_t>(leases_.size()); }
    bool holds(const device_id& device) const noexcept { return leases_.contains(device); }
    std::vector<device_id> leases() const;
    const interests& wanted() const noexcept { return wanted_; }

    static constexpr std::uint32_t missed_beats = 3;
    static constexpr duration presence_delay =
        std::chrono::milliseconds(50);  // changes of a crowd go out together
    static constexpr duration exchange_every = std::chrono::seconds(60);
    static constexpr std::size_t exchanged_with = 64;  // of more, chance takes so many each time
    static constexpr std::size_t asked_at_once = 8;
    static constexpr std::size_t told = 32;  // rendezvous, and backups, in one grant

private:
    discovery::load my_load(instant now) const { return {self_, edges(), with_.edges_max, now}; }
    std::vector<device_id> other_rendezvous() const;
    std::vector<device_id> some(std::vector<device_id> all, std::size_t most);
    std::vector<wire::location> places(const std::vector<device_id>& devices) const;
    wire::lease_reply grant();
    void changed(const device_id& device, instant now);
    void end(const device_id& device, instant now);
    void sweep(instant now);
    void begin_exchange(instant now);
    void ask_more(effects& all);
    void spread(const std::vector<device_id>& about, effects& all) const;

    discovery::strategy& strategy_;
    random& entropy_;
    address_book& book_;
    device_id self_;
    settings with_;
    // Flat, because each heartbeat looks one up: a tree of thousands is a cache miss at every step.
    boost::container::flat_map<device_id, instant> leases_;  // until
    boost::container::flat_map<device_id, discovery::load> loads_;
    interests wanted_;
    std::set<device_id> changed_;
    std::vector<device_id> to_ask_;
    std::set<device_id> asking_;
    std::optional<instant> announce_at_, sweep_at_, exchange_at_;
};

}  // namespace calbox::overlay
