// How a range of seeds is written on the command line. Any thread.
#pragma once

#include <string>

#include "lab/random/campaign.hpp"

namespace calbox::lab {

/// "7" or "1-1000". False when it is neither.
bool read_seeds(const std::string& text, campaign_settings& into);

}  // namespace calbox::lab
