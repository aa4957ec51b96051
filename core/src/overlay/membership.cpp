#include "overlay/membership.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace calbox::overlay {

membership::effects membership::start(instant now) {
    // Not all at the same moment.
    period_at_ = now + duration(static_cast<std::int64_t>(
                           entropy_.below(static_cast<std::uint64_t>(with_.period.count()))));
    pass_on({self_, life_, state::alive});
    return {};
}

membership::effects membership::add(const device_id& device, instant now) {
    effects all;
    if (device != self_ && !members_.contains(device)) {
        change(device, 0, state::alive, now, all);
        if (near_.empty()) {
            passing_.erase(device);  // whoever said so says it to others, too
        }
    }
    return all;
}

membership::effects membership::on_asked(const device_id& from, const std::vector<news>& said,
                                         instant now) {
    effects all;
    if (from != self_ && !members_.contains(from)) {
        change(from, 0, state::alive, now, all);
    }
    hear(said, now, all);
    return all;
}

membership::effects membership::on_answer(const device_id& from, const device_id& about, bool alive,
                                          const std::vector<news>& said, instant now) {
    effects all = on_asked(from, said, now);
    if (alive && asked_.erase(about) > 0) {
        // When others had to ask, the way from here is slow.
        feel(helpers_at_ ? -1 : 1);
        heard_nothing_ = false;
    }
    return all;
}

membership::effects membership::on_mute(const device_id& from, instant now) {
    effects all = on_answer(from, from, true, {}, now);
    if (const member& its = members_.at(from); its.what != state::alive) {
        change(from, its.life + 1, state::alive, now, all);
    }
    return all;
}

void membership::on_crowded(const device_id& about) {
    if (asked_.erase(about) > 0) {
        --asked_now_;
        feel(1);
    }
}

std::vector<membership::news> membership::news_for(const device_id& to) {
    std::vector<news> said;
    add_suspicion(to, said);
    add_rarest(to, said);
    return said;
}

/// Whoever is suspected hears of it from all that talk to it, and can say that it lives.
void membership::add_suspicion(const device_id& to, std::vector<news>& said) const {
    if (const auto found = members_.find(to);
        found != members_.end() && found->second.what != state::alive) {
        said.push_back({to, found->second.life, found->second.what});
    }
}

void membership::add_rarest(const device_id& to, std::vector<news>& said) {
    std::vector<passed_on*> rarest;
    rarest.reserve(passing_.size());
    for (auto& [device, one] : passing_) {
        if (device != to) {
            rarest.push_back(&one);
        }
    }
    const std::size_t count = std::min(said_most - said.size(), rarest.size());
    std::ranges::partial_sort(
        rarest, rarest.begin() + static_cast<std::ptrdiff_t>(count), {},
        [](const passed_on* one) { return std::pair(one->times, one->what.device); });
    for (std::size_t i = 0; i < count; ++i) {
        said.push_back(rarest[i]->what);
        if (++rarest[i]->times >= passed_on_most()) {
            passing_.erase(device_id(rarest[i]->what.device));
        }
    }
}

void membership::hear(const std::vector<news>& said, instant now, effects& all) {
    for (const news& one : said) {
        hear_of(one, now, all);
    }
}

void membership::hear_of(const news& one, instant now, effects& all) {
    if (one.what < state::alive || one.what > state::gone) {
        return;
    }
    if (one.device == self_) {
        if (one.what != state::alive) {
            if (one.life >= life_) {
                life_ = one.life + 1;
                feel(1);
            }
            pass_on({self_, life_, state::alive});
        }
        return;
    }
    const auto known = members_.find(one.device);
    if (known == members_.end()) {
        // Of whom nothing is known but a suspicion, there is nobody perhaps.
        if (one.what == state::alive && members_.size() < members_most) {
            change(one.device, one.life, one.what, now, all);
        }
        return;
    }
    const bool newer = one.life > known->second.life;
    const bool worse = one.life == known->second.life && one.what > known->second.what;
    if (newer || worse) {
        change(one.device, one.life, one.what, now, all);
    } else if (one.life < known->second.life && one.what != state::alive) {
        // Whoever says so has not heard of this life.
        pass_on({one.device, known->second.life, known->second.what});
    }
}

void membership::change(const device_id& device, std::uint64_t life, state what, instant now,
                        effects& all) {
    const auto [entry, fresh] = members_.try_emplace(device);
    const bool was = !fresh && entry->second.what != state::gone;
    const bool is = what != state::gone;
    // It may have raised its life for several of those who suspected it; a new run raises it more.
    const bool refuted = !fresh && !was && life > entry->second.life &&
                         life - entry->second.life <= refutations_most;
    entry->second = {life, what, now};
    pass_on({device, life, what});
    if (what == state::alive) {
        silent_.erase(device);
    } else {
        silent_.emplace(device, &entry->second);
    }
    if (is && !was) {
        ++alive_;
        all.push_back(came{device, refuted});
        if (std::ranges::find(to_ask_, device) == to_ask_.end()) {
            // Somewhere in the round that is under way (SWIM, 4.3).
            to_ask_.insert(
                to_ask_.begin() + static_cast<std::ptrdiff_t>(entropy_.below(to_ask_.size() + 1)),
                device);
        }
    } else if (was && !is) {
        --alive_;
        all.push_back(went{device});
    }
}

