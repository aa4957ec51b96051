// The settings of a plugin against the JSON Schema that it declares. The keywords understood are
// type, properties, required, default, enum, minimum, maximum and additionalProperties (false);
// others are ignored. Values; any thread.
#pragma once

#include <string>
#include <string_view>

#include <calbox/error.hpp>

namespace calbox::plugins {

/// `settings` (a JSON object; empty text stands for {}) with the defaults of `schema` filled in.
/// Fails with invalid_argument and a sentence that names the setting, or malformed when the schema
/// is not JSON.
result<std::string> complete_settings(std::string_view schema, std::string_view settings);

}  // namespace calbox::plugins
