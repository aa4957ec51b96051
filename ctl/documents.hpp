// What is written about the commands, from their table: help, completion, manual. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "command.hpp"

namespace calbox::ctl {

/// Help for all (""), for a group ("events") or for one command ("events add").
std::string help_text(const std::string& topic);
/// "events add TITLE WHEN [--end TIME] ..."
std::string usage_line(const command& one);
/// calboxctl(1) in roff (man macros).
std::string manual_page();
/// The script for "bash", "zsh" or "fish". Each asks `calboxctl __complete`, so that they know no
/// command themselves.
std::string completion_script(const std::string& shell);

/// Candidates for the last of `words` (which may be empty), each "word" or "word<TAB>what it is".
/// `lookup` is asked for events, people and groups. The line ":files" asks the shell to complete
/// file names.
using name_lookup = std::vector<std::string> (*)(word_kind kind, void* with);
std::vector<std::string> completions(const std::vector<std::string>& words, name_lookup lookup,
                                     void* with);

}  // namespace calbox::ctl
