// Names in the folder of coming events, which others may have chosen. Pure functions; part of
// folder_plan.
#pragma once

#include <string>
#include <string_view>

namespace calbox::daemon {

/// "2026-05-03 DS meeting": no separators, control characters nor leading dot, at most 120 bytes.
std::string directory_name(const std::string& date, const std::string& title);
/// The name in the folder of a file that is called so at the event.
std::string name_in_folder(const std::string& label);
/// Does a program keep it for itself, for a moment?
bool is_passing_file(std::string_view name);
/// As file systems compare names that do not tell small letters from capitals.
std::string folded(std::string name);
/// "a (2).txt"
std::string numbered(const std::string& name, int number);
/// "NAME" or "NAME (2)".
bool is_name_of(const std::string& name, const std::string& wanted);

}  // namespace calbox::daemon
