// The network changes its consensus strategy: the registry signs what it is from when on, every
// device passes that on, and brings the events that it has a part in over into the new epoch.
#include <algorithm>

#include "node/parts.hpp"
#include "wire/limits.hpp"

namespace calbox::node {

using wire::message_type;

namespace {

// Whoever created an event moves it at once; the others, if he has not, after a while.
constexpr duration move_again_first = std::chrono::seconds(20);
constexpr duration move_again_most = std::chrono::minutes(10);
constexpr duration tell_time = std::chrono::seconds(10);

}  // namespace

/// Nobody has signed the first one while there is no second: it is what this device was made with.
wire::strategy_record node_parts::record_of(network_epoch epoch) const {
    const auto& known_ones = book.known();
    if (epoch.value >= 1 && epoch.value <= known_ones.size()) {
        return known_ones[epoch.value - 1];
    }
    return {network_epoch(1), locking.name, locking.version, locking.settings, timestamp()};
}

result<std::shared_ptr<consensus::strategy>> node_parts::strategy_of(network_epoch epoch) const {
    const wire::strategy_record what = record_of(epoch);
    const bool configured = epoch == network_epoch(1) && what.name == locking.name &&
                            what.version == locking.version && what.settings == locking.settings;
    if (configured) {
        // The composition root's, which outlives the node.
        return std::shared_ptr<consensus::strategy>(std::shared_ptr<void>(), &locking.strategy);
    }
    const std::string which = "the network's consensus strategy of epoch " +
                              std::to_string(epoch.value) + ", " + what.name + " " + what.version;
    const std::string then =
        ": events that it decides about can be read and not changed here. Install that plugin and "
        "restart calboxd";
    if (!with.open_consensus) {
        return fail(errc::unsupported, which + ", cannot be loaded on this device" + then);
    }
    auto made = with.open_consensus(what.name, what.settings);
    if (!made) {
        return fail(errc::unsupported, which + ", cannot be loaded on this device (" +
                                           made.error().message() + ")" + then);
    }
    if (made->version != what.version) {
        return fail(errc::unsupported,
                    which + ", is installed on this device as version " + made->version + then);
    }
    return std::move(made->strategy);
}

task<result<void>> node_parts::open_strategies() {
    auto opened_all = co_await replica->open_epochs(book.last());
    co_return opened_all;
}

std::vector<strategy_view> node_parts::strategies() const {
    std::vector<strategy_view> all;
    for (network_epoch at(1); at <= book.last(); at = at.next()) {
        wire::strategy_record what = record_of(at);
        strategy_view view;
        view.epoch = at.value;
        view.name = std::move(what.name);
        view.version = std::move(what.version);
        view.settings = std::move(what.settings);
        view.takes_effect = what.takes_effect;
        view.in_effect = at <= book.now();
        const auto problem = me.in_network() ? replica->epoch_problem(at) : std::nullopt;
        view.usable = !problem.has_value();
        view.problem = problem ? problem->message() : std::string();
        all.push_back(std::move(view));
    }
    for (const auto& [id, held] : replica->events().all()) {
        const std::uint64_t at = held.header.next_in.value;
        if (at >= 1 && at <= all.size() && held.header.kind == envelope_kind::put) {
            ++all[at - 1].events;
        }
    }
    return all;
}

task<result<std::vector<strategy_view>>> node_parts::change_strategy(strategy_change to) {
    if (!registry) {
        co_return fail(errc::forbidden,
                       "the strategy is changed where the registry of the network runs");
    }
    if (std::exchange(changing_strategy_, true)) {
        co_return fail(errc::busy, "somebody else is changing the strategy at this moment");
    }
    const flag_taken until_the_end{changing_strategy_};
    if (book.pending()) {
        co_return fail(errc::busy, "the last change has not taken effect yet: wait for it");
    }
    const wire::strategy_record last = record_of(book.last());
    if (last.name == to.name && last.settings == to.settings) {
        co_return fail(errc::already_exists,
                       "the network has the strategy " + to.name + " already");
    }
    if (book.last().value >= wire::limits::strategy_epochs ||
        to.settings.size() > wire::limits::strategy_settings_bytes) {
        co_return fail(errc::too_large, "a network changes its strategy at most " +
                                            std::to_string(wire::limits::strategy_epochs - 1) +
                                            " times, and a strategy's settings are short");
    }
    if (to.after < std::chrono::seconds(0) || to.after > std::chrono::hours(24 * 365)) {
        co_return fail(errc::invalid_argument, "a change takes effect within a year");
    }
    if (!with.open_consensus) {
        co_return fail(errc::unsupported, "this daemon loads no plugins");
    }
    const auto made = with.open_consensus(to.name, to.settings);
    if (!made) {
        co_return fail(made.error());
    }
    if (!made->strategy->declared().inherits) {
        co_return fail(errc::unsupported, "the strategy " + to.name +
                                              " cannot go on with events of another one: a network "
                                              "has it from its beginning, or not at all");
    }
    wire::strategies all = book.told();
    if (all.known.empty()) {
        all.known.push_back(registry->sign(record_of(network_epoch(1))));
    }
    const timestamp now = env.time.wall();
    const timestamp when{now.ms + std::chrono::milliseconds(to.after).count()};
    all.known.push_back(
        registry->sign({book.last().next(), to.name, made->version, std::move(to.settings),
                        std::max(when, last.takes_effect)}));
    const network_epoch before = book.last();
    // Nobody else hears of it before it is durable here: an epoch is never signed twice.
    co_await learn_strategies(std::move(all));
    if (book.last() == before) {
        co_return fail(errc::io_failed,
                       "the change could not be written down: nothing has changed");
    }
    env.log.write(log_level::info, "node",
                  "the network goes over to the strategy " + to.name + ", epoch " +
                      std::to_string(book.last().value));
    co_return strategies();
}

task<void> node_parts::learn_strategies(wire::strategies what) {
    const auto taken = co_await book.take(std::move(what));
    if (!taken) {
        const bool from_registry =
            taken.error().code != errc::mismatch && taken.error().code != errc::malformed;
        env.log.write(from_registry ? log_level::warn : log_level::debug, "node",
                      "news of the network's strategy is not believed: " + taken.error().message());
        co_return;
    }
    if (!*taken) {
        co_return;
    }
    if (me.in_network()) {
        const auto opened_all = co_await open_strategies();
        if (!opened_all) {
            env.log.write(log_level::error, "node",
                          "the network's strategy cannot be started, restart calboxd: " +
                              opened_all.error().message());
        }
    }
    change news;
    news.what = "status";
    news.text = "the network has the consensus strategy " + record_of(book.last()).name +
                " from epoch " + std::to_string(book.last().value) + " on";
    watching.tell({}, std::move(news));
    tell_strategies();
    look_who_is_behind();
}

/// Of another device. Learned in a task of the node's, which does not end with that one's session.
void node_parts::hear_strategies(wire::strategies what) {
    if (what.known.size() > book.known().size()) {
        tasks.spawn("epochs", learn_strategies(std::move(what)));
    }
}

/// Everybody with whom there is a session; the rest hears of it in hello.
void node_parts::tell_strategies() {
    for (const net::peer& one : connections->peers()) {
        if (one.member) {
            tasks.spawn("epochs", tell_strategies_to(one.device));
        }
    }
}

task<void> node_parts::tell_strategies_to(device_id to) {
    const auto answer = co_await connections->request(to, message_type::strategies,
                                                      codec::encode(book.told()), tell_time);
    auto theirs = answer ? codec::decode<wire::strategies>(*answer) : fail(answer.error());
    if (theirs) {
        hear_strategies(std::move(*theirs));
    }
}

void node_parts::look_who_is_behind() {
    if (book.last() > network_epoch(1)) {
        behind_an_epoch_.set();
    }
}

task<void> node_parts::keep_moving() {
    while (true) {
        co_await behind_an_epoch_.wait();
        behind_an_epoch_.reset();
        duration pause = move_again_first;
        for (unsigned round = 0;; ++round) {
            if (const auto pending = book.pending()) {
                co_await sleep_for(env, *pending + std::chrono::milliseconds(1));
            }
            const bool done = co_await move_events(round);
            if (done) {
                break;
            }
            const auto spread = static_cast<std::uint64_t>(pause.count());
            co_await sleep_for(env, pause + duration(env.entropy.below(spread)));
            pause = std::min(2 * pause, move_again_most);
        }
    }
}

/// False where an event remains that this device has a part in. Whoever may not move it now is not
/// asked to: without its voters an event stays where it is, as it would stay unchanged.
task<bool> node_parts::move_events(unsigned round) {
    bool done = true;
    const network_epoch now = book.now();
    if (replica->epoch_problem(now)) {
        co_return true;  // this device cannot; a restart looks again
    }
    for (const event_id& which : replica->behind(now)) {
        const replica::held_event* const held = replica->events().find(which);
        if (held == nullptr || held->header.next_in >= now) {
            continue;
        }
        std::optional<user_id> as;
        for (const account_view& user : accounts->signed_in()) {
            if (held->header.involves(user.id)) {
                as = user.id;
            }
        }
        if (!as) {
            continue;
        }
        const bool mine = links->for_replica().organizer_device(which) == me.self();
        if (round == 0 && !mine) {
            done = false;
            continue;
        }
        const auto moved = co_await replica->move(*as, which);
        if (!moved) {
            env.log.write(
                log_level::debug, "node",
                "not moved yet: " + names->id_text(which) + ": " + moved.error().message());
            done = false;
        }
    }
    co_return done;
}

}  // namespace calbox::node
