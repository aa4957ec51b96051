#include "views.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace calbox::consensus {
namespace {

constexpr std::size_t jobs_max = 64;  // waiting for one event
constexpr std::size_t clean_kept = 1024;
constexpr std::size_t leaving_at_once = 64;
constexpr std::size_t welcomed_at_once = 256;
constexpr std::size_t members_max = 64;  // of a set that a peer sends
constexpr std::uint64_t counter_max = 1ULL << 62;

done refusal(const operation_id& operation, errc code, std::string sentence) {
    refused why;
    why.why = error(code, std::move(sentence));
    return {operation, std::move(why)};
}

}  // namespace

bool views::is_sane(const value& what) {
    const auto fits = [](const member_set& one) {
        return !one.members.empty() && one.members.size() <= members_max;
    };
    return fits(what.voters.now) && (!what.voters.next || fits(*what.voters.next)) &&
           what.recent.size() <= value::recent_max && what.version.value < counter_max &&
           what.last_token < counter_max;
}

traits views::declared() const noexcept {
    traits mine;
    mine.mutual_exclusion = true;
    mine.linearizable = true;
    mine.survives_holder_crash = true;
    mine.partition_safe = true;
    mine.takes_over = true;
    mine.inherits = true;
    mine.hands_over = true;
    return mine;
}

void views::step(const input& what, context where, std::vector<effect>& effects) {
    members_.heard(where.self, votes_.life(), where.now);
    std::visit([&](const auto& one) { on(one, where, effects); }, what);
    tidy(where);
}

void views::submit(const event_id& event, job what, const context& where, effects_type& effects) {
    desk& at = desks_[event];
    if (at.jobs.size() >= jobs_max) {
        if (answers_somebody(what.kind)) {
            effects.push_back(refusal(what.operation, errc::queue_full,
                                      "too many edits of this event are waiting on this device"));
        }
        return;
    }
    if (what.deadline == instant()) {
        what.deadline = where.now + with_.give_up;
    }
    at.jobs.push_back(std::move(what));
    begin(event, where, effects);
}

void views::on(const acquire& what, const context& where, effects_type& effects) {
    const auto mine = locks_.find(what.event);
    if (mine != locks_.end() && where.now < mine->second.until) {
        if (mine->second.operation == what.operation) {
            effects.push_back(
                done{what.operation,
                     granted{mine->second.held, mine->second.until - where.now, what.current}});
        } else {
            auto end =
                refusal(what.operation, errc::busy, "the event is being edited on this device");
            std::get<refused>(end.outcome).holder = where.self;
            effects.push_back(std::move(end));
        }
        return;
    }
    job next;
    next.kind = job_kind::acquire;
    next.operation = what.operation;
    next.members = what.members;
    next.why = what.why;
    next.expect = what.current;
    next.generation = what.generation;
    submit(what.event, std::move(next), where, effects);
}

void views::on(const renew& what, const context& where, effects_type& effects) {
    if (desk& at = desks_[what.event]; at.founded && at.founded->held == what.held) {
        at.founded->until = where.now + with_.ttl;
        locks_[what.event].until = at.founded->until;
        const version_number base = at.founded->base ? at.founded->base->version : version_number();
        effects.push_back(done{what.operation, granted{what.held, with_.ttl, base}});
        return;
    }
    job next;
    next.kind = job_kind::renew;
    next.operation = what.operation;
    next.held = what.held;
    submit(what.event, std::move(next), where, effects);
}

void views::on(const commit& what, const context& where, effects_type& effects) {
    job next;
    next.kind = job_kind::commit;
    next.operation = what.operation;
    next.held = what.held;
    next.expect = what.expect;
    next.body = what.value;
    next.dirty = !clean_.contains(what.operation);
    if (what.members) {
        next.members = *what.members;
    }
    submit(what.event, std::move(next), where, effects);
}

void views::on(const release& what, const context& where, effects_type& effects) {
    if (const auto mine = locks_.find(what.event);
        mine != locks_.end() && mine->second.held == what.held) {
        locks_.erase(mine);
    }
    clean_.erase(what.operation);
    if (desk& at = desks_[what.event]; at.founded && at.founded->operation == what.operation) {
        at.founded.reset();
        return;
    }
    job next;
    next.kind = job_kind::release;
    next.operation = what.operation;
    next.held = what.held;
    submit(what.event, std::move(next), where, effects);
}

void views::on(const read& what, const context& where, effects_type& effects) {
    job next;
    next.kind = job_kind::read;
    next.operation = what.operation;
    next.members = what.members;
    submit(what.event, std::move(next), where, effects);
}

void views::on(const fate& what, const context& where, effects_type& effects) {
    job next;
    next.kind = job_kind::fate;
    next.operation = what.operation;
    next.members = what.members;
    next.of = what.of;
    next.expect = what.expect;
    submit(what.event, std::move(next), where, effects);
}

