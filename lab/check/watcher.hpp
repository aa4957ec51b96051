// Every claim at once, for a world of whole nodes: one call for each thing that happens, which each
// claim that wants it hears of. Fed from node services (lists and views after each change that
// watch tells of, answers of calls), effects of consensus strategies, simulated disks and wires.
// Owned by the world; one thread.
#pragma once

#include "lab/check/branch_claims.hpp"
#include "lab/check/data_claims.hpp"
#include "lab/check/ending_claims.hpp"
#include "lab/check/field_claims.hpp"
#include "lab/check/history.hpp"
#include "lab/check/lock_claims.hpp"
#include "lab/check/series_claims.hpp"
#include "lab/check/version_claims.hpp"
#include "node/services.hpp"

namespace calbox::lab::claims {

/// Of everything that people see of an event's content.
digest content_digest(const model::event_content& content, std::uint32_t guests_may);
version_of shown_version(const node::event_view& view);
/// As lasting::observe_newest() wants it: the size of a file, `field_there` or `field_gone`, an
/// answer, or the title.
std::string value_of(const field& what, const node::event_view& in);
inline constexpr std::string_view field_there = "there", field_gone = "gone";
/// `content` is not told: it is sealed.
version_of sealed_version(const envelope_header& header);
std::set<user_id> people_of(const envelope_header& header);

class watcher {
public:
    using decisions = decided_only::decisions;
    /// `world`: its seed.
    watcher(decisions told, std::uint64_t world);
    watcher(const watcher&) = delete;
    watcher& operator=(const watcher&) = delete;

    // What operations come to. Each that was begun is acknowledged, refused or unknown, once; what
    // is unknown is settled, or abandoned with its author.
    void begun(const operation_id& what, const viewer& author, instant at);
    /// `people`: who takes part afterwards, the organizer included; empty where that is not told.
    void acknowledged(const operation_id& what, const version_of& made, bool deleted,
                      std::set<user_id> people, const viewer& author, instant at);
    /// Done, and which version it made is not told.
    void acknowledged(const operation_id& what, instant at);
    void refused(const operation_id& what, instant at);
    /// `made`: the version that it would have made.
    void unknown(const operation_id& what, const version_of& made, instant at);
    void unknown_creation(const operation_id& what, const user_id& author, instant at);
    /// Where it happened, tell decided(), too.
    void settled(const operation_id& what, const version_of& made, bool happened, instant at);
    void settled_creation(const operation_id& what, const user_id& author, bool happened,
                          instant at);
    /// The strategy decided.
    void decided(const version_of& what, instant at);
    /// What was decided is durable at this device.
    void stored(const version_of& what, bool deleted, std::set<user_id> people,
                const device_id& where);
    /// Something that has to work does not: a device that does not start, an operation that never
    /// ends, a world that does not come to rest. The first of them are kept.
    void failed(std::string sentence, instant at);

    // What people are shown.
    void shown(const viewer& whose, const version_of& what, instant at);
    void gone(const viewer& whose, const event_id& event);
    /// All that `whose` is shown: what is missing and was shown before has gone.
    void listed(const viewer& whose, const std::vector<node::event_view>& views, instant at);
    /// The same, for the last time: when the world has healed and had its time.
    void ended(const viewer& whose, const std::vector<node::event_view>& views, instant at);
    /// The device lost its disk or got an old copy.
    void wiped(const device_id& where);

    /// It was taken over: of what is promised of one line of versions (one order, one holder, what
    /// lasts) nothing is judged for it.
    void has_lines(const event_id& event) { several_lines_.insert(event); }

    /// It may have been deleted and brought back, which neither the history nor the claim `lasting`
    /// knows of: they are not judged for it.
    void has_two_lives(const event_id& event) { two_lives_.insert(event); }

    /// One operation more of the history that linearizability is judged by; times in nanoseconds of
    /// the world. At most `history_kept` are: later ones are not judged.
    void note(operation what);
    const history& noted() const noexcept { return history_; }
    static constexpr std::size_t history_kept = 5'000'000;

    names people;
    durable edits{people};
    decided_only decisions_seen;
    same_content contents{people};
    forward order{people};
    everybody_has_it ending{people};
    known_fate fates{people};
    locks held{people};
    files attached{people};
    lasting fields{people};
    kept_branches branches{people};
    whole_splits series{people};
    secrecy secrets;
    growth counters{people};
    findings failures;

    /// All, by time.
    std::vector<violation> violations() const;
    /// Those of the claims that must hold.
    std::vector<violation> violations(const std::set<claim>& required) const;

private:
    const decisions told_;
    history history_;
    std::map<viewer, std::set<event_id>> listed_;
    std::set<event_id> several_lines_, two_lives_;
};

}  // namespace calbox::lab::claims
