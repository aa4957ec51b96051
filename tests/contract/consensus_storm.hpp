// One random run: devices that edit and read one event all at once, over messages that get lost,
// repeated and overtaken, through splits, crashes and hand-overs; then all heals, and everything
// must come to rest. The seed decides all of it.
#pragma once

#include "contract/consensus_world.hpp"

namespace calbox::contract {

struct storm_report {
    std::vector<std::string> wrong;
    std::string history;
    std::size_t committed = 0;
    std::size_t messages = 0;
};

/// `promised`: what to hold the strategy to; by default what it declares.
storm_report run_storm(const std::string& plugin, std::uint64_t seed,
                       std::optional<consensus::traits> promised = std::nullopt);

/// Short times, so that a run holds many lock periods and absences.
std::string quick_settings(const std::string& plugin);

}  // namespace calbox::contract
