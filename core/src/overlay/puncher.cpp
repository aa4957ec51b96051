#include "overlay/puncher.hpp"

#include <algorithm>

namespace calbox::overlay {

void puncher::relayed(const device_id& device, instant now) {
    if (known_.size() >= remembered && !known_.contains(device)) {
        std::erase_if(known_,
                      [](const auto& one) { return !one.second.relayed && !one.second.running; });
        if (known_.size() >= remembered) {
            return;
        }
    }
    state& its = known_[device];
    its.relayed = true;
    its.not_before = std::max(its.not_before, now + first_after);
}

void puncher::over(const device_id& device) noexcept {
    if (const auto found = known_.find(device); found != known_.end()) {
        found->second.relayed = false;
    }
}

std::optional<device_id> puncher::next(instant now) {
    if (running_ >= at_once) {
        return std::nullopt;
    }
    for (auto& [device, its] : known_) {
        if (its.relayed && !its.running && its.not_before <= now) {
            its.running = true;
            ++running_;
            return device;
        }
    }
    return std::nullopt;
}

void puncher::ended(const device_id& device, bool punched, instant now, random& chance) {
    state& its = known_[device];
    its.running = false;
    --running_;
    its.failures = punched ? 0 : its.failures + 1;
    duration pause = soon;
    if (its.failures >= tries_soon) {
        const unsigned doublings = std::min(its.failures - tries_soon, 4u);
        pause = std::min(later * (1u << doublings), latest);
    }
    // A fifth more or less, so that those who lost a relay together do not come together.
    const auto fifth = static_cast<std::uint64_t>(pause.count() / 5);
    its.not_before = now + (pause - duration(static_cast<duration::rep>(fifth))) +
                     duration(static_cast<duration::rep>(chance.below(2 * fifth)));
}

std::optional<instant> puncher::due() const {
    std::optional<instant> first;
    for (const auto& [device, its] : known_) {
        if (its.relayed && !its.running && running_ < at_once &&
            (!first || its.not_before < *first)) {
            first = its.not_before;
        }
    }
    return first;
}

}  // namespace calbox::overlay
