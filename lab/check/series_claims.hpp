// The claim about series that are split, which takes two commits: the times from one on are an
// event of their own if and only if they are no times of the series any more. Fed during the run,
// judged when the network is whole again and has had time. Owned by the caller; one thread.
#pragma once

#include "lab/check/claims.hpp"
#include "model/event.hpp"

namespace calbox::lab::claims {

/// Of series that take place every day without an end, until they are split within their first
/// `days`; neither they nor what they are split into is moved.
class whole_splits {
public:
    explicit whole_splits(const names& people) : people_(people) {}
    /// Somebody is shown the event.
    void observe_shown(const event_id& event, const model::event_content& what);
    /// Somebody wants it deleted, or to say what it said before: it need not be what a split made.
    void observe_undone(const event_id& event) { undone_.insert(event); }
    /// What is shown in the end; `present`: who is there with all of his devices. A device that is
    /// away may owe a cut, or have lost the rest.
    void observe_end(const std::map<event_id, model::event_content>& shown,
                     const std::set<user_id>& present, instant at);
    std::vector<violation> violations() const { return found_.first(); }
    static constexpr int days = 7;

private:
    /// What a split made of the times of a series from one on.
    struct rest {
        event_id event;
        model::local_time from;
    };
    const std::vector<rest>& rests_of(const user_id& organizer, const std::string& uid) const;
    void judge(const event_id& event, const model::event_content& series,
               const std::map<event_id, model::event_content>& shown, instant at);

    const names& people_;
    findings found_;
    std::map<std::pair<user_id, std::string>, std::vector<rest>> made_;  // by the uid of the series
    std::set<event_id> known_, undone_;
};

}  // namespace calbox::lab::claims
