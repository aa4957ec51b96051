// The claims about how a run ends: everybody has everything (U2, convergence), every author knows
// what became of his operations (U6), and nothing has grown for good. Fed during the run, judged
// when the network is whole again and has had time. Owned by the caller; one thread.
#pragma once

#include "lab/check/claims.hpp"

namespace calbox::lab::claims {

/// U2 and convergence: in the end everyone who takes part in an event, at every device that is up,
/// is shown its newest version or a later one, and all the same; a deleted event nobody.
class everybody_has_it {
public:
    explicit everybody_has_it(const names& people) : people_(people) {}
    /// Acknowledged or decided at `where`. `participants`: with the organizer, after this version;
    /// empty where they are not told. Of two that have one place and differ, either may be the one
    /// that is shown in the end: that there are two is for other claims to say.
    void observe_newest(const version_of& what, bool deleted, std::set<user_id> participants,
                        const device_id& where);
    /// The device is not up in the end and does not come back: what only it has cannot be asked
    /// for, and whom it removed from an event may not have heard of that.
    void observe_absent(const device_id& where) { absent_.insert(where); }
    /// An operation on the event whose outcome is unknown: it may have made a later version, or
    /// deleted the event. `settled`: it is known after all, and was observed as newest if it was
    /// done.
    void observe_unknown(const event_id& event) { ++unknown_[event]; }
    void observe_settled(const event_id& event);
    /// All that `whose` is shown at the end. Once for each viewer whose device is up, and no other.
    void observe_end(const viewer& whose, const std::vector<version_of>& shown, instant at);
    std::vector<violation> violations() const;

private:
    struct outcome {
        bool deleted = false;
        std::set<user_id> participants;
        friend auto operator<=>(const outcome&, const outcome&) = default;
    };
    struct newest {
        version_of what;
        std::set<outcome> outcomes;
    };
    struct last_list {
        std::map<event_id, version_of> shown;
        instant at;
    };
    using at_devices = std::map<device_id, newest>;
    newest of_those_present(const at_devices& all) const;
    void delivered(const newest& of, findings& into) const;
    void converged(const event_id& event, findings& into) const;
    bool excused(const newest& of) const;
    bool may_not_know(const newest& of, const user_id& who) const;
    bool may_have_been_removed(const newest& of, const user_id& who) const;

    const names& people_;
    std::map<event_id, at_devices> newest_;
    std::set<device_id> absent_;
    std::map<event_id, std::uint64_t> unknown_;
    std::map<viewer, last_list> ends_;
};

/// U6: every operation gets one outcome, and one that is unknown is settled.
class known_fate {
public:
    enum class outcome { acknowledged, refused, unknown };

    explicit known_fate(const names& people) : people_(people) {}
    void observe_begun(const operation_id& what, const viewer& author, instant at);
    void observe_outcome(const operation_id& what, outcome how, instant at);
    /// What was unknown is known: it was done, or never will be.
    void observe_settled(const operation_id& what, instant at);
    /// Its author is not there to be told: the process ended, and nobody asks again.
    void observe_abandoned(const operation_id& what) { open_.erase(what); }
    /// What is open now is one.
    std::vector<violation> violations() const;
    std::size_t open() const noexcept { return open_.size(); }

private:
    struct open_operation {
        viewer author;
        instant at;
        bool unknown = false;
    };
    const names& people_;
    findings found_;
    std::map<operation_id, open_operation> open_;
};

/// Named counters of each device (outbox rows, sessions, timers) are back under their bound in the
/// end. The highest value of the run is kept for people.
class growth {
public:
    explicit growth(const names& people) : people_(people) {}
    void limit(std::string counter, std::uint64_t most) { limits_[std::move(counter)] = most; }
    /// The last value that is observed counts.
    void observe(const device_id& where, const std::string& counter, std::uint64_t value,
                 instant at);
    /// The device is gone, and its counters with it.
    void forget(const device_id& where);
    std::uint64_t highest(const std::string& counter) const;
    /// A counter without a limit is one, too: nobody said what would be too much.
    std::vector<violation> violations() const;

private:
    struct reading {
        std::uint64_t value = 0;
        instant at;
    };
    const names& people_;
    std::map<std::string, std::uint64_t> limits_;
    std::map<std::string, std::uint64_t> highest_;
    std::map<std::pair<device_id, std::string>, reading> last_;
};

}  // namespace calbox::lab::claims
