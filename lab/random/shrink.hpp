// Makes a failing plan smaller: leaves out actions, people and machines as long as the same claim
// is still violated (delta debugging: Zeller and Hildebrandt, 2002).
#pragma once

#include <functional>

#include "lab/random/plan.hpp"

namespace calbox::lab {

/// `fails` plays a plan and says whether it still goes wrong in the same way; called at most
/// `tries_most` times. Returns `what` itself where nothing can be left out.
plan shrink(plan what, const std::function<bool(const plan&)>& fails, unsigned tries_most = 300);

}  // namespace calbox::lab
