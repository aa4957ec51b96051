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
    // The host writes all of a step before it does anything else of it.
    byte_view written;
    for (std::size_t i = before; i < effects.size(); ++i) {
        if (const auto* const kept = std::get_if<consensus::persist>(&effects[i])) {
            written = kept->value ? byte_view(*kept->value) : written;
        } else if (const auto* const decision = std::get_if<consensus::decide>(&effects[i])) {
            written = written.empty() ? byte_view(decision->value) : written;
        }
    }
    for (std::size_t i = before; i < effects.size(); ++i) {
        if (const auto* const decision = std::get_if<consensus::decide>(&effects[i])) {
            watching_->decided(device_, *decision);
        } else if (const auto* const answer = std::get_if<consensus::done>(&effects[i])) {
            note(*answer, written);
        }
    }
}

void tapped_strategy::note(const consensus::input& what) {
    const auto* const ask = std::get_if<consensus::acquire>(&what);
    if (ask != nullptr && ask->why == consensus::intent::take_over) {
        return;  // what it may be granted is the lock of another line, of which nothing is claimed
    }
    if (ask != nullptr) {
        edits_[ask->operation] = {ask->event, ask->operation};
        watching_->asked(device_, ask->event, ask->operation);
    } else if (const auto* const longer = std::get_if<consensus::renew>(&what)) {
        const auto held = holders_.find({longer->event, longer->held});
        if (held != holders_.end()) {
            edits_[longer->operation] = {longer->event, held->second};
        }
    } else if (const auto* const back = std::get_if<consensus::release>(&what)) {
        ended(back->event, back->operation, back->held);
    } else if (const auto* const use = std::get_if<consensus::commit>(&what)) {
        ended(use->event, use->operation, use->held);
    } else if (std::holds_alternative<consensus::restored>(what)) {
        // It began again after its host could not write: nobody hears of what it had granted.
        for (const auto& [asked, one] : edits_) {
            watching_->released(device_, one.first, one.second);
        }
        edits_.clear();
        holders_.clear();
    }
}

void tapped_strategy::ended(const event_id& event, const operation_id& operation,
                            consensus::token held) {
    watching_->released(device_, event, operation);
    // With what may still be answered to its renewals.
    std::erase_if(edits_, [&](const auto& one) { return one.second.second == operation; });
    holders_.erase({event, held});
}

void tapped_strategy::note(const consensus::done& what, byte_view written) {
    const auto found = edits_.find(what.operation);
    if (found == edits_.end()) {
        return;
    }
    const auto [event, edit] = found->second;
    if (what.operation != edit || !std::holds_alternative<consensus::granted>(what.outcome)) {
        edits_.erase(found);  // a renewal is answered once, and so is what is refused
    }
    if (const auto* const grant = std::get_if<consensus::granted>(&what.outcome)) {
        holders_[{event, grant->held}] = edit;
        watching_->granted(device_, event, edit, *grant, written);
    } else if (what.operation == edit) {
        watching_->released(device_, event, edit);
    }
}

}  // namespace calbox::lab
