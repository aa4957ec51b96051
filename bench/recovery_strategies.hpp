// The recovery strategies of a directory of plugins, one after the other, for benchmarks.
#pragma once

#include <fmt/format.h>

#include "plugins/loader.hpp"
#include "support/test_environment.hpp"

namespace calbox::bench {

/// `use(strategy, name)` for each. False when one cannot be loaded; why is printed.
template <class Use>
bool each_recovery_strategy(const char* directory, const Use& use) {
    test::recording_logger log;
    plugins::plugin_host host({directory}, log);
    for (const auto& plugin : host.list()) {
        if (plugin.kind != "recovery") {
            continue;
        }
        const auto strategy = host.recovery(plugin.name, "");
        if (!strategy) {
            fmt::print(stderr, "{}: {}\n", plugin.name, strategy.error().message());
            return false;
        }
        use(**strategy, plugin.name);
    }
    return true;
}

}  // namespace calbox::bench
