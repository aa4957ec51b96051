// How an edge gets and keeps a lease: probes a batch of rendezvous, chooses among the live offers
// (one that is alone is not probed, and the one of before a restart is asked for a lease beside the
// probes), leases, beats, suspects, starts again, and moves when its rendezvous asks it to. While
// its rendezvous is a promoted one (an edge that found none), it goes on looking for a real one.
// Sans-IO: inputs with the time in, effects out; the discovery strategy decides the order and the
// choice.
#pragma once

#include <map>
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
        std::optional<device_id> moved_to = std::nullopt;
    };
    struct connected {
        device_id to;
    };
    /// A lease at another rendezvous took the place of the one before; there was no gap.
    struct moved {
        device_id from, to;
    };
    struct lost {
        device_id from;
    };
    /// timers::gives_up has passed since the start, or since the last lease was lost. It goes on
    /// trying.
    struct found_none {
        bool since_the_start = true;  // nothing was ever leased
    };
    using effect = std::variant<probe, ask_lease, beat, leave, connected, moved, lost, found_none>;
    using effects = std::vector<effect>;

    enum class phase { stopped, waiting, probing, leasing, leased, suspecting };

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
    static constexpr std::size_t same_prefix = 2;  // in one batch, so that nobody fills it alone
    static constexpr duration move_again = std::chrono::minutes(10);  // and not earlier
    static constexpr duration seek_time = std::chrono::seconds(15);
    static constexpr duration seek_time_most = std::chrono::seconds(60);
    static constexpr int seeks_at_first = 20;  // before they become rarer
    static constexpr duration steady_time = std::chrono::seconds(10);

    struct timers {
        duration offer_window = bootstrap::offer_window;
        duration batch_time = bootstrap::batch_time;
        duration lease_time = bootstrap::lease_time;
        duration back_off_least = bootstrap::back_off_least;
        duration back_off_most = bootstrap::back_off_most;
        duration check_time = bootstrap::check_time;
        int checks = bootstrap::checks;
        duration gives_up = std::chrono::seconds(40);
        duration seek_time = bootstrap::seek_time;
        /// For so long must a real rendezvous have answered before it replaces a promoted one.
        duration steady_time = bootstrap::steady_time;
        /// As the report has it: the rendezvous that was lost is asked first (5.4.2, case 2), and
        /// one that cannot be reached is not asked again until somebody names it (case 1).
        bool as_the_report = false;
    };

    /// The report's own times and order; or a twentieth and less of the usual ones, for tests of
    /// real processes on one machine.
    enum class profile { usual, report, lan_test };
    static timers timers_of(profile which) noexcept;

    bootstrap(discovery::strategy& strategy, random& entropy) : bootstrap(strategy, entropy, {}) {}
    bootstrap(discovery::strategy& strategy, random& entropy, timers with)
        : strategy_(strategy), entropy_(entropy), with_(with) {}

    /// Rendezvous to consider from now on. While nothing is leased, a new one ends the waiting;
    /// those that come together are asked together, so that the first of a list is not everybody's.
    /// Of candidates_most known ones, it takes the place of one that fails, or is left out.
    effects add(const std::vector<device_id>& rendezvous, bool seed, instant now);
    effects add(const device_id& rendezvous, bool seed, instant now) {
        return add(std::vector{rendezvous}, seed, now);
    }
    /// What its advertisement says of a rendezvous beside that it is one.
    struct nature {
        bool promoted = false;                // asked after all others, and left when one is found
        std::optional<std::uint64_t> prefix;  // of its address, if that is a public one
    };
    /// Before it is added; of what is no candidate after that, nothing is kept.
    void describe(const device_id& rendezvous, nature what);
    /// It is none any more.
    void forget(const device_id& rendezvous);
    effects start(instant now);
    /// Before start(): who held the lease when this device was last here. It is asked for one at
    /// once, which saves the round trip of the probes; where it refuses, or others have offered and
    /// it does not answer, the offers decide.
    void prefer(const device_id& rendezvous) { before_ = rendezvous; }
    effects stop();
    /// This device became a rendezvous: it leases from itself, and looks for a real one, or for
    /// another promoted one with a smaller id, which is the one that stays.
    effects act(const device_id& self, instant now);
    /// It is one no more.
    effects rest(instant now);
    effects on_offer(const device_id& from, const wire::offer& what, duration round_trip,
                     instant now);
    effects on_no_offer(const device_id& from, instant now);
    effects on_lease(const device_id& from, const wire::lease_reply& what, instant now);
    effects on_no_lease(const device_id& from, instant now);
    effects on_beat(const device_id& from, bool answered, instant now);
    effects on_peer_gone(const device_id& device, instant now);
    /// `from` says that `to` has room for this edge.
    effects on_move(const device_id& from, const device_id& to, instant now);
    /// A heartbeat's answer: how long to wait at most before others are asked, when it is lost.
    void on_spread(const device_id& from, duration spread) noexcept;
    /// What was heard of a rendezvous' load; of one that is no candidate, nothing is kept.
    void on_load(const discovery::load& heard) noexcept;
    /// deadline() has passed.
    effects on_time(instant now);

    std::optional<instant> deadline() const noexcept;
    phase now_in() const noexcept { return phase_; }
    /// The rendezvous that holds this device's lease.
    std::optional<device_id> lessor() const noexcept;
    std::size_t candidates() const noexcept { return candidates_.size(); }
    /// The lease is at a promoted rendezvous, or there is none.
    bool seeks() const noexcept;

