// What people ask for, whether they may, and brought into what an event says. Pure.
#pragma once

#include <calbox/envelope.hpp>

#include "node/services.hpp"
#include "replica/replicator.hpp"

namespace calbox::node {

/// Brings the draft into `content`, but for people and rights; `fresh`: the event is new.
/// invalid_argument or too_large, with a sentence for people.
result<void> apply_draft(const event_draft& draft, model::event_content& content, bool fresh);

/// For a new event: unique in the world (RFC 5545, 3.8.4.7) by 128 bits of chance.
std::string new_uid(random& entropy);

/// The next version of an event, with all that a header shows as it is; without `expect`, of the
/// version that was read.
replica::change change_of(const envelope_header& from, const user_id& as,
                          std::optional<version_number> expect = std::nullopt);

/// conflict: whoever expects a version read it in another line of the event's versions, which has
/// the same numbers. `line`: that of the moment in which he asked, before anything was waited for.
result<void> is_in_line(const envelope_header& now, const std::optional<version_number>& expect,
                        generation_number line);

/// Has he one of `rights`, bits of guest_right? The organizer has all.
bool has_right(const user_id& as, const envelope_header& of, std::uint32_t rights) noexcept;

/// A guest needs the right to modify for everything but the people, whom `permitted` of the event
/// store looks at.
result<void> may_modify(const user_id& as, const envelope_header& of, const event_draft& change);

}  // namespace calbox::node
