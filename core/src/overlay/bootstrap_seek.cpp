// Bootstrap's half that deals with promoted rendezvous: this device as one, and how a real one is
// found again.
#include <algorithm>

#include "overlay/bootstrap.hpp"

namespace calbox::overlay {

bool bootstrap::is_promoted(const device_id& device) const noexcept {
    const auto found = natures_.find(device);
    return found != natures_.end() && found->second.promoted;
}

/// May it take the place of the promoted rendezvous that this device leases from? Of promoted ones
/// that meet, the smallest id stays, and only a promoted one itself gives way to another.
bool bootstrap::outranks(const device_id& device) const noexcept {
    return device != chosen_ && (!is_promoted(device) || (acting_ == chosen_ && device < chosen_));
}

bool bootstrap::seeks() const noexcept {
    const auto by = lessor();
    return !by || is_promoted(*by);
}

void bootstrap::describe(const device_id& rendezvous, nature what) { natures_[rendezvous] = what; }

void bootstrap::forget(const device_id& rendezvous) {
    natures_.erase(rendezvous);
    steady_since_.erase(rendezvous);
    std::erase_if(candidates_, [&](const auto& one) { return one.device == rendezvous; });
    std::erase(queue_, rendezvous);
}

bootstrap::effects bootstrap::act(const device_id& self, instant now) {
    if (phase_ == phase::stopped || lessor()) {
        return {};
    }
    acting_ = self;
    (void)consider(self);
    natures_[self].promoted = true;
    queue_.clear();
    offers_.clear();
    probing_.clear();
    ahead_.reset();
    spreading_ = false;
    chosen_ = self;
    phase_ = phase::leasing;
    deadline_ = now + with_.lease_time;
    return {ask_lease{self}};
}

bootstrap::effects bootstrap::rest(instant now) {
    const auto self = std::exchange(acting_, std::nullopt);
    if (!self) {
        return {};
    }
    const bool held = lessor() == self;
    forget(*self);
    return held ? lose(now) : effects();
}

/// Asks whom it knows, those first that answered the last time.
bootstrap::effects bootstrap::seek(instant now) {
    effects all;
    const auto ask = [&](const device_id& device) {
        if (all.size() < batch && outranks(device)) {
            all.push_back(probe{device});
        }
    };
    for (const auto& [device, since] : steady_since_) {
        ask(device);
    }
    const bool found_some = !all.empty();
    for (const std::size_t index : strategy_.order(candidates_, where(now))) {
        const device_id& device = candidates_.at(index).device;
        if (!steady_since_.contains(device)) {
            ask(device);
        }
    }
    duration pause = with_.seek_time;
    for (int more = seeks_++ - seeks_at_first; more > 0 && pause < with_.seek_time * 4; --more) {
        pause += pause / 2;
    }
    pause = std::min(pause, with_.seek_time * (seek_time_most / seek_time));
    seek_at_ = now + (found_some ? with_.steady_time : pause);
    return all;
}

/// An offer that no batch waits for.
bootstrap::effects bootstrap::sought(const device_id& from, instant now) {
    if (!seek_at_ || !lessor() || !outranks(from) || moving_) {
        return {};
    }
    const auto [entry, fresh] = steady_since_.emplace(from, now);
    if (fresh) {
        seek_at_ = std::min(*seek_at_, now + with_.steady_time);
        return {};
    }
    if (now - entry->second < with_.steady_time) {
        return {};
    }
    moving_ = from;
    return {ask_lease{from}};
}

}  // namespace calbox::overlay
