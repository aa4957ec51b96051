// Events to and from the files of other calendars (iCalendar, RFC 5545). Implemented in node/; core
// thread only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <calbox/environment.hpp>
#include <calbox/ids.hpp>

#include "base/async.hpp"

namespace calbox::node {

struct export_query {
    std::optional<event_id> only;
    std::optional<timestamp> from, to;  // those that take place then
    bool with_files = true;             // and their keys
};

/// What has become of one event of a file.
struct imported_view {
    std::string what;  // "added", "skipped", "refused"
    std::string uid, title;
    std::string id_text;  // of the event that it is, where there is one
    std::string reason;   // why it is not added
};

class exchange {
public:
    virtual ~exchange();
    /// One iCalendar object with those events of `as`, and all that their bodies say. not_found.
    virtual result<std::string> to_calendar(user_id as, const export_query& query) = 0;
    /// Each event of the file becomes one of `as`, with nobody else taking part; a UID that he has
    /// already is skipped. `zone`: of times without one. `dry`: nothing is made. malformed or
    /// too_large: of the file as a whole.
    virtual task<result<std::vector<imported_view>>> from_calendar(user_id as, std::string text,
                                                                   std::string zone, bool dry) = 0;
};

}  // namespace calbox::node
