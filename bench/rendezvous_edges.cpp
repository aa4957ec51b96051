// Many edges in one process, without a calendar: they connect to a rendezvous by TLS, lease, and
// say that they live. Or a server that only shakes hands, and clients of it: what TLS alone costs.
// Driven by bench/rendezvous.py; prints a line of JSON after each stage.
//   rendezvous_edges edges ADDRESS NETWORK COUNT SECONDS
//   rendezvous_edges serve               (prints its address and device, and runs until stdin ends)
//   rendezvous_edges clients ADDRESS DEVICE COUNT
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#include <unistd.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <nlohmann/json.hpp>

#include "base/environment_real.hpp"
#include "base/task_scope.hpp"
#include "crypto/certificates.hpp"
#include "net/session.hpp"
#include "net/tcp_real.hpp"
#include "wire/messages.hpp"

namespace {

using namespace calbox;
using steady = std::chrono::steady_clock;

constexpr std::size_t at_once = 64;  // handshakes
constexpr duration heartbeat_time = std::chrono::seconds(10);

template <class T>
T must(result<T> outcome, const char* what) {
    if (!outcome) {
        std::fprintf(stderr, "rendezvous_edges: %s: %s\n", what, outcome.error().message().c_str());
        std::exit(1);
    }
    if constexpr (!std::is_void_v<T>) {
        return std::move(*outcome);
    }
}

template <class Id>
Id id_of(const std::string& hex) {
    const auto found = Id::from_hex(hex);
    if (!found) {
        std::fprintf(stderr, "rendezvous_edges: not an id: %s\n", hex.c_str());
        std::exit(2);
    }
    return *found;
}

double seconds_since(steady::time_point begun) {
    return std::chrono::duration<double>(steady::now() - begun).count();
}

void say(const nlohmann::json& what) {
    std::printf("%s\n", what.dump().c_str());
    std::fflush(stdout);
}

/// An edge answers nothing here but that it lives.
class silent_handler final : public net::message_handler {
public:
    task<result<bytes>> on_request(const net::peer&, wire::message_type type, bytes) override {
        if (type == wire::message_type::ping) {
            co_return codec::encode(wire::nothing{});
        }
        co_return fail(errc::unsupported, "this edge is a benchmark");
    }
    task<void> on_message(const net::peer&, wire::message_type, bytes) override { co_return; }
};

struct edge {
    net::credentials mine;
    std::unique_ptr<net::session> open;
    std::unique_ptr<net::secure_channel> channel;  // of those that only shake hands
};

class edges {
public:
    edges(const environment& env, std::size_t count)
        : env_(env), all_(count), tasks_(env, "edges") {
        for (edge& one : all_) {
            one.mine.device_key = crypto::signing_key::generate(env.entropy);
            one.mine.certificate = must(crypto::make_self_signed_certificate(
                                            one.mine.device_key, env.time.wall(), env.entropy),
                                        "a certificate");
        }
    }

    task<void> lease_and_live(std::string address, network_id network, long seconds) {
        net::expectation registry;
        registry.network = network;
        registry.roles = wire::role::registry;
        co_await for_each("enrolled",
                          [&, this](edge& one) { return enroll(one, address, registry); });
        registry.device = hub_;
        co_await for_each("connected", [&, this](edge& one) { return connect(one, address); });
        co_await for_each("leased", [this](edge& one) { return lease(one); });
        const std::uint64_t before = alive_;
        co_await sleep_for(env_, std::chrono::seconds(seconds));
        say({{"stage", "lived"},
             {"seconds", seconds},
             {"heartbeats", alive_ - before},
             {"failed", failed_}});
        std::exit(0);  // what is open ends with the process
    }

    task<void> only_shake_hands(std::string address, device_id whom) {
        hub_ = whom;
        co_await for_each("connected", [&, this](edge& one) { return shake_hands(one, address); });
        (void)std::getchar();
    }

private:
    using step = std::function<task<void>(edge&)>;

    task<void> for_each(const char* stage, step what) {
        const auto begun = steady::now();
        std::size_t next = 0;
        task_scope workers(env_, "workers");
        for (std::size_t n = 0; n < at_once; ++n) {
            workers.spawn("worker", work(next, what));
        }
        co_await workers.join();
        const double took = seconds_since(begun);
        say({{"stage", stage},
             {"count", all_.size()},
             {"seconds", took},
             {"per_second", static_cast<double>(all_.size()) / took}});
    }
    task<void> work(std::size_t& next, const step& what) {
        while (next < all_.size()) {
            co_await what(all_[next++]);
        }
    }

