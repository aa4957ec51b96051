// TCP on loopback: two who dial each other from ports that they use already.
#include "net/tcp_real.hpp"

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace calbox::net {
namespace {

using namespace asio::experimental::awaitable_operators;

template <class T>
T run(task<T> work) {
    asio::io_context context{1};
    std::optional<T> outcome;
    asio::co_spawn(context, std::move(work), [&](std::exception_ptr problem, T value) {
        EXPECT_FALSE(problem);
        outcome.emplace(std::move(value));
    });
    context.run();
    return std::move(*outcome);
}

task<std::string> meet(bool both) {
    tcp_transport network(co_await asio::this_coro::executor);
    const auto third = network.listen("127.0.0.1:0");
    auto mine = co_await network.dial((*third)->address());
    auto its = co_await network.dial((*third)->address());
    const auto seen_mine = co_await (*third)->accept(), seen_its = co_await (*third)->accept();
    EXPECT_EQ((*seen_mine)->description(), (*mine)->own_address());
    EXPECT_EQ((*seen_its)->description(), (*its)->own_address());
    const std::string first = (*mine)->own_address(), second = (*its)->own_address();
    if (!both) {
        // Who is dialled alone listens nowhere: the other one goes on until it is cancelled.
        asio::steady_timer limit(co_await asio::this_coro::executor, std::chrono::seconds(1));
        const auto which =
            co_await (network.punch(first, second) || limit.async_wait(asio::use_awaitable));
        if (which.index() == 1) {
            co_return "alone";
        }
        const auto& got = std::get<0>(which);
        if (!got) {
            co_return got.error().message();
        }
        // A program that has nothing to do with this may dial a port that somebody else had before.
        co_return (*got)->description() == second ? "met" : "alone";
    }
    auto [one, two] = co_await (network.punch(first, second) && network.punch(second, first));
    if (!one || !two) {
        co_return (one ? two.error() : one.error()).message();
    }
    EXPECT_EQ((*one)->description(), second);
    EXPECT_EQ((*two)->description(), first);
    (void)co_await (*one)->write(to_bytes("through the hole"));
    std::string text(16, ' ');
    const auto got = co_await (*two)->read_some(
        std::span(reinterpret_cast<std::uint8_t*>(text.data()), text.size()));
    co_return got ? text : got.error().message();
}

TEST(tcp, two_meet_who_dial_each_other_from_ports_in_use) {
    EXPECT_EQ(run(meet(true)), "through the hole");
}

TEST(tcp, a_punch_that_nobody_answers_can_be_given_up) { EXPECT_EQ(run(meet(false)), "alone"); }

TEST(tcp, refuses_to_punch_where_there_is_no_way) {
    const auto tried = [](std::string own, std::string to) -> task<bool> {
        tcp_transport network(co_await asio::this_coro::executor);
        co_return (co_await network.punch(std::move(own), std::move(to))).has_value();
    };
    EXPECT_FALSE(run(tried("127.0.0.1:1", "[::1]:2")));
    EXPECT_FALSE(run(tried("127.0.0.1:5", "127.0.0.1:5")));
    EXPECT_FALSE(run(tried("127.0.0.1:5", "example.org:5")));
    EXPECT_FALSE(run(tried("", "127.0.0.1:5")));
}

TEST(tcp, a_port_that_is_listened_on_is_not_taken_twice) {
    const auto twice = []() -> task<bool> {
        tcp_transport network(co_await asio::this_coro::executor);
        const auto one = network.listen("127.0.0.1:0");
        co_return network.listen((*one)->address()).has_value();
    };
    EXPECT_FALSE(run(twice()));
}

}  // namespace
}  // namespace calbox::net
