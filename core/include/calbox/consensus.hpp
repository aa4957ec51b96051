// Consensus: who may change an event now, and when a change is decided. A plugin kind, fixed for a
// network. A deterministic state machine: the host feeds inputs, the machine appends effects. The
// host makes all persist and decide effects of one step durable, in one batch, before it performs
// any send or done of that step; so a machine may answer in the same step as it writes. Messages
// are unordered, may be lost and may arrive twice; a peer's device is authenticated by the
// transport. Called on the core thread; never re-entered.
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
    bool survives_holder_crash = false;  // a dead holder's lock is freed
    bool partition_safe = false;         // the above also while the network is split
    bool edits_offline = false;          // shared events may be changed with nobody reachable
    bool needs_external = false;         // an engine outside of CalendarBox
};

enum class intent : std::uint8_t { create = 1, modify = 2, remove = 3, take_over = 4 };

/// Who takes part in an event, as the host knows it when it asks.
struct group {
    std::vector<device_id> devices;  // of the organizer and the participants, this one included
    std::vector<device_id> backups;
    device_id organizer_device;  // the device that created the event
};

using token = std::uint64_t;

// Inputs
// -----------------------------------------------------------------------------------------------------------
struct acquire {
    operation_id operation;
    event_id event;
    intent why = intent::modify;
    group members;
    version_number current;  // as this node holds it; 0 for create
};
struct renew {
    operation_id operation;
    event_id event;
    token held = 0;
};
/// Ends the operation begun by acquire: `value` becomes version `expect` + 1, or it is refused.
struct commit {
    operation_id operation;
    event_id event;
    token held = 0;
    version_number expect;
    bytes value;  // an encoded envelope; opaque here
};
struct release {
    operation_id operation;
    event_id event;
    token held = 0;
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
/// At start, before anything else: every record that was persisted and not erased.
struct restored {
    std::vector<std::pair<bytes, bytes>> records;
};
using input = std::variant<acquire, renew, commit, release, message, timer, peer_change, restored>;

// Effects
// ----------------------------------------------------------------------------------------------------------
struct send {
    device_id to;
    bytes body;
};
struct persist {
    bytes key;
    std::optional<bytes> value;  // nothing = erase
};
struct set_timer {
    std::uint64_t tag = 0;  // setting a tag again moves it
    duration after{};
};
/// The value is decided. The host stores it with the step's batch and delivers it.
struct decide {
    operation_id operation;
    event_id event;
    bytes value;
};
struct granted {
    token held = 0;
    duration lease{};
};
struct committed {
    version_number version;
};
struct refused {
    error why;  // busy: somebody is editing; conflict; unavailable: no quorum; timed_out: fate
                // unknown
    device_id holder;  // for busy, when known
    timestamp since;   // for busy, when known
};
struct done {
    operation_id operation;
    std::variant<granted, committed, refused> outcome;
};
using effect = std::variant<send, persist, set_timer, decide, done>;

struct context {
    device_id self;
    instant now;
    timestamp wall;
    random& entropy;
};

class strategy {
public:
    virtual ~strategy();
    virtual traits declared() const noexcept = 0;
    virtual void step(const input& what, context where, std::vector<effect>& effects) = 0;
    /// JSON for `calboxctl lock show`: who holds the event, since when, and what the strategy knows
    /// besides.
    virtual std::string explain(const event_id& event, context where) const = 0;
};

}  // namespace calbox::consensus
