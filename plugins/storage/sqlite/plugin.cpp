// Entry point, factory and strategy of the storage plugin `sqlite`.
#include <calbox/plugin.hpp>

#include "files_real.hpp"
#include "store.hpp"

namespace {

class sqlite_strategy final : public calbox::storage::strategy {
public:
    calbox::result<std::unique_ptr<calbox::storage::store>> open(
        const std::string& directory) override {
        return calbox::storage::sqlite_store::open(files_, directory);
    }

private:
    calbox::storage::posix_files files_;
};

calbox::result<std::unique_ptr<sqlite_strategy>> make(std::string_view) {
    return std::make_unique<sqlite_strategy>();
}

}  // namespace

CALBOX_PLUGIN(sqlite_strategy, make, "storage", "sqlite", "1.0.0",
              "Keeps records in one SQLite database and files beside it", "durable",
              R"({"type":"object","additionalProperties":false,"properties":{}})");
