// Events as text: what the event commands print, and the small text that "events edit" hands to an
// editor. Pure but for `out`.
#pragma once

#include <string>
#include <vector>

#include "client.hpp"
#include "output.hpp"
#include "times.hpp"

namespace calbox::ctl {

/// Prints one event with everything that a person wants to know about it.
void show_event(output& out, const json& event, const zone& mine);
/// The rows of "events list".
/// "bob is editing since 14:02" and more for a `lock` of the API; empty when there is none.
std::string lock_text(const json& lock, const zone& mine);
/// "cannot be confirmed: needs 1 of alice, backup ab12" for a `lacks` of the API; empty for none.
std::string quorum_text(const json& lacks);
std::vector<std::vector<std::string>> event_rows(const json& events, const zone& mine);
/// "alice/1.7 DS meeting, Tue 2026-11-24 14:00 - 15:00"
std::string event_line(const json& event, const zone& mine);
/// The rows of "files list".
std::vector<std::vector<std::string>> file_rows(const json& files, const zone& mine);

/// "10 minutes before, 1 day before" for an event's reminders in the API.
std::string reminders_text(const json& reminders, const zone& mine);
/// The rows of "events reminders".
std::vector<std::vector<std::string>> reminder_rows(const json& reminders, const zone& mine);

/// The text of an event for an editor: "key: value" lines, an empty line, the info.
std::string event_form(const json& event);
/// What was changed in the form, as a draft; empty when nothing was. "invalid_argument" names the
/// line.
answer<json> form_changes(const json& event, const std::string& form, wall now);

}  // namespace calbox::ctl
