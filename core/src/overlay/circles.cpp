#include "overlay/circles.hpp"

#include <algorithm>
#include <utility>

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

circles::circles(random& entropy, const device_id& self, const interests& wanted, settings with,
                 std::uint64_t numbered)
    : entropy_(entropy),
      self_(self),
      wanted_(wanted),
      with_(with),
      numbers_(numbered),
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
    take_wanted();
    questions asked;
    for (circle& one : circles_) {
        choose(one, now, asked);
    }
    ++version_;
    return asked;
}

void circles::take_wanted() {
    std::vector<user_id> all = wanted_.all();
    all.resize(std::min(all.size(), watched_most));
    users_ = {all.begin(), all.end()};
}

duration circles::about(duration d) {
    return d * 9 / 10 + duration(static_cast<std::int64_t>(
                            entropy_.below(static_cast<std::uint64_t>(d.count() / 5) + 1)));
}

/// Those who know their circle come first; of them, for each asker another one.
std::optional<device_id> circles::best_of(const circle& in, instant now) const {
    std::vector<keeper> old, all;
    for (const auto& [device, knows_from] : in.members) {
        if (!in.passed_over.contains(device)) {
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
    in.asking = 0;
    in.forgot_at.reset();
    in.unsent = 0;
    in.informant = best_of(in, now);
    if (in.informant) {
        ++version_;
        ask_everything(in, now, all);
    } else {
        in.renew_at.reset();
        in.next_at.reset();
        if (!in.members.empty() && !in.again_at) {
            in.again_at = now + with_.again;
        }
    }
}

void circles::ask_everything(circle& in, instant now, questions& all) {
    in.users.assign(users_.begin(), users_.end());
    in.devices.clear();
    for (const auto& [device, at] : devices_) {
        in.devices.push_back(device);
    }
    in.anew = true;
    in.at_once = asked_at_once;
    in.queued = wants_;  // what the one before has answered is known still
    // Not all at once; and soon again, whom this one knows only since lately.
    in.renew_at = now + about(knows_its_circle(*in.informant, now) ? with_.renew : with_.young);
    ask_next(in, now, all);
}

/// With nothing that waits, whether it watches still.
void circles::ask_next(circle& in, instant now, questions& all) {
    question part{*in.informant, {}, ++numbers_};
    part.what.anew = std::exchange(in.anew, false);
    part.what.users = first_of(in.users, in.at_once);
    part.what.devices = first_of(in.devices, in.at_once - part.what.users.size());
    in.asking = part.number;
    in.sent = in.users.empty() && in.devices.empty() ? in.queued : in.answered;
    in.next_at = now + about(with_.check);
    all.push_back(std::move(part));
}

void circles::put_back(circle& in, const wire::watch& what) {
    in.users.insert(in.users.begin(), what.users.begin(), what.users.end());
    in.devices.insert(in.devices.begin(), what.devices.begin(), what.devices.end());
}

/// For a while, and another one takes its place.
void circles::pass_over(circle& in, instant now, questions& all) {
    in.passed_over.insert(*in.informant);
    in.informant.reset();
    in.again_at = in.again_at ? in.again_at : now + with_.again;
    ++version_;
    choose(in, now, all);
}

circles::questions circles::on_member(const device_id& device, bool here, instant now) {
    questions all;
    if (device == self_) {
        return all;
    }
    circle& in = circles_[circle_of(device)];
    in.passed_over.erase(device);
    if (here) {
        version_ += in.members.try_emplace(device, now + with_.young).second ? 1 : 0;
    } else {
        version_ += in.members.erase(device);
        if (in.informant == device) {
            in.informant.reset();
        }
    }
    choose(in, now, all);
    return all;
}

circles::questions circles::on_session_over(const device_id& device, instant now) {
    questions all;
    stop_watching(device);
    version_ += plain_.erase(device);
    circle& in = circles_[circle_of(device)];
    if (in.informant == device) {
        // It may have been restarted, and knows nothing of its circle then.
        if (const auto its = in.members.find(device); its != in.members.end()) {
            its->second = now + with_.young;
        }
        pass_over(in, now, all);
    }
    return all;
}

void circles::stop_watching(const device_id& watcher) {
    version_ += watchers_.erase(watcher);
    watched_users_.drop(watcher);
    watched_devices_.drop(watcher);
}

circles::questions circles::want(const std::vector<user_id>& users,
                                 const std::vector<device_id>& devices, instant now) {
    std::vector<user_id> new_users;
    for (const user_id& one : users) {
        if (users_.size() < watched_most && users_.insert(one).second) {
            new_users.push_back(one);
        }
    }
    std::vector<device_id> new_devices;
    for (const device_id& one : devices) {
        if (devices_.size() < devices_most || devices_.contains(one)) {
            if (devices_.insert_or_assign(one, now).second) {
                new_devices.push_back(one);
            }
        }
    }
    questions all;
    if (new_users.empty() && new_devices.empty()) {
        return all;
    }
    ++wants_;
    for (circle& in : circles_) {
        if (!in.informant) {
            continue;
        }
        in.users.insert(in.users.end(), new_users.begin(), new_users.end());
        in.devices.insert(in.devices.end(), new_devices.begin(), new_devices.end());
        in.queued = wants_;
        if (in.asking == 0) {
            ask_next(in, now, all);
        }
    }
    return all;
}

bool circles::answered(std::uint64_t until) const noexcept {
    return std::ranges::none_of(circles_, [until](const circle& in) {
        return in.informant && in.queued >= until && in.answered < until;
    });
}

/// Null for an answer that nobody waits for any more.
circles::circle* circles::waiting_for(const question& asked) {
    circle& in = circles_[circle_of(asked.to)];
    if (asked.number == 0 || in.asking != asked.number || in.informant != asked.to) {
        return nullptr;
    }
    in.asking = 0;
    return &in;
}

circles::questions circles::on_answer(const question& asked, const wire::watch_reply& reply,
                                      instant now) {
    questions all;
    circle* const in = waiting_for(asked);
    if (in == nullptr) {
        return all;
    }
    in->unsent = 0;
    const bool again = in->forgot_at && now - *in->forgot_at < with_.check / 2;
    if (reply.what == verdict::unknown && !asked.what.anew && !again) {
        in->forgot_at = now;
        ask_everything(*in, now, all);
        return all;
    }
    const bool others = std::ranges::any_of(in->members, [&](const auto& one) {
        return one.first != asked.to && !in->passed_over.contains(one.first);
    });
    if (reply.what == verdict::unknown || (reply.what == verdict::full && others)) {
        all.push_back({asked.to, {{}, {}, false, true}});
        pass_over(*in, now, all);
        return all;
    }
    const std::size_t count = asked.what.users.size() + asked.what.devices.size();
    if (reply.more && count > 1) {
        put_back(*in, asked.what);
        in->at_once = count / 2;
    } else {
        in->answered = in->sent;
        in->at_once = std::min(asked_at_once, in->at_once * 2);
    }
    if (!in->users.empty() || !in->devices.empty()) {
        ask_next(*in, now, all);
    }
    return all;
}

circles::questions circles::on_silence(const question& asked, instant now) {
    questions all;
    if (circle* const in = waiting_for(asked)) {
        pass_over(*in, now, all);
    }
    return all;
}

circles::questions circles::on_unsent(const question& asked, instant now) {
    questions all;
    circle* const in = waiting_for(asked);
    if (in == nullptr) {
        return all;
    }
    if (++in->unsent > unsent_most) {
        pass_over(*in, now, all);
        return all;
    }
    put_back(*in, asked.what);
    in->anew = in->anew || asked.what.anew;
    in->next_at = now + unsent_again;
    return all;
}

/// What nobody wants any more is not asked for again.
void circles::renew(circle& in, instant now, questions& all) {
    if (in.asking != 0) {
        in.renew_at = now + with_.again;
        return;
    }
    take_wanted();
    std::erase_if(devices_, [&](const auto& one) { return now - one.second >= with_.renew; });
    const auto best = best_of(in, now);
    if (!best || !in.informant) {
        return;
    }
    if (in.informant != best) {
        all.push_back({*in.informant, {{}, {}, false, true}});
        in.informant = best;
        ++version_;
    }
    ask_everything(in, now, all);
}

circles::questions circles::on_time(instant now) {
    questions all;
    for (circle& in : circles_) {
        if (in.again_at && now >= *in.again_at) {
            in.again_at.reset();
            in.passed_over.clear();
            choose(in, now, all);
        }
        if (in.renew_at && now >= *in.renew_at) {
            in.renew_at.reset();
            renew(in, now, all);
        }
        if (in.next_at && now >= *in.next_at) {
            in.next_at = now + with_.check;
            if (in.informant && in.asking == 0) {
                ask_next(in, now, all);
            }
        }
    }
    return all;
}

std::optional<instant> circles::deadline() const noexcept {
    std::optional<instant> first;
    for (const circle& in : circles_) {
        for (const auto& at : {in.again_at, in.renew_at, in.next_at}) {
            if (at && (!first || *at < *first)) {
                first = at;
            }
        }
    }
    return first;
}

circles::verdict circles::on_watch(const device_id& from, const wire::watch& what) {
    version_ += plain_.erase(from);
    if (what.over) {
        stop_watching(from);
        return verdict::watching;
    }
    if (what.anew) {
        watched_users_.drop(from);
        watched_devices_.drop(from);
    } else if (!watchers_.contains(from)) {
        return verdict::unknown;
    }
    version_ += watchers_.insert(from).second ? 1 : 0;
    const bool users = watched_users_.add(from, what.users);
    const bool devices = watched_devices_.add(from, what.devices);
    return users && devices ? verdict::watching : verdict::full;
}

bool circles::on_plain(const device_id& device) {
    const bool fresh = device != self_ && plain_.insert(device).second;
    version_ += fresh ? 1 : 0;
    return fresh;
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

std::vector<device_id> circles::told() const {
    std::vector<device_id> all = mates();
    for (const device_id& one : plain_) {
        if (!is_mate(one)) {
            all.push_back(one);
        }
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

bool circles::has_informant(const device_id& rendezvous) const noexcept {
    return circles_[circle_of(rendezvous)].informant.has_value();
}

bool circles::is_member(const device_id& device) const noexcept {
    return circles_[circle_of(device)].members.contains(device);
}

bool circles::knows_its_circle(const device_id& device, instant now) const noexcept {
    const auto& members = circles_[circle_of(device)].members;
    const auto found = members.find(device);
    return found != members.end() && now >= found->second;
}

std::vector<device_id> circles::neighbours() const {
    std::set<device_id> all(watchers_);  // whatever is said of them: they ask
    for (const auto& some : {told(), informants()}) {
        all.insert(some.begin(), some.end());
    }
    return {all.begin(), all.end()};
}

bool circles::is_neighbour(const device_id& device) const noexcept {
    return is_plain(device) || is_informant(device) || watchers_.contains(device) ||
           (is_member(device) && is_mate(device));
}

}  // namespace calbox::overlay
