// The lessor's half that keeps to a circle, where rendezvous are too many to tell each other of all
// their leases.
#include <algorithm>

#include "overlay/lessor.hpp"

namespace calbox::overlay {

lessor::effects lessor::begin_circles(const std::vector<device_id>& members, circles::settings with,
                                      instant now) {
    near_.emplace(entropy_, self_, wanted_, with);
    effects all;
    for (const device_id& one : members) {
        note_here(one);
    }
    ask_watches(near_->begin(members, now), all);
    for (const device_id& one : near_->mates()) {
        meet(one, all);
    }
    return all;
}

/// Everybody hears everything again, as soon as the others can be asked.
void lessor::forget_members(instant now) {
    gone_.clear();
    if (near_) {
        near_.reset();
        exchange_at_ = now;
    }
}

void lessor::ask_watches(circles::questions some, effects& all) const {
    for (circles::question& one : some) {
        all.push_back(ask_watch{std::move(one)});
    }
}

/// Both tell the other of their leases when they ask for its load.
void lessor::meet(const device_id& mate, effects& all) {
    if (near_ && near_->is_mate(mate) && !gone_.contains(mate) &&
        std::ranges::find(to_ask_, mate) == to_ask_.end()) {
        to_ask_.push_back(mate);
        ask_more(all);
    }
}

void lessor::note_here(const device_id& rendezvous) {
    if (auto where = book_.find(rendezvous); where && !where->online) {
        where->online = true;
        where->relay = rendezvous;
        (void)book_.note(std::move(*where));
    }
}

std::vector<device_id> lessor::told_of_leases() const {
    return near_ ? near_->mates() : other_rendezvous();
}

std::vector<device_id> lessor::asked_for_load() {
    if (!near_) {
        return some(other_rendezvous(), exchanged_with);
    }
    std::set<device_id> all;
    for (auto&& part :
         {some(near_->mates(), exchanged_with), some(near_->informants(), informants_asked),
          some(near_->members(), others_asked)}) {
        all.insert(part.begin(), part.end());
    }
    return {all.begin(), all.end()};
}

/// Of its own leases; and of those of its circle to whoever is of another one.
bool lessor::may_say(const device_id& from, const wire::location& what) const {
    return what.relay == from || (near_ && !near_->is_mate(from) && what.relay != self_ &&
                                  near_->circle_of(from) == near_->circle_of(*what.relay));
}

/// What an informant has not heard yet: whoever leased from one that is gone has another lease.
bool lessor::contradicts(const wire::location& what,
                         const std::optional<wire::location>& before) const {
    const bool doubtful = gone_.contains(*what.relay) || doubts_.contains(*what.relay);
    return near_ && !near_->is_mate(*what.relay) && doubtful && what.online && before &&
           before->online && before->relay && before->relay != what.relay &&
           !gone_.contains(*before->relay);
}

/// Who asked this one as the informant of its circle: what is said here of leases in the circle,
/// and that one of `own` has ended.
void lessor::tell_watching(const std::vector<device_id>& about, bool own, effects& all) const {
    if (!near_) {
        return;
    }
    std::map<device_id, std::vector<device_id>> news, ended;
    for (const device_id& device : about) {
        const auto where = book_.find(device);
        if (!where) {
            continue;
        }
        const bool here =
            where->relay && near_->circle_of(*where->relay) == near_->circle_of(self_);
        if (!here && !own) {
            continue;
        }
        for (const device_id& one : near_->watching(*where)) {
            if (one != device) {
                (here ? news : ended)[one].push_back(device);
            }
        }
    }
    for (const bool of_leases : {false, true}) {
        std::map<std::vector<device_id>, std::vector<device_id>> to;
        for (auto& [whom, devices] : of_leases ? ended : news) {
            to[std::move(devices)].push_back(whom);
        }
        for (auto& [devices, whom] : to) {
            all.push_back(tell{std::move(whom), devices, of_leases});
        }
    }
}

lessor::effects lessor::want(const wire::locate& what, instant now) {
    effects all;
    if (!near_) {
        return all;
    }
    std::vector<device_id> devices;
    for (const device_id& one : what.devices) {
        const auto where = book_.find(one);
        const bool by_a_mate =
            where && where->online && where->relay && near_->is_mate(*where->relay);
        const bool is_one = where && (where->roles & wire::role::rendezvous) != 0;
        if (!leases_.contains(one) && !by_a_mate && !is_one) {
            devices.push_back(one);
        }
    }
    ask_watches(near_->want(what.users, devices, now), all);
    return all;
}

lessor::effects lessor::on_watched(const circles::question& asked, const wire::locate_reply* reply,
                                   instant now) {
    effects all;
    if (!near_) {
        return all;
    }
    ask_watches(near_->on_answer(asked, reply != nullptr, now), all);
    if (reply == nullptr || asked.what.over) {
        return all;
    }
    const effects said = on_presence(asked.to, {reply->found});
    all.insert(all.end(), said.begin(), said.end());
    if (!near_->knows_its_circle(asked.to, now) || reply->found.size() >= located_most) {
        return all;
    }
    // Of whom it says nothing, there is no lease in its circle.
    const auto of_its_circle = [&](const wire::location& one) {
        return one.relay && near_->circle_of(*one.relay) == near_->circle_of(asked.to);
    };
    std::set<device_id> there;
    for (const wire::location& one : reply->found) {
        if (of_its_circle(one)) {
            there.insert(one.device);
        }
    }
    std::vector<wire::location> known = book_.of_users(asked.what.users);
    for (const device_id& one : asked.what.devices) {
        if (auto where = book_.find(one)) {
            known.push_back(std::move(*where));
        }
    }
    std::vector<device_id> over;
    for (const wire::location& one : known) {
        const bool is_one = (one.roles & wire::role::rendezvous) != 0;
        if (one.online && of_its_circle(one) && !is_one && !there.contains(one.device) &&
            !leases_.contains(one.device) && !rely_on_another(one.device) &&
            book_.note_offline(one.device)) {
            over.push_back(one.device);
        }
    }
    if (!over.empty()) {
        all.push_back(heard{over});
        spread(over, all);
    }
    return all;
}

bool lessor::on_watch(const device_id& from, const wire::watch& what) {
    if (near_) {
        near_->on_watch(from, what);
    }
    return near_.has_value();
}

}  // namespace calbox::overlay
