// The claims about single versions of events: U1, U3, U4 and U5 of what an edit promises
// (docs/promises.md). Each checker is fed as things happen, in the order in which they do, and
// remembers the newest versions of each event. Owned by the caller; one thread.
#pragma once

#include "lab/check/claims.hpp"

namespace calbox::lab::claims {

/// U1: when an author is told that his edit happened, it had been decided, and what decided it was
/// durable. What counts as decided is the caller's to say: that a quorum of the event's view had
/// synced it, or that the strategy's decide effect was performed.
class durable {
public:
    explicit durable(const names& people) : people_(people) {}
    void observe_decided(const version_of& what);
    void observe_acknowledged(const version_of& what, const viewer& author, instant at);
    /// Besides: it was a new event to its author. No event is made twice.
    void observe_created(const event_id& event, const viewer& author, instant at);
    std::vector<violation> violations() const { return found_.first(); }

private:
    const names& people_;
    findings found_;
    std::map<event_id, recent_map<version_of::order, std::vector<digest>>> decided_;
    std::map<event_id, instant> created_;
};

/// U3: whatever is shown was decided, or acknowledged, or may have been decided by an operation
/// whose outcome is unknown.
class decided_only {
public:
    /// in_time: the caller tells of each decision when it happens, so a version that is shown
    /// earlier is a violation, and unknown outcomes excuse nothing. late: decisions are learnt from
    /// what authors are told, which may come after others were shown the result; judged in the end.
    enum class decisions { in_time, late };

    decided_only(const names& people, decisions told) : people_(people), told_(told) {}
    /// Decided, or acknowledged.
    void observe_decided(const version_of& what, instant at);
    /// An operation that would make this version ended without an answer.
    void observe_unknown(const version_of& what);
    /// It is certain now that it was never done.
    void observe_never(const version_of& what);
    /// The same for the creation of an event whose id its author never learnt: any first version
    /// of the author's may be its.
    void observe_unknown_creation(const user_id& author) { ++creations_[author]; }
    void observe_never_created(const user_id& author);
    void observe_shown(const viewer& whose, const version_of& what, instant at);
    /// What was shown and is not accounted for until now is one.
    std::vector<violation> violations() const;

private:
    struct account {
        bool decided = false;
        bool sealed = false;  // decided with a content that was not told: any may be it
        std::uint32_t unknown = 0;
        std::vector<digest> contents;  // decided
        // Shown, and not accounted for yet: to whom first, and when.
        std::map<digest, std::pair<viewer, instant>> shown;
    };
    static constexpr std::size_t contents_kept = 8;
    using accounts = recent_map<version_of::order, account>;
    bool explains(const account& of, const digest& content) const;
    bool excused(const event_id& event, const version_of::order& place, const account& of,
                 std::map<user_id, std::uint64_t>& creations) const;

    const names& people_;
    decisions told_;
    findings found_;
    std::map<event_id, accounts> events_;
    std::map<user_id, std::uint64_t> creations_;
};

/// U4: nobody is ever shown another content of one (event, generation, version).
class same_content {
public:
    explicit same_content(const names& people) : people_(people) {}
    void observe_shown(const viewer& whose, const version_of& what, instant at);
    std::vector<violation> violations() const { return found_.first(); }

private:
    struct first_sight {
        digest content;
        viewer whose;
        instant at;
    };
    const names& people_;
    findings found_;
    std::map<event_id, recent_map<version_of::order, first_sight>> seen_;
};

/// U5: what one person is shown at one device never goes back in (generation, version), and an
/// event that went away only comes back as a newer version. That holds over restarts.
class forward {
public:
    explicit forward(const names& people) : people_(people) {}
    void observe_shown(const viewer& whose, const version_of& what, instant at);
    /// Not shown any more: deleted, or the viewer was removed.
    void observe_gone(const viewer& whose, const event_id& event);
    /// The device lost its disk or was restored from an old copy: it begins anew.
    void forget(const device_id& where);
    std::vector<violation> violations() const { return found_.first(); }

private:
    struct last_sight {
        version_of::order place;
        bool gone = false;
        bool reported = false;
    };
    const names& people_;
    findings found_;
    std::map<viewer, std::map<event_id, last_sight>> last_;
};

}  // namespace calbox::lab::claims
