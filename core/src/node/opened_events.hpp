// The calendar events that signed-in users of this device can read, decrypted once per version, and
// found by when they take place without opening the others. Owned by the node; core thread only.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>

#include "model/recurrence.hpp"
#include "node/glances.hpp"
#include "node/people.hpp"
#include "replica/replicator.hpp"

namespace calbox::node {

struct opened_event {
    envelope_header header;
    envelope_order order;
    model::event_content content;
    bytes body;  // the iCalendar text
    model::interval utc;
    /// When it takes place, by start: of a series, from a month before `expanded` to a year after.
    std::vector<model::interval> times = {};
    timestamp expanded = {};
};
/// Does one take place while the other does?
bool overlap(const opened_event& one, const opened_event& other) noexcept;

/// The first time of the event that is not over then, of a series within a year; else its first.
model::occurrence next_time(const opened_event& event, timestamp then);

class opened_events {
public:
    opened_events(const environment& env, replica::database& db, const replica::replicator& replica,
                  const people& who, task_scope& tasks)
        : env_(env),
          replica_(replica),
          people_(who),
          tasks_(tasks),
          glances_(
              env, db, [&who](const user_id& user) { return who.accounts().identity_of(user); },
              tasks) {}

    /// At the start, when events and accounts are there.
    task<result<void>> load() { return glances_.load(); }

    /// The current version as `as` may read it; not_found when it is deleted or `as` takes no part
    /// in it. The pointer is valid until the event changes.
    result<const opened_event*> open(const event_id& which, const user_id& as);
    /// A version of it that was replaced, in its present generation; not_found as well where this
    /// device has never held it, or `as` took no part in it.
    task<result<opened_event>> open_earlier(event_id which, user_id as,
                                            version_number version) const;
    /// What was opened last, or null; valid until forget().
    const opened_event* opened_last(const event_id& which) const;
    /// A version as `as` may read it, whether current or not.
    result<opened_event> read(const replica::held_event& held, const user_id& as) const;
    /// Those of `as` that may take place then, by start: single ones that touch the range, and
    /// every series. Without a range all of them, which opens all.
    std::vector<const opened_event*> between(const user_id& as, std::optional<timestamp> from,
                                             std::optional<timestamp> to);
    /// Single ones of `as` that take place while another single one does, and every series, by
    /// start. What the times of series meet is for between() to find.
    std::vector<const opened_event*> meeting(const user_id& as);
    /// Those of `as` that name files.
    std::vector<const opened_event*> with_files(const user_id& as);
    /// One of `as` with that iCalendar UID, or null.
    const opened_event* with_uid(const user_id& as, const std::string& uid);
    /// Forgets an event whose version has changed, or everything (a user signed out).
    void forget(const event_id& which);
    void forget_all();
    /// Told whenever something is forgotten: what, or nothing for everything.
    std::function<void(const std::optional<event_id>&)> forgotten;

private:
    void expand(opened_event& event) const;
    void look_through();
    void look_at(const event_id& which);
    task<void> open_the_rest();
    std::vector<const opened_event*> open_some(const user_id& as,
                                               const std::vector<event_id>& which);

    const environment& env_;
    const replica::replicator& replica_;
    const people& people_;
    task_scope& tasks_;
    glances glances_;
    std::map<event_id, opened_event> opened_;
    std::set<event_id> unseen_;  // of which there is no glance yet
    bool looked_through_ = false;
};

}  // namespace calbox::node
