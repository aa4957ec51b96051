// A series that is split becomes two events, by two commits. A note on this device, from before the
// first until after the second, tells it after a crash in between that the second is still owed. Of
// the first it may not be known then whether it happened: the note waits until the new event shows.
// Where the second was refused, it says that the first is to be undone.
// Owned by the node; core thread only.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/task_scope.hpp"
#include "node/opened_events.hpp"
#include "node/readiness.hpp"

namespace calbox::node {

class series_splits {
public:
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
    /// Before the new event, which will have that uid, is committed.
    task<result<void>> begin(std::string uid, event_id series, std::string at);
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

private:
    /// Record of kind meta, under "split " and the uid of the new event.
    struct note {
        event_id series;
        std::string at;  // the recurrence id from which on the times are the new event's
        std::optional<event_id> undoes;  // the new event, which is to be deleted
        static constexpr auto fields =
            std::tuple(codec::field<1>(&note::series), codec::field<2>(&note::at),
                       codec::field<3>(&note::undoes));
    };
    task<result<void>> write(std::string uid, note what);
    bool is_made(const std::string& uid, const note& what);
    bool is_due(const std::string& uid, const note& what);
    task<void> finish_all();
    task<result<void>> finish(std::string uid, note what);
    task<result<void>> cut(std::string uid, note what);
    task<result<void>> remove(std::string uid, event_id made);

    const environment& env_;
    replica::database& db_;
    replica::replicator& replica_;
    opened_events& opened_;
    const people& people_;
    readiness& ready_;
    std::map<std::string, note> notes_;
    std::set<std::string> going_on_;
    bool finishing_ = false;
    task_scope tasks_;
};

}  // namespace calbox::node
