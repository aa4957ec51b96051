// Where the plugins of this installation lie. For composition roots: the daemon's and the lab's.
#pragma once

#include <string>
#include <vector>

namespace calbox::plugins {

/// The configured directories, then those beside libcalbox, as installed, or in the folder of the
/// build that this program stands in: whoever adds a strategy keeps the others. A configured one
/// that is missing stays: the loader says what it did not find there.
std::vector<std::string> plugin_directories(const std::vector<std::string>& configured);

}  // namespace calbox::plugins
