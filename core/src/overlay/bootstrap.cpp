#include "overlay/bootstrap.hpp"

#include <algorithm>

namespace calbox::overlay {

using discovery::outcome;

std::optional<device_id> bootstrap::lessor() const noexcept {
    const bool held = phase_ == phase::leased || phase_ == phase::suspecting;
    return held ? std::optional(chosen_) : std::nullopt;
}

discovery::candidate* bootstrap::known(const device_id& device) noexcept {
    const auto at =
        std::ranges::lower_bound(candidates_, device, {}, &discovery::candidate::device);
    return at != candidates_.end() && at->device == device ? &*at : nullptr;
}

/// True when it is a new candidate.
bool bootstrap::consider(const device_id& device) {
    if (known(device) != nullptr) {
        return false;
    }
    if (candidates_.size() >= candidates_most) {
        const auto worst = std::ranges::max_element(
            candidates_, {}, [](const auto& one) { return one.seed ? 0 : one.failures; });
        if (worst->seed || worst->failures == 0) {
            return false;
        }
        candidates_.erase(worst);
    }
    const auto at =
        std::ranges::lower_bound(candidates_, device, {}, &discovery::candidate::device);
    candidates_.insert(at, discovery::candidate{device, 0, {}, {}, false});
    return true;
}

bootstrap::effects bootstrap::add(const std::vector<device_id>& rendezvous, bool seed,
                                  instant now) {
    bool fresh = false;
    for (const device_id& device : rendezvous) {
        fresh = consider(device) || fresh;
        if (discovery::candidate* const entry = known(device); entry != nullptr && seed) {
            entry->seed = true;
        }
    }
    if (!fresh || phase_ != phase::waiting) {
        return {};
    }
    return begin(now);
}

bootstrap::effects bootstrap::start(instant now) {
    return phase_ == phase::stopped ? begin(now) : effects();
}

bootstrap::effects bootstrap::stop() {
    effects all;
    if (const auto from = lessor()) {
        all.push_back(leave{*from});
    }
    phase_ = phase::stopped;
    deadline_.reset();
    return all;
}

bootstrap::effects bootstrap::begin(instant now) {
    queue_.clear();
    tried_.clear();
    offers_.clear();
    retry_after_ = {};
    for (const std::size_t index : strategy_.order(candidates_, where(now))) {
        queue_.push_back(candidates_.at(index).device);
    }
    return next_batch(now);
}

bootstrap::effects bootstrap::next_batch(instant now) {
    offers_.clear();
    probing_.clear();
    effects all;
    while (!queue_.empty() && probing_.size() < batch) {
        const device_id device = queue_.front();
        queue_.erase(queue_.begin());
        if (tried_.insert(device).second) {
            probing_.insert(device);
            all.push_back(probe{device});
        }
    }
    if (!probing_.empty()) {
        phase_ = phase::probing;
        deadline_ = now + batch_time;
        return all;
    }
    // Everybody was asked: wait, longer each time, and never all edges at once.
    phase_ = phase::waiting;
    const duration longest =
        std::min(back_off_most, back_off_least * (1u << std::min(attempts_, 7u)));
    ++attempts_;
    const auto half = static_cast<std::uint64_t>(longest.count() / 2);
    const duration chosen =
        longest / 2 + duration(static_cast<std::int64_t>(entropy_.below(half + 1)));
    deadline_ = now + std::max(chosen, retry_after_);
    return all;
}

void bootstrap::failed(const device_id& device, outcome how, instant now) {
    if (discovery::candidate* const entry = known(device)) {
        ++entry->failures;
    }
    strategy_.learn(device, how, where(now));
}

bootstrap::effects bootstrap::on_offer(const device_id& from, const wire::offer& what,
                                       duration round_trip, instant now) {
    if (discovery::candidate* const entry = known(from)) {
        entry->round_trip = round_trip;
    }
    if (phase_ != phase::probing || probing_.erase(from) == 0) {
        return {};
    }
    offers_.push_back({from, what.edges, what.edges_max, round_trip});
    if (probing_.empty()) {
        return choose(now);
    }
    deadline_ = std::min(*deadline_, now + offer_window);
    return {};
}

bootstrap::effects bootstrap::on_no_offer(const device_id& from, instant now) {
    failed(from, outcome::unreachable, now);
    if (phase_ != phase::probing || probing_.erase(from) == 0 || !probing_.empty()) {
        return {};
    }
    return choose(now);
}

bootstrap::effects bootstrap::choose(instant now) {
    if (offers_.empty()) {
        return next_batch(now);
    }
    const std::size_t index = strategy_.choose(offers_, where(now));
    chosen_ = offers_.at(index).device;
    offers_.erase(offers_.begin() + static_cast<std::ptrdiff_t>(index));
    probing_.clear();
    phase_ = phase::leasing;
    deadline_ = now + lease_time;
    return {ask_lease{chosen_}};
}

bootstrap::effects bootstrap::on_lease(const device_id& from, const wire::lease_reply& what,
                                       instant now) {
    const bool awaited =
        phase_ == phase::leasing || phase_ == phase::leased || phase_ == phase::suspecting;
    if (from != chosen_ || !awaited) {
        return what.what == wire::lease_reply::verdict::grant && phase_ != phase::stopped
                   ? effects{leave{from}}
                   : effects();
    }
    using verdict = wire::lease_reply::verdict;
    if (what.what == verdict::grant) {
        const bool renewed = phase_ != phase::leasing;
        if (discovery::candidate* const entry = known(from)) {
            entry->failures = 0;
            entry->last_success = now;
        }
        strategy_.learn(from, outcome::leased, where(now));
        attempts_ = 0;
        // Hours may pass until the next attempt; it begins with fresh ones.
        queue_ = {};
        offers_ = {};
        tried_.clear();
        phase_ = phase::leased;
        heartbeat_ = std::chrono::milliseconds(std::clamp(what.heartbeat_ms, 100u, 600'000u));
        deadline_ = now + heartbeat_;
        return renewed ? effects() : effects{connected{from}};
    }
    if (what.what == verdict::redirect) {
        strategy_.learn(from, outcome::redirected, where(now));
        std::vector<device_id> better;
        for (const wire::location& other : what.rendezvous) {
            (void)consider(other.device);
            better.push_back(other.device);
        }
        queue_.insert(queue_.begin(), better.begin(), better.end());
        return next_batch(now);
    }
    failed(from, outcome::busy, now);
    const duration asked = std::chrono::milliseconds(what.retry_after_ms);
    retry_after_ = retry_after_ == duration{} ? asked : std::min(retry_after_, asked);
    return choose(now);
}

bootstrap::effects bootstrap::on_no_lease(const device_id& from, instant now) {
    if (from != chosen_ || phase_ != phase::leasing) {
        return {};
    }
    failed(from, outcome::unreachable, now);
    return choose(now);
}

bootstrap::effects bootstrap::on_beat(const device_id& from, bool answered, instant now) {
    if (from != lessor()) {
        return {};
    }
    if (answered) {
        phase_ = phase::leased;
        deadline_ = now + heartbeat_;
        return {};
    }
    if (phase_ == phase::leased) {
        phase_ = phase::suspecting;
        checks_left_ = checks;
    }
    if (checks_left_-- > 0) {
        deadline_.reset();
        return {beat{from, check_time}};
    }
    return lose(now);
}

bootstrap::effects bootstrap::lose(instant now) {
    failed(chosen_, outcome::lost, now);
    effects all{lost{chosen_}};
    phase_ = phase::waiting;
    const effects again = begin(now);
    all.insert(all.end(), again.begin(), again.end());
    return all;
}

bootstrap::effects bootstrap::on_peer_gone(const device_id& device, instant now) {
    return device == lessor() ? lose(now) : effects();
}

bootstrap::effects bootstrap::on_time(instant now) {
    if (!deadline_ || now < *deadline_) {
        return {};
    }
    deadline_.reset();
    switch (phase_) {
        case phase::waiting:
            return begin(now);
        case phase::probing:
            return choose(now);
        case phase::leasing:
            return on_no_lease(chosen_, now);
        // An answer is due within a fifth of an interval; after that the lessor is suspected.
        case phase::leased:
            return {beat{chosen_, std::max(heartbeat_ / 5, duration(check_time))}};
        case phase::suspecting:
        case phase::stopped:
            return {};
    }
    return {};
}

}  // namespace calbox::overlay
