// What can be seen of a world from outside, told as it happens: what each person sees, what the
// consensus strategies grant and decide, what goes over the wire. Checkers implement it.
#pragma once

#include <string>

#include <calbox/consensus.hpp>

#include "node/services.hpp"

namespace calbox::lab {

class observer {
public:
    virtual ~observer();
    /// `user` can see this version at that device now.
    virtual void shown(const std::string& device, const user_id& user,
                       const node::event_view& what) = 0;
    /// `user` saw the event there, and does not any more.
    virtual void vanished(const std::string& device, const user_id& user, const event_id& what) = 0;
    /// The device's strategy gave somebody the right to make the next change.
    virtual void granted(const std::string& device, const event_id& event,
                         const consensus::granted& what) = 0;
    /// That right was used or given back, or has ended with the device.
    virtual void released(const std::string& device, const event_id& event,
                          consensus::token held) = 0;
    /// The device's strategy decided.
    virtual void decided(const std::string& device, const consensus::decide& what) = 0;
    /// A device's daemon ended: nobody is shown anything there until it starts again.
    virtual void ended(const std::string& device) = 0;
};

}  // namespace calbox::lab