    task<std::unique_ptr<net::secure_channel>> reach(edge& one, std::string address,
                                                     net::expectation expected) {
        auto stream = must(co_await env_.network.dial(std::move(address)), "dial");
        co_return must(
            co_await net::secure_client(env_, std::move(stream), one.mine, std::move(expected)),
            "TLS");
    }
    task<void> open(edge& one, std::string address, net::expectation expected) {
        auto channel = co_await reach(one, std::move(address), std::move(expected));
        net::session_settings with;
        with.dialled = true;
        with.mine.roles = wire::role::edge;
        with.mine.known.emplace();
        with.verify_users = [](const device_id&, const std::vector<author>&) {
            return std::vector<author>();
        };
        one.open =
            must(co_await net::open_session(env_, std::move(channel), std::move(with)), "hello");
        tasks_.spawn("session", net::run_session(env_, *one.open, handler_));
    }
    task<void> enroll(edge& one, std::string address, net::expectation expected) {
        co_await open(one, std::move(address), std::move(expected));
        hub_ = one.open->other().device;
        const auto answer = must(
            co_await one.open->request(wire::message_type::enroll, codec::encode(wire::enroll{})),
            "enroll");
        const auto given = must(codec::decode<wire::enrolled>(answer), "enrolled");
        one.mine.certificate = given.certificate;
        one.mine.ca_certificate = given.ca_certificate;
        one.mine.network = crypto::network_of_ca(given.ca_certificate);
        ended_.push_back(std::move(one.open));
        ended_.back()->close();
    }
    task<void> connect(edge& one, std::string address) {
        net::expectation expected;
        expected.device = hub_;
        co_await open(one, std::move(address), std::move(expected));
    }
    task<void> shake_hands(edge& one, std::string address) {
        net::expectation expected;
        expected.device = hub_;
        one.channel = co_await reach(one, std::move(address), std::move(expected));
    }
    task<void> lease(edge& one) {
        wire::lease ask;
        ask.me.device = crypto::device_of(one.mine.device_key.public_key);
        ask.me.roles = wire::role::edge;
        ask.me.online = true;
        while (true) {
            const auto answer = must(
                co_await one.open->request(wire::message_type::lease, codec::encode(ask)), "lease");
            const auto reply = must(codec::decode<wire::lease_reply>(answer), "lease");
            if (reply.what == wire::lease_reply::verdict::grant) {
                tasks_.spawn("live", live(one));
                co_return;
            }
            co_await sleep_for(env_, std::chrono::milliseconds(reply.retry_after_ms));
        }
    }
    task<void> live(edge& one) {
        const auto spread = std::chrono::duration_cast<std::chrono::milliseconds>(heartbeat_time);
        co_await sleep_for(env_, std::chrono::milliseconds(env_.entropy.below(
                                     static_cast<std::uint64_t>(spread.count()))));
        while (true) {
            const auto answer = co_await one.open->request(wire::message_type::heartbeat,
                                                           codec::encode(wire::heartbeat{}));
            ++(answer ? alive_ : failed_);
            co_await sleep_for(env_, heartbeat_time);
        }
    }
    const environment& env_;
    std::vector<edge> all_;
    std::vector<std::unique_ptr<net::session>> ended_;
    silent_handler handler_;
    task_scope tasks_;
    device_id hub_;
    std::uint64_t alive_ = 0, failed_ = 0;
};

/// Shakes hands with whoever comes, and keeps the channels open.
class bare_server {
public:
    explicit bare_server(const environment& env) : env_(env), tasks_(env, "server") {
        mine_.device_key = crypto::signing_key::generate(env.entropy);
        mine_.certificate = must(
            crypto::make_self_signed_certificate(mine_.device_key, env.time.wall(), env.entropy),
            "a certificate");
        door_ = must(env.network.listen("127.0.0.1:0"), "listen");
        say({{"address", door_->address()},
             {"device", crypto::device_of(mine_.device_key.public_key).hex()}});
        tasks_.spawn("accept", accept_all());
    }

private:
    task<void> accept_all() {
        while (true) {
            tasks_.spawn("greet", greet(must(co_await door_->accept(), "accept")));
        }
    }
    task<void> greet(std::unique_ptr<net::byte_stream> stream) {
        channels_.push_back(
            must(co_await net::secure_server(env_, std::move(stream), mine_), "TLS"));
    }
    const environment& env_;
    net::credentials mine_;
    std::unique_ptr<net::acceptor> door_;
    std::vector<std::unique_ptr<net::secure_channel>> channels_;
    task_scope tasks_;
};

long count_of(const char* text) {
    long found = 0;
    const std::string_view all(text);
    if (std::from_chars(all.data(), all.data() + all.size(), found).ptr !=
        all.data() + all.size()) {
        std::fprintf(stderr, "rendezvous_edges: not a number: %s\n", text);
        std::exit(2);
    }
    return found;
}

}  // namespace

int main(int count, char** arguments) {
    const std::vector<std::string> given(arguments + 1, arguments + count);
    real_environment world;
    net::tcp_transport transport(world.context().get_executor());
    const environment& env = world.use(transport);
    must(crypto::initialise(), "libraries");
    const auto run = [&](task<void> work) {
        asio::co_spawn(world.context(), std::move(work), [](std::exception_ptr problem) {
            if (problem) {
                std::rethrow_exception(problem);
            }
            std::exit(0);  // what is open ends with the process
        });
        world.context().run();
    };
    if (given.size() == 5 && given[0] == "edges") {
        edges all(env, static_cast<std::size_t>(count_of(arguments[4])));
        run(all.lease_and_live(given[1], id_of<network_id>(given[2]), count_of(arguments[5])));
    } else if (given.size() == 4 && given[0] == "clients") {
        edges all(env, static_cast<std::size_t>(count_of(arguments[4])));
        run(all.only_shake_hands(given[1], id_of<device_id>(given[2])));
    } else if (given.size() == 1 && given[0] == "serve") {
        const bare_server server(env);
        asio::posix::stream_descriptor input(world.context(), ::dup(STDIN_FILENO));
        input.async_wait(asio::posix::stream_descriptor::wait_read,
                         [](boost::system::error_code) { std::exit(0); });
        world.context().run();
    }
    std::fprintf(stderr, "rendezvous_edges: the arguments are in the source\n");
    return 2;
}
