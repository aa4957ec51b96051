// Texts for people: what others wrote is made harmless before it reaches a terminal or a file name.
// Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace calbox::ctl {

/// One line without control characters (C0, C1, line separators) and without the marks that turn
/// the direction of writing, so that another person's title can neither drive the terminal nor
/// pretend to be something else. Invalid UTF-8 becomes U+FFFD.
std::string clean(std::string_view text);
/// As clean, but keeps line ends.
std::string clean_lines(std::string_view text);

/// A name for a new file in the current directory, from a label that another person chose: one path
/// component of at most 255 bytes that is not hidden, not an option, and shows what it is. Never
/// empty.
std::string file_name_of(std::string_view label);

/// "3.4 MB" (powers of 1000).
std::string byte_text(std::uint64_t bytes);
/// "3 d 4 h", "12 s".
std::string duration_text(std::uint64_t seconds);

/// "alice, bob"
std::string joined(const std::vector<std::string>& words, std::string_view between = ", ");
/// "alice,bob" and "alice", "bob" alike: splits each at commas, without blanks and empty parts.
std::vector<std::string> split_lists(const std::vector<std::string>& texts);

// Reading answers without trusting their shape: the empty value for what is not there or of another
// type.
std::string text_of(const nlohmann::json& object, std::string_view key);
std::uint64_t number_of(const nlohmann::json& object, std::string_view key);
bool truth_of(const nlohmann::json& object, std::string_view key);
std::vector<std::string> texts_of(const nlohmann::json& object, std::string_view key);
/// Those of texts_of(), joined() and clean().
std::string cleaned_list(const nlohmann::json& object, std::string_view key);
const nlohmann::json& list_of(const nlohmann::json& object, std::string_view key);

}  // namespace calbox::ctl
