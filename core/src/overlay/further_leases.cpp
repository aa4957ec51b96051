#include "overlay/further_leases.hpp"

#include <algorithm>
#include <functional>

namespace calbox::overlay {

further_leases::effects further_leases::want(std::vector<device_id> rendezvous,
                                             const std::optional<device_id>& chosen, instant now) {
    std::erase_if(rendezvous, [&](const device_id& one) { return one == self_ || one == chosen; });
    if (rendezvous.size() > most) {
        const auto distance = [this](const device_id& one) {
            device_id between;
            std::ranges::transform(one.value, self_.value, between.value.begin(), std::bit_xor<>());
            return between;
        };
        std::ranges::sort(rendezvous, {}, distance);
        rendezvous.resize(most);
    }
    std::ranges::sort(rendezvous);
    effects all;
    for (auto one = leases_.begin(); one != leases_.end();) {
        if (std::ranges::binary_search(rendezvous, one->first)) {
            ++one;
            continue;
        }
        if (one->second.held && one->first != chosen) {
            all.push_back(leave{one->first});
        }
        one = leases_.erase(one);
    }
    for (const device_id& device : rendezvous) {
        if (const auto [entry, fresh] = leases_.try_emplace(device); fresh) {
            entry->second.next = now;
        }
    }
    return all;
}

/// Longer each time, and not all at once: whoever was lost is asked by many.
void further_leases::later(one_of_them& which, instant now) {
    which.held = false;
    const duration longest = std::min(again_most, again_least * (1 << std::min(which.failures, 6)));
    ++which.failures;
    which.next = now + longest / 2 +
                 duration(static_cast<std::int64_t>(
                     entropy_.below(static_cast<std::uint64_t>(longest.count() / 2) + 1)));
}

void further_leases::on_lease(const device_id& from, const std::optional<wire::lease_reply>& what,
                              instant now) {
    const bool granted = what && what->what == wire::lease_reply::verdict::grant;
    const auto found = leases_.find(from);
    if (found == leases_.end()) {
        return;  // it has become the chosen one's, or is none any more
    }
    one_of_them& its = found->second;
    if (!granted) {
        later(its, now);
        if (what && what->retry_after_ms > 0) {
            its.next =
                std::max(*its.next,
                         now + std::chrono::milliseconds(std::min(what->retry_after_ms, 60'000u)));
        }
        return;
    }
    its.held = true;
    its.failures = 0;
    its.heartbeat = std::chrono::milliseconds(std::clamp(what->heartbeat_ms, 100u, 600'000u));
    its.next = its.stale ? now : now + its.heartbeat;
}

void further_leases::on_beat(const device_id& to, bool answered, instant now) {
    const auto found = leases_.find(to);
    if (found == leases_.end() || !found->second.held) {
        return;
    }
    if (answered) {
        found->second.next = found->second.stale ? now : now + found->second.heartbeat;
    } else {
        later(found->second, now);
    }
}

void further_leases::on_peer_gone(const device_id& device, instant now) {
    if (const auto found = leases_.find(device); found != leases_.end() && found->second.held) {
        later(found->second, now);
    }
}

further_leases::effects further_leases::on_move(const device_id& from, const device_id& to,
                                                instant now) {
    const auto found = leases_.find(from);
    if (found == leases_.end() || !found->second.held) {
        return {};
    }
    later(found->second, now);
    return {leave{from, to}};
}

further_leases::effects further_leases::renew() {
    effects all;
    for (auto& [device, its] : leases_) {
        if (!its.next) {
            its.stale = true;  // after the answer that is awaited
        } else if (its.held) {
            its.stale = false;
            its.next.reset();
            all.push_back(ask_lease{device});
        }
    }
    return all;
}

further_leases::effects further_leases::stop() {
    effects all;
    for (const auto& [device, its] : leases_) {
        if (its.held) {
            all.push_back(leave{device});
        }
    }
    leases_.clear();
    return all;
}

further_leases::effects further_leases::on_time(instant now) {
    effects all;
    for (auto& [device, its] : leases_) {
        if (its.next && now >= *its.next) {
            its.next.reset();
            if (its.held && !its.stale) {
                all.push_back(beat{device, std::max(its.heartbeat / 5, again_least)});
            } else {
                its.stale = false;
                all.push_back(ask_lease{device});
            }
        }
    }
    return all;
}

std::optional<instant> further_leases::deadline() const noexcept {
    std::optional<instant> first;
    for (const auto& [device, its] : leases_) {
        if (its.next && (!first || *its.next < *first)) {
            first = its.next;
        }
    }
    return first;
}

std::vector<device_id> further_leases::lessors() const {
    std::vector<device_id> all;
    for (const auto& [device, its] : leases_) {
        if (its.held) {
            all.push_back(device);
        }
    }
    return all;
}

}  // namespace calbox::overlay
