// Entry point and factory of the storage plugin `sqlite`.
#include <calbox/plugin.hpp>

#include "store.hpp"

namespace {

using calbox::storage::sqlite_strategy;

calbox::result<std::unique_ptr<sqlite_strategy>> make(std::string_view) {
    return std::make_unique<sqlite_strategy>();
}

}  // namespace

CALBOX_PLUGIN(sqlite_strategy, make, "storage", "sqlite", "1.0.0",
              "Keeps records in one SQLite database and files beside it", "durable",
              R"({"type":"object","additionalProperties":false,"properties":{}})");