void views::on(const leaving& what, const context& where, effects_type& effects) {
    leaving_ = true;
    for (const auto& [event, one] : votes_.all()) {
        if (!one.held || !one.held->what.voters.contains(where.self) ||
            !where.rules.is_shared(event) || where.rules.is_last(one.held->what.body)) {
            continue;  // nobody could use what would be handed over
        }
        voices others;
        for (const member& voter : one.held->what.voters.everybody()) {
            if (voter.device != where.self && members_.is_connected(voter.device)) {
                others[voter.device] = voter.life;
            }
        }
        if (!others.empty() && !one.held->what.voters.has_quorum(others)) {
            to_leave_.push_back(event);
        }
    }
    with_.give_up = what.most;
    leave_next(where, effects);
}

/// So many at a time; whoever has waited longest first.
void views::leave_next(const context& where, effects_type& effects) {
    while (leaving_ && !to_leave_.empty() && now_leaving_ < leaving_at_once) {
        const event_id event = to_leave_.front();
        to_leave_.pop_front();
        ++now_leaving_;
        job next;
        next.kind = job_kind::leave;
        submit(event, std::move(next), where, effects);
    }
    if (leaving_ && to_leave_.empty() && now_leaving_ == 0) {
        leaving_ = false;
        effects.push_back(left{});
    }
}

void views::on(const message& what, const context& where, effects_type& effects) {
    const auto read = codec::decode<peer_message>(what.body);
    if (!read || read->at.counter >= counter_max || read->promised.counter >= counter_max ||
        (read->held && (read->held->at.counter >= counter_max || !is_sane(read->held->what))) ||
        what.from == where.self) {
        return;
    }
    const vote* const here = votes_.find(read->event);
    const bool voter = here != nullptr && here->held && here->held->what.voters.contains(what.from);
    if (!voter && !where.rules.takes_part(what.from, read->event)) {
        return;  // a voter that has left the event may still bring its last version home
    }
    members_.heard(what.from, read->life, where.now);
    if (here != nullptr && here->held && read->held && read->kind != message_kind::update &&
        here->held->what.when < read->held->what.when) {
        settle_later(read->event, with_.resend, where, effects);  // it was taken over
    }
    switch (read->kind) {
        case message_kind::ask_for_ok:
        case message_kind::check_update:
        case message_kind::update:
        case message_kind::notify:
            answer_peer(what.from, *read, where, effects);
            return;
        case message_kind::respond_ok:
        case message_kind::updated:
        case message_kind::re_update:
            heard(read->event, what.from, *read, where, effects);
            return;
    }
}

void views::answer_peer(const device_id& from, const peer_message& asked, const context& where,
                        effects_type& effects) {
    const event_id& event = asked.event;
    if (asked.kind == message_kind::ask_for_ok) {
        effects.push_back(send{
            from, codec::encode(votes_.prepare(event, from, asked, lapses(), where, effects))});
    } else if (asked.kind == message_kind::check_update) {
        effects.push_back(send{from, codec::encode(votes_.state(event, asked, where))});
    } else if (asked.kind == message_kind::update) {
        const vote* const mine = votes_.find(event);
        const bool known = asked.held && mine != nullptr && mine->held &&
                           mine->held->what.body == asked.held->what.body;
        if (asked.held && (known || where.rules.acceptable(event, asked.held->what.body))) {
            effects.push_back(
                send{from, codec::encode(votes_.accept(event, asked, where, effects))});
            settle_later(event, with_.settle_after, where, effects);
        }
    } else if (votes_.notify(event, asked.at, effects)) {
        settling_.erase(event);
        deliver(event, votes_.find(event)->held->what, false, effects);
    } else if (const vote* const mine = votes_.find(event);
               mine != nullptr && (!mine->held || mine->held->at < asked.at)) {
        settle_later(event, with_.resend, where, effects);  // missed what was decided
    }
}

/// Looks whether what is held has been decided, unless that is heard before.
void views::settle_later(const event_id& event, duration after, const context& where,
                         effects_type& effects) {
    const auto spread = static_cast<std::uint64_t>(after.count());
    const std::uint64_t tag = ++last_timer_;
    settling_[event] = tag;
    timers_[tag] = event;
    effects.push_back(set_timer{tag, after + duration(where.entropy.below(spread))});
}

void views::on(const timer& what, const context& where, effects_type& effects) {
    if (const auto came = welcoming_.find(what.tag); came != welcoming_.end()) {
        const device_id device = came->second;
        welcoming_.erase(came);
        if (members_.is_connected(device)) {
            welcome(device, where, effects);
        }
        return;
    }
    const auto found = timers_.find(what.tag);
    if (found == timers_.end()) {
        return;
    }
    const event_id event = found->second;
    timers_.erase(found);
    if (const auto settle = settling_.find(event);
        settle != settling_.end() && settle->second == what.tag) {
        settling_.erase(settle);
        if (const vote* const mine = votes_.find(event); mine != nullptr) {
            submit(event, job(), where, effects);
        }
        return;
    }
    const auto at = desks_.find(event);
    if (at != desks_.end() && at->second.timer == what.tag) {
        at->second.timer = 0;
        waited(event, where, effects);
    }
}