membership::effects membership::on_time(instant now) {
    effects all;
    if (const auto due = deadline(); due && now - *due >= with_.period / 2) {
        was_late(now - *due);
    }
    if (helpers_at_ && now >= *helpers_at_) {
        helpers_at_.reset();
        for (const device_id& silent : asked_) {
            ask_helpers(silent, all);
        }
    }
    if (period_at_ && now >= *period_at_) {
        end_period(now, all);
        ask_next(all);
        period_at_ = now + with_.period * (1 + slow_);
        helpers_at_ = now + with_.answer_time * (1 + slow_);
    }
    return all;
}

void membership::ask_helpers(const device_id& about, effects& all) {
    std::vector<device_id> others = alive_near();
    std::erase(others, about);
    for (std::size_t i = 0; i < std::min(with_.helpers, others.size()); ++i) {
        const auto drawn = static_cast<std::size_t>(entropy_.below(others.size() - i));
        std::swap(others[i], others[i + drawn]);
        all.push_back(ask{others[i], about, news_for(others[i])});
    }
}

/// What came meanwhile is read after this: nobody is accused of not having answered, or not having
/// said that he lives, before.
void membership::was_late(duration by) {
    feel(1);
    asked_.clear();
    helpers_at_.reset();
    for (const auto& [device, its] : silent_) {
        if (its->what == state::suspected) {
            its->since = its->since + by;
        }
    }
}

void membership::feel(int worse) noexcept { slow_ = std::clamp(slow_ + worse, 0, slow_most - 1); }

void membership::end_period(instant now, effects& all) {
    if (!asked_.empty() && asked_.size() == asked_now_) {
        // Whom nobody answers is perhaps the one who is cut off.
        feel(heard_nothing_ ? 1 : 0);
        heard_nothing_ = true;
    }
    for (const device_id& device : asked_) {
        if (const auto silent = members_.find(device);
            silent != members_.end() && silent->second.what == state::alive) {
            change(device, silent->second.life, state::suspected, now, all);
        }
    }
    asked_.clear();
    const duration waited = patience();
    std::vector<device_id> over;
    for (auto one = silent_.begin(); one != silent_.end();) {
        const auto& [device, its] = *one;
        if (its->what == state::suspected && now - its->since >= waited) {
            over.push_back(device);
        }
        const bool forgotten = its->what == state::gone && now - its->since >= gone_kept;
        if (forgotten) {
            members_.erase(device);
        }
        one = forgotten ? silent_.erase(one) : std::next(one);
    }
    for (const device_id& device : over) {
        change(device, members_.at(device).life, state::gone, now, all);
    }
}

void membership::keep_to(std::vector<device_id> near) {
    if (near_.empty()) {
        to_ask_.clear();  // a round of all
    }
    near_ = std::move(near);
}

/// Those of near_ that are alive; all where there is none.
std::vector<device_id> membership::alive_near() const {
    std::vector<device_id> some;
    for (const device_id& one : near_) {
        if (is_alive(one)) {
            some.push_back(one);
        }
    }
    return some.empty() ? alive() : some;
}

/// Whom few keep to is asked as well, and no part of the members is left to itself.
bool membership::ask_any(effects& all) {
    const std::vector<device_id> others = alive();
    if (others.empty()) {
        return false;
    }
    const device_id& one = others[static_cast<std::size_t>(entropy_.below(others.size()))];
    if (!asked_.insert(one).second) {
        return false;
    }
    all.push_back(ask{one, one, news_for(one), next_span()});
    return true;
}

/// Each member once in a round, in an order of chance: whoever went is asked within two rounds
/// (SWIM, 4.3).
void membership::ask_next(effects& all) {
    bool refilled = false;
    while (asked_.size() < with_.asked) {
        if (!near_.empty() && entropy_.below(with_.by_chance) == 0 && ask_any(all)) {
            continue;
        }
        if (to_ask_.empty()) {
            if (std::exchange(refilled, true)) {
                break;
            }
            to_ask_ = alive_near();
            for (std::size_t i = to_ask_.size(); i > 1; --i) {
                std::swap(to_ask_[i - 1], to_ask_[static_cast<std::size_t>(entropy_.below(i))]);
            }
            continue;
        }
        const device_id next = to_ask_.back();
        to_ask_.pop_back();
        if (is_alive(next) && asked_.insert(next).second) {
            all.push_back(ask{next, next, news_for(next), next_span()});
        }
    }
    asked_now_ = asked_.size();
}

std::optional<instant> membership::deadline() const noexcept {
    if (helpers_at_ && (!period_at_ || *helpers_at_ < *period_at_)) {
        return helpers_at_;
    }
    return period_at_;
}

std::vector<device_id> membership::alive() const {
    std::vector<device_id> all;
    all.reserve(alive_);
    for (const auto& [device, one] : members_) {
        if (one.what != state::gone) {
            all.push_back(device);
        }
    }
    return all;
}

bool membership::is_alive(const device_id& device) const noexcept {
    const auto found = members_.find(device);
    return found != members_.end() && found->second.what != state::gone;
}

/// How long a suspected member has to say that it lives: as long as news take to reach all, some
/// times over.
duration membership::patience() const noexcept {
    const double tens = std::max(1.0, std::log10(static_cast<double>(alive_ + 1)));
    return duration(static_cast<std::int64_t>(static_cast<double>(with_.period.count()) *
                                              with_.suspected_for * tens));
}

/// SWIM, 5: a few times the logarithm reach everybody.
std::size_t membership::passed_on_most() const noexcept {
    return static_cast<std::size_t>(std::ceil(3 * std::log(static_cast<double>(alive_ + 2)) + 1));
}

}  // namespace calbox::overlay
