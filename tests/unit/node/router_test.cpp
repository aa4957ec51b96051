#include "node/router.hpp"

#include <gtest/gtest.h>

#include <boost/asio/detached.hpp>

#include "support/test_environment.hpp"

namespace calbox::node {
namespace {

struct router_test : ::testing::Test {
    router_test() { from.member = true; }

    void ask(wire::message_type type) {
        asio::co_spawn(
            on.context, routes.on_request(from, type, {}),
            [this](const std::exception_ptr&, result<bytes> said) { answer = std::move(said); });
        on.settle();
    }

    test::test_environment on;
    router routes{on.env};
    net::peer from;
    std::optional<result<bytes>> answer;
};

TEST_F(router_test, what_comes_before_there_are_handlers_waits_for_them) {
    ask(wire::message_type::update);
    EXPECT_FALSE(answer);
    std::size_t taken = 0;
    asio::co_spawn(on.context, routes.on_message(from, wire::message_type::consensus, {}),
                   asio::detached);
    on.settle();

    routes.answer(wire::message_type::update,
                  [](const net::peer&, bytes) -> task<result<bytes>> { co_return bytes{1}; });
    routes.take(wire::message_type::consensus, [&](const net::peer&, bytes) -> task<void> {
        ++taken;
        co_return;
    });
    on.settle();
    EXPECT_FALSE(answer);
    EXPECT_EQ(taken, 0U);

    routes.open();
    on.settle();
    ASSERT_TRUE(answer && *answer);
    EXPECT_EQ(**answer, bytes{1});
    EXPECT_EQ(taken, 1U);
}

TEST_F(router_test, a_node_that_starts_is_no_silent_one) {
    ask(wire::message_type::ping);
    EXPECT_TRUE(answer && *answer);
}

TEST_F(router_test, what_nobody_answers_here_is_refused) {
    routes.open();
    ask(wire::message_type::update);
    ASSERT_TRUE(answer && !*answer);
    EXPECT_EQ(answer->error().code, errc::unsupported);
}

TEST_F(router_test, what_its_sender_may_not_send_is_refused_and_counted) {
    routes.open();
    from.member = false;
    ask(wire::message_type::update);
    ASSERT_TRUE(answer && !*answer);
    EXPECT_EQ(answer->error().code, errc::forbidden);
    EXPECT_EQ(routes.refused(wire::message_type::update), 1U);
}

}  // namespace
}  // namespace calbox::node
