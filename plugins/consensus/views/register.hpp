// What `views` keeps and says of an event: ballots, the voting set, the register's value, and the
// messages between devices (docs/wire.md, "Consensus: views"). Values; no behaviour but quorums.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include <calbox/codec.hpp>
#include <calbox/consensus.hpp>

namespace calbox::consensus {

/// Orders attempts. No two are equal: the counter of a device never goes back, and a device that
/// lost its store lives on under another incarnation.
struct ballot {
    std::uint64_t counter = 0;
    device_id device;
    incarnation life;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&ballot::counter), codec::field<2>(&ballot::device),
                   codec::field<3>(&ballot::life));
    friend auto operator<=>(const ballot&, const ballot&) = default;
};

/// Which line of versions: a take-over begins a new one. The higher one wins where two meet.
struct epoch {
    generation_number generation{1};
    device_id origin;  // who created the event, or took it over
    static constexpr auto fields =
        std::tuple(codec::field<1>(&epoch::generation), codec::field<2>(&epoch::origin));
    friend auto operator<=>(const epoch&, const epoch&) = default;
};

struct member {
    device_id device;
    incarnation life{1};
    bool backup = false;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&member::device), codec::field<2>(&member::life),
                   codec::field<3>(&member::backup));
    friend auto operator<=>(const member&, const member&) = default;
};

/// Who has answered, and in which life.
using voices = std::map<device_id, incarnation>;

/// More than half of the members is a quorum, or exactly half with the tie among them. So any two
/// quorums of one set meet ("dynamic voting with linearly ordered copies", Jajodia and Mutchler).
struct member_set {
    std::vector<member> members;  // sorted by device
    device_id tie;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&member_set::members), codec::field<2>(&member_set::tie));
    friend bool operator==(const member_set&, const member_set&) = default;

    bool contains(const device_id& device) const noexcept;
    bool has_quorum(const voices& who) const noexcept;
};

/// Who votes. While it changes from `now` to `next` both must have a quorum: sets that follow each
/// other directly need not meet, sets that follow each other over this step do.
struct view {
    std::uint64_t number = 1;
    member_set now;
    std::optional<member_set> next;
    static constexpr auto fields = std::tuple(
        codec::field<1>(&view::number), codec::field<2>(&view::now), codec::field<3>(&view::next));

    bool has_quorum(const voices& who) const noexcept;
    std::vector<member> everybody() const;  // sorted, each device once
    bool contains(const device_id& device) const noexcept;
};

/// Somebody edits. The token fences: a commit with another one is refused.
struct lock_record {
    device_id holder;
    operation_id operation;
    token held = 0;
    std::uint64_t written = 0;  // counter of the ballot in which its holder wrote it last
    timestamp since;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&lock_record::holder), codec::field<2>(&lock_record::operation),
                   codec::field<3>(&lock_record::held), codec::field<4>(&lock_record::written),
                   codec::field<5>(&lock_record::since));
    friend bool operator==(const lock_record&, const lock_record&) = default;
};

/// The register. Every write replaces the whole of it.
struct value {
    epoch when;
    version_number version;
    view voters;
    std::optional<lock_record> lock;
    token last_token = 0;
    /// The edits that made the latest versions, oldest first: a repeated one changes nothing.
    std::vector<std::pair<operation_id, version_number>> recent;
    bytes body;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&value::when), codec::field<2>(&value::version),
                   codec::field<3>(&value::voters), codec::field<4>(&value::lock),
                   codec::field<5>(&value::last_token), codec::field<6>(&value::recent),
                   codec::field<7>(&value::body));

    static constexpr std::size_t recent_max = 16;
    const version_number* version_of(const operation_id& operation) const noexcept;
    /// The edit that wrote `body`.
    operation_id written_by() const noexcept {
        return recent.empty() ? operation_id() : recent.back().first;
    }
};

/// What a device has accepted of an event, and in which attempt.
struct accepted_value {
    ballot at;
    value what;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&accepted_value::at), codec::field<2>(&accepted_value::what));
    /// Later lines win, then later attempts.
    bool before(const accepted_value& other) const noexcept {
        return std::tie(what.when, at) < std::tie(other.what.when, other.at);
    }
};

enum class message_kind : std::uint8_t {
    ask_for_ok = 1,    // prepare: promise me this ballot, and say what you have accepted
    respond_ok = 2,    // its answer
    update = 3,        // accept: take this value at this ballot
    updated = 4,       // its answer
    notify = 5,        // the value accepted at this ballot is decided
    check_update = 6,  // say what you have accepted; no promise
    re_update = 7,     // its answer
};

struct peer_message {
    message_kind kind = message_kind::ask_for_ok;
    event_id event;
    ballot at;                           // of the attempt; check_update: a number of the asker's
    bool ok = true;                      // answers
    bool votes = true;                   // ask_for_ok: the promise will count
    ballot promised;                     // answers: the highest; update: promised with it
    std::optional<accepted_value> held;  // respond_ok, re_update; update: what to accept
    bool chosen = false;                 // `held` is known to be decided
    incarnation life;                    // of the sender
    std::uint64_t lock_age_ms = 0;       // how long the sender has seen `held`'s lock unchanged
    /// ask_for_ok: of the event whose lock the asker wants; 0 where he wants something else.
    std::uint64_t lock_of_generation = 0;

    static constexpr auto fields = std::tuple(
        codec::field<1>(&peer_message::kind), codec::field<2>(&peer_message::event),
        codec::field<3>(&peer_message::at), codec::field<4>(&peer_message::ok),
        codec::field<5>(&peer_message::votes), codec::field<6>(&peer_message::promised),
        codec::field<7>(&peer_message::held), codec::field<8>(&peer_message::chosen),
        codec::field<9>(&peer_message::life), codec::field<10>(&peer_message::lock_age_ms),
        codec::field<11>(&peer_message::lock_of_generation));
};

/// Durable: what this device has promised and accepted of an event. The body lies in a record of
/// its own, which is written only when it changes (docs/disk.md).
struct vote {
    ballot promised;
    std::optional<accepted_value> held;
    bool chosen = false;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&vote::promised), codec::field<2>(&vote::held),
                   codec::field<3>(&vote::chosen));
};

}  // namespace calbox::consensus
