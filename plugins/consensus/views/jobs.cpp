// What each job makes of an event's register, and how it ends. A refusal of a change that may lie
// at some voter already is given only after the register as it is has been decided again: from
// then on that change can never happen.
#include <algorithm>

#include <calbox/mutant.hpp>

#include "views.hpp"

namespace calbox::consensus {

refused because(errc code, std::string sentence) {
    refused why;
    why.why = error(code, std::move(sentence));
    return why;
}

namespace {

refused changed_to(version_number now) {
    return because(errc::conflict, "the event has changed since: it is at version " +
                                       std::to_string(now.value) + " now");
}

refused edited_by(const lock_record& lock) {
    refused why = because(errc::busy, "somebody else is editing the event");
    why.holder = lock.holder;
    why.since = lock.since;
    return why;
}

}  // namespace

void views::work(const event_id& event, const value& found, bool fresh, const context& where,
                 effects_type& effects) {
    auto next = change(event, found, fresh, where, effects);
    if (next) {
        desk& at = desks_[event];
        propose(event, fresh ? at.mine : at.leading->next, std::move(*next), where, effects);
    }
}

/// The register as the first job wants it; nothing when the job ended, or asks for promises first
/// because what it knows of the register may be old.
std::optional<value> views::change(const event_id& event, const value& found, bool fresh,
                                   const context& where, effects_type& effects) {
    desk& at = desks_[event];
    job& mine = at.jobs.front();
    const bool holds = found.lock && found.lock->holder == where.self &&
                       (found.lock->held == mine.held || found.lock->operation == mine.of);
    value next = found;
    switch (mine.kind) {
        case job_kind::acquire:
            return change_for_acquire(event, found, fresh, where, effects);
        case job_kind::commit:
            return change_for_commit(event, found, fresh, where, effects);
        case job_kind::renew:
            if (holds) {
                next.lock->written = (fresh ? at.mine : at.leading->next).counter;
                return next;
            }
            if (!fresh) {
                break;
            }
            finish(event,
                   done{mine.operation, found.lock ? edited_by(*found.lock)
                                                   : because(errc::conflict,
                                                             "the lock on the event is not held "
                                                             "any more")},
                   where, effects);
            return std::nullopt;
        case job_kind::release:
            if (holds) {
                next.lock.reset();
                return next;
            }
            if (!fresh) {
                break;
            }
            finish(event, std::nullopt, where, effects);
            return std::nullopt;
        case job_kind::adapt:
            if (step_view(event, next, mine.members, false, where)) {
                return next;
            }
            finish(event, std::nullopt, where, effects);
            return std::nullopt;
        case job_kind::leave:
            step_view(event, next, {}, true, where);
            return next;
        case job_kind::fate:
            if (holds) {
                next.lock.reset();
            }
            return next;
        case job_kind::read:
        case job_kind::settle:
            return next;
    }
    prepare(event, where, effects);
    return std::nullopt;
}

std::optional<value> views::change_for_acquire(const event_id& event, const value& found,
                                               bool fresh, const context& where,
                                               effects_type& effects) {
    desk& at = desks_[event];
    job& mine = at.jobs.front();
    if (mine.after) {
        return found;
    }
    if (found.when.generation != mine.generation && !fresh) {
        prepare(event, where, effects);
        return std::nullopt;
    }
    if (found.when.generation != mine.generation) {
        mine.after =
            because(errc::conflict, "the event was taken over since: it is at generation " +
                                        std::to_string(found.when.generation.value) + " now");
        return found;
    }
    if (where.rules.is_last(found.body)) {
        if (!fresh) {
            prepare(event, where, effects);
            return std::nullopt;
        }
        mine.after = because(errc::conflict, "the event has gone over to another strategy");
        return found;
    }
    if (found.lock && found.lock->operation != mine.operation &&
        !lock_has_lapsed(event, *found.lock, where)) {
        if (!fresh) {
            prepare(event, where, effects);
        } else {
            finish(event, done{mine.operation, edited_by(*found.lock)}, where, effects);
        }
        return std::nullopt;
    }
    value next = found;
    if (!found.lock || found.lock->operation != mine.operation) {
        next.last_token = std::max(found.last_token + 1, found.version.value << 32);
        next.lock = lock_record{where.self, mine.operation, next.last_token, 0, where.wall};
    }
    next.lock->written = (fresh ? at.mine : at.leading->next).counter;
    step_view(event, next, mine.members, false, where);
    return next;
}

duration views::lapses() const {
    return mutant("views.frees_locks_early") ? with_.ttl / 10 : with_.ttl * 5 / 4;
}

bool views::lock_has_lapsed(const event_id& event, const lock_record& lock,
                            const context& where) const {
    if (lock.holder == where.self) {
        // This device's own: of an earlier life, or of an operation that has let it lapse.
        const auto mine = locks_.find(event);
        return mine == locks_.end() || mine->second.held != lock.held ||
               where.now >= mine->second.until;
    }
    // Whoever has seen this very lock for long enough on a clock of his own is right: it was not
    // renewed since then. Clocks need not agree, only run at about the same rate.
    const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(lapses()).count();
    const desk& at = desks_.at(event);
    return std::ranges::any_of(at.answers, [&](const auto& answer) {
        const auto& held = answer.second.held;
        return held && held->what.lock && held->what.lock->operation == lock.operation &&
               held->what.lock->written == lock.written &&
               answer.second.lock_age_ms >= static_cast<std::uint64_t>(limit);
    });
}

/// Has the first job, which wants a lock, met one that somebody else has? It ends there, unless
/// that lock has lapsed for one of those who were asked: then it asks again, and insists.
bool views::meets_a_lock(const event_id& event, const context& where, effects_type& effects) {
    desk& at = desks_[event];
    job& mine = at.jobs.front();
    if (mine.kind != job_kind::acquire || mine.insists) {
        return false;
    }
    for (const auto& [device, answer] : at.answers) {
        const bool for_its_lock = !answer.ok && answer.held && answer.held->what.lock &&
                                  answer.held->what.lock->holder != where.self;
        if (for_its_lock && !still_possible(answer.held->what.voters, at.refusals)) {
            if (lock_has_lapsed(event, *answer.held->what.lock, where)) {
                mine.insists = true;
                prepare(event, where, effects);
            } else {
                finish(event, done{mine.operation, edited_by(*answer.held->what.lock)}, where,
                       effects);
            }
            return true;
        }
    }
    return false;
}

std::optional<value> views::change_for_commit(const event_id& event, const value& found, bool fresh,
                                              const context& where, effects_type& effects) {
    job& mine = desks_[event].jobs.front();
    if (mine.after ||
        (found.version_of(mine.operation) != nullptr && !mutant("views.repeats_retries"))) {
        return found;
    }
    const bool holds =
        mutant("views.no_fencing") ||
        (found.lock && found.lock->operation == mine.operation && found.lock->held == mine.held);
    if (!holds || found.version != mine.expect) {
        if (!fresh) {
            prepare(event, where, effects);
            return std::nullopt;
        }
        refused why = found.version != mine.expect ? changed_to(found.version)
                      : found.lock                 ? edited_by(*found.lock)
                                   : because(errc::conflict, "the lock on the event was lost");
        if (mine.dirty) {
            mine.after = std::move(why);
            return found;
        }
        finish(event, done{mine.operation, std::move(why)}, where, effects);
        return std::nullopt;
    }
    value next = found;
    next.version = found.version.next();
    next.lock.reset();
    next.recent.emplace_back(mine.operation, next.version);
    if (next.recent.size() > value::recent_max) {
        next.recent.erase(next.recent.begin());
    }
    next.body = mine.body;
    step_view(event, next, mine.members, false, where);
    mine.dirty = true;
    clean_.erase(mine.operation);
    return next;
}

/// One step towards the set of voters that should be: into the joint view, or out of it. Out of it
/// only in the same chain of attempts in which this device has had it accepted by a quorum.
bool views::step_view(const event_id& event, value& what, const group& who, bool without_self,
                      const context& where) const {
    const desk& at = desks_.at(event);
    if (what.voters.next) {
        if (!at.leading && !mutant("views.leaves_unconfirmed_view")) {
            return false;
        }
        what.voters.now = *what.voters.next;
        what.voters.next.reset();
    } else {
        if (who.devices.empty() && !without_self) {
            return false;
        }
        voices answered;
        if (!at.leading) {  // otherwise the answers are of an attempt that ended
            for (const auto& [device, answer] : at.answers) {
                if (answer.ok) {
                    answered[device] = answer.life;
                }
            }
        }
        auto wanted = without_self ? members_.without(where.self, what.voters.now, answered)
                                   : members_.wanted(what.voters.now, who, where, answered);
        if (wanted == what.voters.now) {
            return false;
        }
        (mutant("views.no_joint_step") ? what.voters.now : what.voters.next.emplace()) =
            std::move(wanted);
    }
    ++what.voters.number;
    return true;
}

void views::done_with(const event_id& event, const value& now, const context& where,
                      effects_type& effects) {
    desk& at = desks_[event];
    const job& mine = at.jobs.front();
    std::optional<done> answer;
    const auto holds = [&] {
        const instant until = at.sent + with_.ttl;
        locks_[event] = {now.lock->operation, now.lock->held, until};
        if (mine.kind == job_kind::acquire) {
            clean_.insert(mine.operation);
        }
        answer = done{mine.operation, granted{now.lock->held, until - where.now, now.version}};
    };
    const auto happened = [&](const version_number& version) {
        committed end;
        end.version = version;
        for (const member& one : now.voters.everybody()) {
            (at.acked.contains(one.device) ? end.stored_on : end.owed).push_back(one.device);
        }
        answer = done{mine.operation, std::move(end)};
    };
    if (mine.after) {
        answer = done{mine.operation, *mine.after};
    } else if (mine.kind == job_kind::acquire || mine.kind == job_kind::renew) {
        holds();
    } else if (mine.kind == job_kind::commit) {
        if (const auto held = locks_.find(event);
            held != locks_.end() && held->second.operation == mine.operation) {
            locks_.erase(held);
        }
        happened(*now.version_of(mine.operation));
    } else if (mine.kind == job_kind::read) {
        answer = done{mine.operation, current{now.version}};
    } else if (mine.kind == job_kind::fate) {
        if (const version_number* const version = now.version_of(mine.of)) {
            happened(*version);
        } else if (now.version <= mine.expect ||
                   (!now.recent.empty() && now.recent.front().second <= mine.expect.next())) {
            answer = done{mine.operation,
                          because(errc::conflict, "the edit did not happen, and never will")};
        } else {
            answer = done{mine.operation,
                          because(errc::timed_out, "the edit is too old for its fate to be known")};
        }
    } else if (mine.kind == job_kind::leave && now.voters.contains(where.self) && now.voters.next) {
        work(event, now, false, where, effects);  // out of the joint view
        return;
    }
    finish(event, std::move(answer), where, effects);
}

/// Nobody who was asked has a value.
void views::nobody_knows(const event_id& event, const context& where, effects_type& effects) {
    const job& mine = desks_[event].jobs.front();
    std::optional<done> answer;
    if (mine.kind == job_kind::read) {
        answer = done{mine.operation, current{}};
    } else if (mine.kind == job_kind::fate) {
        // Nobody has accepted anything of it, this device included, who would have been the first.
        answer = done{mine.operation,
                      because(errc::conflict, "the edit did not happen, and never will")};
    } else if (answers_somebody(mine.kind)) {
        answer = done{mine.operation,
                      because(errc::not_found,
                              "none of the devices that can be reached votes on this event")};
    }
    finish(event, std::move(answer), where, effects);
}

/// Whose answer would have helped, the one with the last word first.
refused views::missing(const desk& at) const {
    refused why = because(errc::unavailable, "too few of the event's devices can be reached");
    if (!at.hint) {
        for (const auto& [device, counts] : at.asked) {
            if (!at.answers.contains(device)) {
                why.missing.push_back(device);
            }
        }
        why.needed = 1;
        return why;
    }
    voices have;  // what was answered to an earlier question is no answer to this one
    if (at.at == phase::accepting) {
        have = at.acked;
    } else {
        for (const auto& [device, answer] : at.answers) {
            have[device] = answer.life;
        }
    }
    std::vector<member> silent;
    for (const member& one : at.hint->everybody()) {
        if (!have.contains(one.device)) {
            silent.push_back(one);
        }
    }
    const auto last_word = [&](const device_id& device) {
        return device == at.hint->now.tie || (at.hint->next && device == at.hint->next->tie);
    };
    std::ranges::sort(silent, [&](const member& one, const member& other) {
        return std::pair(!last_word(one.device), one.device) <
               std::pair(!last_word(other.device), other.device);
    });
    for (const member& one : silent) {
        why.missing.push_back(one.device);
        if (!at.hint->has_quorum(have)) {
            have[one.device] = one.life;
            ++why.needed;
        }
    }
    return why;
}

void views::give_up(const event_id& event, const context& where, effects_type& effects) {
    desk& at = desks_[event];
    const job mine = at.jobs.front();
    std::optional<done> answer;
    if (mine.kind == job_kind::settle) {
        settle_later(event, with_.settle_after * 2, where, effects);
    } else if (mine.kind == job_kind::fate || (mine.kind == job_kind::commit && mine.dirty)) {
        refused why = missing(at);
        why.why = error(errc::timed_out,
                        "it is not known yet whether the edit happened: too few of the event's "
                        "devices answer");
        answer = done{mine.operation, std::move(why)};
    } else if (answers_somebody(mine.kind)) {
        answer = done{mine.operation, missing(at)};
    }
    finish(event, std::move(answer), where, effects);
}

void views::finish(const event_id& event, std::optional<done> answer, const context& where,
                   effects_type& effects) {
    desk& at = desks_[event];
    const bool left_one = at.jobs.front().kind == job_kind::leave;
    at.jobs.pop_front();
    at.at = phase::idle;
    at.attempts = 0;
    timers_.erase(at.timer);
    at.timer = 0;
    if (answer) {
        effects.push_back(std::move(*answer));
    }
    begin(event, where, effects);
    if (left_one) {
        --now_leaving_;
        leave_next(where, effects);
    }
}

}  // namespace calbox::consensus
