// Whether the strategies of a world can be had, before it is played. Any thread.
#pragma once

#include <optional>
#include <string>

#include "lab/scenarios/script.hpp"

namespace calbox::lab {

/// Nothing, or why one of them cannot be had.
std::optional<std::string> strategies_missing(const scenario_options& with);

}  // namespace calbox::lab
