#include "naive.hpp"

#include <calbox/codec.hpp>

#include <nlohmann/json.hpp>

namespace calbox::consensus {
namespace {

enum class message_kind : std::uint8_t { ask_for_ok = 1, respond_ok = 2 };

struct peer_message {
    message_kind kind = message_kind::ask_for_ok;
    operation_id operation;
    event_id event;
    bool ok = true;
    timestamp since;

    static constexpr auto fields =
        std::tuple(codec::field<1>(&peer_message::kind), codec::field<2>(&peer_message::operation),
                   codec::field<3>(&peer_message::event), codec::field<4>(&peer_message::ok),
                   codec::field<5>(&peer_message::since));
};

done refusal_of(const operation_id& operation, errc code, const char* sentence) {
    refused why;
    why.why = error(code, sentence);
    return {operation, std::move(why)};
}

done refusal(const operation_id& operation, const char* sentence, const device_id& holder,
             const timestamp& since) {
    auto end = refusal_of(operation, errc::busy, sentence);
    std::get<refused>(end.outcome).holder = holder;
    std::get<refused>(end.outcome).since = since;
    return end;
}

}  // namespace

traits naive::declared() const noexcept {
    traits mine;
    mine.inherits = mine.hands_over = true;
    return mine;
}

void naive::step(const input& what, context where, std::vector<effect>& effects) {
    std::visit([&](const auto& one) { on(one, where, effects); }, what);
}

const naive::lock* naive::lock_of(const event_id& event, const instant& now) const {
    const auto found = locks_.find(event);
    return found != locks_.end() && now < found->second.until ? &found->second : nullptr;
}

naive::lock* naive::held_lock(const event_id& event, token held, const instant& now) {
    const auto found = locks_.find(event);
    const bool valid =
        found != locks_.end() && found->second.held == held && now < found->second.until;
    return valid ? &found->second : nullptr;
}

void naive::refuse_locked(const operation_id& operation, const event_id& event,
                          const context& where, effects_type& effects) const {
    const lock* const current = lock_of(event, where.now);
    effects.push_back(
        current != nullptr
            ? refusal(operation, "the event is being edited on this device", where.self,
                      current->since)
            : refusal(operation, "the lock on the event is not held any more", {}, {}));
}

void naive::grant(const operation_id& operation, const event_id& event, version_number version,
                  const context& where, effects_type& effects) {
    if (lock_of(event, where.now) != nullptr) {
        refuse_locked(operation, event, where, effects);
        return;
    }
    locks_[event] = {operation, ++last_token_, where.now + lease_, where.wall, version};
    effects.push_back(done{operation, granted{last_token_, lease_, version}});
}

void naive::on(const acquire& what, const context& where, effects_type& effects) {
    std::erase_if(locks_, [&](const auto& entry) { return entry.second.until <= where.now; });
    if (lock_of(what.event, where.now) != nullptr || questions_.contains(what.operation)) {
        refuse_locked(what.operation, what.event, where, effects);
        return;
    }
    question asked{what.event, what.current, {}, 0};
    if (what.why != intent::create) {  // the report asks before modify and delete; nobody else
                                       // knows a new event yet
        for (const device_id& device : what.members.devices) {
            if (device != where.self && up_.contains(device)) {
                asked.silent.insert(device);
            }
        }
    }
    if (asked.silent.empty()) {
        grant(what.operation, what.event, what.current, where, effects);
        return;
    }
    const bytes body =
        codec::encode(peer_message{message_kind::ask_for_ok, what.operation, what.event, true, {}});
    for (const device_id& device : asked.silent) {
        effects.push_back(send{device, body});
    }
    asked.timer = ++last_timer_;
    effects.push_back(set_timer{asked.timer, ask_});
    questions_.emplace(what.operation, std::move(asked));
}

void naive::on(const renew& what, const context& where, effects_type& effects) {
    if (lock* const mine = held_lock(what.event, what.held, where.now)) {
        mine->until = where.now + lease_;
        effects.push_back(done{what.operation, granted{mine->held, lease_, mine->version}});
    } else {
        refuse_locked(what.operation, what.event, where, effects);
    }
}

void naive::on(const commit& what, const context& where, effects_type& effects) {
    if (held_lock(what.event, what.held, where.now) == nullptr) {
        refuse_locked(what.operation, what.event, where, effects);
        return;
    }
    locks_.erase(what.event);
    effects.push_back(decide{what.operation, what.event, what.value});
    effects.push_back(done{what.operation, committed{what.expect.next(), {where.self}, {}}});
}

void naive::on(const release& what, const context& where, effects_type&) {
    questions_.erase(what.operation);  // given up before everybody had answered
    if (held_lock(what.event, what.held, where.now) != nullptr) {
        locks_.erase(what.event);
    }
}

void naive::on(const read& what, const context&, effects_type& effects) {
    effects.push_back(refusal_of(what.operation, errc::unsupported,
                                 "the strategy naive knows no confirmed version: every device has "
                                 "its own"));
}

void naive::on(const fate& what, const context&, effects_type& effects) {
    effects.push_back(refusal_of(what.operation, errc::timed_out,
                                 "the strategy naive does not remember what became of an edit"));
}

void naive::on(const leaving&, const context&, effects_type& effects) {
    effects.push_back(left{});  // nobody waits for a vote of this device
}

void naive::on(const http_response&, const context&, effects_type&) {}

void naive::on(const message& what, const context& where, effects_type& effects) {
    const auto read = codec::decode<peer_message>(what.body);
    if (!read) {
        return;
    }
    if (read->kind == message_kind::ask_for_ok) {
        const lock* const mine = lock_of(read->event, where.now);
        const peer_message answer{message_kind::respond_ok, read->operation, read->event,
                                  mine == nullptr, mine != nullptr ? mine->since : timestamp{}};
        effects.push_back(send{what.from, codec::encode(answer)});
        return;
    }
    const auto asked = questions_.find(read->operation);
    if (read->kind != message_kind::respond_ok || asked == questions_.end() ||
        asked->second.event != read->event || !asked->second.silent.contains(what.from)) {
        return;
    }
    if (!read->ok) {
        questions_.erase(asked);
        effects.push_back(
            refusal(read->operation, "somebody else is editing the event", what.from, read->since));
        return;
    }
    heard(asked, what.from, where, effects);
}

void naive::heard(std::map<operation_id, question>::iterator asked, const device_id& from,
                  const context& where, effects_type& effects) {
    asked->second.silent.erase(from);
    if (asked->second.silent.empty()) {
        const operation_id operation = asked->first;
        const event_id event = asked->second.event;
        const version_number version = asked->second.version;
        questions_.erase(asked);
        grant(operation, event, version, where, effects);
    }
}

void naive::on(const timer& what, const context& where, effects_type& effects) {
    for (auto asked = questions_.begin(); asked != questions_.end(); ++asked) {
        if (asked->second.timer == what.tag) {
            const operation_id operation = asked->first;
            const event_id event = asked->second.event;
            const version_number version = asked->second.version;
            questions_.erase(asked);
            grant(operation, event, version, where, effects);  // silence is consent
            return;
        }
    }
}

void naive::on(const peer_change& what, const context& where, effects_type& effects) {
    if (what.up) {
        up_.insert(what.device);
        return;
    }
    up_.erase(what.device);
    for (auto asked = questions_.begin(); asked != questions_.end();) {
        const auto next = std::next(asked);
        if (asked->second.silent.contains(what.device)) {
            heard(asked, what.device, where, effects);
        }
        asked = next;
    }
}

void naive::on(const restored&, const context&, effects_type&) {
    locks_.clear();  // isOK is true again after a restart
    questions_.clear();
}

std::string naive::explain(const event_id& event, context where) const {
    nlohmann::json text{{"strategy", "naive"}, {"held", false}};
    if (const lock* const mine = lock_of(event, where.now)) {
        text["held"] = true;
        text["holder"] = where.self.hex();
        text["since"] = mine->since.ms;
        text["lease_ms_left"] =
            std::chrono::duration_cast<std::chrono::milliseconds>(mine->until - where.now).count();
    }
    std::size_t asking = 0;
    for (const auto& [operation, question] : questions_) {
        asking += question.event == event ? 1 : 0;
    }
    text["asking"] = asking;
    text["note"] =
        "only this device's own lock is known; others are asked when somebody wants to edit";
    return text.dump();
}

}  // namespace calbox::consensus
