// Entry point and factory of the consensus plugin `organizer`.
#include <calbox/plugin.hpp>

#include <nlohmann/json.hpp>

#include "organizer.hpp"

namespace {

using calbox::consensus::organizer;

calbox::result<std::unique_ptr<organizer>> make(std::string_view settings) {
    const auto values = nlohmann::json::parse(settings);
    organizer::settings with;
    with.ttl = std::chrono::milliseconds(values.value("ttl_ms", 30'000));
    with.resend = std::chrono::milliseconds(values.value("resend_ms", 500));
    with.give_up = std::chrono::milliseconds(values.value("give_up_ms", 8000));
    return std::make_unique<organizer>(with);
}

}  // namespace

CALBOX_PLUGIN(organizer, make, "consensus", "organizer", "1.0.0",
              "The device that created an event decides about it; nobody can edit while it is away",
              "mutual_exclusion linearizable survives_holder_crash partition_safe inherits",
              R"({"type":"object","additionalProperties":false,"properties":{
        "ttl_ms":{"type":"integer","minimum":200,"maximum":600000,"default":30000},
        "resend_ms":{"type":"integer","minimum":10,"maximum":10000,"default":500},
        "give_up_ms":{"type":"integer","minimum":100,"maximum":60000,"default":8000}}})");
