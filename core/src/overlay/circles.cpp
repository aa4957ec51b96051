#include "overlay/circles.hpp"

#include <algorithm>

#include "overlay/objects.hpp"

namespace calbox::overlay {

namespace {

constexpr std::uint32_t told_to_all = wire::role::backup | wire::role::registry;

template <class Id>
std::vector<Id> first_of(std::vector<Id>& all, std::size_t most) {
    const auto count = static_cast<std::ptrdiff_t>(std::min(all.size(), most));
    std::vector<Id> some(all.begin(), all.begin() + count);
    all.erase(all.begin(), all.begin() + count);
    return some;
}

}  // namespace

circles::circles(random& entropy, const device_id& self, const interests& wanted, settings with)
    : entropy_(entropy),
      self_(self),
      wanted_(wanted),
      with_(with),
      circles_(std::max<std::size_t>(1, with.count)) {}

std::size_t circles::circle_of(const device_id& rendezvous) const noexcept {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < 8; ++i) {
        word = word << 8 | rendezvous.value[i];
    }
    return static_cast<std::size_t>(word % circles_.size());
}

bool circles::is_mate(const device_id& rendezvous) const noexcept {
    return rendezvous != self_ && circle_of(rendezvous) == circle_of(self_);
}

circles::questions circles::begin(const std::vector<device_id>& members, instant now) {
    for (const device_id& one : members) {
        if (one != self_) {
            circles_[circle_of(one)].members[one] = now;
        }
    }
    const std::vector<user_id> all = wanted_.all();
    users_.insert(all.begin(), all.end());
    questions asked;
    for (circle& one : circles_) {
        choose(one, now, asked);
    }
    ++version_;
    return asked;
}

/// Those who know their circle come first; of them, for each asker another one.
std::optional<device_id> circles::best_of(const circle& in, instant now) const {
    std::vector<keeper> old, all;
    for (const auto& [device, knows_from] : in.members) {
        if (!in.silent.contains(device)) {
            all.push_back({device, 1});
            if (now >= knows_from) {
                old.push_back({device, 1});
            }
        }
    }
    const object_id me = *object_id::from_bytes(self_.view().first(object_id::size));
    const auto best = owners_of(me, old.empty() ? all : old, 1);
    return best.empty() ? std::nullopt : std::optional(best.front());
}

/// Where there is no informant.
void circles::choose(circle& in, instant now, questions& all) {
    if (in.informant || &in == &circles_[circle_of(self_)]) {
        return;
    }
    in.asking = false;
    if (const auto best = best_of(in, now)) {
        ask_everything(in, *best, now, all);
    } else {
        in.renew_at.reset();
        if (!in.members.empty() && !in.again_at) {
            in.again_at = now + with_.again;
        }
    }
}

void circles::ask_everything(circle& in, const device_id& whom, instant now, questions& all) {
    if (in.informant != whom) {
        ++version_;
    }
    in.informant = whom;
    in.users.assign(users_.begin(), users_.end());
    in.devices.clear();
    for (const auto& [device, at] : devices_) {
        in.devices.push_back(device);
    }
    in.asking = true;
    // Not all at once; and soon again, whom this one knows only since lately.
    const duration wait = knows_its_circle(whom, now) ? with_.renew : with_.young;
    in.renew_at = now + wait * 9 / 10 +
                  duration(static_cast<std::int64_t>(
                      entropy_.below(static_cast<std::uint64_t>(wait.count() / 5))));
    question first = next_part(in);
    first.what.anew = true;
    all.push_back(std::move(first));
}

circles::question circles::next_part(circle& in) {
    question part;
    part.to = *in.informant;
    part.what.users = first_of(in.users, asked_at_once);
    part.what.devices = first_of(in.devices, asked_at_once - part.what.users.size());
    return part;
}

circles::questions circles::on_member(const device_id& device, bool here, instant now) {
    questions all;
    if (device == self_) {
        return all;
    }
    circle& in = circles_[circle_of(device)];
    if (here) {
        in.silent.erase(device);
        version_ += in.members.try_emplace(device, now + with_.young).second ? 1 : 0;
    } else {
        version_ += in.members.erase(device);
        in.silent.erase(device);
        version_ += watchers_.erase(device);
        watched_users_.drop(device);
        watched_devices_.drop(device);
        if (in.informant == device) {
            in.informant.reset();
        }
    }
    choose(in, now, all);
    return all;
}

circles::questions circles::on_silent(const device_id& device, instant now) {
    questions all;
    version_ += watchers_.erase(device);
    watched_users_.drop(device);
    watched_devices_.drop(device);
    circle& in = circles_[circle_of(device)];
    if (in.informant == device) {
        in.informant.reset();
        in.silent.insert(device);
        in.again_at = in.again_at ? in.again_at : now + with_.again;
        choose(in, now, all);
    }
    return all;
}

