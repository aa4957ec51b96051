// What reading and writing a body share: the parts of an iCalendar object, and our own names in it.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/content_lines.hpp"
#include "model/event.hpp"

namespace calbox::model {

inline constexpr std::string_view person_start = "calbox:";
inline constexpr std::string_view zone_parameter =
    "X-CALBOX-ZONE";  // dates have no TZID in iCalendar
inline constexpr std::string_view milliseconds_parameter = "X-CALBOX-MS";
inline constexpr std::string_view answer_parameter = "PARTSTAT";

/// The first property of that name, or null.
const property* find(const component& in, std::string_view name);
/// The one VEVENT of a VCALENDAR; malformed when there is none, or more than one.
result<const component*> event_of(const component& calendar);
/// A TEXT value; empty when there is none.
std::string text_of(const component& event, std::string_view name);
/// The user whom an ORGANIZER or ATTENDEE names; nothing when it is somebody of another calendar.
std::optional<std::string> person_of(const property& line);
/// What an ATTENDEE has answered; nothing when he has not, or has passed it on.
std::optional<participation> answer_of(const property& line);

}  // namespace calbox::model
