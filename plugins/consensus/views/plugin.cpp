// Entry point and factory of the consensus plugin `views`.
#include <calbox/plugin.hpp>

#include <nlohmann/json.hpp>

#include "views.hpp"

namespace {

using calbox::consensus::views;

calbox::result<std::unique_ptr<views>> make(std::string_view settings) {
    const auto values = nlohmann::json::parse(settings);
    const auto time = [&](const char* name, int standard) {
        return std::chrono::milliseconds(values.value(name, standard));
    };
    views::settings with;
    with.ttl = time("ttl_ms", 30'000);
    with.absent_after = time("absent_after_ms", 600'000);
    with.resend = time("resend_ms", 400);
    with.found_within = time("found_within_ms", 1500);
    with.give_up = time("give_up_ms", 8000);
    with.settle_after = time("settle_after_ms", 2000);
    with.view_max = values.value("view_max", std::size_t{7});
    return std::make_unique<views>(with);
}

}  // namespace

CALBOX_PLUGIN(
    views, make, "consensus", "views", "1.0.0",
    "A register per event, decided by a quorum of devices that the event itself names; the set "
    "follows who is there",
    "mutual_exclusion linearizable survives_holder_crash partition_safe inherits takes_over "
    "hands_over",
    R"({"type":"object","additionalProperties":false,"properties":{
        "ttl_ms":{"type":"integer","minimum":200,"maximum":600000,"default":30000},
        "absent_after_ms":{"type":"integer","minimum":200,"maximum":86400000,"default":600000},
        "resend_ms":{"type":"integer","minimum":10,"maximum":10000,"default":400},
        "found_within_ms":{"type":"integer","minimum":10,"maximum":30000,"default":1500},
        "give_up_ms":{"type":"integer","minimum":100,"maximum":60000,"default":8000},
        "settle_after_ms":{"type":"integer","minimum":50,"maximum":60000,"default":2000},
        "view_max":{"type":"integer","minimum":1,"maximum":15,"default":7}}})");
