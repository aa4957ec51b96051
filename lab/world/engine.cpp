#include "lab/world/engine.hpp"

#include <nlohmann/json.hpp>

#include "lab/sim/etcd_server.hpp"
#include "lab/sim/silent_logger.hpp"
#include "lab/world/worker.hpp"
#include "lab/world/world.hpp"

namespace calbox::lab {
namespace {

constexpr std::string_view port = ":2379";
constexpr duration end_time = std::chrono::seconds(5);

}  // namespace

struct engine::machine {
    machine(world& in, const std::string& host, etcd_model& cluster)
        : name(host),
          entropy(in.with.seed, name),
          time(in.line),
          timers(in.line, time),
          disk(in.line, entropy, {}, {}),
          compute(in.line, entropy, {}, {}),
          card(in.net.plug(name, env)),  // which only keeps where it will be
          env{in.context.get_executor(), time, timers, entropy, *card, disk, compute, log},
          server(env, cluster) {}

    std::string name;
    seeded entropy;
    device_clock time;
    device_timers timers;
    sim_worker disk, compute;
    silent_logger log;
    std::unique_ptr<line_card> card;
    environment env;
    etcd_server server;
};

std::vector<std::string> engine::hosts_of(const std::string& strategy) {
    return strategy == "etcd" ? std::vector<std::string>{"etcd1", "etcd2", "etcd3"}
                              : std::vector<std::string>();
}

std::string engine::settings_for(const std::string& strategy, const std::string& settings) {
    nlohmann::json with = nlohmann::json::parse(settings, nullptr, false);
    with = with.is_object() ? with : nlohmann::json::object();
    for (const std::string& host : hosts_of(strategy)) {
        with["endpoints"].push_back("http://" + host + std::string(port));
    }
    return hosts_of(strategy).empty() ? settings : with.dump();
}

engine::engine(world& in) : in_(in) {
    for (const std::string& host : hosts_of(in.with.consensus)) {
        in.net.add_host(host);
        machines_.push_back(std::make_unique<machine>(in, host, cluster_));
        if (auto started = machines_.back()->server.start(host + std::string(port)); !started) {
            throw failure(host + ": " + started.error().message());
        }
    }
}

void engine::reseed(std::uint64_t seed) {
    for (const auto& one : machines_) {
        one->entropy = seeded(seed, one->name);
    }
}

namespace {
task<void> end_server(etcd_server& server, bool& ended) {
    server.request_stop();
    co_await server.join();
    ended = true;
}
}  // namespace

engine::~engine() {
    for (const auto& one : machines_) {
        bool ended = false;
        task_scope last(one->env, "the end of an engine");
        last.spawn("end", end_server(one->server, ended));
        one->card->pull(ending::process);
        const instant limit = in_.now() + end_time;
        in_.settle();
        while (!ended && in_.turn(limit)) {
            in_.settle();
        }
    }
    in_.settle();
}

}  // namespace calbox::lab
