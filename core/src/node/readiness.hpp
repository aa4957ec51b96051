// Whether users may operate yet (R88): a device that has not caught up shows and does not change.
// Answered by the node; core thread only.
#pragma once

#include "base/async.hpp"

namespace calbox::node {

class readiness {
public:
    virtual ~readiness();
    /// Waits a little for the first exchange to end; not_caught_up otherwise.
    virtual task<result<void>> wait_until_caught_up() = 0;
    virtual bool caught_up() const = 0;
};

}  // namespace calbox::node
