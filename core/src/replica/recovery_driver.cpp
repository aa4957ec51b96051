#include "replica/recovery_driver.hpp"

#include <algorithm>
#include <deque>

#include <calbox/mutant.hpp>

namespace calbox::replica {

recovery_mediator::~recovery_mediator() = default;
recovery_set::~recovery_set() = default;

std::unique_ptr<recovery::view> event_set::to_ask(const recovery_peers& peers) const {
    return std::make_unique<store_view>(store_, peers.ours, is_backup_, &peers.friends);
}

std::unique_ptr<recovery::view> event_set::to_answer(std::vector<user_id> users,
                                                     bool everything) const {
    if (is_backup_ || everything) {
        return std::make_unique<store_view>(store_, std::move(users), everything);
    }
    // Of an event that somebody here has left, his last version is here, and what came after is
    // not.
    return std::make_unique<store_view>(store_, std::move(users), false, nullptr, ours_());
}

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
    std::string strategy;
    recovery_peers peers;
    std::unique_ptr<recovery::initiator> machine;
    std::deque<recovery::effect> waiting;
    std::map<std::uint64_t, timer_queue::id> timers;
    recovery_report report;
    event finished;
    bool performing = false, over = false;
    explicit exchange(const environment& env) : finished(env) {}
};

recovery_driver::recovery_driver(const environment& env, const recovery_set& set,
                                 recovery_strategies strategies, recovery_mediator& mediator)
    : env_(env),
      set_(set),
      strategies_(std::move(strategies)),
      mediator_(mediator),
      tasks_(env, "recovery") {}

recovery_driver::~recovery_driver() {
    if (current_) {
        for (const auto& [tag, timer] : current_->timers) {
            env_.timers.cancel(timer);
        }
    }
}

result<void> recovery_driver::use(std::string_view name) {
    if (strategies_.known.contains(name)) {
        strategies_.chosen = name;
        return {};
    }
    std::string all;
    for (const auto& [one, strategy] : strategies_.known) {
        all += (all.empty() ? "" : ", ") + one;
    }
    return fail(errc::not_found,
                "there is no recovery strategy \"" + std::string(name) + "\", only " + all);
}

task<recovery_report> recovery_driver::run(recovery_peers with) {
    while (current_) {
        const auto earlier = current_;
        co_await earlier->finished.wait();
    }
    const auto mine = std::make_shared<exchange>(env_);
    mine->report.strategy = strategies_.chosen;
    for (const auto& [device, users] : with.friends) {
        mine->report.friends[device];
    }
    for (const device_id& device : with.backups) {
        mine->report.backups[device];
    }
    current_ = mine;
    begin(with, strategies_.chosen);
    co_await mine->finished.wait();
    co_return mine->report;
}

void recovery_driver::begin(const recovery_peers& with, const std::string& strategy) {
    exchange& mine = *current_;
    mine.id = env_.entropy.next() >> 1;
    mine.strategy = strategy;
    mine.peers = with;
    mine.machine = strategies_.known.at(strategy)->initiate();
    mine.over = false;
    recovery::begin all;
    for (const auto& [device, users] : with.friends) {
        all.friends.push_back(device);
    }
    if (!mutant("recovery_driver.asks_friends_only")) {
        all.backups = with.backups;
    }
    step(all);
}

/// Whoever does not know the strategy is asked by the one that every device has.
void recovery_driver::ask_refusers(exchange& which) {
    recovery_peers again;
    again.ours = which.peers.ours;
    for (const device_id& device : which.report.refused) {
        if (const auto found = which.peers.friends.find(device);
            found != which.peers.friends.end()) {
            again.friends.insert(*found);
        } else {
            again.backups.push_back(device);
        }
        std::erase(which.report.silent, device);
    }
    begin(again, std::string(fallback));
}

void recovery_driver::step(const recovery::input& what) {
    const auto mine = current_;
    if (!mine || mine->over || mine->finished.is_set()) {
        return;
    }
    std::vector<recovery::effect> effects;
    mine->machine->step(what, *set_.to_ask(mine->peers), where(), effects);
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
    while (!mine->waiting.empty()) {
        recovery::effect effect = std::move(mine->waiting.front());
        mine->waiting.pop_front();
        co_await perform_one(*mine, std::move(effect));
        if (mine->over && mine->waiting.empty() && mine->strategy != fallback &&
            !mine->report.refused.empty() && strategies_.known.contains(fallback)) {
            ask_refusers(*mine);
        }
    }
    mine->performing = false;
    if (mine->over) {
        finish(*mine);
    }
}

