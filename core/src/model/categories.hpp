// Categories and colours of events: which words they may be, and how iCalendar writes them
// (CATEGORIES of RFC 5545, 3.8.1.2; COLOR of RFC 7986, 5.9). Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/content_lines.hpp"

namespace calbox::model {

/// Do they name the same category? The case of the letters A to Z does not matter.
bool is_same_category(std::string_view one, std::string_view other) noexcept;
/// The set that people name: without spaces around the names, each once, as it is written first, in
/// alphabetical order.
std::vector<std::string> category_set(std::vector<std::string> names);

/// One of the 147 names of CSS Color Module Level 3, 4.3, in small letters.
bool is_color(std::string_view name);
/// The name as it is kept: in small letters.
std::string color_name(std::string_view name);

/// What the CATEGORIES of an event name, as category_set() has it. A comma separates two, escaped
/// or not; what is no category, or more than an event may have, is passed over.
std::vector<std::string> categories_of(const component& event);
/// Its COLOR; empty where it has none that is known.
std::string color_of(const component& event);

}  // namespace calbox::model
