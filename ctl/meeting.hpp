// What a person is shown when his change of an event meets somebody else's.
#pragma once

#include "context.hpp"

namespace calbox::ctl {

/// Shows the event as it is now, and who changed what, after the conflict `why`. True when both can
/// be had, and the person wants it: with --merge he is not asked, without a terminal he does not.
bool wants_merged(context& with, const problem& why);

}  // namespace calbox::ctl
