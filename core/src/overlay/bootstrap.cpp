#include "overlay/bootstrap.hpp"

#include <algorithm>
#include <utility>

namespace calbox::overlay {

using discovery::outcome;

bootstrap::timers bootstrap::timers_of(profile which) noexcept {
    using namespace std::chrono_literals;
    switch (which) {
        case profile::usual:
            break;
        case profile::report:
            // 5.4.2: a minute for a connection, and one silent interval is a loss; 4.2.2: three
            // searches of 30 s each.
            return {.batch_time = 60s,
                    .lease_time = 60s,
                    .checks = 0,
                    .gives_up = 90s,
                    .as_the_report = true};
        case profile::lan_test:
            return {.offer_window = 15ms,
                    .batch_time = 1s,
                    .lease_time = 1s,
                    .back_off_least = 25ms,
                    .back_off_most = 3s,
                    .check_time = 100ms,
                    .gives_up = 2s,
                    .seek_time = 750ms,
                    .steady_time = 500ms};
    }
    return {};
}

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
        natures_.erase(worst->device);
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
    if (natures_.size() > candidates_.size()) {
        std::erase_if(natures_, [this](const auto& one) { return known(one.first) == nullptr; });
    }
    if (!fresh || phase_ != phase::waiting || spreading_) {
        return {};
    }
    return begin(now);
}

void bootstrap::on_load(const discovery::load& heard) noexcept {
    discovery::candidate* const entry = known(heard.device);
    if (entry != nullptr && (entry->edges_max == 0 || entry->heard < heard.heard)) {
        entry->edges = heard.edges;
        entry->edges_max = heard.edges_max;
        entry->heard = heard.heard;
    }
}

std::optional<instant> bootstrap::deadline() const noexcept {
    std::optional<instant> first;
    for (const auto& at : {deadline_, gives_up_at_, seek_at_}) {
        if (at && (!first || *at < *first)) {
            first = at;
        }
    }
    return first;
}

bootstrap::effects bootstrap::start(instant now) {
    if (phase_ != phase::stopped) {
        return {};
    }
    gives_up_at_ = now + with_.gives_up;
    return begin(now);
}

bootstrap::effects bootstrap::stop() {
    effects all;
    if (const auto from = lessor()) {
        all.push_back(leave{*from});
    }
    phase_ = phase::stopped;
    spreading_ = false;
    moving_.reset();
    ahead_.reset();
    deadline_.reset();
    gives_up_at_.reset();
    seek_at_.reset();
    return all;
}

bootstrap::effects bootstrap::begin(instant now) {
    queue_.clear();
    tried_.clear();
    offers_.clear();
    ahead_.reset();
    spreading_ = false;
    retry_after_ = {};
    for (const std::size_t index : strategy_.order(candidates_, where(now))) {
        queue_.push_back(candidates_.at(index).device);
    }
    if (with_.as_the_report && known(chosen_) != nullptr) {
        queue_.insert(queue_.begin(), chosen_);
    }
    std::vector<device_id> promoted;
    for (const device_id& device : queue_) {
        if (is_promoted(device)) {
            promoted.push_back(device);
        }
    }
    std::erase_if(queue_, [this](const device_id& device) { return is_promoted(device); });
    queue_.insert(queue_.end(), promoted.begin(), promoted.end());
    return next_batch(now);
}

bootstrap::effects bootstrap::next_batch(instant now) {
    offers_.clear();
    probing_.clear();
    effects all;
    if (const auto preferred = take_preferred()) {
        all.push_back(ask_lease{*preferred});
    }
    std::map<std::uint64_t, std::size_t> from_prefix;
    for (auto next = queue_.begin(); next != queue_.end() && probing_.size() < batch;) {
        const auto its = natures_.find(*next);
        const auto prefix = its == natures_.end() ? std::nullopt : its->second.prefix;
        if (prefix && from_prefix[*prefix] >= same_prefix) {
            ++next;  // in a later batch
            continue;
        }
        const device_id device = *next;
        next = queue_.erase(next);
        if (tried_.insert(device).second) {
            from_prefix[prefix.value_or(0)] += prefix ? 1 : 0;
            probing_.insert(device);
            all.push_back(probe{device});
        }
    }
    if (probing_.size() == 1 && queue_.empty() && !ahead_) {
        return lease_from(*probing_.begin(), now);  // nothing to choose from
    }
    if (!probing_.empty() || ahead_) {
        phase_ = phase::probing;
        deadline_ = now + with_.batch_time;
        return all;
    }
    // Everybody was asked: wait, longer each time, and never all edges at once (decorrelated
    // jitter; Brooker, "Exponential backoff and jitter").
    phase_ = phase::waiting;
    const duration longest =
        std::min(with_.back_off_most, std::max(with_.back_off_least, last_pause_) * 3);
    last_pause_ = with_.back_off_least + up_to(longest - with_.back_off_least);
    deadline_ = now + std::max(last_pause_, retry_after_);
    return all;
}

