#include "random.hpp"

#include "../common/by_chance.hpp"

namespace calbox::discovery {

std::vector<std::size_t> random_choice::order(const std::vector<candidate>& candidates,
                                              context where) {
    std::vector<std::size_t> indices = any_order(candidates.size(), where.entropy);
    // One that did not answer the last time is asked after the others; among equals chance decides.
    std::partition(indices.begin(), indices.end(),
                   [&](std::size_t i) { return candidates[i].failures == 0; });
    return indices;
}

std::size_t random_choice::choose(const std::vector<offer>& offers, context where) {
    const std::vector<std::size_t> possible = with_room(offers);
    if (how_ == pick::first) {
        return possible.empty() ? 0 : possible.front();
    }
    // All full: any of them may still redirect.
    return possible.empty()
               ? static_cast<std::size_t>(where.entropy.below(offers.size()))
               : possible[static_cast<std::size_t>(where.entropy.below(possible.size()))];
}

admission random_choice::admit(const load& me, const std::vector<load>& others, context where) {
    if (me.edges < me.edges_max) {
        return {};
    }
    std::vector<load> to = with_room(me, others, where.now);
    shuffle(to, where.entropy);
    return sent_on(to, where.entropy);
}

}  // namespace calbox::discovery
