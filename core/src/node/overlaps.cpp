#include "node/overlaps.hpp"

#include <algorithm>
#include <tuple>

namespace calbox::node {

void find_overlaps(std::vector<taken_time> times,
                   const std::function<void(const taken_time&, const taken_time&)>& each) {
    std::ranges::sort(times, {}, [](const taken_time& one) {
        return std::tuple(one.utc.start, one.utc.end, one.owner);
    });
    std::vector<const taken_time*> going_on;
    for (const taken_time& one : times) {
        std::erase_if(going_on,
                      [&](const taken_time* earlier) { return earlier->utc.end <= one.utc.start; });
        for (const taken_time* const earlier : going_on) {
            if (earlier->owner != one.owner && earlier->utc.overlaps(one.utc)) {
                each(*earlier, one);
            }
        }
        going_on.push_back(&one);
    }
}

}  // namespace calbox::node
