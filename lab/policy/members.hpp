// A large group that watches its members: each is an overlay::membership, and what is made up is
// the network between them, as in world.hpp. Everything follows from the seed. Owned by a scenario;
// one thread.
#pragma once

#include <deque>
#include <vector>

#include "lab/policy/event_heap.hpp"
#include "lab/policy/made_up.hpp"
#include "lab/policy/plane.hpp"
#include "lab/sim/chance.hpp"
#include "overlay/circles.hpp"
#include "overlay/membership.hpp"

namespace calbox::lab::policy {

class members {
public:
    struct settings {
        std::uint64_t seed = 1;
        std::uint32_t count = 100;
        unsigned lost_per_mille = 20;  // of all messages
        bool in_circles = false;       // they keep to their circles and informants
        unsigned told_per_cent = 100;  // a newcomer: so many of those its contact knows
        overlay::membership::settings times{};
    };
    explicit members(settings with);

    void run_for(duration d);
    /// As many come within `d`, each told by one that is there of those that it knows.
    void come(std::uint32_t count, duration d);
    /// As many, by chance, are gone without a word.
    void crash(std::uint32_t count);
    /// It does nothing for `d`; what arrives meanwhile is handled after.
    void stall(std::uint32_t which, duration d);

    instant now() const noexcept { return now_; }
    std::uint64_t events() const noexcept { return events_; }
    std::uint64_t trace() const noexcept { return trace_; }
    std::uint64_t messages() const noexcept { return messages_; }
    /// Frames in TLS records; without TCP's and IP's heads.
    std::uint64_t bytes_sent() const noexcept { return bytes_; }
    /// Times that one that runs thought of another one that runs that it went.
    std::uint64_t false_deaths() const noexcept { return false_deaths_; }
    /// Seconds from the last crash until each that runs knew of all that crashed; those that do not
    /// yet know are left out.
    std::vector<double> knew_after_s() const;
    std::uint32_t running() const noexcept;
    /// Of all that run, the share that the worst informed one knows to be alive.
    double least_complete() const;
    /// The mean share of all that run with whom one keeps a session.
    double kept_to() const;

private:
    enum class kind : std::uint8_t { arrival, timer, question, answer };
    struct event {
        kind what = kind::arrival;
        std::uint32_t from = 0, to = 0, about = 0;
        std::uint32_t origin = 0;  // for whom `from` asks: itself, or whom it helps
        std::vector<overlay::membership::news> said;
        std::optional<overlay::membership::span> compared = std::nullopt;
    };
    struct node {
        std::optional<overlay::membership> machine;
        std::optional<overlay::circles> near;  // who watches whom takes no time, and is not counted
        std::uint64_t near_version = 0;
        place where;
        instant armed{}, stalled_until{};
        std::uint32_t gone_known = 0;  // of those that crashed
        std::optional<instant> knew_all;
    };

    device_id id_of(std::uint32_t number) const;
    void happen(event what);
    void arrive(std::uint32_t number);
    void send(event what);
    void carry_out(std::uint32_t number, const overlay::membership::effects& all);
    void ask(std::uint32_t number, overlay::circles::questions some);
    void keep_near(std::uint32_t number);
    void arm(std::uint32_t number);

    settings with_;
    seeded chance_, places_, loss_, faults_;
    overlay::interests nobody_;
    std::deque<node> nodes_;
    std::uint32_t came_ = 0;
    event_heap<event> heap_;
    instant now_{std::chrono::hours(1)};
    instant crashed_at_{};
    std::uint32_t crashed_ = 0;
    std::uint64_t events_ = 0, messages_ = 0, bytes_ = 0, false_deaths_ = 0;
    std::uint64_t trace_ = 0xcbf29ce484222325ull;
};

}  // namespace calbox::lab::policy
