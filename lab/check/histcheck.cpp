#include "lab/check/histcheck.hpp"

#include <map>
#include <string_view>

#include "lab/check/register_check.hpp"

namespace calbox::lab {

result<verdict> check_history(const history& what) {
    const result<void> sense = well_formed(what);
    if (!sense) {
        return fail(sense.error());
    }
    std::map<std::string_view, std::vector<std::size_t>> of_events;
    for (std::size_t i = 0; i < what.size(); ++i) {
        of_events[what[i].key].push_back(i);
    }
    verdict made;
    made.operations = what.size();
    made.events = of_events.size();
    for (const auto& [key, own] : of_events) {
        if (auto wrong = register_check(what, own).judge()) {
            made.contradictions.push_back(std::move(*wrong));
        }
    }
    return made;
}

}  // namespace calbox::lab
