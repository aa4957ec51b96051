// Entry point and factory of the recovery plugin `interval`.
#include <calbox/plugin.hpp>

#include "../exchange/strategy.hpp"

namespace {

using interval = calbox::recovery::exchange_strategy<calbox::recovery::summary::numbers>;

calbox::result<std::unique_ptr<interval>> make(std::string_view) {
    return std::make_unique<interval>();
}

}  // namespace

CALBOX_PLUGIN(interval, make, "recovery", "interval", "1.0.0",
              "Says which numbers of each author's stream it has; gets the others at once",
              "difference sublinear numbered",
              R"({"type":"object","additionalProperties":false,"properties":{}})");
