#include "replica/consensus_host.hpp"

namespace calbox::replica {

consensus_mediator::~consensus_mediator() = default;

struct consensus_host::operation {
    event finished;
    consensus::done answer;
    explicit operation(const environment& env) : finished(env) {}
};

error to_error(const consensus::refused& refusal) { return refusal.why; }

consensus_host::consensus_host(const environment& env, database& db, consensus::strategy& strategy,
                               consensus_mediator& mediator, device_id self)
    : env_(env),
      db_(db),
      strategy_(strategy),
      mediator_(mediator),
      self_(self),
      tasks_(env, "consensus") {}

consensus_host::~consensus_host() {
    for (const auto& [tag, timer] : timers_) {
        env_.timers.cancel(timer);
    }
}

task<result<void>> consensus_host::start() {
    auto rows = co_await db_.scan(record_kind::consensus);
    if (!rows) {
        co_return fail(std::move(rows.error()));
    }
    step(consensus::restored{std::move(*rows)});
    co_return result<void>();
}

void consensus_host::step(const consensus::input& what) {
    std::vector<consensus::effect> effects;
    strategy_.step(what, {self_, env_.time.now(), env_.time.wall(), env_.entropy}, effects);
    if (effects.empty()) {
        return;
    }
    waiting_.push_back(std::move(effects));
    if (!performing_) {
        performing_ = true;
        tasks_.spawn("effects", perform());
    }
}

task<void> consensus_host::perform() {
    while (!waiting_.empty()) {
        auto steps = std::exchange(waiting_, {});
        batch writes;
        result<void> stored;
        for (const auto& effects : steps) {
            for (const auto& effect : effects) {
                if (const auto* kept = std::get_if<consensus::persist>(&effect)) {
                    writes.writes.push_back({record_kind::consensus, kept->key, kept->value});
                } else if (const auto* decision = std::get_if<consensus::decide>(&effect);
                           decision && stored) {
                    stored = mediator_.store_decided(*decision, writes);
                }
            }
        }
        if (stored && !writes.empty()) {
            stored = co_await db_.apply(std::move(writes));
        }
        for (auto& effects : steps) {
            for (auto& effect : effects) {
                if (stored) {
                    carry_out(effect);
                } else if (auto* answer = std::get_if<consensus::done>(&effect)) {
                    answer->outcome = consensus::refused{stored.error(), {}, {}};
                    carry_out(effect);
                }
            }
        }
        if (!stored) {
            env_.log.write(log_level::error, "consensus",
                           "cannot write: " + stored.error().message());
        }
    }
    performing_ = false;
}

void consensus_host::carry_out(consensus::effect& what) {
    if (auto* message = std::get_if<consensus::send>(&what)) {
        mediator_.send(message->to, std::move(message->body));
    } else if (const auto* decision = std::get_if<consensus::decide>(&what)) {
        mediator_.decided(*decision);
    } else if (const auto* timer = std::get_if<consensus::set_timer>(&what)) {
        const auto tag = timer->tag;
        if (const auto old = timers_.find(tag); old != timers_.end()) {
            env_.timers.cancel(old->second);
        }
        timers_[tag] = env_.timers.schedule(env_.time.now() + timer->after, [this, tag] {
            timers_.erase(tag);
            step(consensus::timer{tag});
        });
    } else if (auto* answer = std::get_if<consensus::done>(&what)) {
        const auto found = operations_.find(answer->operation);
        if (found != operations_.end()) {
            found->second->answer = std::move(*answer);
            found->second->finished.set();
        }
    }
}

task<consensus::done> consensus_host::outcome_of(operation_id id, consensus::input what) {
    const auto mine = std::make_shared<operation>(env_);
    operations_[id] = mine;
    step(what);
    co_await mine->finished.wait();
    operations_.erase(id);
    co_return std::move(mine->answer);
}

task<result<consensus::granted>> consensus_host::acquire(consensus::acquire what) {
    const operation_id id = what.operation;
    auto done = co_await outcome_of(id, std::move(what));
    if (const auto* grant = std::get_if<consensus::granted>(&done.outcome)) {
        co_return *grant;
    }
    if (const auto* refusal = std::get_if<consensus::refused>(&done.outcome)) {
        co_return fail(to_error(*refusal));
    }
    co_return fail(errc::internal, "the consensus strategy answered acquire with committed");
}

task<result<consensus::committed>> consensus_host::commit(consensus::commit what) {
    const operation_id id = what.operation;
    auto done = co_await outcome_of(id, std::move(what));
    if (const auto* decided = std::get_if<consensus::committed>(&done.outcome)) {
        co_return *decided;
    }
    if (const auto* refusal = std::get_if<consensus::refused>(&done.outcome)) {
        co_return fail(to_error(*refusal));
    }
    co_return fail(errc::internal, "the consensus strategy answered commit with granted");
}

void consensus_host::release(consensus::release what) { step(what); }
void consensus_host::on_message(const device_id& from, bytes body) {
    step(consensus::message{from, std::move(body)});
}
void consensus_host::on_peer(const device_id& device, bool up) {
    step(consensus::peer_change{device, up});
}

}  // namespace calbox::replica
