// Whole nodes in one process, under one virtual clock and over the in-memory transport: what a
// daemon does, without sockets, threads or files. Strategies come through the real loader.
#pragma once

#include <memory>
#include <string>

#include "crypto/primitives.hpp"
#include "model/event.hpp"
#include "net/memory_transport.hpp"
#include "node/node.hpp"
#include "plugins/loader.hpp"
#include "support/test_environment.hpp"

namespace calbox::test {

/// The answer, or the test's end with what went wrong.
template <class T>
T must(result<T> outcome) {
    if (!outcome) {
        throw std::runtime_error(outcome.error().message());
    }
    if constexpr (!std::is_void_v<T>) {
        return std::move(*outcome);
    }
}

class bytes_source final : public replica::byte_source {
public:
    explicit bytes_source(bytes all) : all_(std::move(all)) {}
    task<result<bytes>> next() override {
        const std::size_t count = std::min<std::size_t>(all_.size() - at_, 10'000);
        bytes piece(all_.begin() + static_cast<std::ptrdiff_t>(at_),
                    all_.begin() + static_cast<std::ptrdiff_t>(at_ + count));
        at_ += count;
        co_return piece;
    }

private:
    bytes all_;
    std::size_t at_ = 0;
};

class bytes_sink final : public replica::byte_sink {
public:
    task<result<void>> write(bytes piece) override {
        all.insert(all.end(), piece.begin(), piece.end());
        co_return result<void>();
    }
    bytes all;
};

/// Consensus strategies that need nothing from outside.
inline std::vector<std::string> strategies() { return {"naive", "organizer", "views"}; }

class test_network {
public:
    explicit test_network(std::uint64_t seed = 1, std::string consensus_plugin = "naive")
        : world(seed), consensus(std::move(consensus_plugin)) {
        must(crypto::initialise());
        model::initialise();
    }
    ~test_network() {
        for (auto& one : nodes_) {
            stop(*one);
        }
    }

    /// One device: its store outlives the node, as a disk does a process.
    struct device {
        device(test_network& in, std::string name, node::node_settings with)
            : network(in),
              called(std::move(name)),
              settings(std::move(with)),
              storing(must(in.plugins.storage(in.storing_by, ""))),
              directory(in.storing_in + called),
              finding(must(in.plugins.discovery("random", ""))),
              locking(must(in.plugins.consensus(in.consensus, ""))),
              recovering(must(in.plugins.recovery("naive", ""))) {}
        test_network& network;
        std::string called;
        node::node_settings settings;
        plugins::loaded<storage::strategy> storing;
        std::string directory;
        plugins::loaded<discovery::strategy> finding;
        plugins::loaded<calbox::consensus::strategy> locking;
        plugins::loaded<recovery::strategy> recovering;
        std::unique_ptr<storage::store> store;
        std::unique_ptr<node::node> running;
        std::vector<user_id> users;

        node::services api() { return running->api(); }
        /// Registers (or signs in) and returns the user's id.
        user_id sign_in(const std::string& name, bool create = true) {
            const auto view = must(
                network.run(api().account.sign_in(name, "a long password of " + name, create)));
            users.push_back(view.id);
            return view.id;
        }
        user_id me() const { return users.at(0); }
    };

    device& add(std::string name, node::node_settings with) {
        with.kdf_memory_bytes = 8ull << 20;
        with.kdf_passes = 1;
        with.version = "test";
        with.listen = name + ":0";
        nodes_.push_back(std::make_unique<device>(*this, std::move(name), std::move(with)));
        start(*nodes_.back());
        return *nodes_.back();
    }
    device& add_hub() {
        node::node_settings with;
        with.roles = wire::role::registry | wire::role::rendezvous | wire::role::backup;
        return add("hub", std::move(with));
    }
    device& add_edge(std::string name, device& hub, net::reach how = net::reach::automatic) {
        node::node_settings with;
        with.reach = how;
        device& one = add(std::move(name), std::move(with));
        const std::string invitation = must(run(hub.api().network.invite({"edge"})));
        must(run(one.api().network.join(invitation)));
        until([&] { return one.api().info.status().state == "connected"; });
        return one;
    }
    void start(device& one) {
        if (!one.settings.open_consensus) {
            one.settings.open_consensus = [this](const std::string& name, const std::string& with) {
                return open_strategy(name, with);
            };
        }
        one.store = must(one.storing->open(one.directory));
        one.running = std::make_unique<node::node>(
            env, *one.store, node::chosen<discovery::strategy>{*one.finding, "random", "1.0", ""},
            node::chosen<calbox::consensus::strategy>{*one.locking, consensus, "1.0.0", ""},
            node::chosen<recovery::strategy>{*one.recovering, "naive", "1.0", ""}, one.settings);
        must(run(one.running->start()));
    }
    result<node::opened_strategy> open_strategy(const std::string& name, const std::string& with) {
        auto made = plugins.consensus(name, with);
        if (!made) {
            return fail(std::move(made.error()));
        }
        using loaded = plugins::loaded<calbox::consensus::strategy>;
        const auto kept = std::make_shared<loaded>(std::move(*made));
        return node::opened_strategy{
            std::shared_ptr<calbox::consensus::strategy>(kept, kept->get()),
            std::string(kept->version())};
    }
    void stop(device& one) {
        if (one.running) {
            // On the core thread, as the daemon does: Asio's cancellation is queued from anywhere
            // else, and comes too late.
            run([](node::node& ending) -> task<void> {
                ending.request_stop();
                co_await ending.join();
            }(*one.running));
            one.running.reset();
            one.store.reset();
        }
    }
    /// Goes on beside what the test does; the answer comes when it has ended.
    template <class T>
    std::shared_ptr<std::optional<T>> begin(task<T> work) {
        const auto answer = std::make_shared<std::optional<T>>();
        asio::co_spawn(world.context, std::move(work), [answer](std::exception_ptr bad, T value) {
            if (!bad) {
                answer->emplace(std::move(value));
            }
        });
        return answer;
    }
    template <class T>
    T run(task<T> work) {
        return world.run(std::move(work));
    }
    /// Lets time pass until the question, asked every `step`, is answered with yes; a test fails
    /// after a virtual minute.
    template <class Question>
    void until(Question question, duration most = std::chrono::minutes(1),
               duration step = std::chrono::milliseconds(10)) {
        const instant end = world.time.now() + most;
        while (!question()) {
            if (world.time.now() > end) {
                std::string log = "waited in vain; the log ends:";
                const auto& lines = world.log.lines;
                for (std::size_t i = lines.size() - std::min<std::size_t>(lines.size(), 15);
                     i < lines.size(); ++i) {
                    log += "\n" + lines[i].area + ": " + lines[i].text;
                }
                throw std::runtime_error(log);
            }
            world.advance(step);
        }
    }

    test_environment world;
    const std::string consensus;  // the name of the strategy that all use
    /// Of the devices that are added from now on: the storage plugin, and what their directories'
    /// names begin with.
    std::string storing_by = "memory", storing_in;
    net::memory_transport transport{world.env};
    environment env{world.context.get_executor(),
                    world.time,
                    world.timers,
                    world.entropy,
                    transport,
                    world.disk,
                    world.compute,
                    world.log};
    plugins::plugin_host plugins{{CALBOX_PLUGIN_DIRECTORY}, world.log};

private:
    std::vector<std::unique_ptr<device>> nodes_;
};

}  // namespace calbox::test
