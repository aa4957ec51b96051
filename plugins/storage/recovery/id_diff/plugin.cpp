// Entry point and factory of the recovery plugin `id_diff`.
#include <calbox/plugin.hpp>

#include "../exchange/strategy.hpp"

namespace {

using id_diff = calbox::recovery::exchange_strategy<calbox::recovery::summary::list>;

calbox::result<std::unique_ptr<id_diff>> make(std::string_view) {
    return std::make_unique<id_diff>();
}

}  // namespace

CALBOX_PLUGIN(id_diff, make, "recovery", "id_diff", "1.0.0",
              "Compares lists of ids and versions, and gets each lacking event once", "difference",
              R"({"type":"object","additionalProperties":false,"properties":{}})");
