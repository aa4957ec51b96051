// How a range of seeds, and which worlds they make, is written on the command line. Any thread.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include "lab/random/campaign.hpp"

namespace calbox::lab {

/// "7" or "1-1000". False when it is neither.
bool read_seeds(const std::string& text, campaign_settings& into);

/// --size, which lives as long as `into`.
void add_size_option(CLI::App& to, plan_limits& into);

}  // namespace calbox::lab
