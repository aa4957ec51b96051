// Many random worlds: plays the plans of a range of seeds, shrinks the first few that fail, writes
// them down, and adds up.
#pragma once

#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "lab/random/run.hpp"

namespace calbox::lab {

struct campaign_settings {
    std::uint64_t first = 1, last = 100;  // seeds, both included
    plan_limits within;
    run_settings run;
    unsigned jobs = 1;
    unsigned failures_most = 5;  // then it stops
    bool shrinks = true;
    bool plays_all = false;     // of the gate: does not stop at the first find
    std::string keep_in = ".";  // directory for the plans of failures
};

struct campaign_report {
    std::uint64_t seeds = 0, failed = 0;
    bool promises_linearizability = false;
    /// By claim: in how many seeds something broke that the strategy does not promise.
    std::map<std::string, std::uint64_t> unpromised;
    std::uint64_t operations = 0, acknowledged = 0, refused = 0, unknown = 0, events = 0;
    std::uint64_t trace = 0;  // over all seeds: equal for equal runs
    double cluster_hours = 0;
    double rest_seconds_worst = 0;
    std::vector<std::string> kept;  // files
};

/// A few lines for people.
std::string text_of(const campaign_settings& with, const campaign_report& what);

/// Prints failures to `out` as they come, with the command that replays each.
campaign_report run_campaign(const campaign_settings& with, std::ostream& out);

/// From a file. not_found, or malformed with what is wrong.
result<plan> read_plan(const std::string& file);
/// Plays one plan, and prints what was violated. False when something was.
bool replay(const plan& what, const run_settings& with, std::ostream& out);

}  // namespace calbox::lab
