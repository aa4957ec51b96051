#include "overlay/strategy_switch.hpp"

#include <algorithm>

namespace calbox::overlay {

std::vector<std::size_t> strategy_switch::order(const std::vector<discovery::candidate>& candidates,
                                                discovery::context where) {
    std::vector<std::size_t> indices = now_->order(candidates, where);
    std::vector<bool> seen(candidates.size());
    std::erase_if(indices, [&](std::size_t i) {
        if (i >= seen.size() || seen[i]) {
            return true;
        }
        seen[i] = true;
        return false;
    });
    return indices;
}

std::size_t strategy_switch::choose(const std::vector<discovery::offer>& offers,
                                    discovery::context where) {
    const std::size_t chosen = now_->choose(offers, where);
    return chosen < offers.size() ? chosen
                                  : static_cast<std::size_t>(where.entropy.below(offers.size()));
}

void strategy_switch::learn(const device_id& rendezvous, discovery::outcome what,
                            discovery::context where) {
    now_->learn(rendezvous, what, where);
}

discovery::admission strategy_switch::admit(const discovery::load& me,
                                            const std::vector<discovery::load>& others,
                                            discovery::context where) {
    return now_->admit(me, others, where);
}

std::vector<discovery::migration> strategy_switch::plan(const discovery::load& me,
                                                        const std::vector<discovery::load>& others,
                                                        discovery::context where) {
    return now_->plan(me, others, where);
}

std::uint32_t strategy_switch::take(const discovery::load& me,
                                    const std::vector<discovery::load>& others, std::uint32_t asked,
                                    discovery::context where) {
    return std::min(asked, now_->take(me, others, asked, where));
}

discovery::advice strategy_switch::advise(const discovery::load& me,
                                          const std::vector<discovery::load>& others,
                                          discovery::context where) {
    return now_->advise(me, others, where);
}

}  // namespace calbox::overlay
