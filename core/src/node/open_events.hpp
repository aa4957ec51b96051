// Events that others may join by a link: part of the services behind the API. Implemented by
// open_event_service (at the organizer) and join_service (at whoever joins); core thread only.
#pragma once

#include <string>
#include <vector>

#include "base/async.hpp"
#include "model/event.hpp"

namespace calbox::node {

/// An event that is open, as its organizer and his friends see it.
struct open_event_view {
    event_id which;
    std::string id_text;  // "alice/1.7"
    std::string title, place;
    model::when time;  // of a series: the next that is not over
    model::interval utc;
    std::string link;     // "calbox:event/..."
    bool joined = false;  // whoever asks takes part
};
struct open_list {
    std::string name;                     // of the organizer
    bool known = false;                   // a device of his has answered
    std::string why;                      // when none has
    std::vector<open_event_view> events;  // by start
};

class open_events {
public:
    virtual ~open_events();
    /// The event's link; empty: it is not open. forbidden for guests.
    virtual result<std::string> link(user_id as, event_id which) const = 0;
    /// From now on whoever has the link, which is the answer, may take part; and so may the
    /// organizer's friends, whose devices list it. forbidden for guests; already open: as link().
    virtual task<result<std::string>> open(user_id as, event_id which) = 0;
    /// Who takes part goes on; every link is old from now on.
    virtual task<result<void>> close(user_id as, event_id which) = 0;
    /// The open events of `name`, a friend, as a device of his tells them now; of `as` himself for
    /// an empty name. not_found: no such user.
    virtual task<result<open_list>> list(user_id as, std::string name) = 0;
};

/// A request to take part, on its way to the organizer.
struct join_view {
    event_id which;
    std::string id_text, organizer, link;
    bool joined = false;
    std::string why;  // what it waits for, when not
    timestamp since;
};

class joins {
public:
    virtual ~joins();
    /// Asks a device of the organizer to let `as` take part. Where none can be reached, or the
    /// answer takes long, the request waits on this device until one answers, at most 30 days.
    /// forbidden: the link is old, or he was removed; invalid_argument: no link, or of another
    /// network; too_large: too many requests wait.
    virtual task<result<join_view>> join(user_id as, std::string link) = 0;
    /// Those that wait, by when they were made.
    virtual std::vector<join_view> waiting(user_id as) const = 0;
    /// `id_text`: as in join_view. not_found: no request for that event waits.
    virtual task<result<void>> withdraw(user_id as, std::string id_text) = 0;
};

}  // namespace calbox::node
