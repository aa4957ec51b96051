// What can be seen of a world from outside, told as it happens: what each person sees, what the
// consensus strategies are asked, grant and decide, what reaches the disks. Checkers implement it.
#pragma once

#include <string>

#include <calbox/consensus.hpp>
#include <calbox/storage.hpp>

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
    /// The device's strategy is asked for the right to make the next change. `operation` names the
    /// edit from here on.
    virtual void asked(const std::string& device, const event_id& event,
                       const operation_id& operation) = 0;
    /// It gave that right, or renewed it. Nobody learns of it before a record with the value
    /// `once_stored` is on the disk; empty: at once.
    virtual void granted(const std::string& device, const event_id& event,
                         const operation_id& operation, const consensus::granted& what,
                         byte_view once_stored) = 0;
    /// The right was used, given back or refused.
    virtual void released(const std::string& device, const event_id& event,
                          const operation_id& operation) = 0;
    /// The device's strategy decided.
    virtual void decided(const std::string& device, const consensus::decide& what) = 0;
    /// These records are on the device's disk now, all of them, to stay.
    virtual void stored(const std::string& device, const storage::batch& writes) = 0;
    /// These bytes of a file are in its part on the device's disk.
    virtual void stored_file(const std::string& device, byte_view piece) = 0;
    /// A device's daemon ended: nobody is shown anything there until it starts again.
    virtual void ended(const std::string& device) = 0;
};

}  // namespace calbox::lab
