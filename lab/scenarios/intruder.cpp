#include "lab/scenarios/intruder.hpp"

#include "lab/sim/silent_logger.hpp"
#include "lab/world/worker.hpp"
#include "net/framing.hpp"
#include "node/parts.hpp"
#include "wire/limits.hpp"

namespace calbox::lab {

namespace {

constexpr duration answer_time = std::chrono::seconds(5);
constexpr duration end_time = std::chrono::seconds(30);

template <class Strategy>
Strategy loaded_or_fail(result<Strategy> what) {
    if (!what) {
        throw failure(what.error().message());
    }
    return std::move(*what);
}

std::unique_ptr<storage::store> opened(storage::strategy& storing) {
    auto store = storing.open("intruder");
    if (!store) {
        throw failure(store.error().message());
    }
    return std::move(*store);
}

node::node_settings settings_for(const std::string& host) {
    node::node_settings with;
    with.listen = host + ":0";
    with.kdf_memory_bytes = wire::limits::kdf_memory_least;
    with.kdf_passes = 1;
    with.version = "intruder";
    return with;
}

}  // namespace

struct intruder::life {
    life(world& where, const std::string& host)
        : in(where),
          chance(where.with.seed, host),
          time(where.line),
          timers(where.line, time),
          disk(where.line, chance, std::chrono::microseconds(100), std::chrono::microseconds(200)),
          compute(where.line, chance, std::chrono::microseconds(50),
                  std::chrono::microseconds(100)),
          plugins(where.with.plugin_directories, log),
          finding(loaded_or_fail(
              plugins.discovery(where.with.discovery, where.with.discovery_settings))),
          locking(loaded_or_fail(
              plugins.consensus(where.with.consensus, where.with.consensus_settings))),
          recovering(loaded_or_fail(plugins.recovery(where.with.recovery, ""))),
          storing(loaded_or_fail(plugins.storage("memory", ""))),
          card((where.net.add_host(host), where.net.plug(host, env))),
          env{where.context.get_executor(), time, timers, chance, *card, disk, compute, log},
          store(opened(*storing)),
          tasks(env, "intruder"),
          parts(std::make_unique<node::node_parts>(
              env, *store,
              node::chosen<discovery::strategy>{*finding, where.with.discovery, "1.0",
                                                where.with.discovery_settings},
              node::chosen<consensus::strategy>{*locking, where.with.consensus, "1.0.0",
                                                where.with.consensus_settings},
              node::chosen<recovery::strategy>{*recovering, where.with.recovery, "1.0", ""},
              settings_for(host))) {}

    template <class T>
    static task<void> keep(task<T> work, std::shared_ptr<std::optional<T>> into) {
        auto value = co_await std::move(work);
        into->emplace(std::move(value));
    }
    template <class T>
    T run(task<T> work) {
        const auto answer = std::make_shared<std::optional<T>>();  // shared with the coroutine
        tasks.spawn("run", keep(std::move(work), answer));
        in.until([&] { return answer->has_value(); }, end_time);
        if (!*answer) {
            throw failure("the intruder waits for something that never ends");
        }
        return std::move(**answer);
    }

    world& in;
    seeded chance;
    device_clock time;
    device_timers timers;
    sim_worker disk, compute;
    silent_logger log;
    plugins::plugin_host plugins;
    plugins::loaded<discovery::strategy> finding;
    plugins::loaded<consensus::strategy> locking;
    plugins::loaded<recovery::strategy> recovering;
    plugins::loaded<storage::strategy> storing;
    std::unique_ptr<line_card> card;
    environment env;
    std::unique_ptr<storage::store> store;
    task_scope tasks;
    std::unique_ptr<node::node_parts> parts;
};

intruder::intruder(world& in, const std::string& host, device& registry, const std::string& user)
    : life_(std::make_unique<life>(in, host)) {
    const auto invitation = must(registry.run(registry.api().network.invite({"edge"})), "inviting");
    node::node_parts& all = *life_->parts;
    must<void>(life_->run(all.start()), "the intruder starts");
    must<node::network_view>(life_->run(all.join(invitation)), "the intruder joins");
    in.wait_for("the intruder is connected", [&] { return all.edge->lessor().has_value(); });
    must<node::account_view>(
        life_->run(all.accounts->sign_in(user, "a lab is no place for secrets of " + user, true)),
        "the intruder registers");
}

static task<void> end_parts(task_scope& tasks, node::node_parts& parts, bool& ended) {
    tasks.request_stop();
    co_await tasks.join();
    parts.request_stop();
    co_await parts.join();
    ended = true;
}

intruder::~intruder() {
    bool ended = false;
    life_->card->pull(lab::ending::power);
    life_->disk.rush();
    life_->compute.rush();
    task_scope last(life_->env, "the end of the intruder");
    last.spawn("end", end_parts(life_->tasks, *life_->parts, ended));
    life_->in.until([&] { return ended; }, end_time);
    life_->parts.reset();
    life_->store.reset();
    life_->in.settle();
}

node::node_parts& intruder::parts() noexcept { return *life_->parts; }
const environment& intruder::env() const noexcept { return life_->env; }
consensus::strategy& intruder::locking() noexcept { return *life_->locking; }
recovery::strategy& intruder::recovering() noexcept { return *life_->recovering; }
std::size_t intruder::under_way() const noexcept { return life_->tasks.running(); }

static task<void> ask_and_forget(net::pool& through, device_id to, wire::message_type type,
                                 bytes payload) {
    (void)co_await through.request(to, type, std::move(payload), answer_time);
}

static task<void> send_and_forget(net::pool& through, device_id to, wire::message_type type,
                                  bytes payload) {
    (void)co_await through.send(to, type, std::move(payload));
}

void intruder::say(const device_id& to, wire::message_type type, bytes payload, bool as_request) {
    net::pool& through = *life_->parts->connections;
    if (as_request) {
        life_->tasks.spawn("ask", ask_and_forget(through, to, type, std::move(payload)));
    } else {
        life_->tasks.spawn("send", send_and_forget(through, to, type, std::move(payload)));
    }
}

result<bytes> intruder::ask(const device_id& to, wire::message_type type, bytes payload) {
    return life_->run(
        life_->parts->connections->request(to, type, std::move(payload), answer_time));
}

static task<void> raw_stream(const environment& env, const net::credentials& mine,
                             wire::hello hello, std::string address, device_id to, bytes data) {
    auto stream = co_await env.network.dial(std::move(address));
    if (!stream) {
        co_return;
    }
    net::expectation expected;
    expected.device = to;
    auto channel = co_await net::secure_client(env, std::move(*stream), mine, std::move(expected));
    if (!channel) {
        co_return;
    }
    bytes all;
    net::write_frames(all, static_cast<std::uint8_t>(wire::message_type::hello), 0, 0,
                      codec::encode(hello));
    all.insert(all.end(), data.begin(), data.end());
    (void)co_await (*channel)->write(all);
    co_await sleep_for(env, std::chrono::milliseconds(100));
    (*channel)->close();
}

void intruder::say_raw(const std::string& address, const device_id& to, bytes data) {
    node::node_parts& all = *life_->parts;
    life_->tasks.spawn("raw", raw_stream(life_->env, all.me.mine(), all.links->for_pool().hello(),
                                         address, to, std::move(data)));
}

}  // namespace calbox::lab
