#include "replica/consensus_epochs.hpp"

#include "base/flag_taken.hpp"

namespace calbox::replica {

/// In the order in which each uses the ones before it.
struct consensus_epochs::one {
    std::shared_ptr<consensus::strategy> strategy;
    std::unique_ptr<consensus_mediator> mediator;
    consensus_host host;
    bool started = false;
    one(const environment& env, database& db, std::shared_ptr<consensus::strategy> made,
        std::unique_ptr<consensus_mediator> with, device_id self, network_epoch epoch)
        : strategy(std::move(made)),
          mediator(std::move(with)),
          host(env, db, *strategy, *mediator, self, epoch) {}
};

consensus_epochs::consensus_epochs(const environment& env, database& db, parts with)
    : env_(env), db_(db), with_(std::move(with)) {}

consensus_epochs::~consensus_epochs() = default;

task<result<void>> consensus_epochs::open(network_epoch last) {
    wanted_ = std::max(wanted_, last);
    if (std::exchange(opening_, true)) {
        co_return result<void>();  // whoever does it already sees what is wanted
    }
    const flag_taken until_the_end{opening_};
    for (network_epoch at(1); at <= wanted_; at = at.next()) {
        if (!running_.contains(at)) {
            auto made = with_.strategy_of(at);
            if (!made) {
                env_.log.write(log_level::warn, "consensus", made.error().message());
                missing_.insert_or_assign(at, made.error());
                continue;
            }
            running_.emplace(at, std::make_unique<one>(env_, db_, std::move(*made),
                                                       with_.mediator_of(at), with_.self, at));
        }
        one& mine = *running_.at(at);
        if (mine.started) {
            continue;
        }
        auto started = co_await mine.host.start();
        if (!started) {
            co_return started;
        }
        mine.started = true;
        missing_.erase(at);
        for (const device_id& device : up_) {
            mine.host.on_peer(device, true);
        }
    }
    co_return result<void>();
}

void consensus_epochs::request_stop() noexcept {
    for (const auto& [epoch, each] : running_) {
        each->host.request_stop();
    }
}

task<void> consensus_epochs::join() {
    for (const auto& [epoch, each] : running_) {
        co_await each->host.join();
    }
}

result<consensus_host*> consensus_epochs::find(network_epoch epoch) const {
    const auto found = running_.find(epoch);
    if (found != running_.end() && found->second->started) {
        return &found->second->host;
    }
    if (const auto why = missing_.find(epoch); why != missing_.end()) {
        return fail(why->second);
    }
    return fail(errc::not_caught_up,
                "this device has not learned yet which consensus strategy decides about this "
                "event: try again in a moment");
}

void consensus_epochs::on_message(network_epoch epoch, const device_id& from, bytes body) {
    if (const auto host = find(epoch)) {
        (*host)->on_message(from, std::move(body));
    }
}

void consensus_epochs::on_peer(const device_id& device, bool up) {
    if (up) {
        up_.insert(device);
    } else {
        up_.erase(device);
    }
    for (const auto& [epoch, each] : running_) {
        if (each->started) {
            each->host.on_peer(device, up);
        }
    }
}

void consensus_epochs::inherit(network_epoch epoch, consensus::inherit what) {
    if (const auto host = find(epoch)) {
        (*host)->inherit(std::move(what));
    }
}

task<void> consensus_epochs::leave(duration most) {
    const instant end = env_.time.now() + most;
    for (auto at = running_.rbegin(); at != running_.rend(); ++at) {
        const duration left = end - env_.time.now();
        if (at->second->started && left > duration()) {
            co_await at->second->host.leave(left);
        }
    }
}

}  // namespace calbox::replica
