// Entry point and factory of the recovery plugin `rateless`.
#include <calbox/plugin.hpp>

#include "../exchange/strategy.hpp"

namespace {

using rateless = calbox::recovery::exchange_strategy<calbox::recovery::summary::sketch>;

calbox::result<std::unique_ptr<rateless>> make(std::string_view) {
    return std::make_unique<rateless>();
}

}  // namespace

CALBOX_PLUGIN(
    rateless, make, "recovery", "rateless", "1.0.0",
    "Compares a fingerprint, then a sketch as long as the difference, not as the calendar",
    "difference sublinear", R"({"type":"object","additionalProperties":false,"properties":{}})");
