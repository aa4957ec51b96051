// What the commands about events have in common: options and their help, and the time of a series
// that is meant.
#pragma once

#include <string>
#include <vector>

#include "context.hpp"

namespace calbox::ctl {

argument id_argument();
option occurrence_option();
option scope_option();
/// Of a draft, but for its title and start.
std::vector<option> draft_options();
/// --from and --to, of a week from now on without them.
std::vector<option> week_options();
/// What --from and --to say, as a query; empty without them.
answer<std::string> range_query(const context& with);
/// How WHEN and RULE are written.
extern const char* const when_details;

/// One time of a series, and for which times a change of it is: what --occurrence and --scope say,
/// as a query; empty without them.
answer<std::string> chosen_times(context& with, const std::string& target, bool with_scope);

/// events edit.
command edit_command();

}  // namespace calbox::ctl
