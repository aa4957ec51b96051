// The part of a rendezvous in the object layer: who holds which object, for those objects that
// this rendezvous keeps the list of. Soft state: each entry has an end, its holder publishes it
// again before, and when rendezvous come and go the list moves with the owners. Hints only: whoever
// finds a holder asks it. Sans-IO; bounded. Owned by the object service; core thread only.
#pragma once

#include <map>

#include "base/async.hpp"
#include "overlay/objects.hpp"

namespace calbox::overlay {

class object_index {
public:
    /// False where a bound is reached and it is not noted.
    bool put(const object_id& object, const device_id& holder, instant until);
    void erase(const object_id& object, const device_id& holder);
    /// Who published it and whose time is not over; by device.
    std::vector<device_id> holders(const object_id& object, instant now) const;
    void sweep(instant now);

    struct entry {
        object_id object;
        device_id holder;
        instant until;
    };
    /// What `self` is to tell those who own an object now and did not before: once each, by the
    /// best one of the owners before that is still there. Drops what `self` does not own any more.
    std::map<device_id, std::vector<entry>> moved(const device_id& self,
                                                  const std::vector<keeper>& before,
                                                  const std::vector<keeper>& now);

    std::size_t objects() const noexcept { return objects_.size(); }
    std::size_t entries() const noexcept { return entries_; }

    static constexpr std::size_t copies = 3;  // rendezvous that keep the list of one object
    static constexpr std::size_t most = 500'000;
    static constexpr std::size_t holders_most = 64;  // of one object

private:
    std::map<object_id, std::map<device_id, instant>> objects_;
    std::map<device_id, std::size_t> of_device_;
    std::size_t entries_ = 0;

    void forget(const device_id& holder);
};

}  // namespace calbox::overlay
