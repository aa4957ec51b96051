// What an event says: the plaintext inside an envelope, as values. The truth is the iCalendar text
// (RFC 5545); these are its typed fields. Zoned wall time is the truth of when; UTC is computed.
// Values. Zones, content lines and recurrence rules are read here; libical reads durations. The
// core thread only: libical and the cache of zones are not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <calbox/bytes.hpp>
#include <calbox/environment.hpp>
#include <calbox/error.hpp>
#include <calbox/ids.hpp>

namespace calbox::model {

/// A wall-clock time without a zone. Ordered as written.
struct local_time {
    int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
    friend auto operator<=>(const local_time&, const local_time&) = default;
    /// "2026-05-03T14:00:00"; dates alone as "2026-05-03".
    std::string text() const;
    std::string date_text() const;
};
/// Reads "2026-05-03T14:00[:00]" or "2026-05-03 14:00" or "2026-05-03"; invalid_argument says what
/// is wrong, and days that do not exist are refused. `date_only` tells which form it was.
result<local_time> parse_local_time(std::string_view text, bool& date_only);

/// When an event takes place. all_day: whole dates, end exclusive as in RFC 5545 (a one-day event
/// ends the next day).
struct when {
    local_time start, end;
    std::string zone = "UTC";  // IANA name
    bool all_day = false;
    friend bool operator==(const when&, const when&) = default;
};

bool is_zone(const std::string& name);
/// UTC of a wall time. A time that a change of the clock skips moves forward; one that occurs twice
/// is the first.
result<timestamp> to_utc(const local_time& at, const std::string& zone);
local_time to_local(timestamp at, const std::string& zone);
/// "2026-05-03T13:00:00Z"
std::string utc_text(timestamp at);
/// Reads utc_text's form, or a date, as UTC midnight.
result<timestamp> parse_utc(std::string_view text);

/// A file on an event: an ATTACH property in the manner of RFC 8607. `key` opens its leaves.
struct attachment {
    std::string name;  // a label for people, never a path
    std::uint64_t size = 0;
    std::string media_type = "application/octet-stream";
    file_root root;
    bytes key;
    std::string added_by;  // user name
    timestamp added;
    std::optional<file_root> replaces;  // the earlier file of the same name
    std::optional<local_time> of_time;  // of that time of a series alone (a recurrence id)
    /// A name is one file's of an event, and one file's of each time of a series.
    bool is_at(const std::string& label, const std::optional<local_time>& time) const {
        return name == label && of_time == time;
    }
    friend bool operator==(const attachment&, const attachment&) = default;
};

/// What a participant says to an invitation (PARTSTAT of RFC 5545, 3.2.12).
enum class participation { accepted, tentative, declined };
/// "accepted"
std::string_view to_string(participation answer) noexcept;
/// Reads that, in any case; nothing for every other word.
std::optional<participation> participation_of(std::string_view word) noexcept;

/// One time of a series that somebody has made different from the others: a VEVENT of its own with
/// a RECURRENCE-ID (RFC 5545, 3.8.4.4). It says all of this itself.
struct changed_occurrence {
    std::string title, info, place;
    when time;
    std::vector<std::string> categories = {};
    std::string color = {};
    friend bool operator==(const changed_occurrence&, const changed_occurrence&) = default;
};
/// By the wall time, in the zone of the series, that its rule makes of it (the recurrence id).
/// Nothing: it does not take place (EXDATE).
using exceptions = std::map<local_time, std::optional<changed_occurrence>>;

struct event_content {
    std::string uid;  // iCalendar UID
    std::string title;
    std::string info;
    std::string place;
    /// What people sort their events by, as category_set() of model/categories.hpp has it.
    std::vector<std::string> categories;
    std::string color;  // a name of CSS in small letters (RFC 7986, 5.9), or empty
    when time;
    std::string recurrence;  // RRULE value as written, or empty; model/recurrence.hpp expands it
    std::vector<local_time> added_times;    // RDATE, ascending, in the zone of `time`
    exceptions changed;                     // of the times of a series
    std::vector<std::string> related;       // UIDs that RELATED-TO names
    std::string organizer;                  // user name
    std::vector<std::string> participants;  // user names, without the organizer
    std::vector<std::string> declined;      // who took it from his calendar, and takes no part
    /// Of those participants who have answered. parse_body() cannot tell a participant who declined
    /// from somebody who takes no part any more: both are in `declined` there.
    std::map<std::string, participation> answers;
    std::vector<attachment> files;
    timestamp created, modified;
    friend bool operator==(const event_content&, const event_content&) = default;
};

/// Title present, names and notes within the limits table and valid UTF-8 without control
/// characters, categories without commas, colour one of CSS, end not before start (equal is allowed
/// unless all day), zone known, file names unique and labels only. invalid_argument or too_large,
/// with a sentence for people.
result<void> validate(const event_content& content);
/// A label that can stand on any file system: no separators, no control or bidirectional-override
/// characters, not "." or
/// "..", 1..255 bytes of UTF-8.
bool is_file_label(std::string_view name) noexcept;

/// Typed fields of a VCALENDAR with one event: a VEVENT, and one for each changed occurrence of it.
/// Bounded: 1 MiB, 10,000 properties. malformed otherwise.
result<event_content> parse_body(byte_view ical);
/// iCalendar text of `content`. Properties of `previous` (empty for a new event) that have no typed
/// field are kept.
result<bytes> write_body(const event_content& content, byte_view previous);

/// Start and end in UTC, of the first time of a series; an all-day event is taken in `zone`.
struct interval {
    timestamp start, end;
    /// Share some time. An empty interval overlaps what it lies strictly inside of.
    bool overlaps(const interval& other) const noexcept;
};
result<interval> interval_of(const when& time);

/// Before any other function of this room: reads the names of the zones, and makes libical's errors
/// not fatal.
void initialise();

}  // namespace calbox::model
