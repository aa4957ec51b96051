// Who edits which event, as this device was told: by the holders' own devices, over a message that
// may be lost, late or repeated. For people to read; it decides nothing. Owned by the lock service;
// core thread only.
#pragma once

#include <map>
#include <optional>

#include <calbox/consensus.hpp>

namespace calbox::node {

struct lock_entry {
    device_id holder;
    user_id user;
    consensus::token token = 0;
    timestamp since;
    timestamp until;  // for people: by then it is over, unless renewed
    instant ends;     // the same by this device's clock
};

class lock_table {
public:
    /// Whoever says he holds a lock for longer is not believed beyond it.
    static constexpr duration lease_max = std::chrono::seconds(60);

    /// True when this is news for people, and no renewal.
    bool put(const event_id& which, lock_entry what, instant now);
    /// The holder's device says that it is over. True when somebody was shown as the holder.
    bool remove(const event_id& which, const device_id& holder, consensus::token token);
    /// This holder's lock is over, if he had it by then; both times are of his clock.
    bool remove_until(const event_id& which, const device_id& holder, timestamp then);
    /// Takes out those that ended by `now`, in the order of events.
    std::vector<event_id> expire(instant now);
    /// When the next one ends.
    std::optional<instant> next_end() const;
    const lock_entry* find(const event_id& which, instant now) const;

private:
    std::map<event_id, lock_entry> entries_;
};

}  // namespace calbox::node
