#include "etcd.hpp"

#include <nlohmann/json.hpp>

namespace calbox::consensus {
namespace {

constexpr duration pause_between_rounds = std::chrono::milliseconds(200);
constexpr duration notice_after = std::chrono::seconds(2);
constexpr std::size_t notices_max = 1'000;

/// Lease ids are signed there, and zero stands for none.
constexpr std::uint64_t lease_mask = 0x7fff'ffff'ffff'ffff;

done refusal(const operation_id& operation, errc code, std::string sentence) {
    refused why;
    why.why = error(code, std::move(sentence));
    return {operation, std::move(why)};
}

}  // namespace

traits etcd::declared() const noexcept {
    traits mine;
    mine.mutual_exclusion = mine.linearizable = mine.survives_holder_crash = true;
    mine.partition_safe = mine.needs_external = mine.inherits = mine.hands_over = true;
    return mine;
}

void etcd::step(const input& what, context where, std::vector<effect>& effects) {
    std::visit([&](const auto& one) { on(one, where, effects); }, what);
}

// Inputs
// -----------------------------------------------------------------------------------------------------------

etcd::errand etcd::errand_for(errand_kind kind, const operation_id& operation,
                              const event_id& event, const context& where) const {
    errand next;
    next.kind = kind;
    next.operation = next.of = operation;
    next.event = event;
    next.deadline = where.now + with_.give_up;
    return next;
}

void etcd::on(const acquire& what, const context& where, effects_type& effects) {
    if (what.why == intent::take_over) {
        effects.push_back(refusal(what.operation, errc::unsupported,
                                  "the strategy etcd knows no take-over: what etcd holds is the "
                                  "event; copy it instead"));
        return;
    }
    errand next = errand_for(errand_kind::acquire, what.operation, what.event, where);
    next.why = what.why;
    next.current = what.current;
    next.lease = std::max<std::uint64_t>(where.entropy.next() & lease_mask, 1);
    auto asked = requests_.grant(next.lease);
    ask(std::move(next), stage::leasing, std::move(asked), where, effects);
}

void etcd::on(const renew& what, const context& where, effects_type& effects) {
    const auto lock = revision_of(what.held, where.epoch);
    const auto found = locks_.find({what.event, lock});
    if (found == locks_.end()) {
        effects.push_back(
            refusal(what.operation, errc::conflict, "the lock on the event is not held any more"));
        return;
    }
    errand next = errand_for(errand_kind::renew, what.operation, what.event, where);
    next.lock = lock;
    next.lease = found->second.lease;
    auto asked = requests_.keep_alive(next.lease);
    ask(std::move(next), stage::leasing, std::move(asked), where, effects);
}

void etcd::on(const commit& what, const context& where, effects_type& effects) {
    errand next = errand_for(errand_kind::commit, what.operation, what.event, where);
    next.lock = revision_of(what.held, where.epoch);
    next.expect = what.expect;
    next.body = what.value;
    if (what.members) {
        next.others = what.members->devices;
        next.others.insert(next.others.end(), what.members->backups.begin(),
                           what.members->backups.end());
        std::erase(next.others, where.self);
    }
    const auto lock = locks_.find({what.event, next.lock});
    const bool as_it_was =
        lock != locks_.end() && lock->second.operation == what.operation &&
        (lock->second.event ? lock->second.event->version : version_number()) == what.expect;
    if (as_it_was) {
        const auto base = lock->second.event;
        write(std::move(next), base, where, effects);
    } else {
        ask(std::move(next), stage::looking, requests_.look(what.event), where, effects);
    }
}

void etcd::on(const release& what, const context& where, effects_type& effects) {
    const auto lock = revision_of(what.held, where.epoch);
    const auto found = locks_.find({what.event, lock});
    if (found != locks_.end()) {
        const auto lease = found->second.lease;
        locks_.erase(found);
        revoke(what.event, lease, where, effects);  // and the lock goes with it
        return;
    }
    ask(errand_for(errand_kind::unlock, what.operation, what.event, where), stage::unlocking,
        requests_.unlock(what.event, lock), where, effects);
}

void etcd::on(const read& what, const context& where, effects_type& effects) {
    ask(errand_for(errand_kind::read, what.operation, what.event, where), stage::looking,
        requests_.look(what.event), where, effects);
}

void etcd::on(const fate& what, const context& where, effects_type& effects) {
    errand next = errand_for(errand_kind::fate, what.operation, what.event, where);
    next.of = what.of;
    next.expect = what.expect;
    ask(std::move(next), stage::looking, requests_.look(what.event), where, effects);
}

/// Kept here until somebody wants its lock: then etcd is told, unless it knows already.
void etcd::on(const inherit& what, const context&, effects_type&) {
    kept_event mine;
    mine.version = what.version;
    mine.generation = what.generation;
    mine.recent.emplace_back(what.operation, what.version);
    mine.body = what.value;
    kept_event& known = inherited_[what.event];
    if (known.recent.empty() || known < mine) {
        known = std::move(mine);
    }
}

void etcd::on(const leaving&, const context&, effects_type& effects) {
    effects.push_back(left{});  // nothing is here that others would need
}

/// Somebody commits. Unless he says soon that this is over, he may have died over it.
void etcd::on(const message& what, const context& where, effects_type& effects) {
    const auto read = codec::decode<notice_message>(what.body);
    if (!read || what.from == where.self || !where.rules.takes_part(what.from, read->event)) {
        return;
    }
    const std::pair key(read->event, read->operation);
    const auto known = notices_.find(key);
    if (read->over) {
        if (known != notices_.end()) {
            waiting_.erase(known->second);
            notices_.erase(known);
        }
        return;
    }
    if (known != notices_.end() || notices_.size() >= notices_max) {
        return;
    }
    errand next = errand_for(errand_kind::notice, read->operation, read->event, where);
    next.expect = read->expect;
    next.asked = requests_.look(read->event);
    next.deadline = next.deadline + notice_after;
    notices_[key] = put_off(std::move(next), notice_after, effects);
}

void etcd::on(const timer& what, const context& where, effects_type& effects) {
    const auto found = waiting_.find(what.tag);
    if (found == waiting_.end()) {
        return;
    }
    errand next = std::move(found->second);
    waiting_.erase(found);
    if (next.kind == errand_kind::over) {
        tell_others(next, true, effects);
        return;
    }
    if (next.kind == errand_kind::settle && !intended_.contains(next.of)) {
        return;
    }
    if (where.now < next.deadline) {
        ask_again(std::move(next), where, effects);
    } else {
        give_up(std::move(next), trouble_, where, effects);
    }
}

void etcd::on(const restored& what, const context& where, effects_type& effects) {
    asked_.clear();
    waiting_.clear();
    locks_.clear();
    intended_.clear();
    notices_.clear();
    delivered_.clear();
    inherited_.clear();
    for (const auto& [key, record] : what.records) {
        const auto edit = !key.empty() && key[0] == 'i'
                              ? operation_id::from_bytes(byte_view(key).subspan(1))
                              : std::nullopt;
        const auto read = codec::decode<intended>(record);
        if (edit && read) {
            intended_[*edit] = *read;
        }
    }
    for (const auto& [edit, one] : intended_) {
        settle(edit, where, effects);
    }
}

// Asking
// -----------------------------------------------------------------------------------------------------------

void etcd::ask(errand what, stage at, question asked, const context& where, effects_type& effects) {
    what.at = at;
    what.asked = std::move(asked);
    what.failures = 0;
    what.first_sent = where.now;
    ask_again(std::move(what), where, effects);
}

/// The same question, of the member that answered last. Each may have its effect twice: none of
/// them has another effect then.
void etcd::ask_again(errand what, const context& where, effects_type& effects) {
    http_request out;
    out.tag = ++last_tag_;
    out.method = "POST";
    out.url = with_.endpoints[endpoint_] + what.asked.path;
    out.body = to_bytes(what.asked.body);
    out.most = std::clamp<duration>(what.deadline - where.now, std::chrono::milliseconds(1),
                                    with_.answer_within);
    what.endpoint = endpoint_;
    what.last_sent = where.now;
    asked_.emplace(out.tag, std::move(what));
    effects.push_back(std::move(out));
}

std::uint64_t etcd::put_off(errand what, duration after, effects_type& effects) {
    const std::uint64_t tag = ++last_tag_;
    waiting_.emplace(tag, std::move(what));
    effects.push_back(set_timer{tag, after});
    return tag;
}

void etcd::on(const http_response& what, const context& where, effects_type& effects) {
    const auto found = asked_.find(what.tag);
    if (found == asked_.end()) {
        return;
    }
    errand of = std::move(found->second);
    asked_.erase(found);
    const answer read = requests_.read(of.event, what.status, what.body);
    if (read.what != answer::kind::unknown) {
        endpoint_ = of.endpoint;
        trouble_.clear();
        answered(std::move(of), read, where, effects);
        return;
    }
    const bool over = where.now >= of.deadline;
    // What the deadline cut short tells less than how the same question failed before.
    if (!over || of.failures == 0 || trouble_.empty()) {
        trouble_ = read.why.detail;
    }
    if (endpoint_ == of.endpoint) {
        endpoint_ = (endpoint_ + 1) % with_.endpoints.size();
    }
    ++of.failures;
    if (over) {
        give_up(std::move(of), trouble_, where, effects);
    } else if (of.failures % with_.endpoints.size() == 0) {
        put_off(std::move(of), pause_between_rounds, effects);
    } else {
        ask_again(std::move(of), where, effects);
    }
}

/// Finds out what became of an edit whose answer this device did not live to see, or wait for.
void etcd::settle(const operation_id& operation, const context& where, effects_type& effects) {
    const intended& what = intended_.at(operation);
    errand next = errand_for(errand_kind::settle, operation, what.event, where);
    next.expect = what.expect;
    ask(std::move(next), stage::looking, requests_.look(what.event), where, effects);
}

/// Ends a lease, and the lock that is bound to it. A lost one ends by itself.
void etcd::revoke(const event_id& event, std::uint64_t lease, const context& where,
                  effects_type& effects) {
    errand next = errand_for(errand_kind::revoke, {}, event, where);
    next.lease = lease;
    ask(std::move(next), stage::ending, requests_.revoke(lease), where, effects);
}

std::string etcd::explain(const event_id& event, context where) const {
    nlohmann::json text{{"strategy", "etcd"}, {"held", false}};
    text["endpoints"] = with_.endpoints;
    text["asked_last"] = with_.endpoints[endpoint_];
    text["answers"] = trouble_.empty();
    if (!trouble_.empty()) {
        text["trouble"] = trouble_;
    }
    text["unsettled_edits"] = intended_.size();
    for (const auto& [key, one] : locks_) {
        if (key.first == event && where.now < one.until) {
            text["held"] = true;
            text["holder"] = where.self.hex();
            text["token"] = token_of(one.event ? one.event->version : version_number(), key.second,
                                     where.epoch);
        }
    }
    if (!text["held"].get<bool>()) {
        text["note"] = "whether another device holds it, etcd knows";
    }
    return text.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace calbox::consensus
