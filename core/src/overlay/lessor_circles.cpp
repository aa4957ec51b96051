// The lessor's half that keeps to a circle, where rendezvous are too many to tell each other of all
// their leases.
#include <algorithm>

#include "overlay/lessor.hpp"

namespace calbox::overlay {

lessor::effects lessor::begin_circles(const std::vector<device_id>& members, circles::settings with,
                                      instant now) {
    near_.emplace(entropy_, self_, wanted_, with, questions_);
    effects all;
    for (const device_id& one : members) {
        note_here(one);
    }
    ask_watches(near_->begin(members, now), all);
    for (const device_id& one : near_->mates()) {
        meet(one, now, all);
    }
    return all;
}

/// Everybody hears everything again, as soon as the others can be asked; who is online is their own
/// word from now on.
lessor::effects lessor::forget_members(instant now) {
    effects all;
    gone_.clear();
    claims_.clear();
    met_.clear();
    std::vector<device_id> over;
    for (const device_id& one : noted_) {
        if (book_.note_offline(one)) {
            over.push_back(one);
        }
    }
    noted_.clear();
    if (near_) {
        questions_ = near_->numbered();
        near_.reset();
        exchange_at_ = now;
    }
    hear(over, all);
    return all;
}

void lessor::ask_watches(circles::questions some, effects& all) const {
    for (circles::question& one : some) {
        all.push_back(ask_watch{std::move(one)});
    }
}

/// Both tell the other of their leases when they ask for its load. Whoever closes each session at
/// once waits for the next exchange.
void lessor::meet(const device_id& mate, instant now, effects& all) {
    if (!near_ || !near_->is_mate(mate) || gone_.contains(mate)) {
        return;
    }
    const auto [met, fresh] = met_.try_emplace(mate, now);
    if (!fresh && now - met->second < meet_again) {
        return;
    }
    met->second = now;
    if (std::ranges::find(to_ask_, mate) == to_ask_.end()) {
        to_ask_.push_back(mate);
        ask_more(all);
    }
}

void lessor::note_here(const device_id& rendezvous) {
    if (auto where = book_.find(rendezvous); where && !where->online) {
        where->online = true;
        where->relay = rendezvous;
        (void)book_.note(std::move(*where));
        noted_.insert(rendezvous);
    }
}

std::vector<device_id> lessor::told_of_leases() const {
    return near_ ? near_->told() : other_rendezvous();
}

std::vector<device_id> lessor::asked_for_load() {
    if (!near_) {
        return some(other_rendezvous(), exchanged_with);
    }
    std::set<device_id> all;
    for (auto&& part :
         {some(near_->told(), exchanged_with), some(near_->informants(), informants_asked),
          some(near_->members(), others_asked)}) {
        all.insert(part.begin(), part.end());
    }
    return {all.begin(), all.end()};
}

bool lessor::in_circle_of(const device_id& rendezvous, const wire::location& what) const {
    return what.relay && near_->circle_of(*what.relay) == near_->circle_of(rendezvous);
}

/// Of its own leases; and of those of its circle, if it is this one's informant.
bool lessor::may_say(const device_id& from, const wire::location& what) const {
    return what.relay == from ||
           (near_ && near_->is_informant(from) && what.relay != self_ && in_circle_of(from, what));
}

/// What an informant has not heard yet, or whoever has slept: whoever leased from one that is gone
/// has another lease.
bool lessor::contradicts(const wire::location& what,
                         const std::optional<wire::location>& before) const {
    if (!near_) {
        return false;
    }
    const bool doubtful = gone_.contains(*what.relay) || doubts_.contains(*what.relay);
    return (near_->is_mate(*what.relay) ? has_slept(*what.relay) : doubtful) && what.online &&
           before && before->online && before->relay && before->relay != what.relay &&
           !gone_.contains(*before->relay);
}

/// Who keeps to no circle tells everybody, and is to be told everything; who does, and tells this
/// one though it has no reason to, believes that it watches for it, or that this one is in no
/// circle.
void lessor::hear_whom_it_tells(const device_id& from, const wire::presence& what, effects& all) {
    const auto its = [&](const wire::location& one) { return one.relay == from; };
    if (std::ranges::any_of(what.changed, [&](const wire::location& one) {
            return one.device == from && its(one);
        })) {
        noted_.erase(from);
    }
    if (!near_ || near_->is_mate(from) || near_->is_informant(from)) {
        return;
    }
    const auto known = book_.find(from);
    const bool is_one = known && (known->roles & wire::role::rendezvous) != 0;
    if (what.circled.value_or(false)) {
        all.push_back(ask_watch{{from, {{}, {}, false, true}}});
    } else if (is_one && std::ranges::any_of(what.changed, its) && near_->on_plain(from)) {
        all.push_back(tell_leases{from});
    }
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
        const bool here = in_circle_of(self_, *where);
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
            all.push_back(tell{std::move(whom), devices, of_leases, true});
        }
    }
}