task<void> recovery_driver::perform_one(exchange& mine, recovery::effect effect) {
    if (auto* const message = std::get_if<recovery::send>(&effect)) {
        const device_id to = message->to;
        mine.report.bytes_sent += message->body.size();
        wire::recovery_message out{mine.strategy, false, mine.id, std::move(message->body), {}, {}};
        const auto sent = co_await mediator_.send(to, std::move(out));
        if (!sent) {
            on_peer_lost(to);
        }
    } else if (auto* const found = std::get_if<recovery::apply>(&effect)) {
        co_await apply_one(mine, std::move(*found));
    } else if (const auto* const timer = std::get_if<recovery::set_timer>(&effect)) {
        set_timer(mine, *timer);
    } else if (const auto* const end = std::get_if<recovery::finished>(&effect)) {
        note_end(mine, *end);
    }
}

task<void> recovery_driver::apply_one(exchange& mine, recovery::apply found) {
    if (recovery_source* const from = mine.report.source(found.from)) {
        ++from->envelopes;
    }
    const auto is_envelope = [](const recovery::effect& one) {
        return std::holds_alternative<recovery::apply>(one);
    };
    if (mutant("recovery_driver.drops_last") && std::ranges::none_of(mine.waiting, is_envelope)) {
        co_return;
    }
    const std::size_t size = found.envelope.size();
    const auto news = co_await mediator_.apply(found.from, std::move(found.envelope));
    if (!news) {
        env_.log.write(log_level::warn, "recovery",
                       "refused an envelope: " + news.error().message());
    } else if (*news) {
        ++mine.report.applied;
        mine.report.lower_bound += size;
    }
}

void recovery_driver::set_timer(exchange& mine, const recovery::set_timer& timer) {
    const auto tag = timer.tag;
    if (const auto old = mine.timers.find(tag); old != mine.timers.end()) {
        env_.timers.cancel(old->second);
    }
    mine.timers[tag] =
        env_.timers.schedule(env_.time.now() + timer.after, [this, tag, id = mine.id] {
            if (current_ && current_->id == id) {
                current_->timers.erase(tag);
                step(recovery::timer{tag});
            }
        });
}

void recovery_driver::note_end(exchange& mine, const recovery::finished& end) {
    mine.over = true;
    recovery_report& report = mine.report;
    report.duplicates += end.duplicates;
    report.rounds += end.rounds;
    report.silent.insert(report.silent.end(), end.silent.begin(), end.silent.end());
    report.caught_up = report.silent.empty() && end.caught_up;
    for (const auto& [tag, timer] : mine.timers) {
        env_.timers.cancel(timer);
    }
    mine.timers.clear();
}

void recovery_driver::finish(exchange& which) {
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

task<void> recovery_driver::on_answer(device_id from, wire::recovery_message what) {
    if (!current_ || current_->id != what.exchange || current_->over) {
        co_return;
    }
    recovery_report& report = current_->report;
    report.bytes_received += what.body.size();
    if (what.refused.value_or(false)) {
        if (report.source(from) != nullptr && current_->strategy != fallback &&
            std::ranges::count(report.refused, from) == 0) {
            report.refused.push_back(from);
            step(recovery::peer_lost{from});
        }
        co_return;
    }
    if (recovery_source* const source = report.source(from)) {
        source->bytes += what.body.size();
    }
    step(recovery::message{from, std::move(what.body)});
}

task<void> recovery_driver::on_message(device_id from, std::vector<user_id> users, bool everything,
                                       wire::recovery_message what) {
    if (what.answer) {
        co_await on_answer(from, std::move(what));
        co_return;
    }
    const auto found = strategies_.known.find(what.strategy);
    if (found == strategies_.known.end()) {
        env_.log.write(log_level::debug, "recovery",
                       "a peer recovers by a strategy that is not here: " + what.strategy);
        wire::recovery_message no{std::move(what.strategy), true, what.exchange, {}, true, {}};
        (void)co_await mediator_.send(from, std::move(no));
        co_return;
    }
    const auto theirs = set_.to_answer(std::move(users), everything);
    auto answers = found->second->respond(what.body, *theirs, where());
    if (!answers) {
        env_.log.write(log_level::debug, "recovery", "cannot answer: " + answers.error().message());
        co_return;
    }
    for (bytes& body : *answers) {
        wire::recovery_message out{what.strategy, true, what.exchange, std::move(body), {}, {}};
        const auto sent = co_await mediator_.send(from, std::move(out));
        if (!sent) {
            co_return;
        }
    }
}

void recovery_driver::on_peer_lost(const device_id& device) { step(recovery::peer_lost{device}); }

}  // namespace calbox::replica
