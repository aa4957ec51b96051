// Changes that are a function of what an event says: attach, detach, answer, join, leave. They are
// applied to the newest version, and again to the one that came in between, so that nobody is
// refused because somebody else did the same (design decision 9). Owned by the node; core thread
// only.
#pragma once

#include <functional>

#include "node/lock_service.hpp"
#include "node/opened_events.hpp"

namespace calbox::node {

/// When a refused set operation is tried again: after random waits that grow, for a limited time. A
/// value; does nothing itself.
class set_retry {
public:
    /// Twice the life of the lock of an editor that died.
    static constexpr duration patience = std::chrono::seconds(60);
    static constexpr duration first_wait = std::chrono::milliseconds(20);
    /// Of somebody who was faster, and is done by now.
    static constexpr duration conflict_wait_max = std::chrono::milliseconds(500);
    /// Of somebody who holds the lock, perhaps because he has an editor open.
    static constexpr duration busy_wait_max = std::chrono::seconds(2);

    explicit set_retry(instant began, duration most = patience) : ends_(began + most) {}
    /// How long to wait before the next try; the last one is made when the time is over. Nothing:
    /// it is over, or the refusal is none that time would heal.
    std::optional<duration> after(errc refusal, instant now, random& entropy);

private:
    instant ends_;
    int tries_ = 0;
};

class set_operations final {
public:
    struct next_version {
        model::event_content content;
        std::vector<user_id> participants;  // sorted, as in the header
    };
    /// Makes the next version out of the newest. False: the event is so already, and no version is
    /// made; apply() then ends once it is sure that this was the newest. Refuses what this version
    /// does not allow. Called once for every try.
    using operation = std::function<result<bool>(const opened_event& newest, next_version& next)>;

    set_operations(const environment& env, replica::replicator& replica, opened_events& opened,
                   lock_service& locks);

    /// Under the lock of the session that `as` has on the event here, if any, which goes on
    /// afterwards. Where somebody else edits it waits, at most set_retry::patience: busy says who.
    /// Otherwise as replicator::commit.
    task<result<void>> apply(user_id as, event_id which, operation what);

private:
    /// Nothing has happened where the operation itself refuses, and time changes nothing about it.
    struct trial {
        result<void> outcome;
        bool final = true;
    };
    task<trial> attempt(user_id as, event_id which, const operation& what);
    task<trial> confirm(user_id as, envelope_header seen);

    const environment& env_;
    replica::replicator& replica_;
    opened_events& opened_;
    lock_service& locks_;
};

}  // namespace calbox::node
