// What the machine itself needs for one message and its answer over our TLS on loopback: the limit
// that event latency is compared with. Both ends in one thread. Prints JSON.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include <boost/asio/co_spawn.hpp>
#include <nlohmann/json.hpp>

#include "base/environment_real.hpp"
#include "crypto/certificates.hpp"
#include "net/secure_channel.hpp"
#include "net/tcp_real.hpp"
#include "wire/messages.hpp"

namespace {

using namespace calbox;
using channel = std::unique_ptr<net::secure_channel>;

constexpr std::size_t message_bytes = 1024;
constexpr int warm_up = 100, rounds = 2000;

template <class T>
T must(result<T> outcome) {
    if (!outcome) {
        std::fprintf(stderr, "tls_round_trip: %s\n", outcome.error().message().c_str());
        std::exit(1);
    }
    return std::move(*outcome);
}

net::credentials member(const environment& env, const crypto::signing_key& ca,
                        const bytes& ca_certificate) {
    net::credentials mine;
    mine.device_key = crypto::signing_key::generate(env.entropy);
    mine.certificate =
        must(crypto::make_device_certificate(ca, ca_certificate, mine.device_key.public_key,
                                             wire::role::edge, env.time.wall(), env.entropy));
    mine.ca_certificate = ca_certificate;
    mine.network = crypto::network_of_ca(ca_certificate);
    return mine;
}

task<void> read_message(net::secure_channel& from) {
    std::size_t read = 0;
    while (read < message_bytes) {
        const bytes some = must(co_await from.read());
        read += some.size();
    }
}

task<void> echo(const environment& env, net::acceptor& door, const net::credentials& mine) {
    channel peer = must(co_await net::secure_server(env, must(co_await door.accept()), mine));
    const bytes data(message_bytes, 7);
    for (int i = 0; i < warm_up + rounds; ++i) {
        co_await read_message(*peer);
        (void)co_await peer->write(data);
    }
}

task<void> ask(const environment& env, std::string address, const net::credentials& mine,
               device_id whom, std::vector<double>& microseconds) {
    net::expectation expected;
    expected.device = whom;
    channel peer = must(
        co_await net::secure_client(env, must(co_await env.network.dial(address)), mine, expected));
    const bytes data(message_bytes, 7);
    for (int i = 0; i < warm_up + rounds; ++i) {
        const auto begun = std::chrono::steady_clock::now();
        (void)co_await peer->write(data);
        co_await read_message(*peer);
        if (i >= warm_up) {
            microseconds.push_back(
                std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begun)
                    .count());
        }
    }
}

}  // namespace

int main() {
    real_environment world;
    net::tcp_transport transport(world.context().get_executor());
    const environment& env = world.use(transport);
    const auto ca = crypto::signing_key::generate(env.entropy);
    const bytes ca_certificate =
        must(crypto::make_ca_certificate(ca, env.time.wall(), env.entropy));
    const auto alice = member(env, ca, ca_certificate), bob = member(env, ca, ca_certificate);
    const auto door = must(env.network.listen("127.0.0.1:0"));
    std::vector<double> microseconds;
    const auto rethrow = [](std::exception_ptr problem) {
        if (problem) {
            std::rethrow_exception(problem);
        }
    };
    asio::co_spawn(world.context(), echo(env, *door, bob), rethrow);
    asio::co_spawn(world.context(),
                   ask(env, door->address(), alice, crypto::device_of(bob.device_key.public_key),
                       microseconds),
                   rethrow);
    world.context().run();
    std::ranges::sort(microseconds);
    const nlohmann::json found{{"rounds", rounds},
                               {"message_bytes", message_bytes},
                               {"median_ms", microseconds[microseconds.size() / 2] / 1000},
                               {"p99_ms", microseconds[microseconds.size() * 99 / 100] / 1000}};
    std::printf("%s\n", found.dump().c_str());
    return 0;
}
