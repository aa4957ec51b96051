// What reading and writing a body share: the parts of an iCalendar object, and our own names in it.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
/// The one VEVENT of a VCALENDAR that is not a changed occurrence of it; malformed when there is
/// none, or more than one, or a changed occurrence of another one.
result<const component*> event_of(const component& calendar);
/// A TEXT value; empty when there is none.
std::string text_of(const component& event, std::string_view name);
/// The user whom an ORGANIZER or ATTENDEE names; nothing when it is somebody of another calendar.
std::optional<std::string> person_of(const property& line);
/// What an ATTENDEE has answered; nothing when he has not, or has passed it on.
std::optional<participation> answer_of(const property& line);

/// What all RDATE or EXDATE of an event name, ascending, on the clock of `time`'s zone; of dates
/// alone at the time of day that it starts. Those that cannot be read, perhaps for a zone that only
/// another calendar knows, are passed over. malformed: too many.
result<std::vector<local_time>> dates_of(const component& event, std::string_view name,
                                         const when& time);
/// Of a VEVENT with a RECURRENCE-ID, as dates_of() has it.
result<local_time> recurrence_id_of(const component& part, const when& series);
/// What such a VEVENT says; nothing: that it does not take place.
result<std::optional<changed_occurrence>> change_in(const component& part);

}  // namespace calbox::model
