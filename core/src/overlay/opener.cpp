#include "overlay/opener.hpp"

#include <algorithm>

namespace calbox::overlay {

namespace {
constexpr duration counted_for = std::chrono::minutes(2);  // loads are exchanged each minute
constexpr duration counted_least = std::chrono::seconds(30);
}  // namespace

/// Over some time, because what is heard of the others comes in steps; 0 where there are fewer.
double opener::come_per_second(std::uint64_t edges, std::size_t rendezvous, instant now) {
    if (!counts_.empty() && counts_.back().rendezvous * 11 < rendezvous * 10) {
        counts_.clear();  // many that were heard of only now, and had edges before
    }
    counts_.push_back({now, edges, rendezvous});
    while (now - counts_.front().at > counted_for) {
        counts_.pop_front();
    }
    const count& before = counts_.front();
    if (now - before.at < counted_least || edges <= before.edges) {
        return 0;
    }
    return static_cast<double>(edges - before.edges) /
           std::chrono::duration<double>(now - before.at).count();
}

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
    const std::uint64_t each = std::max<std::uint64_t>(1, room / alive);
    const bool joining = opened_at_ && now - *opened_at_ < with_.joins_within;
    const std::uint64_t there = joining ? std::max(alive, expected_) : alive;
    const std::uint64_t room_soon = room + (there - alive) * each;
    const double rate = come_per_second(edges, loads.size(), now);
    const double coming = rate * std::chrono::duration<double>(with_.again_after).count();
    // What was heard of the others is up to a minute old: they have more by now.
    double since_heard = 0;
    for (const discovery::load& one : loads) {
        since_heard += std::clamp(std::chrono::duration<double>(now - one.heard).count(), 0.0, 60.0);
    }
    edges += static_cast<std::uint64_t>(rate * since_heard / static_cast<double>(loads.size()));
    const std::uint64_t missing = with_.least > there ? with_.least - there : 0;
    const bool full = advised || edges * 100 > room_soon * full_above ||
                      static_cast<double>(edges) + coming * ahead > static_cast<double>(room_soon);
    const bool is_so = first == self_ && (with_.least > alive || full);
    const bool was_so = std::exchange(wanted_, is_so);
    if (!is_so || !was_so || (opened_at_ && now - *opened_at_ < with_.again_after)) {
        return 0;
    }
    std::uint64_t more = missing;
    if (full && room > 0) {
        const std::uint64_t soon = edges + static_cast<std::uint64_t>(coming);
        const std::uint64_t needed = (soon * 100 + each * fill_to - 1) / (each * fill_to);
        more =
            std::max({more, needed > there ? needed - there : 0, std::uint64_t{joining ? 0u : 1u}});
    }
    more = std::min(more, std::max(opened_most, alive / 5));
    if (more > 0) {
        opened_at_ = now;
        expected_ = there + more;
    }
    return static_cast<std::uint32_t>(more);
}

}  // namespace calbox::overlay
