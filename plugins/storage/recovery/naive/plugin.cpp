// Entry point and factory of the recovery plugin `naive`.
#include <calbox/plugin.hpp>

#include "naive.hpp"

namespace {

using calbox::recovery::naive;

calbox::result<std::unique_ptr<naive>> make(std::string_view) { return std::make_unique<naive>(); }

}  // namespace

CALBOX_PLUGIN(naive, make, "recovery", "naive", "1.0.0",
              "Gets every event from every friend and asks the backups for the rest, as the first "
              "CalendarBox did",
              "", R"({"type":"object","additionalProperties":false,"properties":{}})");
