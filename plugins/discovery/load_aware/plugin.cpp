// Entry point and factory of the discovery plugin `load_aware`.
#include <calbox/plugin.hpp>

#include <nlohmann/json.hpp>

#include "load_aware.hpp"

namespace {

using namespace calbox;
using discovery::load_aware;

result<std::unique_ptr<load_aware>> make(std::string_view settings) {
    const auto values = nlohmann::json::parse(settings, nullptr, false);
    if (!values.is_object()) {
        return fail(errc::invalid_argument, "the settings are not a JSON object");
    }
    discovery::load_aware_settings with;
    with.high = values.value("high_percent", with.high);
    with.shed_to = values.value("shed_to_percent", with.shed_to);
    with.hungry = values.value("hungry_percent", with.hungry);
    with.feed_to = values.value("feed_to_percent", with.feed_to);
    with.share = values.value("share_percent", with.share);
    with.least = values.value("least_moved", with.least);
    with.migrate = values.value("migrate", with.migrate);
    if (with.hungry >= with.feed_to || with.shed_to >= with.high) {
        return fail(errc::invalid_argument,
                    "hungry_percent must be below feed_to_percent, and shed_to_percent below "
                    "high_percent: or edges move to and fro");
    }
    return std::make_unique<load_aware>(with);
}

}  // namespace

CALBOX_PLUGIN(load_aware, make, "discovery", "load_aware", "1.0.0",
              "Takes the emptiest and nearest of five, and moves edges from full to empty", "",
              R"({"type":"object","additionalProperties":false,"properties":{
                  "high_percent":{"type":"integer","minimum":101,"maximum":1000,"default":110},
                  "shed_to_percent":{"type":"integer","minimum":100,"maximum":999,"default":103},
                  "hungry_percent":{"type":"integer","minimum":0,"maximum":99,"default":75},
                  "feed_to_percent":{"type":"integer","minimum":1,"maximum":100,"default":90},
                  "share_percent":{"type":"integer","minimum":1,"maximum":100,"default":5},
                  "least_moved":{"type":"integer","minimum":1,"maximum":1000,"default":4},
                  "migrate":{"type":"boolean","default":true}}})");