circles::questions circles::want(const std::vector<user_id>& users,
                                 const std::vector<device_id>& devices, instant now) {
    std::vector<user_id> new_users;
    for (const user_id& one : users) {
        if (users_.insert(one).second) {
            new_users.push_back(one);
        }
    }
    std::vector<device_id> new_devices;
    for (const device_id& one : devices) {
        if (devices_.size() < devices_most || devices_.contains(one)) {
            const bool fresh = devices_.insert_or_assign(one, now).second;
            if (fresh) {
                new_devices.push_back(one);
            }
        }
    }
    questions all;
    if (new_users.empty() && new_devices.empty()) {
        return all;
    }
    for (circle& in : circles_) {
        if (!in.informant) {
            continue;
        }
        in.users.insert(in.users.end(), new_users.begin(), new_users.end());
        in.devices.insert(in.devices.end(), new_devices.begin(), new_devices.end());
        // What it is asked already is answered first, so that `anew` comes before what it forgets.
        while (!in.asking && (!in.users.empty() || !in.devices.empty())) {
            all.push_back(next_part(in));
        }
    }
    return all;
}

void circles::forget(const std::vector<user_id>& users, const device_id& device) {
    for (const user_id& one : users) {
        users_.erase(one);
    }
    devices_.erase(device);
}

circles::questions circles::on_answer(const question& asked, bool good, instant now) {
    questions all;
    circle& in = circles_[circle_of(asked.to)];
    if (in.informant != asked.to || asked.what.over) {
        return all;
    }
    if (!good) {
        in.informant.reset();
        in.silent.insert(asked.to);
        in.again_at = in.again_at ? in.again_at : now + with_.again;
        ++version_;
        choose(in, now, all);
    } else if (in.asking) {
        in.asking = !in.users.empty() || !in.devices.empty();
        if (in.asking) {
            all.push_back(next_part(in));
        }
    }
    return all;
}

/// What nobody wants any more is not asked for again.
void circles::renew(circle& in, instant now, questions& all) {
    const std::vector<user_id> wanted = wanted_.all();
    users_ = {wanted.begin(), wanted.end()};
    std::erase_if(devices_, [&](const auto& one) { return now - one.second >= with_.renew; });
    const auto best = best_of(in, now);
    if (!best) {
        return;
    }
    if (in.informant && in.informant != best) {
        all.push_back({*in.informant, {{}, {}, false, true}});
    }
    ask_everything(in, *best, now, all);
}

circles::questions circles::on_time(instant now) {
    questions all;
    for (circle& in : circles_) {
        if (in.again_at && now >= *in.again_at) {
            in.again_at.reset();
            in.silent.clear();
            choose(in, now, all);
        }
        if (in.renew_at && now >= *in.renew_at) {
            in.renew_at.reset();
            renew(in, now, all);
        }
    }
    return all;
}

std::optional<instant> circles::deadline() const noexcept {
    std::optional<instant> first;
    for (const circle& in : circles_) {
        for (const auto& at : {in.again_at, in.renew_at}) {
            if (at && (!first || *at < *first)) {
                first = at;
            }
        }
    }
    return first;
}

void circles::on_watch(const device_id& from, const wire::watch& what) {
    if (what.anew || what.over) {
        watched_users_.drop(from);
        watched_devices_.drop(from);
    }
    if (what.over) {
        version_ += watchers_.erase(from);
        return;
    }
    version_ += watchers_.insert(from).second ? 1 : 0;
    watched_users_.add(from, what.users);
    watched_devices_.add(from, what.devices);
}

std::set<device_id> circles::watching(const wire::location& where) const {
    if ((where.roles & told_to_all) != 0) {
        return watchers_;
    }
    std::set<device_id> all;
    const auto add = [&all](const std::set<device_id>* some) {
        if (some != nullptr) {
            all.insert(some->begin(), some->end());
        }
    };
    add(watched_devices_.in(where.device));
    for (const user_id& user : where.users) {
        add(watched_users_.in(user));
    }
    return all;
}

std::vector<device_id> circles::members() const {
    std::vector<device_id> all;
    for (const circle& in : circles_) {
        for (const auto& [device, since] : in.members) {
            all.push_back(device);
        }
    }
    return all;
}

std::vector<device_id> circles::mates() const {
    std::vector<device_id> all;
    for (const auto& [device, since] : circles_[circle_of(self_)].members) {
        all.push_back(device);
    }
    return all;
}

std::vector<device_id> circles::informants() const {
    std::vector<device_id> all;
    for (const circle& in : circles_) {
        if (in.informant) {
            all.push_back(*in.informant);
        }
    }
    std::ranges::sort(all);
    return all;
}

bool circles::is_informant(const device_id& device) const noexcept {
    return circles_[circle_of(device)].informant == device;
}

bool circles::knows_its_circle(const device_id& device, instant now) const noexcept {
    const auto& members = circles_[circle_of(device)].members;
    const auto found = members.find(device);
    return found != members.end() && now >= found->second;
}

std::vector<device_id> circles::neighbours() const {
    std::set<device_id> all = watchers_;
    for (const auto& some : {mates(), informants()}) {
        all.insert(some.begin(), some.end());
    }
    return {all.begin(), all.end()};
}

bool circles::is_neighbour(const device_id& device) const noexcept {
    return watchers_.contains(device) || is_informant(device) ||
           (is_mate(device) && circles_[circle_of(self_)].members.contains(device));
}

}  // namespace calbox::overlay
