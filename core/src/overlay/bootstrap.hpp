// How an edge gets and keeps a lease: probes a batch of rendezvous, chooses among the live offers,
// leases, beats, suspects, and starts again. Sans-IO: inputs with the time in, effects out; the
// discovery strategy decides the order and the choice.
#pragma once

#include <optional>
#include <set>
#include <variant>
#include <vector>

#include <calbox/discovery.hpp>

#include "wire/messages.hpp"

namespace calbox::overlay {

class bootstrap {
public:
    // Effects, to be carried out in their order.
    struct probe {
        device_id to;
    };
    struct ask_lease {
        device_id from;
    };
    struct beat {
        device_id to;
        duration limit;
    };
    struct leave {
        device_id from;
    };
    struct connected {
        device_id to;
    };
    struct lost {
        device_id from;
    };
    using effect = std::variant<probe, ask_lease, beat, leave, connected, lost>;
    using effects = std::vector<effect>;

    enum class phase { stopped, waiting, probing, leasing, leased, suspecting };

    bootstrap(discovery::strategy& strategy, random& entropy)
        : strategy_(strategy), entropy_(entropy) {}

    /// Rendezvous to consider from now on. While nothing is leased, a new one ends the waiting;
    /// those that come together are asked together, so that the first of a list is not everybody's.
    /// Of candidates_most known ones, it takes the place of one that fails, or is left out.
    effects add(const std::vector<device_id>& rendezvous, bool seed, instant now);
    effects add(const device_id& rendezvous, bool seed, instant now) {
        return add(std::vector{rendezvous}, seed, now);
    }
    effects start(instant now);
    effects stop();
    effects on_offer(const device_id& from, const wire::offer& what, duration round_trip,
                     instant now);
    effects on_no_offer(const device_id& from, instant now);
    effects on_lease(const device_id& from, const wire::lease_reply& what, instant now);
    effects on_no_lease(const device_id& from, instant now);
    effects on_beat(const device_id& from, bool answered, instant now);
    effects on_peer_gone(const device_id& device, instant now);
    /// deadline() has passed.
    effects on_time(instant now);

    std::optional<instant> deadline() const noexcept { return deadline_; }
    phase now_in() const noexcept { return phase_; }
    /// The rendezvous that holds this device's lease.
    std::optional<device_id> lessor() const noexcept;
    std::size_t candidates() const noexcept { return candidates_.size(); }

    static constexpr std::size_t batch = 5;
    static constexpr duration offer_window =
        std::chrono::milliseconds(300);  // for the others, after the first offer
    static constexpr duration batch_time =
        std::chrono::seconds(6);  // covers one dial and one answer
    static constexpr duration lease_time = std::chrono::seconds(6);
    static constexpr duration back_off_least = std::chrono::milliseconds(500);
    static constexpr duration back_off_most = std::chrono::seconds(60);
    static constexpr duration check_time = std::chrono::seconds(1);
    static constexpr int checks = 3;
    static constexpr std::size_t candidates_most = 256;

private:
    discovery::context where(instant now) { return {now, entropy_}; }
    effects begin(instant now);
    effects next_batch(instant now);
    effects choose(instant now);
    effects lose(instant now);
    discovery::candidate* known(const device_id& device) noexcept;
    bool consider(const device_id& device);
    void failed(const device_id& device, discovery::outcome how, instant now);

    discovery::strategy& strategy_;
    random& entropy_;
    phase phase_ = phase::stopped;
    std::vector<discovery::candidate> candidates_;  // ascending
    std::vector<device_id> queue_;                  // of this attempt, not probed yet
    std::set<device_id> tried_;                     // of this attempt
    std::set<device_id> probing_;
    std::vector<discovery::offer> offers_;
    device_id chosen_;
    duration heartbeat_{};
    int checks_left_ = 0;
    std::uint32_t attempts_ = 0;  // in a row without a lease
    duration retry_after_{};      // the least that a busy rendezvous asked for
    std::optional<instant> deadline_;
};

}  // namespace calbox::overlay
