// The object layer: publishes what this device holds, finds who holds an object and sends to them;
// where this device is a rendezvous, keeps its part of the list. Owned by the node; core thread
// only.
#pragma once

#include <set>

#include "overlay/object_index.hpp"
#include "overlay/resolver.hpp"

namespace calbox::overlay {

class object_mediator {
public:
    virtual ~object_mediator();
    virtual task<result<bytes>> request(device_id to, wire::message_type type, bytes payload,
                                        duration limit) = 0;
    virtual std::optional<device_id> lessor() const = 0;
    /// The rendezvous that are there, this one with them; empty where this device is none.
    virtual std::vector<keeper> keepers() const = 0;
    virtual bool leases_to(const device_id& edge) const = 0;
};

class object_service {
public:
    object_service(const environment& env, resolver& asks, object_mediator& mediator,
                   device_id self);

    /// `keeps`: this device may be a rendezvous.
    void start(bool keeps);
    void request_stop() noexcept { tasks_.request_stop(); }
    task<void> join() { return tasks_.join(); }

    /// This device holds it from now on; told a moment later, and again as long as it does.
    void publish(const object_id& object);
    void unpublish(const object_id& object);
    /// Another rendezvous may know nothing of this device.
    void publish_all();

    /// Devices that hold it, as far as others know.
    task<result<std::vector<device_id>>> find(object_id object);
    struct acknowledgement {
        device_id by;
        bytes answer;
    };
    struct sent {
        std::vector<acknowledgement> acknowledged;  // less than `copies`: that is all there are
        std::size_t holders = 0;                    // that were found
    };
    /// Sends the request to `copies` of those who hold the object; for each that does not answer
    /// within `hedge_after`, or not to the liking of `good`, to one more, as long as there are any.
    /// Returns when so many have answered. The error of find().
    task<result<sent>> send_to_object(wire::message_type type, bytes payload, object_id object,
                                      std::size_t copies,
                                      std::function<bool(const bytes& answer)> good);

    // Messages.
    task<result<bytes>> on_publish(const net::peer& from, bool from_rendezvous, wire::publish what);
    task<result<bytes>> on_find(bytes body, std::uint32_t hops);

    struct view {
        std::size_t held = 0, told = 0;  // of this device; of them what its rendezvous has noted
        std::uint32_t copies = 0;        // rendezvous that have noted the latest
        std::size_t objects = 0, entries = 0;  // in the list that is kept here
    };
    view show() const;

    static constexpr duration life = std::chrono::minutes(30);
    static constexpr duration again_after = std::chrono::minutes(10);
    static constexpr duration hedge_after = std::chrono::seconds(2);
    static constexpr duration gather = std::chrono::seconds(1);
    static constexpr duration look_every = std::chrono::seconds(10);

private:
    task<void> keep_published();
    task<void> keep_alive();
    task<void> keep_in_place();
    task<result<std::uint32_t>> tell(std::vector<object_id> some, bool on);
    struct spreading;
    task<bool> tell_owner(device_id owner, wire::publish what);
    task<void> spread_to(device_id owner, wire::publish what, std::shared_ptr<spreading> all,
                         gathering::part of);
    bool note(const device_id& holder, const wire::publish& what);
    task<void> hand_over(device_id owner, device_id holder, std::vector<object_index::entry> its);
    task<std::uint32_t> spread(device_id holder, wire::publish what);
    struct sending;
    task<void> send_one(std::shared_ptr<sending> all, gathering::part of);
    task<void> hedge(std::shared_ptr<sending> all, gathering sends);

    const environment& env_;
    resolver& asks_;
    object_mediator& mediator_;
    device_id self_;
    task_scope tasks_;
    object_index index_;
    std::set<object_id> mine_, untold_, ended_;
    std::vector<keeper> keepers_;  // when they were looked at last
    std::uint32_t copies_ = 0;
    event work_;  // something is to be told
};

}  // namespace calbox::overlay
