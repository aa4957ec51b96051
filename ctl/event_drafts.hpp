// Drafts of events (docs/api.md) from what was typed: options, and times on the clock of a zone.
// Functions; one thread. They ask nobody: a person, a daemon and a file are not their matter.
#pragma once

#include "context.hpp"

namespace calbox::ctl {

/// Of `events add`. invalid_argument for a time, a zone or a rule that cannot be read.
answer<json> new_draft(const context& with);

/// What --remind says, for PUT .../reminders.
answer<json> reminders_of(const context& with);

/// Does `events edit` name anything to change?
bool names_a_change(const given& values);
/// Of `events edit`: what changes in `event`, and nothing else.
answer<json> changed_draft(const context& with, const json& event);

/// The time that was typed for the option --from or --to, as the API takes it; --to DAY includes
/// the day.
answer<std::string> typed_moment(const context& with, const std::string& option);

}  // namespace calbox::ctl
