#include "overlay/opener.hpp"

#include <algorithm>

namespace calbox::overlay {

std::uint32_t opener::look(const std::vector<discovery::load>& loads, bool advised, instant now) {
    if (loads.empty() || now - started_ < with_.begins_after) {
        return 0;
    }
    const device_id first = std::ranges::min_element(loads, {}, &discovery::load::device)->device;
    std::uint64_t edges = 0, room = 0;
    for (const discovery::load& one : loads) {
        edges += one.edges;
        room += one.edges_max;
    }
    const std::uint64_t alive = loads.size();
    const std::uint64_t missing = with_.least > alive ? with_.least - alive : 0;
    const bool full = advised || edges * 100 > room * full_above;
    const bool is_so = first == self_ && (missing > 0 || full);
    const bool was_so = std::exchange(wanted_, is_so);
    if (!is_so || !was_so || (opened_at_ && now - *opened_at_ < with_.again_after)) {
        return 0;
    }
    opened_at_ = now;
    std::uint64_t more = missing;
    if (full && room > 0) {
        const std::uint64_t each = std::max<std::uint64_t>(1, room / alive) * fill_to;
        const std::uint64_t needed = (edges * 100 + each - 1) / each;
        more = std::max({more, needed > alive ? needed - alive : 0, std::uint64_t{1}});
    }
    return static_cast<std::uint32_t>(std::min(more, std::max(opened_most, alive / 5)));
}

}  // namespace calbox::overlay
