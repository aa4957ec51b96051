// How devices are asked which files they have: of what has changed lately together, in as many
// questions as that takes. Core thread only.
#pragma once

#include <set>
#include <vector>

#include "node/held_files.hpp"
#include "node/together.hpp"

namespace calbox::node {

/// What changes together is told and asked together, and the others have the event by then.
constexpr duration gathered_for = std::chrono::seconds(1);

/// As many as one question may name, each.
std::vector<std::vector<file_root>> questions_of(const std::vector<file_root>& all);
/// Which of these the device has, by its own word.
task<result<std::set<file_root>>> ask_which_are_there(files_mediator& mediator, device_id device,
                                                      std::vector<file_root> some);

}  // namespace calbox::node
