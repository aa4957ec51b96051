// What a command prints of the event that it has made or changed.
#pragma once

#include <string_view>

#include "context.hpp"

namespace calbox::ctl {

/// "Changed alice/1.7 DS meeting, Tue ..."; the id alone with -q, the event with --json.
void print_event(context& with, std::string_view verb, const json& event);
/// The same, and which events share its time.
void print_changed(context& with, std::string_view verb, const json& event);

}  // namespace calbox::ctl
