#include "replica/recovery_driver.hpp"

#include <deque>
#include <map>

namespace calbox::replica {

recovery_mediator::~recovery_mediator() = default;

recovery_source* recovery_report::source(const device_id& device) {
    for (auto* const side : {&friends, &backups}) {
        if (const auto found = side->find(device); found != side->end()) {
            return &found->second;
        }
    }
    return nullptr;
}

struct recovery_driver::exchange {
    std::uint64_t id = 0;
    std::unique_ptr<recovery::initiator> machine;
    std::deque<recovery::effect> waiting;
    std::map<std::uint64_t, timer_queue::id> timers;
    recovery_report report;
    event finished;
    bool performing = false;
    explicit exchange(const environment& env) : finished(env) {}
};

recovery_driver::recovery_driver(const environment& env, const event_store& store,
                                 recovery::strategy& strategy, std::string strategy_name,
                                 recovery_mediator& mediator)
    : env_(env),
      store_(store),
      strategy_(strategy),
      strategy_name_(std::move(strategy_name)),
      mediator_(mediator),
      tasks_(env, "recovery") {}

recovery_driver::~recovery_driver() {
    if (current_) {
        for (const auto& [tag, timer] : current_->timers) {
            env_.timers.cancel(timer);
        }
    }
}

task<recovery_report> recovery_driver::run(recovery::begin with) {
    while (current_) {
        const auto earlier = current_;
        co_await earlier->finished.wait();
    }
    const auto mine = std::make_shared<exchange>(env_);
    mine->id = env_.entropy.next() >> 1;
    mine->machine = strategy_.initiate();
    for (const device_id& device : with.friends) {
        mine->report.friends[device];
    }
    for (const device_id& device : with.backups) {
        mine->report.backups[device];
    }
    current_ = mine;
    step(with);
    co_await mine->finished.wait();
    co_return mine->report;
}

void recovery_driver::step(const recovery::input& what) {
    const auto mine = current_;
    if (!mine || mine->finished.is_set()) {
        return;
    }
    std::vector<recovery::effect> effects;
    mine->machine->step(what, store_view(store_, {}, true), where(), effects);
    for (auto& effect : effects) {
        mine->waiting.push_back(std::move(effect));
    }
    if (!mine->performing && !mine->waiting.empty()) {
        mine->performing = true;
        tasks_.spawn("exchange", perform());
    }
}

task<void> recovery_driver::perform() {
    const auto mine = current_;
    bool over = false;
    while (!mine->waiting.empty()) {
        recovery::effect effect = std::move(mine->waiting.front());
        mine->waiting.pop_front();
        if (auto* message = std::get_if<recovery::send>(&effect)) {
            mine->report.bytes += message->body.size();
            wire::recovery_message out{strategy_name_, false, mine->id, std::move(message->body)};
            const auto sent = co_await mediator_.send(message->to, std::move(out));
            if (!sent) {
                on_peer_lost(message->to);
            }
        } else if (auto* found = std::get_if<recovery::apply>(&effect)) {
            if (recovery_source* const from = mine->report.source(found->from)) {
                ++from->envelopes;
            }
            const auto news = co_await mediator_.apply(found->from, std::move(found->envelope));
            if (!news) {
                env_.log.write(log_level::warn, "recovery",
                               "refused an envelope: " + news.error().message());
            } else if (*news) {
                ++mine->report.applied;
            }
        } else if (const auto* timer = std::get_if<recovery::set_timer>(&effect)) {
            const auto tag = timer->tag;
            if (const auto old = mine->timers.find(tag); old != mine->timers.end()) {
                env_.timers.cancel(old->second);
            }
            mine->timers[tag] =
                env_.timers.schedule(env_.time.now() + timer->after, [this, tag, id = mine->id] {
                    if (current_ && current_->id == id) {
                        current_->timers.erase(tag);
                        step(recovery::timer{tag});
                    }
                });
        } else if (const auto* end = std::get_if<recovery::finished>(&effect)) {
            mine->report.caught_up = end->caught_up;
            mine->report.duplicates = end->duplicates;
            mine->report.rounds = end->rounds;
            mine->report.silent = end->silent;
            over = true;
        }
    }
    mine->performing = false;
    if (over) {
        finish(*mine);
    }
}

void recovery_driver::finish(exchange& which) {
    for (const auto& [tag, timer] : which.timers) {
        env_.timers.cancel(timer);
    }
    which.timers.clear();
    const auto add = [](recovery_source& total, const auto& sources) {
        for (const auto& [device, one] : sources) {
            total.envelopes += one.envelopes;
            total.bytes += one.bytes;
        }
    };
    last_ = which.report;
    ++totals_.exchanges;
    add(totals_.friends, last_.friends);
    add(totals_.backups, last_.backups);
    const auto kept = std::exchange(current_, nullptr);
    kept->finished.set();
}

task<void> recovery_driver::on_message(device_id from, std::vector<user_id> users, bool everything,
                                       wire::recovery_message what) {
    if (what.answer) {
        if (current_ && current_->id == what.exchange) {
            current_->report.bytes += what.body.size();
            if (recovery_source* const source = current_->report.source(from)) {
                source->bytes += what.body.size();
            }
            step(recovery::message{from, std::move(what.body)});
        }
        co_return;
    }
    if (what.strategy != strategy_name_) {
        env_.log.write(log_level::debug, "recovery",
                       "a peer recovers by another strategy: " + what.strategy);
        co_return;
    }
    const store_view theirs(store_, std::move(users), everything);
    auto answers = strategy_.respond(what.body, theirs, where());
    if (!answers) {
        env_.log.write(log_level::debug, "recovery", "cannot answer: " + answers.error().message());
        co_return;
    }
    for (bytes& body : *answers) {
        wire::recovery_message out{what.strategy, true, what.exchange, std::move(body)};
        const auto sent = co_await mediator_.send(from, std::move(out));
        if (!sent) {
            co_return;
        }
    }
}

void recovery_driver::on_peer_lost(const device_id& device) { step(recovery::peer_lost{device}); }

}  // namespace calbox::replica
