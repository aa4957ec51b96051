#include "lab/program/strategies.hpp"

#include "lab/sim/silent_logger.hpp"
#include "plugins/loader.hpp"

namespace calbox::lab {

std::optional<std::string> strategies_missing(const scenario_options& with) {
    silent_logger nothing;
    plugins::plugin_host host(with.plugin_directories, nothing);
    const auto consensus = host.consensus(with.consensus, "");
    const auto discovery = host.discovery(with.discovery, "");
    const auto recovery = host.recovery(with.recovery, "");
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
