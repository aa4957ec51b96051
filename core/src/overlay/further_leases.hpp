// Leases beside the one that bootstrap keeps, of a device that everybody is to find: a backup has
// one at every rendezvous that it knows. Nothing is chosen here, and nothing depends on one of
// them: what is lost is asked for again. Sans-IO: inputs with the time in, effects out. Owned by
// the edge service; core thread only.
#pragma once

#include <map>
#include <optional>
#include <variant>
#include <vector>

#include <calbox/environment.hpp>

#include "overlay/bootstrap.hpp"
#include "wire/messages.hpp"

namespace calbox::overlay {

class further_leases {
public:
    using ask_lease = bootstrap::ask_lease;
    using beat = bootstrap::beat;
    using leave = bootstrap::leave;
    using effect = std::variant<ask_lease, beat, leave>;
    using effects = std::vector<effect>;

    further_leases(random& entropy, const device_id& self) : entropy_(entropy), self_(self) {}

    /// At all of `rendezvous` but `chosen`, whose lease is kept elsewhere; of many, at those whose
    /// ids are nearest to this device's, so that each has its share.
    effects want(std::vector<device_id> rendezvous, const std::optional<device_id>& chosen,
                 instant now);
    /// Nothing when there was no answer.
    void on_lease(const device_id& from, const std::optional<wire::lease_reply>& what, instant now);
    void on_beat(const device_id& to, bool answered, instant now);
    void on_peer_gone(const device_id& device, instant now);
    /// What is said of this device has changed.
    effects renew();
    /// `from` asks this device to lease from another one: it may come back when that has passed.
    effects on_move(const device_id& from, const device_id& to, instant now);
    effects stop();
    /// deadline() has passed.
    effects on_time(instant now);

    std::optional<instant> deadline() const noexcept;
    /// A lease at this one is kept or asked for here: nobody else is to give it back.
    bool keeps(const device_id& rendezvous) const { return leases_.contains(rendezvous); }
    /// Where a lease is held, ascending.
    std::vector<device_id> lessors() const;

    static constexpr std::size_t most = 32;
    static constexpr duration again_least = std::chrono::seconds(1);
    static constexpr duration again_most = std::chrono::minutes(1);

private:
    struct one_of_them {
        bool held = false;
        int failures = 0;
        duration heartbeat{};
        std::optional<instant> next;  // nothing while an answer is awaited
        bool stale = false;           // what it was asked with is not what is to be said now
    };
    void later(one_of_them& which, instant now);

    random& entropy_;
    device_id self_;
    std::map<device_id, one_of_them> leases_;
};

}  // namespace calbox::overlay
