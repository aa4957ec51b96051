// A large world of the overlay alone: each edge is an overlay::bootstrap, each rendezvous an
// overlay::lessor, as in the daemon, and their discovery strategies come through the real loader.
// What is made up is the network between them: messages take the time of their way, are lost at
// times, and find nobody where a rendezvous has crashed. Nodes have no store, no users and no
// events, and what is told of presence is counted and not delivered.
// Everything follows from the seed. Owned by a scenario; one thread.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lab/policy/event_heap.hpp"
#include "lab/policy/plane.hpp"
#include "lab/sim/chance.hpp"
#include "overlay/bootstrap.hpp"
#include "overlay/lessor.hpp"
#include "plugins/loader.hpp"

namespace calbox::lab::policy {

/// The strategy that all nodes use.
struct choice {
    std::string name = "random";
    std::string settings;  // JSON, or empty
    /// One instance serves all nodes. Right for a strategy that remembers nothing between calls;
    /// others need one for each node, and its memory.
    bool shared = true;
};

struct settings {
    std::uint64_t seed = 1;
    std::uint32_t rendezvous = 100;
    std::uint32_t edges_max = 150;  // of each rendezvous
    std::uint32_t known = 16;       // rendezvous that a new edge remembers, any of them
    duration heartbeat = std::chrono::seconds(10);
    duration session{};                  // mean, exponential; zero: nobody leaves
    unsigned vanish_per_mille = 100;     // of those who leave: without a word
    unsigned lost_per_mille = 0;         // of all messages, each way
    std::uint32_t dial_round_trips = 2;  // before the first question to a rendezvous: TCP and TLS
    bool wraps = true;                   // plane.hpp
    bool uneven = false;  // every fourth rendezvous has 5/2 of edges_max, the others half of it
    std::uint32_t admit_rate = 200;                   // of each rendezvous, leases in a second
    std::uint32_t opened_most = 0;                    // rendezvous more, when they ask for them
    duration opens_after = std::chrono::seconds(20);  // it was asked for
};

/// What has happened so far.
struct tally {
    std::vector<double> first_lease_s;      // from arriving to the first lease
    std::vector<double> failover_s;         // from a rendezvous' end to the next lease of its edges
    std::uint64_t refused = 0;              // leases: redirected, or told to come back later
    std::uint64_t edge_messages = 0;        // sent by edges and to them
    std::uint64_t rendezvous_messages = 0;  // among rendezvous
    std::uint64_t presence_to_edges = 0;
    std::uint64_t false_losses = 0;  // a lease given up whose rendezvous was alive
    std::uint64_t moves = 0;         // of edges, from one rendezvous to another that has room
    std::uint64_t moved_again = 0;   // of those, within an hour of the move before
    std::uint64_t events = 0;
};

class world {
public:
    /// Fails when the strategy cannot be loaded.
    static result<std::unique_ptr<world>> make(plugins::plugin_host& host, choice which,
                                               settings with);
    ~world();
    world(const world&) = delete;
    world& operator=(const world&) = delete;

    // What happens in it; in the order of calls, at the present instant.
    void run_for(duration d);
    /// `count` edges arrive within the next `d`, at any time.
    void arrive(std::uint32_t count, duration d);
    /// Whether another edge arrives when one leaves. From the start: yes.
    void replace(bool whoever_leaves) noexcept { replacing_ = whoever_leaves; }
    /// Nobody leaves any more.
    void stay() noexcept { staying_ = true; }
    /// As many running rendezvous, by chance, ascending.
    std::vector<std::uint32_t> pick(std::uint32_t count);
    /// The machine is gone: nobody answers, and nobody is told.
    void crash(const std::vector<std::uint32_t>& which);
    /// The process is gone: its machine resets all sessions.
    void kill(const std::vector<std::uint32_t>& which);
    /// They come back empty.
    void bring_back(const std::vector<std::uint32_t>& which);
    /// It does nothing for `d`; what arrives meanwhile is handled after.
    void stall(std::uint32_t which, duration d);

