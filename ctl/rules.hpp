// What people type for a repetition: "weekly", "every 2 weeks on mon,wed until 2026-12-31",
// "monthly on the last friday", "daily 10 times", or a rule of RFC 5545 (3.3.10). Pure.
#pragma once

#include <string>

#include "times.hpp"

namespace calbox::ctl {

/// The value of an RRULE; empty for "never". `now` is the reading of the person's clock; the last
/// day is one on the clock of `where`, the event's zone. invalid_argument names the word that is
/// not understood.
answer<std::string> parse_rule(const std::string& text, wall now, bool all_day, const zone& where);

}  // namespace calbox::ctl
