// --wait: what cannot be confirmed now is asked for again until it can.
#pragma once

#include <string>

#include "context.hpp"

namespace calbox::ctl {

/// One command's waiting. Lives for one command.
class patience {
public:
    explicit patience(context& with) : with_(with) {}

    /// After a refusal: true when the same is to be tried again, a moment later. False without
    /// --wait, for what time does not heal, and when the person gives up, which `why` says then.
    bool waits(problem& why);

private:
    context& with_;
    std::string said_;
};

}  // namespace calbox::ctl
