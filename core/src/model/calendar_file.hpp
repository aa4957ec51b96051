// Files of other calendars: an iCalendar object with many events (RFC 5545) as one object for each
// of them, which is how a body is, and back. Core thread only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <calbox/bytes.hpp>
#include <calbox/error.hpp>

namespace calbox::model {

/// One event of a file, with its changed occurrences and the zones that it names.
struct calendar_part {
    std::string uid;    // empty: it has none
    std::string title;  // for people, also where the event cannot be read
    /// As parse_body() takes it; or why it cannot be one.
    result<bytes> body;
};

inline constexpr std::size_t calendar_file_bytes = std::size_t{32} << 20;
inline constexpr std::size_t calendar_file_events = 50'000;  // changed occurrences included

/// The events, in the order in which they come first; VEVENTs of one UID belong together. A time
/// without a zone is one in `zone`. malformed: it is no iCalendar object; too_large: above the
/// limits.
result<std::vector<calendar_part>> split_calendar(std::string_view text, const std::string& zone);

/// One object with all events of these bodies, and each zone once. Nothing is left out but, without
/// `with_files`, files of ours: whoever has their keys can read them.
result<std::string> join_calendars(const std::vector<byte_view>& bodies, bool with_files);

}  // namespace calbox::model
