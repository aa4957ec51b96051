// The VTIMEZONE that goes with an event's times. Pure.
#pragma once

#include <string>

#include "model/content_lines.hpp"
#include "model/zones.hpp"

namespace calbox::model {

/// The clock of `zone` from `first_year` on; up to `last_year`, or when `for_ever` as long as its
/// rule goes.
component zone_component(const std::string& name, const zone_data& zone, int first_year,
                         int last_year, bool for_ever);

}  // namespace calbox::model
