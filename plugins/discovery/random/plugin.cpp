// Entry point and factory of the discovery plugin `random`.
#include <calbox/plugin.hpp>

#include <nlohmann/json.hpp>

#include "random.hpp"

namespace {

using calbox::discovery::random_choice;

calbox::result<std::unique_ptr<random_choice>> make(std::string_view settings) {
    const auto values = nlohmann::json::parse(settings, nullptr, false);
    if (!values.is_object()) {
        return calbox::fail(calbox::errc::invalid_argument, "the settings are not a JSON object");
    }
    const bool first = values.value("pick", "random") == "first";
    return std::make_unique<random_choice>(first ? calbox::discovery::pick::first
                                                 : calbox::discovery::pick::random);
}

}  // namespace

CALBOX_PLUGIN(random_choice, make, "discovery", "random", "1.0.0",
              "Takes any rendezvous that has room, by chance", "",
              R"({"type":"object","additionalProperties":false,"properties":{
                  "pick":{"type":"string","enum":["random","first"],"default":"random"}}})");
