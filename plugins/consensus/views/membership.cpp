#include "membership.hpp"

#include <algorithm>

namespace calbox::consensus {

void membership::asked(const device_id& device, const instant& now) {
    acquaintance& one = known_[device];
    if (!one.silent_since) {
        one.silent_since = now;
    }
}

void membership::heard(const device_id& device, incarnation life, const instant& now) {
    known_[device] = {life, now, std::nullopt};
}

void membership::connected(const device_id& device, bool up) {
    if (up) {
        up_.insert(device);
    } else {
        up_.erase(device);
    }
}

incarnation membership::life_of(const device_id& device) const {
    const auto found = known_.find(device);
    return found == known_.end() ? incarnation(1) : found->second.life;
}

bool membership::is_absent(const device_id& device, const instant& now) const {
    const auto found = known_.find(device);
    return found != known_.end() && found->second.silent_since &&
           now - *found->second.silent_since >= absent_after_;
}

std::vector<device_id> membership::candidates(const group& who, const device_id& self) const {
    std::vector<device_id> all{self};
    const auto add = [&](const device_id& device) {
        if (all.size() < view_max_ && !device.is_zero() && std::ranges::count(all, device) == 0) {
            all.push_back(device);
        }
    };
    std::ranges::for_each(who.backups, add);
    if (std::ranges::count(who.devices, who.organizer_device) > 0) {
        add(who.organizer_device);
    }
    for (const device_id& device : who.devices) {
        if (up_.contains(device)) {
            add(device);
        }
    }
    std::ranges::for_each(who.devices, add);
    return all;
}

member membership::made(const device_id& device, const group& who) const {
    return {device, life_of(device), std::ranges::count(who.backups, device) > 0};
}

view membership::first(const group& who, const device_id& self, const voices& able, bool in_time,
                       bool& complete) const {
    view made_of;
    made_of.now.tie = self;
    const auto all = candidates(who, self);
    for (const device_id& device : all) {
        made_of.now.members.push_back(made(device, who));
        if (const auto found = able.find(device); found != able.end()) {
            made_of.now.members.back().life = found->second;
        }
    }
    std::ranges::sort(made_of.now.members);
    complete = made_of.has_quorum(able);
    if (!complete && !in_time) {
        std::erase_if(made_of.now.members,
                      [&](const member& one) { return !able.contains(one.device); });
        complete = true;
    }
    return made_of;
}

member_set membership::wanted(const member_set& now, const group& who, const context& where,
                              const voices& answered) const {
    member_set next;
    const auto belongs = [&](const member& one) {
        return one.backup || who.devices.empty() || std::ranges::count(who.devices, one.device) > 0;
    };
    std::size_t present = 0;
    for (const member& one : now.members) {
        present += belongs(one) && !is_absent(one.device, where.now) ? 1 : 0;
    }
    for (member one : now.members) {
        // Whoever is away makes room, but never for fewer than two copies.
        const bool away = is_absent(one.device, where.now) && present >= 2;
        if (belongs(one) && !away) {
            if (const auto found = known_.find(one.device);
                found != known_.end() && found->second.heard) {
                one.life = found->second.life;  // a store that was lost is voted in again
            }
            next.members.push_back(one);
        }
    }
    for (const device_id& device : candidates(who, where.self)) {
        // The attempt for another event may have asked it a moment ago: that makes it no stranger.
        const auto found = known_.find(device);
        const bool here =
            answered.contains(device) ||
            (found != known_.end() && found->second.heard && !found->second.silent_since);
        if (here && !next.contains(device) && next.members.size() < view_max_) {
            next.members.push_back(made(device, who));
        }
    }
    std::ranges::sort(next.members);
    if (next.members.empty()) {
        return now;
    }
    choose_tie(next, now, who);
    return next;
}

member_set membership::without(const device_id& self, const member_set& now,
                               const voices& answered) const {
    member_set next;
    for (member one : now.members) {
        if (const auto found = answered.find(one.device);
            found != answered.end() && one.device != self) {
            one.life = found->second;
            next.members.push_back(one);
        }
    }
    if (next.members.empty()) {
        return now;
    }
    choose_tie(next, now, {});
    return next;
}

void membership::choose_tie(member_set& of, const member_set& before, const group& who) const {
    const auto backup = std::ranges::find(of.members, true, &member::backup);
    of.tie = of.contains(who.organizer_device) ? who.organizer_device
             : of.contains(before.tie)         ? before.tie
             : backup != of.members.end()      ? backup->device
                                               : of.members.front().device;
}

}  // namespace calbox::consensus
