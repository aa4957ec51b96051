// The lessor's half that weighs: admission by rate, what it knows of loads, and edges that move.
#include <algorithm>

#include "overlay/lessor.hpp"

namespace calbox::overlay {

namespace {

using namespace std::chrono_literals;

constexpr std::int64_t one_lease = 1'000'000;
constexpr duration spread_least = 500ms, spread_most = 60s;
constexpr std::uint64_t refused_for_ms = 4'000;

}  // namespace

std::vector<discovery::load> lessor::other_loads() const {
    std::vector<discovery::load> others;
    others.reserve(loads_.size());
    for (const auto& [other, one] : loads_) {
        others.push_back(one);
    }
    return others;
}

std::vector<discovery::load> lessor::loads(instant now) const {
    std::vector<discovery::load> all = other_loads();
    const auto at = std::ranges::lower_bound(all, self_, {}, &discovery::load::device);
    all.insert(at, my_load(now));
    return all;
}

void lessor::name_loads(wire::lease_reply& in, instant now) const {
    for (const wire::location& one : in.rendezvous) {
        const auto heard = loads_.find(one.device);
        if (heard != loads_.end()) {
            const auto age = (now - heard->second.heard) / 1ms;
            in.loads.push_back({one.device, heard->second.edges, heard->second.edges_max,
                                static_cast<std::uint32_t>(age)});
        }
    }
}

/// As long as the others need to admit all of this one's edges, and a tenth more, since chance
/// sends more of them in some seconds than in others.
duration lessor::failover_spread() const noexcept {
    const auto others = static_cast<std::int64_t>(std::max<std::size_t>(1, loads_.size()));
    const duration needed = duration(1100ms) * std::int64_t{edges()} / others / with_.admit_rate;
    return std::clamp(needed, spread_least, spread_most);
}

/// Nothing, or when to come again: not all who are refused at once. Whoever was promised room is
/// not refused.
std::optional<duration> lessor::over_the_rate(const device_id& device, instant now) {
    const std::int64_t most = one_lease * with_.admit_burst;
    if (!admitted_at_) {
        admissible_ = most;
    } else {
        const std::int64_t passed_us = (now - *admitted_at_) / 1us;
        // More than this fills it from empty.
        const std::int64_t enough_us = most / with_.admit_rate + 1;
        admissible_ = std::min(
            most, admissible_ + std::min(passed_us, enough_us) * std::int64_t{with_.admit_rate});
    }
    admitted_at_ = now;
    if (coming_.contains(device)) {
        return std::nullopt;
    }
    if (admissible_ < one_lease) {
        return duration(1s) + std::chrono::milliseconds(entropy_.below(refused_for_ms));
    }
    admissible_ -= one_lease;
    return std::nullopt;
}

wire::offer lessor::on_probe(const device_id& from, const wire::probe& its, instant now) {
    if (its.edges_max != 0 && from != self_) {
        loads_[from] = {from, its.edges, its.edges_max, now};
        (void)is_back(from, now);
    }
    return on_probe();
}

void lessor::on_leave(const device_id& from, const std::optional<device_id>& moved_to,
                      instant now) {
    if (!moved_to || *moved_to == self_ || !leases_.contains(from)) {
        end(from, now);
        return;
    }
    // It is online all the same, and the other rendezvous tells of it.
    leases_.erase(from);
    came_at_.erase(from);
    claims_.erase(from);
    wanted_.drop(from);
    changed_.erase(from);
    ++moved_away_;
    if (auto where = book_.find(from)) {
        where->relay = *moved_to;
        (void)book_.note(std::move(*where));
    }
    if (near_ && !near_->is_mate(*moved_to)) {
        left_.insert(from);  // who is told of it here is not told there
        left_at_ = left_at_ ? left_at_ : now + left_delay;
    }
}

std::uint32_t lessor::on_room_asked(const std::vector<device_id>& edges, instant now) {
    const auto asked = static_cast<std::uint32_t>(std::min(edges.size(), room_asked_most));
    const std::uint32_t given =
        std::min(asked, strategy_.take(my_load(now), other_loads(), asked, {now, entropy_}));
    for (std::uint32_t i = 0; i < given; ++i) {
        if (!leases_.contains(edges[i])) {
            coming_[edges[i]] = now + room_kept;
        }
    }
    return given;
}

/// Chance says who; those first whom others reach directly. Who came by a move stays for an hour,
/// so that nobody goes to and fro.
std::vector<device_id> lessor::movable(std::size_t most, std::set<device_id>& taken, instant now) {
    std::vector<device_id> direct, relayed;
    for (const auto& [device, until] : leases_) {
        const auto came = came_at_.find(device);
        const bool rests = came != came_at_.end() && now - came->second < moves_again;
        const auto where = book_.find(device);
        const bool only_an_edge = !where || (where->roles & ~wire::role::edge) == 0;
        if (rests || !only_an_edge || device == self_ || taken.contains(device)) {
            continue;
        }
        (where && !where->addresses.empty() ? direct : relayed).push_back(device);
    }
    direct = some(std::move(direct), most);
    relayed = some(std::move(relayed), most - direct.size());
    direct.insert(direct.end(), relayed.begin(), relayed.end());
    taken.insert(direct.begin(), direct.end());
    return direct;
}

void lessor::plan_moves(instant now, effects& all) {
    if (retired_to_) {
        return;
    }
    const std::vector<discovery::load> others = other_loads();
    const discovery::context where{now, entropy_};
    advised_ = strategy_.advise(my_load(now), others, where);
    std::set<device_id> taken;
    for (const move& one : to_move_) {
        taken.insert(one.edge);
    }
    for (const discovery::migration& one : strategy_.plan(my_load(now), others, where)) {
        const std::size_t most = std::min<std::size_t>(one.edges, room_asked_most);
        std::vector<device_id> edges = movable(most, taken, now);
        if (!edges.empty() && one.to != self_) {
            all.push_back(ask_room{one.to, std::move(edges)});
        }
    }
}

lessor::effects lessor::on_room(const ask_room& asked, std::uint32_t edges, instant now) {
    const std::size_t count = std::min<std::size_t>(edges, asked.edges.size());
    for (std::size_t i = 0; i < count; ++i) {
        to_move_.insert(to_move_.begin(), move{asked.edges[i], asked.whom});
    }
    effects all;
    if (!move_at_ && !to_move_.empty()) {
        move_some(now, all);
    }
    return all;
}

lessor::effects lessor::retire(const device_id& to, instant now) {
    retired_to_ = to;
    to_move_.clear();
    for (const auto& [device, until] : leases_) {
        if (device != self_ && device != to) {
            to_move_.push_back({device, to});
        }
    }
    effects all;
    move_some(now, all);
    return all;
}

void lessor::move_some(instant now, effects& all) {
    for (std::size_t done = 0; done < moved_at_once && !to_move_.empty();) {
        const move next = to_move_.back();
        to_move_.pop_back();
        if (leases_.contains(next.edge)) {
            all.push_back(next);
            ++done;
        }
    }
    if (!to_move_.empty()) {
        move_at_ = now + 1s;
    }
}

}  // namespace calbox::overlay
