#include "lab/world/tapped_strategy.hpp"

namespace calbox::lab {

observer::~observer() = default;

void tapped_strategy::step(const consensus::input& what, consensus::context where,
                           std::vector<consensus::effect>& effects) {
    const std::size_t before = effects.size();
    if (watching_ != nullptr) {
        note(what);
    }
    real_.step(what, where, effects);
    if (watching_ == nullptr) {
        return;
    }
    for (std::size_t i = before; i < effects.size(); ++i) {
        if (const auto* const decision = std::get_if<consensus::decide>(&effects[i])) {
            watching_->decided(device_, *decision);
        } else if (const auto* const answer = std::get_if<consensus::done>(&effects[i])) {
            note(*answer);
        }
    }
}

void tapped_strategy::note(const consensus::input& what) {
    if (const auto* const ask = std::get_if<consensus::acquire>(&what)) {
        asked_[ask->operation] = ask->event;
    } else if (const auto* const back = std::get_if<consensus::release>(&what)) {
        watching_->released(device_, back->event, back->held);
        asked_.erase(back->operation);
    } else if (const auto* const use = std::get_if<consensus::commit>(&what)) {
        watching_->released(device_, use->event, use->held);
    }
}

void tapped_strategy::note(const consensus::done& what) {
    const auto asked = asked_.find(what.operation);
    if (asked == asked_.end()) {
        return;
    }
    if (const auto* const grant = std::get_if<consensus::granted>(&what.outcome)) {
        watching_->granted(device_, asked->second, *grant);
    } else {
        asked_.erase(asked);
    }
}

}  // namespace calbox::lab
