// The composition root: makes the real environment, loads the plugins, opens the store and puts
// node, API and server together; starts them in order and stops them in reverse. Called once, by
// main.
#pragma once

#include "config.hpp"
#include "sd_notify.hpp"

namespace calbox::daemon {

/// Serves until SIGTERM or SIGINT; a second one of them ends the process at once. Fails, with one
/// sentence for the operator, when it could not start.
result<void> serve(config with, notifier manager);

}  // namespace calbox::daemon
