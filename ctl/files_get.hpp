// files get: one file of an event, or all of them. One thread.
#pragma once

#include "context.hpp"

namespace calbox::ctl {

answer<void> get_files(context& with);

}  // namespace calbox::ctl
