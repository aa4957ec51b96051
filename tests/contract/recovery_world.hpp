// A small network for the recovery suite: devices that hold envelopes as opaque bytes, one of which
// recovers. Messages go through a queue that can lose, repeat and shuffle them; timers jump. Values
// under the test's hand; nothing real.
#pragma once

#include <map>
#include <set>
#include <vector>

#include <calbox/recovery.hpp>

#include "support/test_environment.hpp"

namespace calbox::contract {

struct held_envelope {
    envelope_order order;
    bytes encoded;
    std::uint64_t number = 0;  // in the stream from its author to whoever recovers; 0: in none
};
using holdings = std::map<event_id, held_envelope>;

inline device_id device_of(std::uint64_t n) {
    device_id id;
    id.value[0] = static_cast<std::uint8_t>(n);
    id.value[31] = 1;
    return id;
}

/// An envelope of event `n` at version `version`, unlike any other; `writer` tells losing ones of a
/// version apart. Since the last world was made, its organizer's device has numbered his versions
/// in the order in which they were first asked for.
std::pair<event_id, held_envelope> envelope_of(std::uint32_t n, std::uint64_t version,
                                               std::size_t length = 200, std::uint8_t writer = 0);

/// Whether a device may hold this event.
using sharing = std::function<bool(const device_id&, const event_id&)>;

using stream_ranges = std::map<stream_id, recovery::number_ranges>;

class holdings_view final : public recovery::view {
public:
    /// `came`, of who recovers: what need not come again.
    explicit holdings_view(const holdings& all, sharing shares = {},
                           const stream_ranges* came = nullptr)
        : all_(all), shares_(std::move(shares)), came_(came) {}
    recovery::listing_ptr list() const override;
    recovery::listing_ptr list_with(const device_id& peer) const override;
    std::optional<envelope_order> find(const event_id& event) const override;
    std::optional<bytes> load(const event_id& event) const override;
    bool keeps_numbers() const override { return came_ != nullptr; }
    void each_stream(const device_id& peer,
                     const std::function<void(const stream_id&, const recovery::number_ranges&)>&
                         visit) const override;

private:
    recovery::listing_ptr list_of(const std::function<bool(const event_id&)>& is_listed) const;
    const holdings& all_;
    sharing shares_;
    const stream_ranges* came_;
};

class recovery_world {
public:
    recovery_world(recovery::strategy& strategy, std::uint64_t seed, std::uint8_t organizers = 7);

    holdings mine;
    std::map<device_id, holdings> others;
    std::set<device_id> dead;   // take messages and never answer
    std::set<device_id> lying;  // answer with arbitrary bytes
    sharing shares;             // every device may hold everything, when it is empty
    /// After so many answers of a device its connection breaks.
    std::map<device_id, unsigned> breaks_after;
    unsigned lost_percent = 0, repeated_percent = 0, changed_percent = 0;
    bool shuffled = false;
    /// The device has seen every version before those that it holds.
    bool saw_all = true;
    bool keeps_numbers = true;

    /// Runs one exchange. Fails the test when it does not end within `limit` of virtual time or a
    /// million steps.
    recovery::finished run(std::vector<device_id> friends, std::vector<device_id> backups,
                           duration limit = std::chrono::minutes(5));
    /// What the device would hold if everybody who answers had been asked for everything.
    holdings newest_of(const std::vector<device_id>& devices) const;

    std::uint64_t applied = 0, applied_bytes = 0, stale = 0;
    std::uint64_t bytes_asked = 0, bytes_answered = 0;
    std::map<device_id, std::uint64_t> envelopes_from;
    duration took{};

private:
    struct packet {
        device_id from, to;
        bytes body;
    };
    void step(recovery::initiator& machine, const recovery::input& what);
    void perform(recovery::initiator& machine);
    void deliver(recovery::initiator& machine, const packet& what);
    void send(packet what);
    void take(const bytes& encoded);
    bytes garbage();

    recovery::strategy& strategy_;
    test::seeded_random chance_, lies_;
    instant now_{std::chrono::hours(1)};
    std::vector<packet> wire_;
    std::map<std::uint64_t, instant> timers_;
    std::vector<recovery::effect> waiting_;
    std::optional<recovery::finished> end_;
    stream_ranges came_;
};

}  // namespace calbox::contract
