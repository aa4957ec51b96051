// Can others dial this device? It asks its router for a port, and the rendezvous that it leases
// from to dial back where it sees the asker.
#include "net/secure_channel.hpp"
#include "node/parts.hpp"

namespace calbox::node {

namespace {

constexpr duration dial_time = std::chrono::seconds(3);
constexpr duration asked_again = std::chrono::minutes(15);
constexpr duration doubted_again = std::chrono::seconds(30);  // a first no, or no answer
constexpr duration given_back_within = std::chrono::seconds(2);

}  // namespace

task<result<bytes>> node_parts::dial_back(const net::peer& from, bytes body) {
    const auto what = codec::decode<overlay::dial_back>(body);
    if (!what) {
        co_return fail(what.error());
    }
    if (!rendezvous) {
        co_return fail(errc::unsupported, "this device is no rendezvous");
    }
    const auto address =
        from.relayed ? std::nullopt : overlay::address_to_dial(from.description, what->port);
    if (!address) {
        co_return fail(errc::invalid_argument, "the asker is seen at no address of that kind");
    }
    if (!dials_back_.admit(from.device, from.device, env.time.now())) {
        co_return fail(errc::busy, "too many ask to be dialled");
    }
    net::expectation expected;
    expected.device = from.device;
    auto stream = co_await with_deadline<std::unique_ptr<net::byte_stream>>(
        env, dial_time, env.network.dial(*address));
    overlay::dialled_back reply{false, *address};
    if (stream) {
        // Whoever listens there is to prove that he is the asker.
        const auto channel =
            co_await net::secure_client(env, std::move(*stream), me.mine(), std::move(expected));
        reply.reached = channel.has_value();
        if (channel) {
            (*channel)->close();
        }
    }
    co_return codec::encode(reply);
}

task<void> node_parts::keep_asking_reach() {
    std::vector<std::string> asked_of;
    while (true) {
        const auto lessor = edge->lessor();
        const auto mine = addresses();
        // The port that the router gave is seen at the same host.
        const std::string& mapped = mapping_.address(env.time.now());
        const auto port =
            mine.empty() ? std::nullopt : overlay::port_of(mapped.empty() ? mine.front() : mapped);
        if (std::exchange(asked_of, mine) != mine) {
            reached_.forget();
        }
        duration again = doubted_again;
        if (lessor && lessor != me.self() && port) {
            const auto answer = co_await asks->ask_one(*lessor, "dial_back",
                                                       codec::encode(overlay::dial_back{*port}), 0);
            const auto reply =
                answer ? codec::decode<overlay::dialled_back>(*answer) : fail(answer.error());
            if (reply) {
                const auto before = reached_.now();
                reached_.hear(reply->reached);
                again =
                    reached_.now() == overlay::reachability::unknown ? doubted_again : asked_again;
                if (before != reached_.now()) {
                    env.log.write(log_level::info, "overlay",
                                  std::string("the rendezvous can ") +
                                      (reply->reached ? "" : "not ") + "dial this device at " +
                                      reply->address);
                }
            }
        }
        co_await sleep_for(env, again);
    }
}

task<void> node_parts::keep_port_mapped() {
    const auto listening = connections->addresses();
    const auto port = listening.empty() ? std::nullopt : overlay::port_of(listening.front());
    if (!port) {
        co_return;
    }
    while (true) {
        const std::string before = mapping_.address(env.time.now());
        auto made = co_await with.mapper->map(static_cast<std::uint16_t>(*port),
                                              overlay::port_mapping::wanted);
        const instant now = env.time.now();
        if (made) {
            mapping_.mapped(made->outside, made->lasts, now);
        } else {
            mapping_.failed(now);
        }
        if (before != mapping_.address(now)) {
            env.log.write(
                log_level::info, "overlay",
                made ? "the router passes " + made->outside + " on to this device, by " + made->by
                     : "the router passes no port on to this device any more");
            edge->renew();
        }
        co_await sleep_for(env, mapping_.due() - now);
    }
}

task<void> node_parts::give_port_back() {
    if (with.mapper == nullptr || mapping_.address(env.time.now()).empty()) {
        co_return;
    }
    mapping_.ended();
    const auto gone = co_await with_deadline<void>(env, given_back_within, with.mapper->unmap());
    if (!gone) {
        env.log.write(log_level::info, "overlay",
                      "the router still passes its port on: " + gone.error().message());
    }
}

}  // namespace calbox::node