void bootstrap::failed(const device_id& device, outcome how, instant now) {
    strategy_.learn(device, how, where(now));
    if (discovery::candidate* const entry = known(device)) {
        ++entry->failures;
        if (with_.as_the_report && how == outcome::unreachable) {
            natures_.erase(device);
            candidates_.erase(candidates_.begin() + (entry - candidates_.data()));
        }
    }
}

bootstrap::effects bootstrap::on_offer(const device_id& from, const wire::offer& what,
                                       duration round_trip, instant now) {
    if (discovery::candidate* const entry = known(from)) {
        entry->round_trip = round_trip;
    }
    on_load({from, what.edges, what.edges_max, now});
    if (phase_ != phase::probing || probing_.erase(from) == 0) {
        return sought(from, now);
    }
    offers_.push_back({from, what.edges, what.edges_max, round_trip});
    if (probing_.empty() && !ahead_) {
        return choose(now);
    }
    deadline_ = std::min(*deadline_, now + with_.offer_window);
    return {};
}

bootstrap::effects bootstrap::on_no_offer(const device_id& from, instant now) {
    failed(from, outcome::unreachable, now);
    steady_since_.erase(from);
    if (phase_ != phase::probing || probing_.erase(from) == 0 || !probing_.empty() || ahead_) {
        return {};
    }
    return choose(now);
}

/// The rendezvous of before, where it is to be asked in this batch.
std::optional<device_id> bootstrap::take_preferred() {
    if (queue_.empty()) {
        return std::nullopt;
    }
    const auto preferred = std::exchange(before_, std::nullopt);
    if (!preferred || with_.as_the_report || queue_.size() < 2 || is_promoted(*preferred) ||
        std::erase(queue_, *preferred) == 0) {
        return std::nullopt;
    }
    tried_.insert(*preferred);
    ahead_ = preferred;
    return preferred;
}

/// Nothing comes of it: the offers decide, when all are there or their time is over.
bootstrap::effects bootstrap::not_ahead(instant now) {
    ahead_.reset();
    return probing_.empty() ? choose(now) : effects();
}

bootstrap::effects bootstrap::on_ahead(const wire::lease_reply& what, instant now) {
    const device_id from = *ahead_;
    if (what.what == wire::lease_reply::verdict::grant) {
        ahead_.reset();
        probing_.clear();
        held(from, what, now);
        return {connected{from}};
    }
    if (what.what == wire::lease_reply::verdict::busy) {
        was_busy(from, what, now);
    } else {
        strategy_.learn(from, outcome::redirected, where(now));
        for (const wire::location& other : what.rendezvous) {
            if (consider(other.device)) {
                queue_.insert(queue_.begin(), other.device);
            }
        }
    }
    return not_ahead(now);
}

bootstrap::effects bootstrap::choose(instant now) {
    ahead_.reset();  // it may answer: what it grants is given back
    if (offers_.empty()) {
        return next_batch(now);
    }
    // Promoted ones only where no other one has offered.
    std::vector<discovery::offer> real;
    for (const discovery::offer& one : offers_) {
        if (!is_promoted(one.device)) {
            real.push_back(one);
        }
    }
    const auto& choice = real.empty() ? offers_ : real;
    const device_id best = choice.at(strategy_.choose(choice, where(now))).device;
    std::erase_if(offers_, [&](const auto& one) { return one.device == best; });
    return lease_from(best, now);
}

bootstrap::effects bootstrap::lease_from(device_id which, instant now) {
    probing_.clear();
    chosen_ = which;
    phase_ = phase::leasing;
    deadline_ = now + with_.lease_time;
    return {ask_lease{chosen_}};
}

