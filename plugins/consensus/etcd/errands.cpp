// What etcd's answers mean for the errands that asked, and how these end.
#include <algorithm>

#include <calbox/mutant.hpp>

#include "etcd.hpp"

namespace calbox::consensus {
namespace {

constexpr std::size_t recent_max = 16;
constexpr std::size_t body_max = 1 << 20;  // etcd takes requests of 1.5 MiB, base64 included
constexpr std::size_t delivered_max = 10'000;
constexpr duration over_after = std::chrono::seconds(1);  // less than others wait
constexpr std::size_t notice_rounds = 3;
constexpr duration notice_again = std::chrono::seconds(4);
constexpr std::uint64_t revisions_max = 0xc000'0000;  // 4,096 epochs fit above
constexpr duration settle_again = std::chrono::seconds(5);

/// How long a lease lasts on the clock of this device, which need not run as etcd's does.
duration safe(duration ttl) { return mutant("etcd.counts_leases_twice") ? ttl * 2 : ttl * 4 / 5; }

version_number version_of(const std::optional<kept_event>& event) {
    return event ? event->version : version_number();
}

bytes intended_key(const operation_id& edit) {
    bytes key{'i'};
    key.insert(key.end(), edit.value.begin(), edit.value.end());
    return key;
}

}  // namespace

void etcd::answered(errand of, const answer& what, const context& where, effects_type& effects) {
    switch (of.at) {
        case stage::leasing:
            if (of.kind == errand_kind::renew) {
                kept_alive(of, what, where, effects);
            } else {
                leased(std::move(of), what, where, effects);
            }
            return;
        case stage::locking:
            locked(std::move(of), what, where, effects);
            return;
        case stage::bringing:
            brought(std::move(of), what, where, effects);
            return;
        case stage::looking:
            looked(std::move(of), what, where, effects);
            return;
        case stage::writing:
            wrote(std::move(of), what, where, effects);
            return;
        case stage::unlocking:
            if (of.kind == errand_kind::unlock) {
                return;
            }
            if (what.what == answer::kind::fine && what.succeeded) {
                // The edit would have freed the lock itself: it did not happen, and now cannot.
                judged(std::move(of), verdict::never, what, where, effects);
            } else {
                looked(std::move(of), what, where, effects);
            }
            return;
        case stage::ending:
            return;
    }
}

void etcd::refuse(const errand& of, error why, effects_type& effects) const {
    refused no;
    no.why = std::move(why);
    effects.push_back(done{of.operation, std::move(no)});
}

// Locks
// -----------------------------------------------------------------------------------------------------------

void etcd::leased(errand of, const answer& what, const context& where, effects_type& effects) {
    if (what.what == answer::kind::refused && !what.has_lease) {
        refuse(of, what.why, effects);
        return;
    }
    // One that exists already was made by the same question, whose answer was lost. etcd counts
    // from a later moment than this.
    of.lease_until = of.first_sent + safe(what.has_lease ? requests_.ttl() : what.ttl);
    const kept_lock mine{where.self, of.operation, where.wall, 0, 0};
    auto asked = requests_.lock(of.event, of.why == intent::create, of.lease, mine);
    ask(std::move(of), stage::locking, std::move(asked), where, effects);
}

void etcd::locked(errand of, const answer& what, const context& where, effects_type& effects) {
    const bool mine = what.lock && what.lock->operation == of.operation &&
                      what.lock->lease == of.lease && what.lock->holder == where.self;
    if (mine || (what.what == answer::kind::fine && what.succeeded)) {
        of.lock = mine ? what.lock->revision : what.revision;
        grant(std::move(of), what, where, effects);
        return;
    }
    const bool unknown = what.what == answer::kind::fine && !what.event && !what.lock;
    if (unknown && of.why != intent::create && inherited_.contains(of.event)) {
        bring(std::move(of), what.event, where, effects);
        return;
    }
    revoke(of.event, of.lease, where, effects);
    refused no;
    if (what.what == answer::kind::refused) {
        no.why = what.lease_gone ? error(errc::unavailable, "etcd answers too late") : what.why;
    } else if (of.why == intent::create && what.event) {
        no.why = {errc::already_exists, "an event of this number exists already"};
    } else if (what.lock) {
        no.why = {errc::busy, "somebody else is editing the event"};
        no.holder = what.lock->holder;
        no.since = what.lock->since;
    } else {
        no.why = {errc::not_found,
                  "etcd does not know this event, and neither how it came from another strategy: "
                  "try again when this device has caught up"};
    }
    if (what.event && what.event->version > of.current) {
        deliver(of.event, *what.event, where, effects);
    }
    effects.push_back(done{of.operation, std::move(no)});
}

/// What this device was told when the event came here, if that is later than what etcd holds:
/// nothing, or what it held when the network had this strategy before.
const kept_event* etcd::later_from_another_strategy(const event_id& event,
                                                    const std::optional<kept_event>& than) const {
    const auto found = inherited_.find(event);
    return found != inherited_.end() && (!than || *than < found->second) ? &found->second : nullptr;
}

void etcd::bring(errand of, const std::optional<kept_event>& instead_of, const context& where,
                 effects_type& effects) {
    auto asked = requests_.bring(of.event, instead_of ? instead_of->mod_revision : 0,
                                 inherited_.at(of.event));
    ask(std::move(of), stage::bringing, std::move(asked), where, effects);
}

/// The event is there now, by this device or by another, and is locked next, unless it was before.
void etcd::brought(errand of, answer what, const context& where, effects_type& effects) {
    if (what.what == answer::kind::refused) {
        revoke(of.event, of.lease, where, effects);
        refuse(of, what.why, effects);
    } else if (of.lock == 0) {
        const kept_lock mine{where.self, of.operation, where.wall, 0, 0};
        auto asked = requests_.lock(of.event, false, of.lease, mine);
        ask(std::move(of), stage::locking, std::move(asked), where, effects);
    } else {
        if (what.succeeded) {
            what.event = inherited_.at(of.event);
            what.event->mod_revision = what.revision;
        }
        grant(std::move(of), what, where, effects);
    }
}

void etcd::grant(errand of, const answer& what, const context& where, effects_type& effects) {
    if (later_from_another_strategy(of.event, what.event) != nullptr) {
        bring(std::move(of), what.event, where, effects);
        return;
    }
    if (of.lock > revisions_max) {
        revoke(of.event, of.lease, where, effects);
        refuse(of,
               {errc::unsupported, "etcd has counted " + std::to_string(of.lock) +
                                       " revisions, which is too far: begin with a new cluster"},
               effects);
        return;
    }
    const version_number version = version_of(what.event);
    const duration left = of.lease_until - where.now;
    if (left <= duration() || version < of.current) {
        revoke(of.event, of.lease, where, effects);
        refuse(of,
               left <= duration()
                   ? error(errc::unavailable, "etcd answers too late")
                   : error(errc::conflict, "etcd holds version " + std::to_string(version.value) +
                                               " of this event, which is older than version " +
                                               std::to_string(of.current.value) +
                                               " here: was it restored from an older copy?"),
               effects);
        return;
    }
    if (version > of.current) {
        deliver(of.event, *what.event, where, effects);
    }
    if (what.event && where.rules.is_last(what.event->body)) {
        revoke(of.event, of.lease, where, effects);
        refuse(of, {errc::conflict, "the event has gone over to another strategy"}, effects);
        return;
    }
    std::erase_if(locks_,
                  [&](const auto& one) { return one.second.until + with_.ttl < where.now; });
    locks_[{of.event, of.lock}] = {of.operation, of.lease, of.lease_until, what.event};
    effects.push_back(
        done{of.operation, granted{token_of(version, of.lock, where.epoch), left, version}});
}

void etcd::kept_alive(const errand& of, const answer& what, const context& where,
                      effects_type& effects) {
    if (what.what == answer::kind::refused) {
        refuse(of, what.why, effects);
        return;
    }
    const auto found = locks_.find({of.event, of.lock});
    if (found == locks_.end() || what.ttl == duration()) {
        if (found != locks_.end()) {
            locks_.erase(found);
        }
        refuse(of, {errc::conflict, "the lock on the event was lost: its time has ended"}, effects);
        return;
    }
    const instant until = of.last_sent + safe(what.ttl);
    if (until <= where.now) {
        refuse(of, {errc::unavailable, "etcd answers too late"}, effects);
        return;
    }
    found->second.until = std::max(found->second.until, until);
    const version_number version = version_of(found->second.event);
    effects.push_back(done{of.operation, granted{token_of(version, of.lock, where.epoch),
                                                 until - where.now, version}});
}

// Edits
// -----------------------------------------------------------------------------------------------------------

/// What became of an edit that expected version `expect`. It needs its lock, which nobody has
/// again; and each version names the edit that made it.
etcd::verdict etcd::judge(const answer& seen, const operation_id& edit, version_number expect) {
    if (version_of(seen.event) <= expect) {
        return seen.lock && seen.lock->operation == edit ? verdict::may_still : verdict::never;
    }
    for (const auto& [operation, version] : seen.event->recent) {
        if (operation == edit && !mutant("etcd.forgets_own_edit")) {
            return verdict::happened;
        }
        if (version == expect.next()) {
            return verdict::never;
        }
    }
    return verdict::unclear;
}

void etcd::looked(errand of, const answer& what, const context& where, effects_type& effects) {
    if (what.what == answer::kind::refused) {
        if (of.kind == errand_kind::read) {
            refuse(of, what.why, effects);
        } else {
            give_up(std::move(of), what.why.detail, where, effects);
        }
        return;
    }
    if (of.kind != errand_kind::read) {
        const verdict came = judge(what, of.of, of.expect);
        judged(std::move(of), came, what, where, effects);
        return;
    }
    const kept_event* const later = later_from_another_strategy(of.event, what.event);
    if (what.event && later == nullptr) {
        deliver(of.event, *what.event, where, effects);
    }
    effects.push_back(
        done{of.operation, current{later != nullptr ? later->version : version_of(what.event)}});
}

void etcd::write(errand of, const std::optional<kept_event>& base, const context& where,
                 effects_type& effects) {
    if (of.body.size() > body_max) {
        refuse(of, {errc::too_large, "the event is larger than etcd takes (1 MiB)"}, effects);
        return;
    }
    kept_event next = base.value_or(kept_event());
    next.version = of.expect.next();
    next.recent.emplace_back(of.operation, next.version);
    if (next.recent.size() > recent_max) {
        next.recent.erase(next.recent.begin());
    }
    next.body = of.body;
    const intended mine{of.event, of.expect};
    if (intended_.insert_or_assign(of.operation, mine).second) {
        effects.push_back(persist{intended_key(of.operation), codec::encode(mine)});
        tell_others(of, false, effects);
    }
    auto asked = requests_.commit(of.event, base ? base->mod_revision : 0, of.lock, next);
    ask(std::move(of), stage::writing, std::move(asked), where, effects);
}

void etcd::wrote(errand of, const answer& what, const context& where, effects_type& effects) {
    if (what.what == answer::kind::refused) {
        if (of.failures > 0) {  // of an earlier try nothing is known
            give_up(std::move(of), what.why.detail, where, effects);
            return;
        }
        forget(of.operation, of.event, where, effects);
        tell_others(of, true, effects);
        refuse(of, what.why, effects);
    } else if (what.succeeded) {
        answer after;
        after.event.emplace();
        after.event->version = of.expect.next();
        after.event->recent.emplace_back(of.operation, of.expect.next());
        after.event->body = of.body;
        judged(std::move(of), verdict::happened, after, where, effects);
    } else {
        looked(std::move(of), what, where, effects);
    }
}

void etcd::judged(errand of, verdict came, const answer& what, const context& where,
                  effects_type& effects) {
    if (what.event) {
        deliver(of.event, *what.event, where, effects);
    }
    if (of.kind == errand_kind::notice) {
        noticed(std::move(of), came, effects);
        return;
    }
    const version_number now = version_of(what.event);
    if (came == verdict::may_still) {
        if (of.kind == errand_kind::settle) {
            of.deadline = where.now + settle_again + with_.give_up;
            put_off(std::move(of), settle_again, effects);
            return;
        }
        const std::uint64_t lock = what.lock->revision;
        if (of.kind == errand_kind::fate) {
            ask(std::move(of), stage::unlocking, requests_.unlock(of.event, lock), where, effects);
            return;
        }
        if (lock == of.lock && now == of.expect) {
            write(std::move(of), what.event, where, effects);
            return;
        }
        refuse(of, {errc::conflict, "this is not the lock on the event"}, effects);
        return;
    }
    forget(of.of, of.event, where, effects);
    if (of.kind == errand_kind::settle) {
        return;
    }
    if (of.kind == errand_kind::commit && came != verdict::happened) {
        tell_others(of, true, effects);
    }
    if (came == verdict::happened) {
        effects.push_back(done{of.operation, committed{of.expect.next(), {where.self}, {}}});
        if (of.kind == errand_kind::commit && !of.others.empty()) {
            of.kind = errand_kind::over;  // once this device has lived to send the event itself
            of.body.clear();
            put_off(std::move(of), over_after, effects);
        }
    } else if (came == verdict::unclear) {
        refuse(of, {errc::timed_out, "the edit is too old for its fate to be known"}, effects);
    } else if (of.kind == errand_kind::fate) {
        refuse(of, {errc::conflict, "the edit did not happen, and never will"}, effects);
    } else {
        // What is still at the version that was expected is no conflict of versions.
        refuse(of,
               now == of.expect
                   ? error(errc::busy, "the lock on the event was lost before it was changed")
                   : error(errc::conflict, "the event has changed since: it is at version " +
                                               std::to_string(now.value) + " now"),
               effects);
    }
}

/// It is delivered already when it happened. Otherwise its request may be on its way still.
void etcd::noticed(errand of, verdict came, effects_type& effects) {
    const auto found = notices_.find({of.event, of.operation});
    if (found == notices_.end()) {
        return;
    }
    if (came == verdict::may_still && ++of.rounds < notice_rounds) {
        of.deadline = of.last_sent + notice_again + with_.give_up;
        found->second = put_off(std::move(of), notice_again, effects);
    } else {
        notices_.erase(found);
    }
}

void etcd::give_up(errand of, std::string_view trouble, const context& where,
                   effects_type& effects) {
    const std::string why(trouble.empty() ? "no answer" : trouble);
    switch (of.kind) {
        case errand_kind::acquire:
            revoke(of.event, of.lease, where, effects);
            [[fallthrough]];
        case errand_kind::renew:
        case errand_kind::read:
            refuse(of, {errc::unavailable, "etcd cannot be asked: " + why}, effects);
            return;
        case errand_kind::commit:
            if (intended_.contains(of.operation)) {
                errand later = errand_for(errand_kind::settle, of.operation, of.event, where);
                later.expect = of.expect;
                later.asked = requests_.look(of.event);
                later.deadline = later.deadline + settle_again;
                put_off(std::move(later), settle_again, effects);
            }
            [[fallthrough]];
        case errand_kind::fate:
            refuse(of,
                   {errc::timed_out,
                    "it is not known yet whether the edit happened: etcd cannot be asked: " + why},
                   effects);
            return;
        case errand_kind::settle:
            of.at = stage::looking;
            of.deadline = where.now + settle_again + with_.give_up;
            put_off(std::move(of), settle_again, effects);
            return;
        case errand_kind::notice:
            notices_.erase({of.event, of.operation});
            return;
        case errand_kind::over:
        case errand_kind::revoke:
        case errand_kind::unlock:
            return;
    }
}

/// Whoever finds a version that its author may not have lived to spread owes it to the others: the
/// host sorts out what it holds.
void etcd::deliver(const event_id& event, const kept_event& found, const context& where,
                   effects_type& effects) {
    if (delivered_.size() >= delivered_max) {
        delivered_.clear();
    }
    version_number& known = delivered_[event];
    if (known < found.version && where.rules.acceptable(event, found.body)) {
        known = found.version;
        effects.push_back(decide{found.recent.back().first, event, found.body, true});
    }
}

void etcd::tell_others(const errand& of, bool over, effects_type& effects) const {
    const bytes body = codec::encode(notice_message{of.event, of.operation, of.expect, over});
    for (const device_id& other : of.others) {
        effects.push_back(send{other, body});
    }
}

/// The edit is over: it needs no record any more, and no lock.
void etcd::forget(const operation_id& edit, const event_id& event, const context& where,
                  effects_type& effects) {
    if (intended_.erase(edit) > 0) {
        effects.push_back(persist{intended_key(edit), std::nullopt});
    }
    const auto found =
        std::ranges::find_if(locks_, [&](const auto& one) { return one.second.operation == edit; });
    if (found != locks_.end()) {
        const auto lease = found->second.lease;
        locks_.erase(found);
        revoke(event, lease, where, effects);
    }
}

}  // namespace calbox::consensus
