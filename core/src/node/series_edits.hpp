// What a change makes of an event that takes place more than once: of one of its times, of those
// that follow, or of all. Pure.
#pragma once

#include "model/event.hpp"
#include "node/services.hpp"

namespace calbox::node {

/// The event after the change, people and rights apart; with those that follow, what is left of it.
/// invalid_argument or too_large, with a sentence for people; not_found: it does not take place at
/// the time that is chosen.
result<model::event_content> apply_change(const event_draft& change,
                                          const model::event_content& from);

/// The event without the times that are chosen; nothing where no time would be left. Errors as of
/// apply_change().
result<std::optional<model::event_content>> without(const chosen_times& times,
                                                    const model::event_content& from);

/// The event without its times from that wall time on, whichever they are by now: as it is where it
/// has none; nothing where no time would be left. Errors as of apply_change().
result<std::optional<model::event_content>> until(const model::local_time& then,
                                                  const model::event_content& from);

struct split_series {
    model::event_content before, after;
};
/// The times before the one that is chosen, and those from it on, with the change; nothing where it
/// is the first one, so that all are meant. The second names the first as related, and has its uid
/// still. Errors as of apply_change().
result<std::optional<split_series>> split_at(const event_draft& change,
                                             const model::event_content& from);

}  // namespace calbox::node
