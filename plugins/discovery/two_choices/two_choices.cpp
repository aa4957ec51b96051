#include "two_choices.hpp"

#include "../common/by_chance.hpp"

namespace calbox::discovery {

std::vector<std::size_t> two_choices::order(const std::vector<candidate>& candidates,
                                            context where) {
    std::vector<std::size_t> indices = any_order(candidates.size(), where.entropy);
    std::partition(indices.begin(), indices.end(),
                   [&](std::size_t i) { return candidates[i].failures == 0; });
    return indices;
}

std::size_t two_choices::choose(const std::vector<offer>& offers, context where) {
    std::vector<std::size_t> possible = with_room(offers);
    if (possible.empty()) {
        return static_cast<std::size_t>(where.entropy.below(offers.size()));
    }
    shuffle(possible, where.entropy);
    const offer& first = offers[possible.front()];
    const offer& second = offers[possible[possible.size() > 1 ? 1 : 0]];
    return emptier(second.edges, second.edges_max, first.edges, first.edges_max) ? possible[1]
                                                                                 : possible[0];
}

admission two_choices::admit(const load& me, const std::vector<load>& others, context where) {
    if (me.edges < me.edges_max) {
        return {};
    }
    std::vector<load> to = with_room(me, others, where.now);
    shuffle(to, where.entropy);
    // Of each pair the emptier one first.
    for (std::size_t i = 0; i + 1 < to.size(); i += 2) {
        if (emptier(to[i + 1].edges, to[i + 1].edges_max, to[i].edges, to[i].edges_max)) {
            std::swap(to[i], to[i + 1]);
        }
    }
    return sent_on(to, where.entropy);
}

}  // namespace calbox::discovery