void bootstrap::held(const device_id& by, const wire::lease_reply& what, instant now) {
    if (discovery::candidate* const entry = known(by)) {
        entry->failures = 0;
        entry->last_success = now;
    }
    strategy_.learn(by, outcome::leased, where(now));
    last_pause_ = {};
    gives_up_at_.reset();
    ever_held_ = true;
    steady_since_.clear();
    seeks_ = 0;
    seek_at_ = is_promoted(by) ? std::optional(now + with_.seek_time) : std::nullopt;
    // Hours may pass until the next attempt; it begins with fresh ones.
    queue_ = {};
    offers_ = {};
    tried_.clear();
    chosen_ = by;
    phase_ = phase::leased;
    heartbeat_ = std::chrono::milliseconds(std::clamp(what.heartbeat_ms, 100u, 600'000u));
    spread_ = std::chrono::milliseconds(std::min(what.failover_spread_ms, 60'000u));
    deadline_ = now + heartbeat_;
}

bootstrap::effects bootstrap::on_lease(const device_id& from, const wire::lease_reply& what,
                                       instant now) {
    using verdict = wire::lease_reply::verdict;
    for (const wire::rendezvous_load& one : what.loads) {
        on_load({one.device, one.edges, one.edges_max,
                 instant{now.since_start - std::chrono::milliseconds(one.age_ms)}});
    }
    const bool granted = what.what == verdict::grant;
    if (from == moving_ && lessor()) {
        moving_.reset();
        if (!granted) {
            return {};
        }
        const device_id before = chosen_;
        moved_at_ = now;
        held(from, what, now);
        return {leave{before, from}, moved{before, from}};
    }
    if (from == ahead_ && phase_ == phase::probing) {
        return on_ahead(what, now);
    }
    const bool awaited = phase_ == phase::leasing || lessor();
    if (from != chosen_ || !awaited) {
        return granted && phase_ != phase::stopped ? effects{leave{from}} : effects();
    }
    if (granted) {
        const bool renewed = phase_ != phase::leasing;
        held(from, what, now);
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
    was_busy(from, what, now);
    return choose(now);
}

/// After the shortest of what was asked for, everybody is tried again.
void bootstrap::was_busy(const device_id& from, const wire::lease_reply& what, instant now) {
    failed(from, outcome::busy, now);
    const duration asked = std::chrono::milliseconds(what.retry_after_ms);
    retry_after_ = retry_after_ == duration{} ? asked : std::min(retry_after_, asked);
}

bootstrap::effects bootstrap::on_no_lease(const device_id& from, instant now) {
    if (from == moving_) {
        moving_.reset();
        return {};
    }
    if (from == ahead_ && phase_ == phase::probing) {
        failed(from, outcome::unreachable, now);
        return not_ahead(now);
    }
    if (from != chosen_ || phase_ != phase::leasing) {
        return {};
    }
    failed(from, outcome::unreachable, now);
    return choose(now);
}

/// Leased from the other one first, and only then given back here: whoever looks for this edge
/// finds it all the time. Only the lessor is believed, and not twice in ten minutes.
bootstrap::effects bootstrap::on_move(const device_id& from, const device_id& to, instant now) {
    const bool rests = moved_at_ && now - *moved_at_ < move_again && !is_promoted(from);
    if (from != lessor() || to == from || moving_ || rests) {
        return {};
    }
    moving_ = to;
    (void)consider(to);
    return {ask_lease{to}};
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
        checks_left_ = with_.checks;
    }
    if (checks_left_-- > 0) {
        deadline_.reset();
        return {beat{from, with_.check_time}};
    }
    return lose(now);
}

void bootstrap::on_spread(const device_id& from, duration spread) noexcept {
    if (from == lessor()) {
        spread_ = std::min(spread, duration(std::chrono::minutes(1)));
    }
}

bootstrap::effects bootstrap::lose(instant now) {
    failed(chosen_, outcome::lost, now);
    effects all{lost{chosen_}};
    seek_at_.reset();
    gives_up_at_ = now + with_.gives_up;
    if (moving_) {
        // Its answer is on the way.
        chosen_ = *std::exchange(moving_, std::nullopt);
        phase_ = phase::leasing;
        deadline_ = now + with_.lease_time;
        return all;
    }
    phase_ = phase::waiting;
    spreading_ = spread_ > duration{};
    if (spreading_) {
        deadline_ = now + up_to(spread_);
        return all;
    }
    const effects again = begin(now);
    all.insert(all.end(), again.begin(), again.end());
    return all;
}

bootstrap::effects bootstrap::on_peer_gone(const device_id& device, instant now) {
    return device == lessor() ? lose(now) : effects();
}

bootstrap::effects bootstrap::on_time(instant now) {
    if (gives_up_at_ && now >= *gives_up_at_) {
        gives_up_at_.reset();
        return {found_none{!ever_held_}};
    }
    if (seek_at_ && now >= *seek_at_) {
        return seek(now);
    }
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
            return {beat{chosen_, std::max(heartbeat_ / 5, with_.check_time)}};
        case phase::suspecting:
        case phase::stopped:
            return {};
    }
    return {};
}

}  // namespace calbox::overlay
