// Where devices are, as the overlay's machines ask it: a node answers from its locations, a test or
// a simulated world from what it made up. Outlives whoever asks; core thread only.
#pragma once

#include <optional>
#include <vector>

#include "wire/messages.hpp"

namespace calbox::overlay {

class address_book {
public:
    virtual ~address_book();

    virtual std::optional<wire::location> find(const device_id& device) const = 0;
    /// Every device that has one of these roles, ascending.
    virtual std::vector<device_id> holders(std::uint32_t roles) const = 0;
    /// Every device that counts as online by a lease from this rendezvous, in no order.
    virtual std::vector<device_id> leased_from(const device_id& rendezvous) const = 0;
    /// The devices of these users.
    virtual std::vector<wire::location> of_users(const std::vector<user_id>& users) const = 0;
    /// Takes in what was said of a device. An empty list of addresses, and roles or users of zero,
    /// change nothing that is known already. True when its being online changed.
    virtual bool note(wire::location what) = 0;
    /// The lease of the device has ended. True when it counted as online.
    virtual bool note_offline(const device_id& device) = 0;
};

}  // namespace calbox::overlay
