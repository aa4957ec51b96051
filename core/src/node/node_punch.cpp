// Direct connections in place of relayed ones: the rendezvous that relays tells both sides where it
// sees the other, and both dial at once (RFC 5128, 3.4).
#include "node/parts.hpp"

namespace calbox::node {

/// Whom this device may dial for a punch, and who does it: of the two, the smaller asks.
void node_parts::think_of_punching(const net::peer& who) {
    if (with.reach != net::reach::automatic || !who.member || !(me.self() < who.device)) {
        return;
    }
    if (who.relayed) {
        punches_.relayed(who.device, env.time.now());
        punch_wanted_.set();
    } else {
        punches_.over(who.device);
    }
}

task<void> node_parts::keep_punching() {
    using namespace asio::experimental::awaitable_operators;
    while (true) {
        punch_wanted_.reset();
        const instant now = env.time.now();
        while (const auto whom = punches_.next(now)) {
            tasks.spawn("punch", punch_to(*whom));
        }
        if (const auto due = punches_.due()) {
            co_await (punch_wanted_.wait() || sleep_for(env, *due - now));
        } else {
            co_await punch_wanted_.wait();
        }
    }
}

task<void> node_parts::punch_to(device_id whom) {
    bool punched = false;
    const net::peer* const other = connections->open_to(whom);
    const net::peer* const relay =
        other != nullptr && other->relayed ? connections->open_to(other->relay) : nullptr;
    if (relay != nullptr && !relay->relayed && !relay->own_address.empty()) {
        const std::string own = relay->own_address;
        const auto answer = co_await asks->ask_one(
            relay->device, "punch", codec::encode(overlay::punch_question{whom, {}}), 0);
        const auto there =
            answer ? codec::decode<overlay::punch_answer>(*answer) : fail(answer.error());
        if (there && overlay::port_of(there->at)) {
            punched = co_await punch_now(whom, own, there->at, true);
        }
    }
    punches_.ended(whom, punched, env.time.now(), env.entropy);
    punch_wanted_.set();
}

task<bool> node_parts::punch_now(device_id whom, std::string own, std::string at, bool client) {
    const auto done = co_await connections->punch(whom, std::move(own), at, client);
    env.log.write(log_level::debug, "overlay",
                  done ? "a direct connection to " + at + " takes the place of a relayed one"
                       : "no direct connection to " + at + ": " + done.error().message());
    co_return done.has_value();
}

/// Of the rendezvous. Both are told no address but the one from which the other has come here.
task<result<bytes>> node_parts::introduce_to_punch(const net::peer& from, bytes body) {
    const auto what = codec::decode<overlay::punch_question>(body);
    if (!what) {
        co_return fail(what.error());
    }
    if (!rendezvous) {
        co_return fail(errc::unsupported, "this device is no rendezvous");
    }
    const net::peer* const other = connections->open_to(what->with);
    if (from.relayed || !overlay::port_of(from.description) || other == nullptr || other->relayed ||
        !overlay::port_of(other->description)) {
        co_return fail(errc::unavailable, "one of the two is not seen here at an address");
    }
    if (!punches_limit_.admit(from.device, what->with, env.time.now())) {
        co_return fail(errc::busy, "too many ask to be introduced");
    }
    const std::string at = other->description;
    const auto taken = co_await asks->ask_one(
        what->with, "punch_now",
        codec::encode(overlay::punch_question{from.device, from.description}), 0);
    if (!taken) {
        co_return fail(taken.error());
    }
    co_return codec::encode(overlay::punch_answer{at});
}

/// Of the other side. It dials only whom it talks to through that very rendezvous, where that
/// rendezvous says that he is, and not often.
task<result<bytes>> node_parts::dial_to_punch(const net::peer& from, bytes body) {
    const auto what = codec::decode<overlay::punch_question>(body);
    if (!what) {
        co_return fail(what.error());
    }
    const net::peer* const other = connections->open_to(what->with);
    if (with.reach != net::reach::automatic || from.relayed || from.own_address.empty() ||
        other == nullptr || !other->relayed || other->relay != from.device ||
        !overlay::port_of(what->at)) {
        co_return fail(errc::forbidden, "this device dials only whom it talks to through you");
    }
    if (!punches_limit_.admit(what->with, me.self(), env.time.now())) {
        co_return fail(errc::busy, "this device was asked to dial just now");
    }
    tasks.spawn("punch", answer_punch(what->with, from.own_address, what->at));
    co_return codec::encode(wire::nothing{});
}

task<void> node_parts::answer_punch(device_id whom, std::string own, std::string at) {
    (void)co_await punch_now(whom, std::move(own), std::move(at), false);
}

}  // namespace calbox::node
