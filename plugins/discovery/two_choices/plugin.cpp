// Entry point and factory of the discovery plugin `two_choices`.
#include <calbox/plugin.hpp>

#include "two_choices.hpp"

namespace {

using calbox::discovery::two_choices;

calbox::result<std::unique_ptr<two_choices>> make(std::string_view) {
    return std::make_unique<two_choices>();
}

}  // namespace

CALBOX_PLUGIN(two_choices, make, "discovery", "two_choices", "1.0.0",
              "Takes the emptier one of two rendezvous that answer", "",
              R"({"type":"object","additionalProperties":false,"properties":{}})");
