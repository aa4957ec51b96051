// Reminders, as a user has them: part of the services behind the API. Implemented by
// reminder_service; core thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/async.hpp"
#include "model/recurrence.hpp"

namespace calbox::node {

/// When a user wants to be reminded of an event.
struct reminder_times {
    std::vector<std::uint32_t> minutes;  // before each start, ascending
    std::vector<timestamp> at;           // wherever the event is moved to, ascending
    friend bool operator==(const reminder_times&, const reminder_times&) = default;
};

/// A reminder of one time of an event.
struct reminder_view {
    timestamp at;
    std::optional<std::uint32_t> minutes;  // before its start; nothing: at a time of its own
    std::string id_text;                   // "alice/1.7"
    std::string title, place;              // at that time
    model::occurrence of;
    bool series = false;
};

/// A user's own reminders: whoever else takes part in an event has nothing of them.
class reminders {
public:
    virtual ~reminders();
    /// not_found: `as` takes no part in the event.
    virtual result<reminder_times> show(user_id as, event_id which) const = 0;
    /// From now on these: at most 5, none more than 4 weeks before a start; without any he is
    /// reminded no more. Needs no right, lock or quorum of the event. Errors as of show(), and of
    /// calendar::modify for an event of his own.
    virtual task<result<reminder_times>> set(user_id as, event_id which, reminder_times to) = 0;
    /// Those that are due in the range, by when; at most 10,000: too_large.
    virtual result<std::vector<reminder_view>> due(user_id as,
                                                   const model::interval& when) const = 0;
    /// Those that have fallen due on this device and that nobody has taken yet, from a week back:
    /// whoever takes them shows them, so that each is shown once on a device. By when.
    virtual task<result<std::vector<reminder_view>>> take(user_id as) = 0;
};

}  // namespace calbox::node
