// Entry point and factory of the storage plugin `memory`.
#include <calbox/plugin.hpp>

#include "memory.hpp"

namespace {

using calbox::storage::memory_strategy;

calbox::result<std::unique_ptr<memory_strategy>> make(std::string_view) {
    return std::make_unique<memory_strategy>();
}

}  // namespace

CALBOX_PLUGIN(
    memory_strategy, make, "storage", "memory", "1.0.0",
    "Keeps everything in memory, for tests and for trying things out: gone when the daemon ends",
    "volatile", R"({"type":"object","additionalProperties":false,"properties":{}})");
