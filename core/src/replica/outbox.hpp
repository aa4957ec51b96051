// What is still owed to whom: one row for each device and event, erased when the device
// acknowledges that version or a later one. Rows are written with the envelope that they are about,
// and survive restarts. Owned by the node.
#pragma once

#include <functional>
#include <map>
#include <set>

#include <calbox/envelope.hpp>

#include "base/task_scope.hpp"
#include "replica/event_store.hpp"

namespace calbox::replica {

class outbox_mediator {
public:
    virtual ~outbox_mediator();
    /// Sends what the device is owed of this event, and waits for the acknowledgement. not_found:
    /// nothing is owed any more.
    virtual task<result<envelope_order>> deliver(device_id to, event_id which) = 0;
    /// `device` holds this version of the event, or a later one.
    virtual void delivered(const device_id& device, const event_id& which) = 0;
};

class outbox {
public:
    outbox(const environment& env, database& db, event_store& store, outbox_mediator& mediator);
    ~outbox();

    task<result<void>> load();
    void request_stop() noexcept { tasks_.request_stop(); }
    task<void> join() { return tasks_.join(); }

    /// Adds the rows to `writes`; call owe() once they are durable, under the same guard of the
    /// event.
    static void write_to(batch& writes, const std::vector<device_id>& devices,
                         const event_id& which, const envelope_order& order);
    void owe(const std::vector<device_id>& devices, const event_id& which);
    /// The device can be reached now: try what it is owed at once.
    void wake(const device_id& device);

    /// The device takes part in nothing any more: erases what there is nobody to deliver to.
    void give_up(const device_id& device);

    std::vector<device_id> owed(const event_id& which) const;
    /// The devices that are owed something.
    std::vector<device_id> owed() const;
    std::size_t size() const noexcept;

    static constexpr std::size_t in_flight_max = 32;  // updates to one device
    static constexpr duration retry = std::chrono::seconds(15);

private:
    task<void> drain(device_id device);
    task<void> drain_all(device_id device);
    task<bool> deliver_one(device_id device, event_id which);
    void start(const device_id& device);

    struct line {
        std::set<event_id> events;
        bool draining = false;
        bool woken = false;  // while it drained: what failed may have gone another way
        timer_queue::id retry = 0;
    };
    const environment& env_;
    database& db_;
    event_store& store_;
    outbox_mediator& mediator_;
    task_scope tasks_;
    std::map<device_id, line> lines_;
};

}  // namespace calbox::replica
