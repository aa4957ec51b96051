// The settings of a world that the lab's own tests make: this build's plugins, and a seed.
#pragma once

#include "lab/world/world.hpp"

namespace calbox::lab {

inline world_settings settings(std::uint64_t seed) {
    world_settings with;
    with.seed = seed;
    with.plugin_directories = {CALBOX_PLUGIN_DIRECTORY};
    return with;
}

}  // namespace calbox::lab
