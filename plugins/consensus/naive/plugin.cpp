// Entry point and factory of the consensus plugin `naive`.
#include <calbox/plugin.hpp>

#include <nlohmann/json.hpp>

#include "naive.hpp"

namespace {

using calbox::consensus::naive;

calbox::result<std::unique_ptr<naive>> make(std::string_view settings) {
    const auto values = nlohmann::json::parse(settings);
    return std::make_unique<naive>(std::chrono::milliseconds(values.value("ask_ms", 2000)),
                                   std::chrono::milliseconds(values.value("lease_ms", 30000)));
}

}  // namespace

CALBOX_PLUGIN(
    naive, make, "consensus", "naive", "1.0.0",
    "Asks everybody who is up whether it may edit, as the first CalendarBox did; loses updates",
    "inherits hands_over",
    R"({"type":"object","additionalProperties":false,"properties":{
                  "ask_ms":{"type":"integer","minimum":1,"maximum":60000,"default":2000},
                  "lease_ms":{"type":"integer","minimum":100,"maximum":600000,"default":30000}}})");
