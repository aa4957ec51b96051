// Entry point and factory of the recovery plugin `auto`.
#include <calbox/plugin.hpp>

#include "../exchange/strategy.hpp"

namespace {

using automatic = calbox::recovery::exchange_strategy<calbox::recovery::summary::cheapest>;

calbox::result<std::unique_ptr<automatic>> make(std::string_view) {
    return std::make_unique<automatic>();
}

}  // namespace

CALBOX_PLUGIN(automatic, make, "recovery", "auto", "1.0.0",
              "Compares a fingerprint, then whatever takes the fewest bytes: ids or a sketch",
              "difference sublinear",
              R"({"type":"object","additionalProperties":false,"properties":{}})");
