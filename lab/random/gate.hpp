// The mutation gate: proves that the random worlds have teeth. Every known fault that the protocols
// can be built with (calbox/mutant.hpp) is switched on in turn, in a process of its own, and must
// be found within the seeds that are played anyway. Needs a libcalbox and plugins with faults in
// them: run with LD_LIBRARY_PATH=build/mutants and their directory.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "lab/random/campaign.hpp"

namespace calbox::lab {

struct fault {
    std::string_view name;       // as the source asks for it
    std::string_view what;       // one sentence
    std::string_view consensus;  // the strategy that it is played with
};
/// All of them; a test holds the list against the sources.
const std::vector<fault>& known_faults();
/// Those of that name, or all where none is named.
std::vector<fault> faults_named(const std::vector<std::string>& names);

struct gate_row {
    fault of;
    std::uint64_t found_at = 0;             // how many worlds were played until then; 0: not found
    std::string by;                         // the claim, and the sentence
    std::uint64_t played = 0, broken = 0;   // worlds
    void found(std::string_view sentence);  // in the one that was played last
};

/// Plays seeds with.first ... with.last for each fault, or for those named, until one is violated;
/// or all of them, with.plays_all, and counts.
std::vector<gate_row> run_gate(const campaign_settings& with,
                               const std::vector<std::string>& only = {});
bool all_found(const std::vector<gate_row>& rows) noexcept;
/// A table for people, a fault a line.
std::string text_of(const std::vector<gate_row>& rows);

}  // namespace calbox::lab