/// Who asked is to hear of the end, though this one believes what another circle says.
void lessor::tell_ended(const std::vector<device_id>& about, const device_id& rendezvous,
                        effects& all) const {
    if (!near_ || !near_->is_mate(rendezvous)) {
        return;
    }
    for (const device_id& device : about) {
        const auto where = book_.find(device);
        if (!where) {
            continue;
        }
        auto watching = near_->watching(*where);
        watching.erase(device);
        if (!watching.empty()) {
            all.push_back(
                tell{{watching.begin(), watching.end()}, {device}, false, true, rendezvous});
        }
    }
}

lessor::effects lessor::want(const wire::locate& what, instant now) {
    effects all;
    if (!near_) {
        return all;
    }
    std::vector<user_id> users = what.users;
    users.resize(std::min(users.size(), users_wanted));
    std::vector<device_id> devices;
    for (const device_id& one : what.devices) {
        const auto where = book_.find(one);
        const bool by_a_mate =
            where && where->online && where->relay && near_->is_mate(*where->relay);
        const bool is_one = where && (where->roles & wire::role::rendezvous) != 0;
        if (!leases_.contains(one) && !by_a_mate && !is_one && devices.size() < devices_wanted) {
            devices.push_back(one);
        }
    }
    ask_watches(near_->want(users, devices, now), all);
    return all;
}

lessor::effects lessor::on_watched(const circles::question& asked,
                                   const result<wire::watch_reply>& reply, instant now) {
    effects all;
    if (!near_) {
        return all;
    }
    if (!reply && reply.error().code == errc::queue_full) {
        ask_watches(near_->on_unsent(asked, now), all);
    } else if (!reply) {
        ask_watches(near_->on_silence(asked, now), all);
    } else {
        if (near_->is_informant(asked.to)) {
            all = on_presence(asked.to, {reply->found, true});
            if (near_->knows_its_circle(asked.to, now)) {
                note_silence(asked, *reply, all);
            }
        }
        ask_watches(near_->on_answer(asked, *reply, now), all);
    }
    return all;
}

/// Of whom the informant says nothing, there is no lease in its circle; but of those who tell this
/// one themselves.
void lessor::note_silence(const circles::question& asked, const wire::watch_reply& reply,
                          effects& all) {
    if (reply.what == circles::verdict::unknown || reply.more) {
        return;
    }
    std::set<device_id> there;
    for (const wire::location& one : reply.found) {
        if (in_circle_of(asked.to, one)) {
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
        if (!there.contains(one.device)) {
            drop_claim_of_circle(one.device, asked.to);
        }
        const bool is_one = (one.roles & wire::role::rendezvous) != 0;
        if (one.online && in_circle_of(asked.to, one) && !near_->is_plain(*one.relay) && !is_one &&
            !there.contains(one.device) && !leases_.contains(one.device) &&
            !rely_on_another(one.device) &&
            (rely_on_claim(one.device) || book_.note_offline(one.device))) {
            over.push_back(one.device);
        }
    }
    hear(over, all);
}

/// What leases in this circle, first of all what is asked for.
std::optional<wire::watch_reply> lessor::on_watch(const device_id& from, const wire::watch& what) {
    if (!near_) {
        return std::nullopt;
    }
    wire::watch_reply reply;
    reply.what = near_->on_watch(from, what);
    if (what.over || reply.what == circles::verdict::unknown) {
        return reply;
    }
    std::set<device_id> said;
    std::size_t said_bytes = 0;
    const auto say = [&](const wire::location& one) {
        auto here = said_in_circle(one);
        if (!here || !here->online || !said.insert(one.device).second) {
            return true;
        }
        said_bytes += codec::encode(*here).size();
        const bool fits = said.size() <= located_most && said_bytes <= located_bytes_most;
        if (fits) {
            reply.found.push_back(std::move(*here));
        }
        return fits;
    };
    for (const wire::location& one : book_.of_users(what.users)) {
        reply.more = !say(one) || reply.more;
    }
    for (const wire::location& one : places(what.devices)) {
        reply.more = !say(one) || reply.more;
    }
    if (what.anew) {
        for (const wire::location& one :
             places(book_.holders(wire::role::backup | wire::role::registry))) {
            (void)say(one);
        }
    }
    return reply;
}

void lessor::on_untold(const device_id& watcher) {
    if (near_) {
        near_->on_untold(watcher);
    }
}

}  // namespace calbox::overlay
