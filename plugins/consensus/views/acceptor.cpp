#include "acceptor.hpp"

#include <calbox/mutant.hpp>

namespace calbox::consensus {
namespace {

constexpr std::uint8_t vote_record = 'v';
constexpr std::uint8_t body_record = 'b';

bytes record_key(std::uint8_t kind, const event_id& event) {
    bytes key{kind};
    const bytes rest = codec::encode(event);
    key.insert(key.end(), rest.begin(), rest.end());
    return key;
}

}  // namespace

void acceptor::restore(const restored& from, const context& where) {
    votes_.clear();
    locks_.clear();
    life_ = from.life;
    for (const auto& [key, record] : from.records) {
        if (key.empty() || key[0] != vote_record) {
            continue;
        }
        const auto event = codec::decode<event_id>(byte_view(key).subspan(1));
        auto read = codec::decode<vote>(record);
        if (event && read) {
            votes_.emplace(*event, std::move(*read));
        }
    }
    for (const auto& [key, record] : from.records) {
        if (key.empty() || key[0] != body_record) {
            continue;
        }
        const auto event = codec::decode<event_id>(byte_view(key).subspan(1));
        const auto found = event ? votes_.find(*event) : votes_.end();
        if (found != votes_.end() && found->second.held) {
            found->second.held->what.body = record;
        }
    }
    for (const auto& [event, one] : votes_) {
        if (one.held && one.held->what.lock) {
            locks_[event] = {one.held->what.lock->operation, one.held->what.lock->written,
                             where.now};
        }
    }
    if (mutant("views.forgets_promises")) {
        std::erase_if(votes_, [&](const auto&) { return where.entropy.below(2) == 0; });
    }
}

const vote* acceptor::find(const event_id& event) const noexcept {
    const auto found = votes_.find(event);
    return found == votes_.end() ? nullptr : &found->second;
}

void acceptor::write(const event_id& event, bool with_body, effects_type& effects) const {
    vote without_body = votes_.at(event);
    if (without_body.held) {
        if (with_body) {
            effects.push_back(
                persist{record_key(body_record, event), without_body.held->what.body});
        }
        without_body.held->what.body.clear();
    }
    effects.push_back(persist{record_key(vote_record, event), codec::encode(without_body)});
}

peer_message acceptor::answer(message_kind kind, const event_id& event, const peer_message& asked,
                              const context& where) const {
    peer_message out;
    out.kind = kind;
    out.event = event;
    out.at = asked.at;
    out.votes = asked.votes;
    out.life = life_;
    if (const vote* const mine = find(event)) {
        out.promised = mine->promised;
        out.held = mine->held;
        out.chosen = mine->chosen;
        if (const auto seen = locks_.find(event); seen != locks_.end()) {
            out.lock_age_ms =
                static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                               where.now - seen->second.since)
                                               .count());
        }
    }
    return out;
}

bool acceptor::is_edited_by_another(const event_id& event, const device_id& asker,
                                    std::uint64_t generation, duration lapses,
                                    const context& where) const {
    const vote* const mine = find(event);
    const auto seen = locks_.find(event);
    return mine != nullptr && mine->held && mine->held->what.lock && seen != locks_.end() &&
           mine->held->what.when.generation.value >= generation &&
           mine->held->what.lock->holder != asker && where.now - seen->second.since < lapses;
}

void acceptor::note_age(const event_id& event, const peer_message& told, const context& where) {
    const auto seen = locks_.find(event);
    const bool same = seen != locks_.end() && told.held && told.held->what.lock &&
                      told.held->what.lock->operation == seen->second.operation &&
                      told.held->what.lock->written == seen->second.written;
    if (!same) {
        return;
    }
    // Of a clock that runs wild, a day is taken.
    constexpr std::uint64_t most = 24 * 3'600'000;
    const duration age = std::chrono::milliseconds(std::min(told.lock_age_ms, most));
    seen->second.since = std::min(seen->second.since, where.now + -age);
}

peer_message acceptor::prepare(const event_id& event, const device_id& asker,
                               const peer_message& asked, duration lapses, const context& where,
                               effects_type& effects) {
    bool ok = true;
    if (asked.votes && asked.lock_of_generation != 0 &&
        is_edited_by_another(event, asker, asked.lock_of_generation, lapses, where)) {
        ok = false;
    } else if (asked.votes) {
        vote& mine = votes_[event];
        ok = mine.promised <= asked.at;
        if (mine.promised < asked.at) {
            mine.promised = asked.at;
            write(event, false, effects);
        }
    }
    peer_message out = answer(message_kind::respond_ok, event, asked, where);
    out.ok = ok;
    return out;
}

peer_message acceptor::accept(const event_id& event, const peer_message& asked,
                              const context& where, effects_type& effects) {
    vote& mine = votes_[event];
    const bool again = mine.held && mine.held->at == asked.at;
    const bool lower = asked.at < mine.promised && !mutant("views.accepts_lower_ballot");
    const bool superseded = mine.held && asked.held->what.when < mine.held->what.when;
    if (!again && !lower && !superseded) {
        mine.promised = std::max(asked.promised, asked.at);
        hold(event, {asked.at, asked.held->what}, where, effects);
    }
    peer_message out = answer(message_kind::updated, event, asked, where);
    out.ok = again || (!lower && !superseded);
    if (out.ok || !superseded) {
        out.held.reset();  // the asker knows it, or needs no more than the ballot
    }
    return out;
}

void acceptor::hold(const event_id& event, accepted_value what, const context& where,
                    effects_type& effects) {
    vote& mine = votes_[event];
    const bool same_body = mine.held && mine.held->what.body == what.what.body;
    if (what.what.lock) {
        watched_lock& seen = locks_[event];
        const lock_record& lock = *what.what.lock;
        if (seen.operation != lock.operation || seen.written != lock.written) {
            seen = {lock.operation, lock.written, where.now};
        }
    } else {
        locks_.erase(event);
    }
    mine.held = std::move(what);
    mine.chosen = false;
    write(event, !same_body, effects);
}

void acceptor::inherit_value(const event_id& event, accepted_value what, const context& where,
                             effects_type& effects) {
    vote& mine = votes_[event];
    if (!mine.held || mine.held->what.when < what.what.when) {
        const ballot at = what.at;
        hold(event, std::move(what), where, effects);
        notify(event, at, effects);
    }
}

peer_message acceptor::state(const event_id& event, const peer_message& asked,
                             const context& where) const {
    return answer(message_kind::re_update, event, asked, where);
}

bool acceptor::notify(const event_id& event, const ballot& at, effects_type& effects) {
    const auto found = votes_.find(event);
    if (found == votes_.end() || !found->second.held || found->second.held->at != at ||
        found->second.chosen) {
        return false;
    }
    found->second.chosen = true;
    write(event, false, effects);
    return true;
}

void acceptor::learn(const event_id& event, const accepted_value& what, const context& where,
                     effects_type& effects) {
    const auto found = votes_.find(event);
    if (found == votes_.end()) {
        return;  // a learner: it has no vote to keep
    }
    vote& mine = found->second;
    if (mine.held && mine.held->at == what.at) {
        notify(event, what.at, effects);
    } else if (!mine.held || mine.held->before(what)) {
        // In spite of a later promise: it was decided by others, who are enough without this one.
        mine.promised = std::max(mine.promised, what.at);
        hold(event, what, where, effects);
        notify(event, what.at, effects);
    }
}

}  // namespace calbox::consensus
