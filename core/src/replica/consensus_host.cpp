#include "replica/consensus_host.hpp"

#include <set>

#include <calbox/mutant.hpp>

namespace calbox::replica {

namespace {

constexpr duration begin_again_after = std::chrono::seconds(5);
constexpr duration doubt_wait_first = std::chrono::seconds(2);
constexpr duration doubt_wait_most = std::chrono::seconds(30);

/// An answer to a question for an edit's fate that is one.
bool is_told(const consensus::done& what) {
    const auto* const refusal = std::get_if<consensus::refused>(&what.outcome);
    return refusal == nullptr || refusal->why.code == errc::conflict;
}

}  // namespace

consensus_mediator::~consensus_mediator() = default;

struct consensus_host::operation {
    event finished;
    consensus::done answer;
    const bool edits;       // it may make a version
    bool heard_of = false;  // something was sent since it began, perhaps because of it
    operation(const environment& env, bool makes_one) : finished(env), edits(makes_one) {}
};

consensus_host::consensus_host(const environment& env, database& db, consensus::strategy& strategy,
                               consensus_mediator& mediator, device_id self, network_epoch epoch)
    : env_(env),
      db_(db),
      strategy_(strategy),
      mediator_(mediator),
      self_(self),
      epoch_(epoch),
      engine_(env),
      tasks_(env, "consensus") {}

consensus_host::~consensus_host() { forget_timers(); }

void consensus_host::forget_timers() noexcept {
    for (const auto& [tag, timer] : timers_) {
        env_.timers.cancel(timer);
    }
    timers_.clear();
}

task<result<void>> consensus_host::start() {
    auto rows = co_await persisted();
    if (!rows) {
        co_return fail(std::move(rows.error()));
    }
    restore(std::move(*rows));
    co_return result<void>();
}

consensus::context consensus_host::here() const {
    return {self_, env_.time.now(), env_.time.wall(), env_.entropy, mediator_, epoch_};
}

/// The records of the first epoch stand under the strategy's own keys, those of a later one behind
/// a zero byte and its number.
bytes consensus_host::key_of(byte_view key) const {
    bytes out;
    if (epoch_ > network_epoch(1)) {
        out.push_back(0);
        for (int shift = 56; shift >= 0; shift -= 8) {
            out.push_back(static_cast<std::uint8_t>(epoch_.value >> shift));
        }
    }
    out.insert(out.end(), key.begin(), key.end());
    return out;
}

task<result<database::rows>> consensus_host::persisted() {
    const bool first_epoch = epoch_ == network_epoch(1);
    bytes first = first_epoch ? bytes{1} : key_of({});
    bytes last;
    const std::size_t prefix = first_epoch ? 0 : first.size();
    if (!first_epoch) {
        last = first;
        for (std::size_t i = last.size(); i-- > 0 && ++last[i] == 0;) {
        }
    }
    auto rows = co_await db_.scan(record_kind::consensus, std::move(first), std::move(last));
    if (rows) {
        for (auto& [key, value] : *rows) {
            key.erase(key.begin(), key.begin() + static_cast<std::ptrdiff_t>(prefix));
        }
    }
    co_return rows;
}

void consensus_host::restore(database::rows rows) {
    step(consensus::restored{std::move(rows), incarnation(1)});
    for (consensus::inherit& one : mediator_.inherited()) {
        step(std::move(one));
    }
}

result<bytes> consensus_host::begins(const event_id& which, const consensus::group& members) const {
    return strategy_.begins(which, members, here());
}

void consensus_host::step(const consensus::input& what) {
    if (broken_) {
        if (const auto* const peer = std::get_if<consensus::peer_change>(&what)) {
            changed_meanwhile_.insert_or_assign(peer->device, peer->up);
        }
        return;
    }
    std::vector<consensus::effect> effects;
    strategy_.step(what, here(), effects);
    if (effects.empty()) {
        return;
    }
    waiting_.push_back(std::move(effects));
    if (!performing_) {
        performing_ = true;
        tasks_.spawn("effects", perform());
    }
}

/// As many steps as go into one batch: an event is written once in it.
std::vector<std::vector<consensus::effect>> consensus_host::next_steps() {
    std::vector<std::vector<consensus::effect>> steps;
    std::set<event_id> events;
    while (!waiting_.empty()) {
        for (const auto& effect : waiting_.front()) {
            const auto* const decision = std::get_if<consensus::decide>(&effect);
            if (decision != nullptr && !events.insert(decision->event).second && !steps.empty()) {
                return steps;
            }
        }
        steps.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
    }
    return steps;
}

task<void> consensus_host::perform() {
    while (!waiting_.empty()) {
        auto steps = next_steps();
        if (mutant("consensus_host.answers_early")) {
            for (const auto& effects : steps) {
                for (const auto& effect : effects) {
                    if (const auto* const end = std::get_if<consensus::done>(&effect)) {
                        answer(*end);
                    }
                }
            }
        }
        auto stored = co_await make_durable(steps);
        if (!stored) {
            co_await begin_again(std::move(stored.error()));
            continue;
        }
        for (auto& effects : steps) {
            for (auto& effect : effects) {
                carry_out(effect);
            }
        }
    }
    performing_ = false;
}

/// Writes what these steps persist and decide, and publishes what they decide.
task<result<void>> consensus_host::make_durable(
    const std::vector<std::vector<consensus::effect>>& steps) {
    std::set<event_id> events;
    std::vector<const consensus::decide*> decisions;
    batch writes;
    for (const auto& effects : steps) {
        for (const auto& effect : effects) {
            if (const auto* kept = std::get_if<consensus::persist>(&effect)) {
                writes.writes.push_back({record_kind::consensus, key_of(kept->key), kept->value});
            } else if (const auto* decision = std::get_if<consensus::decide>(&effect)) {
                decisions.push_back(decision);
                events.insert(decision->event);
            }
        }
    }
    // In the order of events; whoever else writes events holds one at a time.
    std::vector<event_store::guard> guards;
    for (const event_id& which : events) {
        auto guard = co_await mediator_.hold(which);
        guards.push_back(std::move(guard));
    }
    for (const auto* decision : decisions) {
        if (auto stored = mediator_.store_decided(*decision, writes); !stored) {
            co_return stored;
        }
    }
    if (!writes.empty()) {
        auto stored = co_await db_.apply(std::move(writes));
        if (!stored) {
            co_return stored;
        }
        complaint_.clear();
    }
    for (const auto* decision : decisions) {
        mediator_.decided(*decision);
    }
    co_return result<void>();
}

/// What was not written did not happen here: nobody was told of it, and the strategy must not
/// remember it either. But what was sent before may have done its work with others, and what an
/// error broke off may be on the disk all the same.
task<void> consensus_host::begin_again(error why) {
    const bool still = !complaint_.empty();  // a full disk stays full
    if (std::exchange(complaint_, why.message()) != why.message()) {
        env_.log.write(log_level::error, "consensus", "cannot write: " + complaint_);
    }
    broken_ = why;
    waiting_.clear();
    forget_timers();
    for (const auto& [id, one] : operations_) {
        const bool in_doubt = one->edits && (one->heard_of || why.code == errc::io_failed);
        one->answer.outcome = consensus::refused{
            in_doubt ? error(errc::timed_out,
                             why.message() + "; whether it was made is shown when that is known")
                     : why};
        one->finished.set();
    }
    if (still) {
        co_await sleep_for(env_, begin_again_after);
    }
    while (true) {
        auto rows = co_await persisted();
        if (rows) {
            broken_.reset();
            restore(std::move(*rows));
            for (const auto& [device, up] : std::exchange(changed_meanwhile_, {})) {
                on_peer(device, up);
            }
            mediator_.locks_lost(why);
            co_return;
        }
        co_await sleep_for(env_, begin_again_after);
    }
}

void consensus_host::carry_out(consensus::effect& what) {
    if (std::holds_alternative<consensus::send>(what) ||
        std::holds_alternative<consensus::http_request>(what)) {
        for (const auto& [id, one] : operations_) {
            one->heard_of = true;
        }
    }
    if (auto* message = std::get_if<consensus::send>(&what)) {
        mediator_.send(message->to, std::move(message->body));
    } else if (const auto* timer = std::get_if<consensus::set_timer>(&what)) {
        const auto tag = timer->tag;
        if (const auto old = timers_.find(tag); old != timers_.end()) {
            env_.timers.cancel(old->second);
        }
        timers_[tag] = env_.timers.schedule(env_.time.now() + timer->after, [this, tag] {
            timers_.erase(tag);
            step(consensus::timer{tag});
        });
    } else if (auto* end = std::get_if<consensus::done>(&what)) {
        answer(std::move(*end));
    } else if (std::holds_alternative<consensus::left>(what)) {
        if (leaving_) {
            leaving_->set();
        }
    } else if (auto* request = std::get_if<consensus::http_request>(&what)) {
        tasks_.spawn("engine", ask_engine(std::move(*request)));
    }
}

/// An answer that comes when the strategy has begun again is of no question that it remembers.
task<void> consensus_host::ask_engine(consensus::http_request what) {
    const std::uint64_t tag = what.tag;
    if (!strategy_.declared().needs_external) {
        env_.log.write(log_level::error, "consensus",
                       "the strategy asks for HTTP, and does not declare that it needs it");
        step(consensus::http_response{tag, 0, to_bytes("this strategy may not ask for HTTP")});
        co_return;
    }
    const auto answer = co_await engine_.ask(
        {std::move(what.method), std::move(what.url), std::move(what.body)}, what.most);
    if (answer) {
        step(consensus::http_response{tag, answer->status, answer->body});
    } else {
        step(consensus::http_response{tag, 0, to_bytes(answer.error().message())});
    }
}

void consensus_host::answer(consensus::done what) {
    const auto found = operations_.find(what.operation);
    if (found != operations_.end() && !found->second->finished.is_set()) {
        found->second->answer = std::move(what);
        found->second->finished.set();
    }
}

task<consensus::done> consensus_host::outcome_of(operation_id id, consensus::input what) {
    if (broken_) {
        co_return consensus::done{id, consensus::refused{*broken_}};
    }
    const auto mine =
        std::make_shared<operation>(env_, std::holds_alternative<consensus::commit>(what));
    operations_[id] = mine;
    step(what);
    co_await mine->finished.wait();
    operations_.erase(id);
    co_return std::move(mine->answer);
}

task<result<consensus::granted>> consensus_host::acquire(consensus::acquire what) {
    const operation_id id = what.operation;
    const event_id which = what.event;
    auto done = co_await outcome_of(id, std::move(what));
    if (const auto* grant = std::get_if<consensus::granted>(&done.outcome)) {
        co_return *grant;
    }
    if (const auto* refusal = std::get_if<consensus::refused>(&done.outcome)) {
        co_return fail(mediator_.explain(which, *refusal));
    }
    co_return fail(errc::internal, "the consensus strategy gave acquire another's answer");
}

task<result<consensus::committed>> consensus_host::commit(consensus::commit what,
                                                          consensus::group members) {
    consensus::fate ask;
    env_.entropy.fill(ask.operation.value);
    ask.event = what.event;
    ask.of = what.operation;
    ask.expect = what.expect;
    ask.members = std::move(members);
    const event_id which = what.event;
    const auto first = co_await outcome_of(ask.of, std::move(what));
    if (const auto* decided = std::get_if<consensus::committed>(&first.outcome)) {
        co_return *decided;
    }
    const auto* const refusal = std::get_if<consensus::refused>(&first.outcome);
    if (refusal == nullptr) {
        co_return fail(errc::internal, "the consensus strategy gave commit another's answer");
    }
    if (refusal->why.code != errc::timed_out) {
        co_return fail(mediator_.explain(which, *refusal));
    }
    // The answer was lost, here or on the way: the edit itself may have happened.
    mediator_.doubtful(which, true);
    const auto second = co_await outcome_of(ask.operation, ask);
    if (is_told(second)) {
        mediator_.doubtful(which, false);
    } else {
        doubts_[which] = ask.of;
        tasks_.spawn("doubt", ask_again(std::move(ask)));
    }
    if (const auto* decided = std::get_if<consensus::committed>(&second.outcome)) {
        co_return *decided;
    }
    if (const auto* known = std::get_if<consensus::refused>(&second.outcome);
        known != nullptr && known->why.code == errc::conflict) {
        // Whether for another's version or for nothing at all: asked once more, it will be told.
        co_return fail(errc::unavailable,
                       "the answer was lost and the edit was not made: try again");
    }
    co_return fail(mediator_.explain(which, *refusal));
}

/// Until it is told what became of the edit, or another edit of the event is in doubt.
task<void> consensus_host::ask_again(consensus::fate ask) {
    const auto still = [&] {
        const auto found = doubts_.find(ask.event);
        return found != doubts_.end() && found->second == ask.of;
    };
    for (duration wait = doubt_wait_first;; wait = std::min(2 * wait, doubt_wait_most)) {
        const auto spread = static_cast<std::uint64_t>(wait.count());
        co_await sleep_for(env_, wait + duration(env_.entropy.below(spread)));
        if (!still()) {
            co_return;
        }
        env_.entropy.fill(ask.operation.value);
        const auto told = co_await outcome_of(ask.operation, ask);
        if (still() && is_told(told)) {
            doubts_.erase(ask.event);
            mediator_.doubtful(ask.event, false);
            co_return;
        }
    }
}

task<result<duration>> consensus_host::renew(consensus::renew what) {
    const operation_id id = what.operation;
    const event_id which = what.event;
    const auto done = co_await outcome_of(id, what);
    if (const auto* grant = std::get_if<consensus::granted>(&done.outcome)) {
        co_return grant->lease;
    }
    if (const auto* refusal = std::get_if<consensus::refused>(&done.outcome)) {
        co_return fail(mediator_.explain(which, *refusal));
    }
    co_return fail(errc::internal, "the consensus strategy gave renew another's answer");
}

std::string consensus_host::explain(const event_id& which) const {
    return strategy_.explain(which, here());
}

void consensus_host::release(consensus::release what) { step(what); }

task<void> consensus_host::leave(duration most) {
    const auto mine = std::make_shared<event>(env_);
    leaving_ = mine;
    step(consensus::leaving{most});
    const auto in_time =
        co_await with_deadline<void>(env_, most, [](event& over) -> task<result<void>> {
            co_await over.wait();
            co_return result<void>();
        }(*mine));
    if (!in_time) {
        env_.log.write(log_level::debug, "consensus", "stopped before every event was handed over");
    }
    leaving_.reset();
}

void consensus_host::on_message(const device_id& from, bytes body) {
    step(consensus::message{from, std::move(body)});
}
void consensus_host::on_peer(const device_id& device, bool up) {
    step(consensus::peer_change{device, up});
}

}  // namespace calbox::replica
