#include "organizer.hpp"

#include <nlohmann/json.hpp>

namespace calbox::consensus {
namespace {

constexpr std::size_t uncertain_max = 64;
constexpr std::size_t organizers_max = 10'000;

refused because(errc code, std::string sentence) {
    refused why;
    why.why = error(code, std::move(sentence));
    return why;
}

std::string sentence_of(const reply& what) {
    switch (what.code) {
        case errc::busy:
            return "somebody else is editing the event";
        case errc::already_exists:
            return "an event of this number exists already";
        case errc::not_found:
            return "the organizer's device does not keep this event";
        case errc::conflict:
            return what.kind == request_kind::commit
                       ? "the event has changed since: it is at version " +
                             std::to_string(what.version.value) + " now"
                   : what.kind == request_kind::fate ? "the edit did not happen, and never will"
                   : what.kind == request_kind::acquire
                       ? "the event has gone over to another strategy"
                       : "the lock on the event is not held any more";
        case errc::forbidden:
            return "the lock on the event was lost";
        case errc::timed_out:
            return "the edit is too old for its fate to be known";
        default:
            return "the organizer's device refused this";
    }
}

/// The fields that every question has.
template <class Input>
request request_of(request_kind kind, const Input& what) {
    request next;
    next.kind = kind;
    next.operation = what.operation;
    next.event = what.event;
    return next;
}

}  // namespace

traits organizer::declared() const noexcept {
    traits mine;
    mine.mutual_exclusion = true;
    mine.linearizable = true;
    mine.survives_holder_crash = true;
    mine.partition_safe = true;
    mine.inherits = true;
    return mine;
}

void organizer::step(const input& what, context where, std::vector<effect>& effects) {
    std::visit([&](const auto& one) { on(one, where, effects); }, what);
}

device_id organizer::organizer_of(const event_id& event, const context& where) const {
    if (kept_.keeps(event)) {
        return where.self;
    }
    const auto found = organizers_.find(event);
    return found == organizers_.end() ? device_id() : found->second;
}

/// Here, when this device keeps the event; otherwise by message, until it is answered.
void organizer::ask(request what, const device_id& whom, const context& where,
                    effects_type& effects) {
    if (whom == where.self) {
        const reply answer = kept_.handle(where.self, what, where, effects);
        answered(what, where.now, answer, where, effects);
        return;
    }
    if (whom.is_zero()) {
        if (what.kind != request_kind::release) {
            effects.push_back(
                done{what.operation, because(errc::unavailable,
                                             "it is not known here which device created this "
                                             "event")});
        }
        return;
    }
    question next{std::move(what), whom, where.now, where.now + with_.give_up, 0};
    const operation_id id = next.what.operation;
    if (next.what.kind == request_kind::release) {
        effects.push_back(
            send{whom, codec::encode(question_or_reply{std::move(next.what), std::nullopt})});
        return;  // a lost one is made up for by the end of the lock
    }
    send_question(next, effects);
    questions_.insert_or_assign(id, std::move(next));
}

void organizer::send_question(question& what, effects_type& effects) {
    effects.push_back(send{what.whom, codec::encode(question_or_reply{what.what, std::nullopt})});
    what.timer = ++last_timer_;
    timers_[what.timer] = what.what.operation;
    effects.push_back(set_timer{what.timer, with_.resend});
}

void organizer::on(const acquire& what, const context& where, effects_type& effects) {
    if (what.why == intent::take_over) {
        effects.push_back(done{what.operation,
                               because(errc::unsupported,
                                       "the strategy organizer knows no take-over: copy the event "
                                       "instead")});
        return;
    }
    request next = request_of(request_kind::acquire, what);
    next.known = what.current;
    if (what.why == intent::create) {
        const reply answer = kept_.create(next, where, effects);
        answered(next, where.now, answer, where, effects);
        return;
    }
    if (organizers_.size() >= organizers_max) {
        organizers_.clear();  // said again with the next edit
        delivered_.clear();   // the host sorts out what it holds already
    }
    organizers_[what.event] = what.members.organizer_device;
    ask(std::move(next), organizer_of(what.event, where), where, effects);
}

void organizer::on(const renew& what, const context& where, effects_type& effects) {
    request next = request_of(request_kind::renew, what);
    next.held = what.held;
    ask(std::move(next), organizer_of(what.event, where), where, effects);
}

void organizer::on(const commit& what, const context& where, effects_type& effects) {
    request next = request_of(request_kind::commit, what);
    next.held = what.held;
    next.expect = what.expect;
    next.body = what.value;
    ask(std::move(next), organizer_of(what.event, where), where, effects);
}

void organizer::on(const release& what, const context& where, effects_type& effects) {
    granted_.erase(what.operation);
    request next = request_of(request_kind::release, what);
    next.held = what.held;
    ask(std::move(next), organizer_of(what.event, where), where, effects);
}

void organizer::on(const read& what, const context& where, effects_type& effects) {
    request next = request_of(request_kind::read, what);
    ask(std::move(next), kept_.keeps(what.event) ? where.self : what.members.organizer_device,
        where, effects);
}

void organizer::on(const fate& what, const context& where, effects_type& effects) {
    request next = request_of(request_kind::fate, what);
    next.of = what.of;
    next.expect = what.expect;
    ask(std::move(next), kept_.keeps(what.event) ? where.self : what.members.organizer_device,
        where, effects);
}

/// Who keeps the event from now on: the device that created it, as the one that brings it here sees
/// it. Every device is told the same.
result<bytes> organizer::begins(const event_id&, const group& members, context) const {
    if (members.organizer_device.is_zero()) {
        return fail(errc::unavailable,
                    "it is not known here which device created this event, and is to decide about "
                    "it from now on");
    }
    return to_bytes(members.organizer_device.view());
}

void organizer::on(const inherit& what, const context& where, effects_type& effects) {
    const auto keeper_of = device_id::from_bytes(what.begins);
    if (keeper_of && *keeper_of == where.self) {
        kept_.inherit_copy(what, where, effects);
    }
}

void organizer::on(const leaving&, const context&, effects_type& effects) {
    effects.push_back(left{});  // nobody can take this device's place
}

void organizer::on(const message& what, const context& where, effects_type& effects) {
    const auto read = codec::decode<question_or_reply>(what.body);
    if (!read || what.from == where.self) {
        return;
    }
    if (read->asked && where.rules.takes_part(what.from, read->asked->event)) {
        reply answer = kept_.handle(what.from, *read->asked, where, effects);
        if (read->asked->kind != request_kind::release) {
            effects.push_back(
                send{what.from, codec::encode(question_or_reply{std::nullopt, std::move(answer)})});
        }
    }
    if (!read->answer) {
        return;
    }
    const reply& answer = *read->answer;
    const auto found = questions_.find(answer.operation);
    const bool waited = found != questions_.end() && found->second.whom == what.from &&
                        found->second.what.kind == answer.kind &&
                        found->second.what.event == answer.event;
    if (waited) {
        const question asked = std::move(found->second);
        questions_.erase(found);
        timers_.erase(asked.timer);
        answered(asked.what, asked.asked, answer, where, effects);
    } else if (answer.kind == request_kind::acquire && answer.code == errc::ok &&
               found == questions_.end() && !granted_.contains(answer.operation)) {
        // A question that was repeated, or given up, was granted late: nobody here wants it.
        request back;
        back.kind = request_kind::release;
        back.operation = answer.operation;
        back.event = answer.event;
        back.held = answer.held;
        effects.push_back(
            send{what.from, codec::encode(question_or_reply{std::move(back), std::nullopt})});
    }
}

void organizer::answered(const request& asked, const instant& since, const reply& what,
                         const context& where, effects_type& effects) {
    if (what.body && asked.known < what.version) {
        deliver(asked.event, what.by, what.version, *what.body, effects);
    }
    if (asked.kind == request_kind::release) {
        return;
    }
    done end{asked.operation, current{what.version}};
    const bool ok = what.code == errc::ok;
    if (!ok) {
        refused why =
            because(what.code == errc::forbidden ? errc::conflict : what.code, sentence_of(what));
        why.holder = what.holder;
        why.since = what.since;
        end.outcome = std::move(why);
    } else if (asked.kind == request_kind::acquire || asked.kind == request_kind::renew) {
        // The organizer has counted from a later moment than this device does.
        const auto lease = std::min<duration>(std::chrono::milliseconds(what.lease_ms), with_.ttl) -
                           (where.now - since);
        end.outcome = granted{what.held, lease, what.version};
        if (asked.kind == request_kind::acquire) {
            granted_.insert(asked.operation);
        }
        if (lease <= duration()) {
            end.outcome = because(errc::unavailable, "the organizer's device answers too late");
        }
    } else if (asked.kind != request_kind::read) {
        const operation_id edit = asked.kind == request_kind::commit ? asked.operation : asked.of;
        const auto lost = uncertain_.find(edit);
        if (asked.kind == request_kind::commit) {
            deliver(asked.event, edit, what.version, asked.body, effects);
        } else if (lost != uncertain_.end()) {
            deliver(asked.event, edit, what.version, lost->second, effects);
        }
        end.outcome = committed{what.version, {organizer_of(asked.event, where)}, {}};
    }
    if (asked.kind == request_kind::commit || asked.kind == request_kind::fate) {
        const operation_id edit = asked.kind == request_kind::commit ? asked.operation : asked.of;
        uncertain_.erase(edit);
        granted_.erase(edit);
    }
    effects.push_back(std::move(end));
}

/// What the organizer's device has decided, and this one did not know. That one spreads it.
void organizer::deliver(const event_id& event, const operation_id& by, version_number version,
                        const bytes& body, effects_type& effects) {
    version_number& known = delivered_[event];
    if (!kept_.keeps(event) && known < version) {
        known = version;
        effects.push_back(decide{by, event, body, false});
    }
}

void organizer::on(const timer& what, const context& where, effects_type& effects) {
    const auto found = timers_.find(what.tag);
    if (found == timers_.end()) {
        return;
    }
    const auto asked = questions_.find(found->second);
    timers_.erase(found);
    if (asked == questions_.end()) {
        return;
    }
    if (where.now < asked->second.deadline) {
        send_question(asked->second, effects);
        return;
    }
    const question lost = std::move(asked->second);
    questions_.erase(asked);
    give_up(lost, effects);
}

void organizer::give_up(const question& what, effects_type& effects) {
    const bool edit = what.what.kind == request_kind::commit;
    refused why = edit || what.what.kind == request_kind::fate
                      ? because(errc::timed_out,
                                "it is not known yet whether the edit happened: the organizer's "
                                "device does not answer")
                      : because(errc::unavailable, "the organizer's device cannot be reached");
    why.missing.push_back(what.whom);
    why.needed = 1;
    if (edit && uncertain_.size() < uncertain_max) {
        uncertain_[what.what.operation] = what.what.body;
    }
    effects.push_back(done{what.what.operation, std::move(why)});
}

void organizer::on(const restored& what, const context& where, effects_type&) {
    kept_.restore(what, where);
    organizers_.clear();
    questions_.clear();
    uncertain_.clear();
    granted_.clear();
    delivered_.clear();
    timers_.clear();
}

std::string organizer::explain(const event_id& event, context where) const {
    nlohmann::json text{{"strategy", "organizer"}, {"held", false}};
    text["decided_here"] = kept_.keeps(event);
    if (!kept_.keeps(event)) {
        text["note"] = "the device that created the event decides, and knows";
        return text.dump();
    }
    text["version"] = kept_.version_of(event).value;
    if (const auto* const lock = kept_.lock_of(event, where.now)) {
        text["held"] = true;
        text["holder"] = lock->holder.hex();
        text["since"] = lock->since.ms;
        text["token"] = lock->held;
    }
    return text.dump();
}

}  // namespace calbox::consensus
