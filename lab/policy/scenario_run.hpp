// What the scenarios of large worlds have in common. For their own sources. One thread.
#pragma once

#include <algorithm>

#include "lab/policy/memory.hpp"
#include "lab/policy/scenarios.hpp"
#include "lab/policy/statistics.hpp"

namespace calbox::lab::policy {

inline const std::string every = "every", load_aware = "load_aware", random_choice = "random",
                         processes = "real processes";

inline settings world_of(const trial& with) {
    settings made;
    made.seed = with.seed;
    made.rendezvous = with.rendezvous;
    // Half as many again as is fair, rounded up.
    made.edges_max = (with.edges * 3 / 2 + with.rendezvous - 1) / with.rendezvous;
    return made;
}

/// The band of G3 is that of a binomial distribution with a mean of about 100.
inline bool is_of_the_band(const trial& with) {
    return with.edges == 10'000 && with.rendezvous == 100;
}

/// One run: its world, and the report that grows with it.
class run {
public:
    run(std::string scenario, const trial& with) : begun_with_(memory_in_use()) {
        so_far_.scenario = std::move(scenario);
        so_far_.strategy = with.strategy.name;
        so_far_.seed = with.seed;
        so_far_.edges = with.edges;
        so_far_.rendezvous = with.rendezvous;
    }
    void note(std::string name, double value, std::string unit,
              std::optional<goal> wanted = std::nullopt) {
        so_far_.figures.push_back({std::move(name), value, std::move(unit), std::move(wanted)});
    }
    report ended(const world& in, instant begun) {
        return ended(in.now() - begun, in.so_far().events, in.trace());
    }
    report ended(duration simulated, std::uint64_t events, std::uint64_t trace) {
        so_far_.simulated = simulated;
        so_far_.events = events;
        so_far_.trace = trace;
        const auto used = static_cast<double>(memory_in_use()) - static_cast<double>(begun_with_);
        so_far_.bytes_per_edge = std::max(used, 0.0) / so_far_.edges;
        return std::move(so_far_);
    }

private:
    std::uint64_t begun_with_;
    report so_far_;
};

/// The fullest over the mean, looked at each 5 s.
inline double worst_ratio_within(world& in, duration d) {
    double worst = 0;
    for (duration passed{}; passed < d; passed += std::chrono::seconds(5)) {
        in.run_for(std::chrono::seconds(5));
        worst = std::max(worst, spread_of(in.loads()).max_over_mean);
    }
    return worst;
}

}  // namespace calbox::lab::policy
