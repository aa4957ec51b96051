// The text by which people join an open event (docs/wire.md, "Links to open events"). Pure.
#pragma once

#include <string>
#include <string_view>

#include <calbox/bytes.hpp>
#include <calbox/error.hpp>
#include <calbox/ids.hpp>

namespace calbox::node {

struct event_link {
    std::string organizer;  // his name, for people; `event` counts
    event_id event;
    network_id network;
    bytes secret;  // wire::limits::join_secret_bytes
};

/// "calbox:event/alice/1.7?network=..&organizer=..&secret=.."
std::string to_text(const event_link& what);
/// invalid_argument, with a sentence for people.
result<event_link> parse_event_link(std::string_view text);

}  // namespace calbox::node
