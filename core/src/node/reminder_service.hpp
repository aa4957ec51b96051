// A user's reminders: each an event of a kind of its own, which is his alone. So they follow him to
// his devices, and nobody who shares the event that they are of knows of them. Each device notes
// those that have fallen due there, and tells its watchers once. Owned by the node; core thread
// only.
#pragma once

#include <functional>
#include <map>

#include "base/task_scope.hpp"
#include "node/opened_events.hpp"
#include "node/readiness.hpp"
#include "node/reminders.hpp"

namespace calbox::node {

/// Plaintext body of an event of kind reminder.
struct reminder_body {
    event_id of;
    std::vector<std::uint64_t> minutes;  // before each start
    std::vector<timestamp> at;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&reminder_body::of), codec::field<2>(&reminder_body::minutes),
                   codec::field<3>(&reminder_body::at));
};

class reminder_service final : public reminders {
public:
    /// One has fallen due: to whom, of what, and a line for people.
    using teller =
        std::function<void(const user_id& who, const std::string& id_text, std::string text)>;
    reminder_service(const environment& env, replica::database& db, replica::replicator& replica,
                     opened_events& opened, const people& who, readiness& ready, teller tell)
        : env_(env),
          db_(db),
          replica_(replica),
          opened_(opened),
          people_(who),
          ready_(ready),
          tell_(std::move(tell)),
          changed_(env),
          tasks_(env, "reminders") {}

    task<result<void>> load();
    void start() { tasks_.spawn("keep", keep()); }
    /// Something that may have to do with reminders has changed.
    void look(const envelope_header& now);
    /// A user signed in or out.
    void look_anew();
    void request_stop() noexcept { tasks_.request_stop(); }
    task<void> join() { return tasks_.join(); }

    result<reminder_times> show(user_id as, event_id which) const override;
    task<result<reminder_times>> set(user_id as, event_id which, reminder_times to) override;
    result<std::vector<reminder_view>> due(user_id as, const model::interval& when) const override;
    task<result<std::vector<reminder_view>>> take(user_id as) override;

private:
    struct owned {
        event_id id;
        timestamp written;
        reminder_body body;
    };
    struct found {
        event_id which;
        bool stale = false;  // it was set, or its event moved into the past, only after it was due
        reminder_view view;
    };
    /// Record of kind meta, under "reminded " and this: it has fallen due here. The value says
    /// whether it has been taken.
    struct mark {
        user_id who;
        event_id of;
        timestamp at;
        static constexpr auto fields = std::tuple(
            codec::field<1>(&mark::who), codec::field<2>(&mark::of), codec::field<3>(&mark::at));
        friend auto operator<=>(const mark&, const mark&) = default;
    };
    const std::vector<owned>& owned_by(const user_id& as) const;
    result<std::vector<found>> find(const user_id& as, const model::interval& when) const;
    task<void> keep();
    task<std::optional<timestamp>> fire();
    task<result<timestamp>> since(user_id who);
    std::string text_of(const reminder_view& what) const;

    const environment& env_;
    replica::database& db_;
    replica::replicator& replica_;
    opened_events& opened_;
    const people& people_;
    readiness& ready_;
    teller tell_;
    mutable std::map<user_id, std::vector<owned>> owned_;  // as far as they have been read
    std::map<mark, bool> marks_;                           // of those that were told; taken?
    std::map<user_id, timestamp> since_;                   // when this device began with him
    event changed_;
    task_scope tasks_;
};

}  // namespace calbox::node
