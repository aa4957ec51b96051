// Plays a plan in a world of whole nodes, watches everything, and judges. Two phases: while there
// is trouble nothing wrong may happen; then all is healed, everybody but the absent comes back, and
// within a bounded time all must agree, and every promise that was made must be kept.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lab/check/claims.hpp"
#include "lab/check/history.hpp"
#include "lab/random/plan.hpp"

namespace calbox::lab {

struct run_report {
    std::vector<claims::violation> violations;  // of what must hold
    std::vector<claims::violation> unpromised;  // of what this consensus strategy does not claim
    std::uint64_t trace = 0;     // of everything that happened: the same for the same plan
    std::uint64_t records = 0;   // in it
    consensus::traits promised;  // by the consensus strategy
    std::uint64_t operations = 0, acknowledged = 0, refused = 0, unknown = 0;
    std::uint64_t events = 0;  // of the time line
    double cluster_hours = 0;  // simulated time, times devices
    double rest_seconds = 0;   // from the heal to agreement, simulated
    history told;
    std::vector<std::string> log;  // how it ended, when something was violated
    bool good() const noexcept { return violations.empty(); }
};

struct run_settings {
    std::vector<std::string> plugin_directories;
    bool verbose = false;
    std::string log;  // a file for the records of the trace; none when empty
};

/// The file for what the daemons logged, down to debug, which is written beside `log`.
std::string daemons_log_of(const std::string& log);

/// A world that has been founded for plans that begin alike, and in which one of them can be
/// played. A plan that the world cannot even begin is a violation, too.
class founded_world {
public:
    /// `with` outlives it.
    founded_world(const plan& what, const run_settings& with);
    ~founded_world();
    founded_world(const founded_world&) = delete;
    founded_world& operator=(const founded_world&) = delete;

    /// Once. `what` begins like the plan that the world was founded for, or is that plan.
    run_report play(const plan& what);

private:
    class run;
    std::unique_ptr<run> run_;
};

/// Founds a world, and plays the plan in it.
run_report run_plan(const plan& what, const run_settings& with);

}  // namespace calbox::lab
