// Consensus: who may change an event now, and when a change is decided. A plugin kind, fixed for a
// network. A deterministic state machine: the host feeds inputs, the machine appends effects. The
// host makes all persist and decide effects of one step durable, in one batch, before it performs
// any other effect of that step; so a machine may answer in the same step as it writes. Messages
// are unordered, may be lost and may arrive twice; a peer's device is authenticated by the
// transport, its bytes are not to be believed. Every operation but release is answered by exactly
// one `done` (leaving: by `left`), within a time that the strategy bounds. Called on the core
// thread; never re-entered.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <calbox/bytes.hpp>
#include <calbox/environment.hpp>
#include <calbox/error.hpp>
#include <calbox/ids.hpp>

namespace calbox::consensus {

/// What a strategy promises. The contract suite holds it to each trait that it declares.
struct traits {
    bool mutual_exclusion = false;       // two editors never both hold one event's lock
    bool linearizable = false;           // no committed version is lost or overwritten unseen
    bool survives_holder_crash = false;  // a dead holder's lock is freed, within 40 s by default
    bool partition_safe = false;         // the above also while the network is split
    bool edits_offline = false;          // shared events may be changed with nobody reachable
    bool needs_external = false;         // an engine outside of CalendarBox
    bool takes_over = false;             // knows intent::take_over; else the host does not ask
    bool inherits = false;               // knows `inherit`: a network may change to this strategy
    bool hands_over = false;  // who ends in order (`leaving`) leaves its events to the others
};

/// take_over begins another line of versions of an event whose voters are out of reach. Refused
/// with conflict where they are not, where a later version turns up, which is decided to the host
/// then, or where somebody else has taken it over already.
enum class intent : std::uint8_t { create = 1, modify = 2, remove = 3, take_over = 4 };

/// Who takes part in an event, as the host knows it when it asks.
struct group {
    std::vector<device_id> devices;  // of the organizer and the participants, this one included
    std::vector<device_id> backups;
    device_id organizer_device;  // the device that created the event; zero when it is not known
};

using token = std::uint64_t;

// Inputs
// -----------------------------------------------------------------------------------------------------------
/// Answered by granted or refused. The operation's id names the whole edit: acquire, commit and
/// release carry the same one, and a repeated commit of it changes nothing a second time.
struct acquire {
    operation_id operation;
    event_id event;
    intent why = intent::modify;
    group members;
    version_number current;           // as this node holds it; 0 for create
    generation_number generation{1};  // as this node holds it; for take_over the line to begin
};
/// Answered by granted or refused.
struct renew {
    operation_id operation;  // its own, not the edit's
    event_id event;
    token held = 0;
};
/// Ends the operation begun by acquire: `value` becomes version `expect` + 1, or it is refused.
/// Answered by committed or refused; refused with timed_out: the fate is not known, ask for it.
struct commit {
    operation_id operation;
    event_id event;
    token held = 0;
    version_number expect;
    bytes value;                   // an encoded envelope; opaque here
    std::optional<group> members;  // who takes part from this version on, where that changes
};
/// Not answered.
struct release {
    operation_id operation;
    event_id event;
    token held = 0;
};
/// Which version is the confirmed one at some moment between this input and its answer. Answered by
/// current or refused. What a node may show without asking is what was decided to it: a local read
/// is the host's own.
struct read {
    operation_id operation;
    event_id event;
    group members;
};
/// What became of the commit `of`, which expected version `expect`. Answered by committed (it
/// happened), refused with conflict (it did not, and never will), or refused with timed_out (it
/// cannot be told now).
struct fate {
    operation_id operation;
    event_id event;
    operation_id of;
    version_number expect;
    group members;
};
/// An event comes here from another strategy, which decided about this version, and will about no
/// later one. In one generation every device is told the same, those that hold the version: when it
/// comes, and after `restored` where it is still the current one. Not answered.
struct inherit {
    operation_id operation;  // the edit that made the version
    event_id event;
    generation_number generation{1};
    version_number version;
    bytes value;   // an encoded envelope
    bytes begins;  // what strategy::begins() said where it was made; not to be believed
};
/// The node stops, and has `most` to make others independent of it. Answered by left. No operation
/// follows.
struct leaving {
    duration most{};
};
struct message {
    device_id from;
    bytes body;  // what some send of the same strategy carried
};
struct timer {
    std::uint64_t tag = 0;
};
struct peer_change {
    device_id device;
    bool up = false;
};
/// At start, before anything else: every record that was persisted and not erased. Comes again
/// after a write has failed: all that was not persisted is to be forgotten, timers included, and
/// nobody waits for an answer any more.
struct restored {
    std::vector<std::pair<bytes, bytes>> records;
    incarnation life{1};  // of this device's store; another one than before: it lost something
};
struct http_response {
    std::uint64_t tag = 0;
    int status = 0;  // 0: no answer, and `body` says why; the request may have had its effect
    bytes body;
};
using input = std::variant<acquire, renew, commit, release, read, fate, inherit, leaving, message,
                           timer, peer_change, restored, http_response>;

// Effects
// ----------------------------------------------------------------------------------------------------------
struct send {
    device_id to;
    bytes body;
};
struct persist {
    bytes key;                   // does not begin with a zero byte
    std::optional<bytes> value;  // nothing = erase
};
struct set_timer {
    std::uint64_t tag = 0;  // setting a tag again moves it
    duration after{};
};
/// The value is decided, by whichever node proposed it. The host stores it with the step's batch
/// and delivers it; one that it holds already, or a later one, changes nothing. At most
/// one for an event in a step.
struct decide {
    operation_id operation;
    event_id event;
    bytes value;
    bool spread = true;  // this node completed the decision, and owes it to everybody else
};
struct granted {
    token held = 0;
    duration lease{};
    version_number version;  // the confirmed one, which the commit must expect
};
struct committed {
    version_number version;
    std::vector<device_id> stored_on;  // have it durably, this device included
    std::vector<device_id> owed;       // vote, and have not said so yet
};
struct current {
    version_number version;  // 0: there is no such event
};
struct refused {
    error why;  // busy: somebody is editing; conflict; unavailable: no quorum; timed_out: fate
                // unknown; already_exists: a create of an id that was used
    device_id holder{};                // for busy, when known
    timestamp since{};                 // for busy, when known
    std::vector<device_id> missing{};  // for unavailable: whose answer would have helped,
    std::size_t needed = 0;            // and how many of them it takes
};
struct done {
    operation_id operation;
    std::variant<granted, committed, current, refused> outcome;
};
struct left {};
/// Only a strategy that declares needs_external. Answered by http_response, within `most`.
struct http_request {
    std::uint64_t tag = 0;
    std::string method;  // "POST"
    std::string url;     // "http://127.0.0.1:2379/v3/kv/txn"
    bytes body;          // application/json
    duration most{};
};
using effect = std::variant<send, persist, set_timer, decide, done, left, http_request>;

/// What the host can tell of a message's sender and of a value. Nothing in it changes during a
/// step.
class referee {
public:
    virtual ~referee();
    /// May `device` take part in deciding `event`? True when this node does not know the event.
    virtual bool takes_part(const device_id& device, const event_id& event) const = 0;
    /// Do other devices than this one take part in it, backups apart?
    virtual bool is_shared(const event_id& event) const = 0;
    /// Could `value` be a version of `event`: readable, signed, by one of its participants?
    virtual bool acceptable(const event_id& event, byte_view value) const = 0;
    /// Has the network left this strategy with `value`? Then the strategy decides about no later
    /// version: it gives no lock upon this one.
    virtual bool is_last(byte_view value) const;
};

/// The lowest token under which a strategy may lock an event that it begins with this version:
/// above all that were given before.
constexpr token first_token(version_number version, network_epoch epoch) noexcept {
    return (version.value << 32) | ((epoch.value & 0xfff) << 20);
}

struct context {
    device_id self;
    instant now;
    timestamp wall;
    random& entropy;
    const referee& rules;
    network_epoch epoch{1};  // in which this strategy decides
};

class strategy {
public:
    virtual ~strategy();
    virtual traits declared() const noexcept = 0;
    virtual void step(const input& what, context where, std::vector<effect>& effects) = 0;
    /// JSON for `calboxctl lock show`: who holds the event, since when, and what the strategy knows
    /// besides.
    virtual std::string explain(const event_id& event, context where) const = 0;
    /// For inherit::begins, of an event that this device brings into the strategy's epoch: what
    /// every device is to begin it with (who votes first, say). Fails where it cannot begin here
    /// now.
    virtual result<bytes> begins(const event_id& event, const group& members, context where) const;
};

}  // namespace calbox::consensus
