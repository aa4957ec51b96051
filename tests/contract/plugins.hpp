// Names and loading of the plugins under test: each suite is instantiated once for every plugin of
// its kind.
#pragma once

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "plugins/loader.hpp"
#include "support/seeds.hpp"
#include "support/test_environment.hpp"

namespace calbox::contract {

using test::seeds;

inline std::vector<std::string> names() {
    std::istringstream words(CALBOX_PLUGIN_NAMES);
    return {std::istream_iterator<std::string>(words), {}};
}

inline std::string name_of(const testing::TestParamInfo<std::string>& info) { return info.param; }

/// One host for the program, as in the daemon.
inline plugins::plugin_host& host() {
    static test::recording_logger log;
    static plugins::plugin_host only({CALBOX_PLUGIN_DIRECTORY}, log);
    return only;
}

/// Whether the plugin's traits hold `word`. The files are read once: suites ask often.
inline bool has_trait(const std::string& kind, const std::string& name, const std::string& word) {
    static const std::vector<plugins::plugin_status> all = host().list();
    for (const auto& one : all) {
        if (one.kind == kind && one.name == name) {
            return (" " + one.traits + " ").find(" " + word + " ") != std::string::npos;
        }
    }
    return false;
}

}  // namespace calbox::contract