void views::on(const peer_change& what, const context& where, effects_type& effects) {
    members_.connected(what.device, what.up);
    if (what.up) {
        const std::uint64_t tag = ++last_timer_;
        welcoming_[tag] = what.device;
        const auto wait = static_cast<std::uint64_t>(with_.settle_after.count());
        effects.push_back(set_timer{tag, with_.settle_after + duration(where.entropy.below(wait))});
    }
}

/// One voter is enough to vote a newcomer in: the one with the last word, or the next in order.
bool views::leads(const view& of, const context& where) const {
    const auto present = [&](const device_id& device) {
        return device == where.self || members_.is_connected(device);
    };
    if (present(of.now.tie)) {
        return of.now.tie == where.self;
    }
    const auto all = of.everybody();
    const auto first = std::ranges::find_if(all, present, &member::device);
    return first != all.end() && first->device == where.self;
}

/// Votes a device that came, and stayed for a moment, into the events that it takes part in.
void views::welcome(const device_id& device, const context& where, effects_type& effects) {
    std::vector<event_id> events;
    for (const auto& [event, one] : votes_.all()) {
        const view* const now = one.held ? &one.held->what.voters : nullptr;
        if (now != nullptr && now->contains(where.self) && !now->contains(device) &&
            now->everybody().size() < with_.view_max && events.size() < welcomed_at_once &&
            leads(*now, where) && where.rules.takes_part(device, event)) {
            events.push_back(event);
        }
    }
    for (const event_id& event : events) {
        job next;
        next.kind = job_kind::adapt;
        for (const member& one : votes_.find(event)->held->what.voters.everybody()) {
            next.members.devices.push_back(one.device);
        }
        next.members.devices.push_back(device);
        submit(event, std::move(next), where, effects);
    }
}

void views::on(const restored& what, const context& where, effects_type& effects) {
    votes_.restore(what, where);
    desks_.clear();
    locks_.clear();
    delivered_.clear();
    clean_.clear();
    timers_.clear();
    settling_.clear();
    welcoming_.clear();
    to_leave_.clear();
    now_leaving_ = 0;
    counter_ = 0;
    for (const auto& [key, record] : what.records) {
        if (key == to_bytes("counter")) {
            counter_ = codec::decode<number<void>>(record).value_or(number<void>()).value;
        }
    }
    counter_reserved_ = counter_;
    for (const auto& [event, one] : votes_.all()) {
        if (one.held && !one.chosen) {
            settle_later(event, with_.resend, where, effects);
        }
    }
}

/// Forgets the attempts that ended longest ago; only speed is lost.
void views::tidy(const context& where) {
    if (clean_.size() > clean_kept) {
        clean_.clear();  // then nothing is certain of them any more
    }
    const bool long_ago = desks_.size() > desks_kept && where.now - tidied_at_ > with_.ttl;
    if (desks_.size() <= tidied_above_ && !long_ago) {
        return;
    }
    tidied_at_ = where.now;
    std::erase_if(desks_, [&](const auto& one) {
        return one.second.jobs.empty() && !one.second.founded &&
               where.now - one.second.last_used > with_.ttl;
    });
    // Where many are in use, not in each step anew.
    tidied_above_ = std::max(desks_kept, 2 * desks_.size());
}

std::string views::explain(const event_id& event, context where) const {
    nlohmann::json text{{"strategy", "views"}, {"held", false}};
    const vote* const mine = votes_.find(event);
    text["votes_here"] =
        mine != nullptr && mine->held && mine->held->what.voters.contains(where.self);
    if (mine == nullptr || !mine->held) {
        text["note"] = "this device does not vote on the event and asks those who do";
        return text.dump();
    }
    const value& now = mine->held->what;
    text["decided"] = mine->chosen;
    text["version"] = now.version.value;
    text["generation"] = now.when.generation.value;
    text["ballot"] = mine->held->at.counter;
    text["view"] = now.voters.number;
    for (const member& one : now.voters.everybody()) {
        text["voters"].push_back(one.device.hex());
    }
    text["tie"] = now.voters.now.tie.hex();
    text["changing"] = now.voters.next.has_value();
    if (now.lock) {
        text["held"] = true;
        text["holder"] = now.lock->holder.hex();
        text["since"] = now.lock->since.ms;
        text["token"] = now.lock->held;
    }
    return text.dump();
}

}  // namespace calbox::consensus