private:
    discovery::context where(instant now) { return {now, entropy_}; }
    effects begin(instant now);
    effects next_batch(instant now);
    effects choose(instant now);
    effects lease_from(device_id which, instant now);
    std::optional<device_id> take_preferred();
    effects on_ahead(const wire::lease_reply& what, instant now);
    effects not_ahead(instant now);
    void was_busy(const device_id& from, const wire::lease_reply& what, instant now);
    effects lose(instant now);
    effects seek(instant now);
    effects sought(const device_id& from, instant now);
    bool is_promoted(const device_id& device) const noexcept;
    bool outranks(const device_id& device) const noexcept;
    discovery::candidate* known(const device_id& device) noexcept;
    bool consider(const device_id& device);
    void failed(const device_id& device, discovery::outcome how, instant now);
    void held(const device_id& by, const wire::lease_reply& what, instant now);
    duration up_to(duration longest) {
        return duration(static_cast<std::int64_t>(
            entropy_.below(static_cast<std::uint64_t>(longest.count()) + 1)));
    }

    discovery::strategy& strategy_;
    random& entropy_;
    timers with_;
    phase phase_ = phase::stopped;
    std::vector<discovery::candidate> candidates_;  // ascending
    std::vector<device_id> queue_;                  // of this attempt, not probed yet
    std::set<device_id> tried_;                     // of this attempt
    std::set<device_id> probing_;
    std::optional<device_id> before_;  // who held the lease before the start, until it was asked
    std::optional<device_id> ahead_;   // is asked for a lease while others are probed
    std::vector<discovery::offer> offers_;
    device_id chosen_;
    duration heartbeat_{};
    int checks_left_ = 0;
    duration last_pause_{};   // in a row without a lease
    duration retry_after_{};  // the least that a busy rendezvous asked for
    duration spread_{};       // what the lessor said for the day when it is lost
    bool spreading_ = false;  // waiting for that long
    std::optional<device_id> moving_;
    std::optional<instant> moved_at_;
    std::map<device_id, nature> natures_;        // of candidates; few say anything here
    std::optional<device_id> acting_;            // this device, while it is a promoted rendezvous
    std::map<device_id, instant> steady_since_;  // of what seeking has found
    int seeks_ = 0;
    bool ever_held_ = false;
    std::optional<instant> deadline_, gives_up_at_, seek_at_;
};

}  // namespace calbox::overlay
