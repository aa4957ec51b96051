// Whether the strategies of a world can be had, before it is played. Any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace calbox::lab {

struct strategy_names {
    std::string consensus, discovery, recovery;
};
/// Of what has the names of its strategies among its own members: a plan, say.
template <class Has>
strategy_names strategies_of(const Has& what) {
    return {what.consensus, what.discovery, what.recovery};
}

/// Nothing, or why one of them cannot be had from these directories.
std::optional<std::string> strategies_missing(const strategy_names& which,
                                              const std::vector<std::string>& directories);

}  // namespace calbox::lab
