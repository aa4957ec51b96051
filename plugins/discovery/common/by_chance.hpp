// What the discovery strategies share: drawing by chance, and what a rendezvous without room
// answers. Included by plugins, linked into each. Pure; core thread.
#pragma once

#include <algorithm>
#include <numeric>
#include <vector>

#include <calbox/discovery.hpp>

namespace calbox::discovery {

inline constexpr std::size_t redirects_max = 8;
inline constexpr duration heard_within = std::chrono::minutes(3);  // loads come each minute

template <class T>
void shuffle(std::vector<T>& items, random& entropy) {
    for (std::size_t i = items.size(); i > 1; --i) {
        std::swap(items[i - 1], items[static_cast<std::size_t>(entropy.below(i))]);
    }
}

/// 0, 1, 2 ... in any order.
inline std::vector<std::size_t> any_order(std::size_t count, random& entropy) {
    std::vector<std::size_t> indices(count);
    std::iota(indices.begin(), indices.end(), std::size_t{0});
    shuffle(indices, entropy);
    return indices;
}

/// Indices of the offers with room, as they came.
inline std::vector<std::size_t> with_room(const std::vector<offer>& offers) {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < offers.size(); ++i) {
        if (offers[i].edges < offers[i].edges_max) {
            found.push_back(i);
        }
    }
    return found;
}

/// The first one is as full as the second or less so, whatever their sizes.
inline bool emptier(std::uint32_t edges, std::uint32_t edges_max, std::uint32_t other,
                    std::uint32_t other_max) noexcept {
    return std::uint64_t{edges} * std::max(other_max, 1u) <
           std::uint64_t{other} * std::max(edges_max, 1u);
}

/// Moves `most` of the items to the front, drawn one after the other with a probability in
/// proportion to their weights (one each, at least 1 in all). Whole numbers: every machine draws
/// the same.
template <class T>
void draw_to_front(std::vector<T>& items, std::vector<std::uint64_t>& weights, std::size_t most,
                   random& entropy) {
    std::uint64_t all = std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
    for (std::size_t done = 0; done < std::min(most, items.size()) && all > 0; ++done) {
        std::uint64_t left = entropy.below(all);
        std::size_t drawn = done;
        while (left >= weights[drawn]) {
            left -= weights[drawn++];
        }
        all -= weights[drawn];
        std::swap(items[done], items[drawn]);
        std::swap(weights[done], weights[drawn]);
    }
}

/// Those that had room when they were last heard of.
inline std::vector<load> with_room(const load& me, const std::vector<load>& others, instant now) {
    std::vector<load> found;
    for (const load& other : others) {
        if (other.device != me.device && other.edges < other.edges_max &&
            now - other.heard <= heard_within) {
            found.push_back(other);
        }
    }
    return found;
}

/// Redirects to the first of these, or to nobody: then, come back in 30 to 40 s, so that those who
/// are refused do not come back together.
inline admission sent_on(const std::vector<load>& to, random& entropy) {
    admission answer;
    for (std::size_t i = 0; i < std::min(to.size(), redirects_max); ++i) {
        answer.others.push_back(to[i].device);
    }
    answer.what = admission::verdict::redirect;
    if (answer.others.empty()) {
        answer.what = admission::verdict::busy;
        answer.retry_after =
            std::chrono::seconds(30) + std::chrono::milliseconds(entropy.below(10'000));
    }
    return answer;
}

}  // namespace calbox::discovery
