#include "lab/program/strategies.hpp"

#include "lab/sim/silent_logger.hpp"
#include "plugins/loader.hpp"

namespace calbox::lab {

std::optional<std::string> strategies_missing(const strategy_names& which,
                                              const std::vector<std::string>& directories) {
    silent_logger nothing;
    plugins::plugin_host host(directories, nothing);
    const auto consensus = host.consensus(which.consensus, "");
    const auto discovery = host.discovery(which.discovery, "");
    const auto recovery = host.recovery(which.recovery, "");
    const auto storage = host.storage("memory", "");
    for (const error* const one :
         {consensus ? nullptr : &consensus.error(), discovery ? nullptr : &discovery.error(),
          recovery ? nullptr : &recovery.error(), storage ? nullptr : &storage.error()}) {
        if (one != nullptr) {
            return one->message();
        }
    }
    return std::nullopt;
}

}  // namespace calbox::lab
