// Discovery: which rendezvous an edge takes, and whom a rendezvous admits, moves or sends on. A
// plugin kind. Pure decisions: no I/O, no clock, no randomness but those of the context. Called on
// the core thread; swappable live.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <calbox/environment.hpp>
#include <calbox/ids.hpp>

namespace calbox::discovery {

/// What an edge knows of a rendezvous before asking it.
struct candidate {
    device_id device;
    std::uint32_t failures = 0;  // in a row
    std::optional<instant> last_success;
    std::optional<duration> round_trip;
    bool seed = false;  // named by an invitation or the configuration
    // Its load as it was last told of: old, and of many edges at once. 0 of 0: never.
    std::uint32_t edges = 0, edges_max = 0;
    instant heard{};
};

/// A rendezvous' live answer to a probe.
struct offer {
    device_id device;
    std::uint32_t edges = 0;
    std::uint32_t edges_max = 0;
    duration round_trip{};
};

enum class outcome { leased, redirected, busy, unreachable, lost };

/// What a rendezvous knows of itself or of another one (exchanged each minute, R190).
struct load {
    device_id device;
    std::uint32_t edges = 0;
    std::uint32_t edges_max = 0;
    instant heard;
};

struct admission {
    enum class verdict { grant, redirect, busy } what = verdict::grant;
    std::vector<device_id> others;  // for redirect, best first, at most 8
    duration retry_after{};         // for busy
};

struct migration {
    device_id to;
    std::uint32_t edges = 0;  // how many to move there now
};

enum class advice { none, open_rendezvous, retire_me };

struct context {
    instant now;
    random& entropy;
};

class strategy {
public:
    virtual ~strategy();

    // Edge side.
    /// The order in which to probe. Returns indices into `candidates`, each at most once.
    virtual std::vector<std::size_t> order(const std::vector<candidate>& candidates,
                                           context where) = 0;
    /// Which of the live offers (one at least) to take: an index into `offers`.
    virtual std::size_t choose(const std::vector<offer>& offers, context where) = 0;
    /// What came of a choice. Without memory: nothing.
    virtual void learn(const device_id& rendezvous, outcome what, context where);

    // Rendezvous side.
    virtual admission admit(const load& me, const std::vector<load>& others, context where) = 0;
    /// Once a minute, after the loads were exchanged: whom to ask to take edges over. Unless a
    /// strategy balances: nobody.
    virtual std::vector<migration> plan(const load& me, const std::vector<load>& others,
                                        context where);
    /// Another rendezvous asks whether `asked` of its edges may move here: how many, 0 to `asked`.
    /// `me.edges` counts those that were promised room already. Unless a strategy is choosier: as
    /// many as there is room for.
    virtual std::uint32_t take(const load& me, const std::vector<load>& others, std::uint32_t asked,
                               context where);
    /// After that, too. Unless a strategy has an opinion: none.
    virtual advice advise(const load& me, const std::vector<load>& others, context where);
};

}  // namespace calbox::discovery
