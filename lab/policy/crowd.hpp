// Many rendezvous with the edges that lease from them: each rendezvous is an overlay::membership
// and an overlay::lessor in its circle, as in the daemon, with a book of its own. What is made up
// is the network between them, as in world.hpp, the sessions, which end when they are idle as a
// node's do, and the people, who come and go and have friends. What an edge says to its rendezvous
// takes no time, and is not counted. Everything follows from the seed. Owned by a scenario; one
// thread.
#pragma once

#include <deque>
#include <memory>
#include <variant>
#include <vector>

#include "lab/policy/event_heap.hpp"
#include "lab/policy/made_up.hpp"
#include "lab/policy/plane.hpp"
#include "lab/sim/chance.hpp"
#include "overlay/lessor.hpp"
#include "overlay/membership.hpp"

namespace calbox::lab::policy {

class crowd {
public:
    struct settings {
        std::uint64_t seed = 1;
        std::uint32_t rendezvous = 100;
        std::uint32_t edges = 2'000;
        std::uint32_t friends = 8;                    // of each, by chance
        duration session = std::chrono::minutes(60);  // mean, exponential
        duration away = std::chrono::minutes(20);     // and until the same one is back
        unsigned vanish_per_mille = 100;              // of those who leave: without a word
        overlay::circles::settings in_circles{};
    };
    /// All rendezvous are there, and know each other; the edges come within a minute.
    crowd(discovery::strategy& strategy, settings with);
    ~crowd();
    crowd(const crowd&) = delete;
    crowd& operator=(const crowd&) = delete;

    void run_for(duration d);
    /// As many rendezvous, by chance, are gone without a word. Which ones.
    std::vector<std::uint32_t> crash(std::uint32_t count);
    /// One that is gone runs again, and nobody has a lease from it.
    void restart(std::uint32_t number);
    /// From now on each edge leases from another rendezvous so often, in the mean, and the one
    /// before hears nothing of it.
    void move_each(duration mean) { moves_ = mean; }

    instant now() const noexcept { return now_; }
    std::uint64_t events() const noexcept { return events_; }
    std::uint64_t trace() const noexcept { return trace_; }
    /// Among rendezvous; frames in TLS records, without TCP's and IP's heads, and without the
    /// handshakes of `dialled` sessions.
    std::uint64_t messages() const noexcept { return messages_; }
    std::uint64_t bytes_sent() const noexcept { return bytes_; }
    std::uint64_t dialled() const noexcept { return dialled_; }
    std::uint32_t running() const noexcept;
    /// Sessions with other rendezvous that are open, at each that runs.
    std::vector<std::uint32_t> sessions() const;
    /// What the rendezvous of all that are online say of their friends.
    struct seen {
        std::uint64_t friends = 0;
        std::uint64_t as_online = 0, as_offline = 0;  // wrongly, of who came or went 37 s ago
    };
    seen look() const;

private:
    enum class kind : std::uint8_t { message, failed, lessor_time, member_time, idle, edge, beat };
    struct members_asked {
        wire::members what;
        std::uint32_t origin;  // who asks, or for whom the sender asks
    };
    struct members_answered {
        device_id about;
        std::uint32_t origin;
        wire::members_reply what;
    };
    struct load_answered {
        wire::offer what;
    };
    struct watch_asked {
        overlay::circles::question what;
    };
    struct watch_answered {
        overlay::circles::question asked;
        wire::watch_reply what;
    };
    using letter = std::variant<members_asked, members_answered, wire::probe, load_answered,
                                watch_asked, watch_answered, wire::presence>;
    struct event {
        kind what = kind::message;
        std::uint32_t from = 0, to = 0;  // of an edge: its number and its serial
        instant sent{};
        std::shared_ptr<const letter> said;
    };
    class notes;
    struct meeting_point;
    struct edge;

    user_id user_of(std::uint32_t edge) const;

    void push(duration after, event what) { heap_.push(now_ + after, what); }
    void happen(const event& what);
    void begin(std::uint32_t number, std::uint64_t life);
    void send(std::uint32_t from, std::uint32_t to, letter said);
    void arrive(const event& what);
    void on_failed(const event& what);
    void carry_out(std::uint32_t number, const overlay::lessor::effects& all);
    void carry_out(std::uint32_t number, const overlay::membership::effects& all);
    void arm(std::uint32_t number);
    bool is_open(std::uint32_t one, std::uint32_t other) const;
    void close_idle(std::uint32_t number);
    void end_session(std::uint32_t one, std::uint32_t other);
    void edge_turns(const event& what);
    void lease(std::uint32_t edge);
    void beat(const event& what);
    void seek_another(std::uint32_t edge, duration after);
    duration exponential(duration mean);

    settings with_;
    discovery::strategy& strategy_;
    seeded chance_, places_, people_, faults_;
    std::vector<device_id> sorted_;  // all rendezvous
    std::deque<meeting_point> rendezvous_;
    std::deque<edge> edges_;
    event_heap<event> heap_;
    instant now_{std::chrono::hours(1)};
    std::optional<duration> moves_;
    std::uint64_t events_ = 0, messages_ = 0, bytes_ = 0, dialled_ = 0;
    std::uint64_t trace_ = 0xcbf29ce484222325ull;
};

}  // namespace calbox::lab::policy
