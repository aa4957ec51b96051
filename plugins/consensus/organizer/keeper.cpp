#include "keeper.hpp"

#include <algorithm>

namespace calbox::consensus {
namespace {

constexpr std::uint8_t copy_record = 'c';
constexpr std::uint8_t body_record = 'b';

bytes record_key(std::uint8_t kind, const event_id& event) {
    bytes key{kind};
    const bytes rest = codec::encode(event);
    key.insert(key.end(), rest.begin(), rest.end());
    return key;
}

}  // namespace

void keeper::restore(const restored& from, const context& where) {
    copies_.clear();
    for (const std::uint8_t kind : {copy_record, body_record}) {
        for (const auto& [key, record] : from.records) {
            const auto event = key.size() > 1 && key[0] == kind
                                   ? codec::decode<event_id>(byte_view(key).subspan(1))
                                   : fail(errc::not_found);
            if (!event) {
                continue;
            }
            if (kind == body_record) {
                copies_[*event].body = record;
            } else if (auto read = codec::decode<copy>(record)) {
                // How long its holder has had the lock is not known: all of it, from now on.
                read->until = where.now + ttl_;
                copies_[*event] = std::move(*read);
            }
        }
    }
}

void keeper::write(const event_id& event, bool with_body, effects_type& effects) const {
    copy without_body = copies_.at(event);
    if (with_body) {
        effects.push_back(persist{record_key(body_record, event), without_body.body});
    }
    without_body.body.clear();
    effects.push_back(persist{record_key(copy_record, event), codec::encode(without_body)});
}

const guest_lock* keeper::lock_of(const event_id& event, const instant& now) const {
    const auto found = copies_.find(event);
    const bool held = found != copies_.end() && found->second.lock && now < found->second.until;
    return held ? &*found->second.lock : nullptr;
}

version_number keeper::version_of(const event_id& event) const {
    const auto found = copies_.find(event);
    return found == copies_.end() ? version_number() : found->second.version;
}

reply keeper::answer(const request& asked, errc code, const context& where) const {
    reply out;
    out.kind = asked.kind;
    out.operation = asked.operation;
    out.event = asked.event;
    out.code = code;
    const auto found = copies_.find(asked.event);
    if (found == copies_.end()) {
        return out;
    }
    const copy& mine = found->second;
    out.version = mine.version;
    if (const guest_lock* const lock = lock_of(asked.event, where.now)) {
        out.holder = lock->holder;
        out.since = lock->since;
    }
    const bool may_be_behind =
        asked.kind == request_kind::acquire || asked.kind == request_kind::read;
    if (may_be_behind && asked.known < mine.version && !mine.recent.empty()) {
        out.by = mine.recent.back().first;
        out.body = mine.body;
    }
    return out;
}

reply keeper::create(const request& asked, const context& where, effects_type& effects) {
    const auto found = copies_.find(asked.event);
    if (found != copies_.end() && found->second.version > version_number()) {
        return answer(asked, errc::already_exists, where);
    }
    copy& mine = copies_[asked.event];
    if (mine.lock && mine.lock->operation != asked.operation) {
        mine.lock
            .reset();  // of an attempt that ended in a crash: nobody but this device creates it
    }
    return acquire(where.self, asked, where, effects);
}

void keeper::inherit_copy(const inherit& from, const context& where, effects_type& effects) {
    const auto found = copies_.find(from.event);
    // Another version of the same line there is only after a strategy that promises nothing: then
    // the later one counts, as for everybody.
    if (found != copies_.end() && std::pair(found->second.generation, found->second.version) >=
                                      std::pair(from.generation, from.version)) {
        return;
    }
    copy mine;
    mine.version = from.version;
    mine.generation = from.generation;
    mine.last_token = first_token(from.version, where.epoch);
    mine.recent.emplace_back(from.operation, from.version);
    mine.body = from.value;
    copies_[from.event] = std::move(mine);
    write(from.event, true, effects);
}

reply keeper::handle(const device_id& from, const request& asked, const context& where,
                     effects_type& effects) {
    if (!keeps(asked.event)) {
        const bool read = asked.kind == request_kind::read;
        return answer(asked, read ? errc::ok : errc::not_found, where);
    }
    switch (asked.kind) {
        case request_kind::acquire:
            return acquire(from, asked, where, effects);
        case request_kind::renew:
            return renew(from, asked, where);
        case request_kind::commit:
            return commit(from, asked, where, effects);
        case request_kind::release:
            release(asked, effects);
            return answer(asked, errc::ok, where);
        case request_kind::read:
            return answer(asked, errc::ok, where);
        case request_kind::fate:
            return fate(asked, where, effects);
    }
    return answer(asked, errc::unsupported, where);
}

reply keeper::acquire(const device_id& from, const request& asked, const context& where,
                      effects_type& effects) {
    copy& mine = copies_[asked.event];
    if (!mine.body.empty() && where.rules.is_last(mine.body)) {
        return answer(asked, errc::conflict, where);
    }
    const guest_lock* const lock = lock_of(asked.event, where.now);
    if (lock != nullptr && lock->operation != asked.operation) {
        return answer(asked, errc::busy, where);
    }
    if (lock == nullptr) {
        mine.last_token = std::max(mine.last_token + 1, mine.version.value << 32);
        mine.lock = guest_lock{from, asked.operation, mine.last_token, where.wall};
        mine.until = where.now + ttl_;
        write(asked.event, false, effects);
    }
    reply out = answer(asked, errc::ok, where);
    out.held = mine.lock->held;
    out.lease_ms = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(mine.until - where.now).count());
    return out;
}

