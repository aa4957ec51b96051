#include "load_aware.hpp"

#include <map>

#include "../common/by_chance.hpp"

namespace calbox::discovery {
namespace {

constexpr std::uint64_t whole = 1'000'000;
constexpr std::uint64_t least_weight = whole / 50;  // nobody is never asked
constexpr std::size_t drawn_first = 15;             // three batches; the rest by chance
constexpr duration near = std::chrono::milliseconds(200);
constexpr std::uint64_t worth_of_near = whole / 20;  // 5 % of the room for each 200 ms
constexpr std::uint32_t advise_above = 80;           // per cent of all room
constexpr std::size_t shares_most = 64;              // of what is shed, drawn one by one

/// How much of it is full, in millionths.
std::uint64_t utilisation(std::uint64_t edges, std::uint64_t edges_max) {
    return edges_max == 0 ? whole : std::min(whole, edges * whole / edges_max);
}

/// What was told of a load is old when it arrives, and everybody hears the same. So it makes a
/// rendezvous more or less probable, and never decides (Mitzenmacher, "How useful is old
/// information?").
std::uint64_t weight_of(const candidate& one, instant now) {
    if (one.edges_max == 0 || now - one.heard > heard_within) {
        return whole / 2;
    }
    return std::max(least_weight, whole - utilisation(one.edges, one.edges_max));
}

/// Of this one and of those that were heard of lately.
struct sum {
    std::uint64_t edges = 0, room = 0;

    sum(const load& me, const std::vector<load>& others, instant now)
        : edges(me.edges), room(me.edges_max) {
        for (const load& one : others) {
            if (one.device != me.device && now - one.heard <= heard_within) {
                edges += one.edges;
                room += one.edges_max;
            }
        }
    }
    /// What it would hold if all were as full, times `percent`.
    std::uint64_t fair(const load& one, std::uint32_t percent) const noexcept {
        return room == 0 ? 0 : edges * one.edges_max * percent / 100 / room;
    }
};

std::uint64_t above(std::uint64_t value, std::uint64_t limit) {
    return value > limit ? value - limit : 0;
}

bool is_old(const load& one, instant now) { return now - one.heard > heard_within; }

/// How many go to each, drawn in proportion to the weights: if every rendezvous sent its edges to
/// the emptiest one, that would be the fullest.
std::vector<migration> drawn(std::uint64_t moved, const std::vector<load>& to,
                             const std::vector<std::uint64_t>& weights, random& entropy) {
    const std::uint64_t all = std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
    const std::uint64_t each = (moved + shares_most - 1) / shares_most;
    std::map<std::size_t, std::uint64_t> shares;
    for (std::uint64_t left = moved; left > 0; left -= std::min(left, each)) {
        std::uint64_t at = entropy.below(all);
        std::size_t which = 0;
        while (at >= weights[which]) {
            at -= weights[which++];
        }
        shares[which] += std::min(left, each);
    }
    std::vector<migration> plan;
    for (const auto& [which, count] : shares) {
        plan.push_back({to[which].device, static_cast<std::uint32_t>(count)});
    }
    return plan;
}

}  // namespace

std::vector<std::size_t> load_aware::order(const std::vector<candidate>& candidates,
                                           context where) {
    std::vector<std::size_t> indices = any_order(candidates.size(), where.entropy);
    const auto failed = std::partition(indices.begin(), indices.end(),
                                       [&](std::size_t i) { return candidates[i].failures == 0; });
    std::vector<std::size_t> good(indices.begin(), failed);
    std::vector<std::uint64_t> weights;
    weights.reserve(good.size());
    for (const std::size_t i : good) {
        weights.push_back(weight_of(candidates[i], where.now));
    }
    draw_to_front(good, weights, drawn_first, where.entropy);
    std::copy(good.begin(), good.end(), indices.begin());
    return indices;
}

std::size_t load_aware::choose(const std::vector<offer>& offers, context where) {
    std::vector<std::size_t> possible = with_room(offers);
    if (possible.empty()) {
        return static_cast<std::size_t>(where.entropy.below(offers.size()));
    }
    shuffle(possible, where.entropy);
    const auto cost = [&](std::size_t i) {
        const auto trip = static_cast<std::uint64_t>(
            std::clamp(offers[i].round_trip, duration{}, 2 * near) / std::chrono::microseconds(1));
        return utilisation(offers[i].edges, offers[i].edges_max) +
               worth_of_near * trip /
                   static_cast<std::uint64_t>(near / std::chrono::microseconds(1));
    };
    return *std::ranges::min_element(possible, {}, cost);
}

admission load_aware::admit(const load& me, const std::vector<load>& others, context where) {
    if (me.edges < me.edges_max) {
        return {};
    }
    std::vector<load> to = with_room(me, others, where.now);
    std::vector<std::uint64_t> weights;
    for (const load& one : to) {
        weights.push_back(one.edges_max - one.edges);
    }
    draw_to_front(to, weights, redirects_max, where.entropy);
    return sent_on(to, where.entropy);
}

std::vector<migration> load_aware::plan(const load& me, const std::vector<load>& others,
                                        context where) {
    if (!with_.migrate) {
        return {};
    }
    const sum all(me, others, where.now);
    std::vector<load> to;
    std::vector<std::uint64_t> weights;
    std::uint64_t hunger = 0, excess = above(me.edges, all.fair(me, 100));
    for (const load& one : others) {
        if (one.device == me.device || is_old(one, where.now)) {
            continue;
        }
        excess += above(one.edges, all.fair(one, 100));
        if (one.edges < all.fair(one, with_.hungry)) {
            hunger += above(all.fair(one, with_.feed_to), one.edges);
        }
    }
    // The hungry are fed by all that are above the mean, each in proportion; what is beyond the
    // band goes to whoever is below the mean.
    const std::uint64_t mine = above(me.edges, all.fair(me, 100));
    const bool feeding = hunger > 0 && mine > 0;
    std::uint64_t moved = feeding ? std::min(mine, (hunger * mine + excess - 1) / excess) : 0;
    if (!feeding && me.edges > all.fair(me, with_.high)) {
        moved = std::min(above(me.edges, all.fair(me, with_.shed_to)),
                         std::max<std::uint64_t>(2, std::uint64_t{me.edges} * with_.share / 100));
        moved = mine < with_.least ? 0 : moved;
    }
    for (const load& one : others) {
        const std::uint64_t until =
            !feeding ? all.fair(one, 100)
                     : (one.edges < all.fair(one, with_.hungry) ? all.fair(one, with_.feed_to) : 0);
        if (one.device != me.device && !is_old(one, where.now) && one.edges < until) {
            to.push_back(one);
            weights.push_back(until - one.edges);
        }
    }
    if (moved == 0 || to.empty() || (feeding && hunger < with_.least)) {
        return {};
    }
    return drawn(moved, to, weights, where.entropy);
}

std::uint32_t load_aware::take(const load& me, const std::vector<load>& others, std::uint32_t asked,
                               context where) {
    const sum all(me, others, where.now);
    const bool hungry = me.edges < all.fair(me, with_.hungry);
    const std::uint64_t until =
        std::min<std::uint64_t>(me.edges_max, all.fair(me, hungry ? with_.feed_to : 100));
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(asked, above(until, me.edges)));
}

advice load_aware::advise(const load& me, const std::vector<load>& others, context where) {
    const sum all(me, others, where.now);
    return all.edges * 100 > all.room * advise_above ? advice::open_rendezvous : advice::none;
}

}  // namespace calbox::discovery
