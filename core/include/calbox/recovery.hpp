// Recovery: how a returning device learns what it missed. A plugin kind, swappable live.
// A state machine per exchange over a read-only view of the store; the host moves messages and
// applies envelopes after verifying each. Online friends are asked first, the backups last
// (report 5.4.1). Called on the core thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <calbox/envelope.hpp>
#include <calbox/environment.hpp>
#include <calbox/error.hpp>
#include <calbox/ids.hpp>

namespace calbox::recovery {

/// Numbers of a stream: ascending ranges [first, last] that do not touch.
using number_ranges = std::vector<std::pair<std::uint64_t, std::uint64_t>>;
void add_number(number_ranges& to, std::uint64_t number);
bool has_number(const number_ranges& all, std::uint64_t number) noexcept;

/// What a view shows, one after the other in memory, so that looking at all of it is cheap.
struct listed {
    event_id event;
    envelope_order order;
    /// Of a responder: where it stands in a stream to one of the asking users. `number` 0: in none.
    std::uint32_t stream = 0;  // its place in listing::streams
    std::uint64_t number = 0;
};
struct listing {
    std::vector<listed> events;  // in event id order
    std::vector<stream_id> streams;
    /// A list that is kept and changed has another one afterwards. 0: it is made for one look.
    std::uint64_t state = 0;
};
/// Shared with the host, which keeps it for whoever asks again. To be held while it is looked at,
/// and not beyond a call: it would be copied when it changes.
using listing_ptr = std::shared_ptr<const listing>;

/// What is held, and may be shown to the other side: on a responder the host has already left out
/// every event that none of the asking users takes part in, or, unless one of the two devices is a
/// backup, none of its own.
class view {
public:
    virtual ~view();
    virtual listing_ptr list() const = 0;
    /// Of these, what `peer` may hold too: for a friend, what one of his users takes part in; for a
    /// backup, all. An initiator tells nobody of anything else.
    virtual listing_ptr list_with(const device_id& peer) const;
    virtual std::optional<envelope_order> find(const event_id& event) const = 0;
    /// The encoded envelope, or nothing.
    virtual std::optional<bytes> load(const event_id& event) const = 0;

    /// Of an initiator: does it keep the numbers of the streams to its users?
    virtual bool keeps_numbers() const;
    /// Of the streams to its users, what need not come again: what is held, and what was before it
    /// was replaced. With a friend, those of authors of whom he holds something that is shared.
    virtual void each_stream(
        const device_id& peer,
        const std::function<void(const stream_id&, const number_ranges&)>& visit) const;
};

// Inputs of an initiator
// --------------------------------------------------------------------------------------------
struct begin {
    std::vector<device_id> friends;  // online now
    std::vector<device_id> backups;
};
struct message {
    device_id from;
    bytes body;
};
struct peer_lost {
    device_id device;
};
struct timer {
    std::uint64_t tag = 0;
};
using input = std::variant<begin, message, peer_lost, timer>;

// Effects
// -----------------------------------------------------------------------------------------------------------
struct send {
    device_id to;
    bytes body;
};
struct apply {
    device_id from;
    bytes envelope;  // encoded; the host verifies it and drops what is older than it holds
};
struct set_timer {
    std::uint64_t tag = 0;
    duration after{};
};
/// The exchange is over. `caught_up` = everyone reachable has answered.
struct finished {
    bool caught_up = false;
    std::uint64_t duplicates = 0;  // envelopes received more than once
    std::uint32_t rounds = 0;
    std::vector<device_id> silent;  // asked, and did not answer
};
using effect = std::variant<send, apply, set_timer, finished>;

struct context {
    instant now;
    random& entropy;
};

class initiator {
public:
    virtual ~initiator();
    virtual void step(const input& what, const view& mine, context where,
                      std::vector<effect>& effects) = 0;
};

class strategy {
public:
    virtual ~strategy();
    virtual std::unique_ptr<initiator> initiate() = 0;
    /// Answers one message of another device's initiator with any number of messages to it. What it
    /// answers depends on nothing else: what it keeps, it could find out anew.
    virtual result<std::vector<bytes>> respond(byte_view asked, const view& theirs,
                                               context where) = 0;
};

}  // namespace calbox::recovery
