// The syntax of iCalendar (RFC 5545, 3.1): folded lines, parameters, components. What is not
// understood is kept to the letter, which a parser that knows the types of values would not do.
// Values; no thread rules.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <calbox/error.hpp>

namespace calbox::model {

inline constexpr std::size_t body_bytes = 1024 * 1024;
inline constexpr std::size_t body_properties = 10'000;

struct parameter {
    std::string name;  // upper case
    std::string text;  // as written: quotes, commas and RFC 6868 escapes are still in it
};

struct property {
    std::string name;  // upper case
    std::vector<parameter> parameters;
    std::string value;  // as written

    /// The value of a parameter without its quotes and escapes; the first when the name occurs
    /// twice.
    std::optional<std::string> get(std::string_view parameter_name) const;
    /// Adds a parameter, quoted where it has to be.
    void set(std::string parameter_name, std::string_view plain);
    /// Adds the parameters of `old` that are not among `own`.
    void keep_others(const property& old, std::span<const std::string_view> own);
};

struct component {
    std::string name;  // upper case
    std::vector<property> properties;
    std::vector<component> children;
};

/// Reads one component and all in it. malformed: too large, too many properties, too deep, not
/// UTF-8, control characters, or a line that is not a content line.
result<component> parse_component(std::string_view text);
/// Lines of at most 75 bytes, folded between characters, ending in CRLF. The lines that it writes
/// are counted.
struct written {
    std::string text;
    std::size_t properties = 0;
};
void write_component(const component& what, written& to);

/// TEXT values (RFC 5545, 3.3.11).
std::string escape_text(std::string_view plain);
std::string unescape_text(std::string_view text);

/// Percent-encoding of everything but letters, digits and "-._~".
std::string percent_encode(std::string_view plain);
/// Nothing when a "%" is not followed by two hexadecimal digits.
std::optional<std::string> percent_decode(std::string_view text);

}  // namespace calbox::model
