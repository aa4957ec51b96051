// Events for people: names instead of ids, drafts checked before anything happens, conflicts shown.
// Owned by the node.
#pragma once

#include <functional>

#include "model/merge.hpp"
#include "node/lock_service.hpp"
#include "node/opened_events.hpp"
#include "node/series_splits.hpp"
#include "node/services.hpp"
#include "node/set_operations.hpp"

namespace calbox::node {

/// Members of a user's groups, for "@group" among participants.
class group_source {
public:
    virtual ~group_source();
    virtual std::optional<std::vector<std::string>> members(const user_id& of,
                                                            const std::string& group) const = 0;
};

/// Has it something in the range that is asked for? Of a series its times count, and one that has
/// too many to be looked through is within.
bool is_within(const opened_event& event, const event_query& query);

class calendar_service final : public calendar {
public:
    calendar_service(const environment& env, replica::replicator& replica, opened_events& opened,
                     people& who, readiness& ready, const group_source& groups, lock_service& locks,
                     set_operations& sets, series_splits& splits,
                     std::function<std::vector<device_id>()> backups);

    task<result<event_view>> create(user_id as, event_draft draft) override;
    task<result<event_view>> modify(user_id as, event_id which, event_draft change,
                                    edit_terms terms) override;
    task<result<void>> remove(user_id as, event_id which, edit_terms terms) override;
    task<result<void>> leave(user_id as, event_id which) override;
    task<result<void>> take_out(user_id as, event_id which, chosen_times times,
                                edit_terms terms) override;
    task<result<meeting_view>> compare(user_id as, event_id which, event_draft change,
                                       version_number base) override;
    task<result<event_view>> answer(user_id as, event_id which, model::participation what) override;
    std::vector<event_view> list(user_id as, const event_query& query) const override;
    result<std::vector<event_view>> occurrences(user_id as,
                                                const event_query& query) const override;
    result<event_view> show(user_id as, event_id which) const override;
    result<event_view> show_at(user_id as, event_id which,
                               const std::string& occurrence) const override;
    std::vector<std::pair<event_view, event_view>> conflicts(user_id as) const override;
    result<event_id> find(user_id as, const std::string& id_text) const override;

    /// The answer to a change that was saved: the event, or that time of it. If others have deleted
    /// it by now, or taken this user from it, it is shown as he could read it last: the change did
    /// happen. Error `timed_out` where no such version is kept, or he has signed out by now.
    task<result<event_view>> show_saved(user_id as, event_id which,
                                        std::string occurrence = {}) const;

private:
    /// What a change makes of a version.
    struct proposal {
        model::version_text text;
        std::vector<user_id> participants;
    };
    /// What it makes of the newest version, where it was made from an earlier one.
    struct merging {
        opened_event base, newest;
        model::merged_text outcome;
        std::vector<user_id> participants;
    };
    /// Whom the draft names; nothing when it does not.
    task<result<std::optional<std::vector<user_id>>>> guests_of(user_id as, event_draft change);
    result<proposal> propose(const opened_event& from, const event_draft& change,
                             std::optional<std::vector<user_id>> guests) const;
    void name_participants(proposal& what) const;
    /// not_found: the version is not known here any more.
    task<result<merging>> merge(user_id as, event_id which, event_draft change,
                                std::optional<std::vector<user_id>> guests, version_number base);
    event_view view_of(const opened_event& opened, std::vector<std::string> conflicts) const;
    /// At one of its times.
    event_view view_at(const opened_event& opened, const model::occurrence& at,
                       std::vector<std::string> conflicts) const;
    /// Those who share any of that time.
    std::vector<std::string> conflicts_at(const user_id& as, const event_id& which,
                                          const model::interval& utc) const;
    std::vector<const opened_event*> around(const user_id& as,
                                            const std::vector<const opened_event*>& events) const;
    /// Those who share any of its time; of a series, from a month ago to a year from now.
    std::vector<std::string> conflicts_of(const user_id& as, const opened_event& opened) const;
    /// An event's times from one on become an event of their own.
    task<result<event_view>> split(opened_event from, user_id as, event_draft change,
                                   std::optional<std::vector<user_id>> guests, edit_terms terms);
    task<result<void>> write(const opened_event& from, user_id as, model::event_content content,
                             edit_terms terms);
    task<result<std::vector<user_id>>> participants_of(user_id as, std::vector<std::string> names);
    task<result<void>> commit(replica::change what, edit_terms terms);
    task<result<void>> commit_without_lock(replica::change what);

    const environment& env_;
    replica::replicator& replica_;
    opened_events& opened_;
    people& people_;
    readiness& ready_;
    const group_source& groups_;
    lock_service& locks_;
    set_operations& sets_;
    series_splits& splits_;
    const std::function<std::vector<device_id>()> backups_;  // of the network
};

}  // namespace calbox::node
