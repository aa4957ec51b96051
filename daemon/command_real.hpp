// A command of the configuration, run as it stands there: no shell, none of this process's files.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/async.hpp"

namespace calbox::daemon {

/// Runs it and waits for its end, at most `limit`; then it is killed. unavailable: it cannot be
/// started, or ended with another status than 0; timed_out. `more` is added to what the environment
/// has: PATH, HOME and the XDG directories.
task<result<void>> run_command(const environment& env, std::vector<std::string> command,
                               std::vector<std::pair<std::string, std::string>> more,
                               duration limit);

}  // namespace calbox::daemon
