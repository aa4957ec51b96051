// Reports as people and programs read them: an aligned table, JSON, and one page of HTML that
// needs nothing else.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "lab/scenarios/script.hpp"

namespace calbox::lab {

/// "02:03.450", "4:05:06" or "3d 04:05:06".
std::string time_text(duration time);
/// "R195, R203-R206".
std::string requirements_text(std::vector<int> numbers);
/// Up to three digits after the point, and none that say nothing.
std::string number_text(double value);

std::string text_of(const report& what);
nlohmann::ordered_json json_of(const report& what);
/// All runs on one page, in light and dark, on wide and narrow screens.
std::string html_of(const std::vector<report>& runs);

}  // namespace calbox::lab
