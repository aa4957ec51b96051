// What people ask for, brought into what an event says. Pure.
#pragma once

#include <calbox/envelope.hpp>

#include "node/services.hpp"

namespace calbox::node {

/// Brings the draft into `content`, but for people and rights; `fresh`: the event is new.
/// invalid_argument or too_large, with a sentence for people.
result<void> apply_draft(const event_draft& draft, model::event_content& content, bool fresh);

/// A guest needs the right to modify for everything but the people, whom `permitted` of the event
/// store looks at.
result<void> may_modify(const user_id& as, const envelope_header& of, const event_draft& change);

}  // namespace calbox::node