    // What is seen of it.
    instant now() const noexcept { return now_; }
    const tally& so_far() const noexcept { return tally_; }
    std::uint64_t trace() const noexcept { return trace_; }
    std::uint32_t present() const noexcept { return present_; }
    /// Edges whose own word is that they hold a lease.
    std::uint32_t leased() const;
    /// Edges that lost their rendezvous and have no other yet.
    std::uint32_t failing_over() const;
    /// Rendezvous that there ever were.
    std::uint32_t rendezvous() const noexcept;
    /// Leases at each running rendezvous, or at those of `which` that run.
    std::vector<std::uint32_t> loads() const;
    std::vector<std::uint32_t> loads(const std::vector<std::uint32_t>& which) const;
    /// How full each running rendezvous is, in millionths.
    std::vector<std::uint32_t> utilisations() const;
    /// Most probes and leases that one rendezvous got within one second since the last call.
    std::uint32_t busiest_second();

private:
    enum class kind : std::uint8_t {
        arrival,
        departure,
        edge_time,
        rendezvous_time,
        asked,
        answered,
        reset,
        gone,
        move,
        look,
        opened
    };
    enum class message : std::uint8_t { none, probe, lease, renewal, heartbeat, leave, load, room };
    enum class reply : std::uint8_t { nothing, good, forgotten };
    /// All that waits in the heap. `edge` is a slot, and `serial` who was in it; for load, room and
    /// gone they are a rendezvous and its life.
    struct event {
        std::int64_t sent = 0;
        std::uint32_t edge = 0, serial = 0;
        std::uint32_t rendezvous = 0, life = 0;
        // Of an answer: edges held, or where the lease_reply or ask_room is kept. Of a heartbeat:
        // the spread in ms. Of leave: 1 + the rendezvous to which it moved.
        std::uint32_t number = 0;
        std::uint32_t limit_ms = 0;
        std::uint32_t travel_us = 0;
        kind what = kind::arrival;
        message about = message::none;
        reply answer = reply::nothing;
    };
    using strategy_instance = plugins::loaded<discovery::strategy>;
    struct edge;
    struct meeting_point;
    class town;

    world(plugins::plugin_host& host, choice which, settings with, strategy_instance common);

    void push(duration after, const event& what);
    void happen(const event& what);
    discovery::strategy& strategy_for(std::unique_ptr<strategy_instance>& own);
    void start(std::uint32_t rendezvous);
    void on_look(const event& what);
    void open_another();

    // edges
    void on_arrival();
    void on_departure(const event& what);
    void on_edge_time(const event& what);
    void on_answered(const event& what);
    void on_lease_reply(const event& what);
    void on_reset(const event& what);
    void carry_out(std::uint32_t slot, const overlay::bootstrap::effects& all);
    void ask(std::uint32_t slot, const device_id& whom, message about, duration limit,
             std::uint32_t number = 0);
    void on_move(const event& what);
    void arm_edge(std::uint32_t slot);
    void note_lost(edge& who, std::uint32_t rendezvous);
    void lose_lessors(const std::vector<std::uint32_t>& which, bool with_resets);

    // rendezvous
    void on_asked(const event& what);
    void on_load_answered(const event& what);
    void on_room_answered(const event& what);
    event between(std::uint32_t from, const device_id& to, message about);
    std::uint32_t room_of(std::uint32_t rendezvous) const noexcept;
    void on_rendezvous_time(const event& what);
    void on_gone(const event& what);
    void carry_out_at(std::uint32_t rendezvous, const overlay::lessor::effects& all);
    void arm_rendezvous(std::uint32_t rendezvous);
    void answer(event what, reply how, std::uint32_t number);
    void no_answer(event what);
    bool lost_on_the_way() noexcept { return loss_.happens(with_.lost_per_mille); }

    plugins::plugin_host& host_;
    choice which_;
    settings with_;
    strategy_instance common_;
    seeded arrivals_, places_, edge_chance_, rendezvous_chance_, loss_, faults_;
    std::unique_ptr<town> town_;
    std::deque<edge> edges_;
    std::vector<std::uint32_t> free_slots_;
    std::deque<meeting_point> rendezvous_;
    std::vector<wire::lease_reply> replies_;  // on their way
    std::vector<std::uint32_t> free_replies_;
    std::vector<overlay::lessor::ask_room> rooms_;  // questions on their way, and how many may
    std::vector<std::uint32_t> slots_;              // of edges, by serial
    event_heap<event> heap_;
    instant now_{std::chrono::hours(1)};
    std::uint32_t present_ = 0, last_serial_ = 0;
    std::uint32_t asked_for_ = 0;  // rendezvous, beside those of the beginning
    bool replacing_ = true, staying_ = false;
    tally tally_;
    std::uint64_t trace_ = 0xcbf29ce484222325ull;
};

}  // namespace calbox::lab::policy
