// A series that is split becomes two events, by two commits. A note on this device, from before the
// first until after the second, tells it after a crash in between that the second is still owed. Of
// the first it may not be known then whether it happened: the note waits until the new event shows.
// Where the second was refused, or the series has been split once more meanwhile, it says that the
// first is to be undone.
// Owned by the node; core thread only.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/task_scope.hpp"
#include "node/opened_events.hpp"
#include "node/readiness.hpp"

namespace calbox::node {

class series_splits {
public:
    /// Record of kind meta, under "split " and the uid of the new event.
    struct note {
        event_id series;
        std::string at;  // the recurrence id from which on the times are the new event's
        std::optional<event_id> undoes;  // the new event, which is to be deleted
        std::string start;               // of the series, when `at` was one of its times
        bool unwanted = false;           // the new event is to be deleted as soon as it shows
        static constexpr auto fields =
            std::tuple(codec::field<1>(&note::series), codec::field<2>(&note::at),
                       codec::field<3>(&note::undoes), codec::field<4>(&note::start),
                       codec::field<5>(&note::unwanted));
    };
    series_splits(const environment& env, replica::database& db, replica::replicator& replica,
                  opened_events& opened, const people& who, readiness& ready)
        : env_(env),
          db_(db),
          replica_(replica),
          opened_(opened),
          people_(who),
          ready_(ready),
          tasks_(env, "splits") {}

    task<result<void>> load();
    /// Before the new event, which will have that uid, is committed: `what` says the series, the
    /// time and the start. busy: it is being split at this moment. Of what another split of it was
    /// to make, and has not made yet, nothing will stay.
    task<result<void>> begin(std::string uid, note what);
    /// Both are committed, or neither.
    task<result<void>> end(std::string uid);
    /// The series cannot be cut: `made`, the new event, is deleted again, now or as soon as that is
    /// possible. An error where that could not be noted: what was begun still stands.
    task<result<void>> undo(std::string uid, event_id made);
    /// It is not known whether it is cut, or whether there will be a new event: if that is there or
    /// comes, the series is cut as soon as that is possible.
    void leave(const std::string& uid);
    /// There may be something to end.
    void look();
    void request_stop() noexcept { tasks_.request_stop(); }
    task<void> join() { return tasks_.join(); }

    static constexpr duration again_after = std::chrono::seconds(5);
    static constexpr duration again_most = std::chrono::minutes(1);

private:
    struct split {
        note what;
        bool going_on = false;  // whoever asked for it is still at it
        bool in_doubt = false;  // the record may say something else
        std::string complaint;  // the last one about it
    };
    task<result<void>> write(const std::string& uid, note what);
    bool is_made(const std::string& uid, const note& what);
    bool is_due(const std::string& uid, const split& one);
    std::vector<std::string> due();
    task<void> finish_all();
    task<result<void>> finish(std::string uid);
    task<result<void>> cut(std::string uid);
    task<result<void>> remove(event_id which);

    const environment& env_;
    replica::database& db_;
    replica::replicator& replica_;
    opened_events& opened_;
    const people& people_;
    readiness& ready_;
    std::map<std::string, split> splits_;  // by the uid of the new event
    bool finishing_ = false;
    task_scope tasks_;
};

}  // namespace calbox::node