reply keeper::renew(const device_id& from, const request& asked, const context& where) {
    copy& mine = copies_[asked.event];
    if (!mine.lock || mine.lock->held != asked.held || mine.lock->holder != from) {
        const bool other = lock_of(asked.event, where.now) != nullptr;
        return answer(asked, other ? errc::busy : errc::conflict, where);
    }
    mine.until = where.now + ttl_;
    reply out = answer(asked, errc::ok, where);
    out.held = asked.held;
    out.lease_ms = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(ttl_).count());
    return out;
}

reply keeper::commit(const device_id& from, const request& asked, const context& where,
                     effects_type& effects) {
    copy& mine = copies_[asked.event];
    const auto known = std::ranges::find(mine.recent, asked.operation,
                                         &std::pair<operation_id, version_number>::first);
    if (known != mine.recent.end()) {
        reply out = answer(asked, errc::ok, where);
        out.version = known->second;
        return out;
    }
    if (mine.version != asked.expect) {
        return answer(asked, errc::conflict, where);
    }
    // The token is enough: as long as nobody was given a later one, a lock that ran out is as good.
    const bool holds = mine.lock && mine.lock->held == asked.held &&
                       mine.lock->operation == asked.operation && mine.lock->holder == from;
    if (!holds || (from != where.self && !where.rules.acceptable(asked.event, asked.body))) {
        return answer(asked, errc::forbidden, where);
    }
    mine.version = mine.version.next();
    mine.lock.reset();
    mine.recent.emplace_back(asked.operation, mine.version);
    if (mine.recent.size() > recent_max) {
        mine.recent.erase(mine.recent.begin());
    }
    mine.body = asked.body;
    write(asked.event, true, effects);
    effects.push_back(decide{asked.operation, asked.event, asked.body, true});
    return answer(asked, errc::ok, where);
}

void keeper::release(const request& asked, effects_type& effects) {
    copy& mine = copies_[asked.event];
    if (mine.lock && mine.lock->held == asked.held) {
        mine.lock.reset();
        write(asked.event, false, effects);
    }
}

/// Where it has not happened its lock is taken away, so that it never does: no token is given
/// twice.
reply keeper::fate(const request& asked, const context& where, effects_type& effects) {
    copy& mine = copies_[asked.event];
    const auto known =
        std::ranges::find(mine.recent, asked.of, &std::pair<operation_id, version_number>::first);
    if (known != mine.recent.end()) {
        reply out = answer(asked, errc::ok, where);
        out.version = known->second;
        return out;
    }
    if (mine.lock && mine.lock->operation == asked.of) {
        mine.lock.reset();
        write(asked.event, false, effects);
    }
    const bool certain =
        mine.version <= asked.expect ||
        (!mine.recent.empty() && mine.recent.front().second <= asked.expect.next());
    return answer(asked, certain ? errc::conflict : errc::timed_out, where);
}

}  // namespace calbox::consensus
