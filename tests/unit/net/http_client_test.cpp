// Questions over in-memory streams: what is understood, what is kept, and what ends them.
#include "net/http_client.hpp"

#include <gtest/gtest.h>

#include "net/memory_transport.hpp"
#include "support/test_environment.hpp"

namespace calbox::net {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view fine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

class http_client_test : public testing::Test {
protected:
    test::test_environment world;
    memory_transport transport{world.env};
    environment env{world.context.get_executor(),
                    world.time,
                    world.timers,
                    world.entropy,
                    transport,
                    world.disk,
                    world.compute,
                    world.log};
    http_client client{env};
    std::unique_ptr<acceptor> door = std::move(*transport.listen("engine:80"));
    std::vector<std::unique_ptr<byte_stream>> clients;
    std::string received;

    /// Lets the next client in, if `lets_in`, reads a request of it, and answers in these pieces.
    task<void> serve(bool lets_in, std::vector<std::string> pieces, bool then_ends) {
        if (lets_in) {
            auto next = co_await door->accept();
            clients.push_back(std::move(*next));
        }
        byte_stream& with = *clients.back();
        bytes piece(1024);
        received.clear();
        while (!received.ends_with("{\"a\":1}")) {
            const auto count = co_await with.read_some(piece);
            if (!count) {
                co_return;
            }
            received += as_text(byte_view(piece).first(*count));
        }
        for (const std::string& one : pieces) {
            const auto written = co_await with.write(as_bytes(one));
            EXPECT_TRUE(written);
            co_await sleep_for(env, 1ms);
        }
        if (then_ends) {
            with.close();
        }
    }
    result<http_answer> ask(bool lets_in, std::vector<std::string> pieces, bool then_ends = false) {
        asio::co_spawn(world.context, serve(lets_in, std::move(pieces), then_ends),
                       [](std::exception_ptr) {});
        return world.run(client.ask({"POST", "http://engine:80/v3/x", to_bytes("{\"a\":1}")}, 2s));
    }
    static std::vector<std::string> byte_by_byte(std::string_view text) {
        std::vector<std::string> all;
        for (const char one : text) {
            all.emplace_back(1, one);
        }
        return all;
    }
};

TEST_F(http_client_test, an_answer_is_read_and_its_connection_kept) {
    const auto first = ask(true, {std::string(fine)});
    ASSERT_TRUE(first) << first.error().message();
    EXPECT_EQ(first->status, 200);
    EXPECT_EQ(first->body, to_bytes("{}"));
    EXPECT_TRUE(received.starts_with("POST /v3/x HTTP/1.1\r\nHost: engine:80\r\n")) << received;
    EXPECT_NE(received.find("Content-Length: 7\r\n"), std::string::npos);
    const auto second = ask(false, {"HTTP/1.1 503 No\r\nContent-Length: 3\r\n\r\n", "bad"});
    ASSERT_TRUE(second) << second.error().message();
    EXPECT_EQ(second->status, 503);
    EXPECT_EQ(second->body, to_bytes("bad"));
}

TEST_F(http_client_test, an_answer_may_come_in_chunks_and_byte_by_byte) {
    const auto slow = ask(true, byte_by_byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                             "3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"));
    ASSERT_TRUE(slow) << slow.error().message();
    EXPECT_EQ(slow->body, to_bytes("abcd"));
    EXPECT_TRUE(ask(false, byte_by_byte(fine))) << "and the connection goes on";
}

TEST_F(http_client_test, an_answer_without_a_length_ends_with_its_connection) {
    const auto whole = ask(true, {"HTTP/1.0 200 OK\r\n\r\n", "all ", "of it"}, true);
    ASSERT_TRUE(whole) << whole.error().message();
    EXPECT_EQ(whole->body, to_bytes("all of it"));
    EXPECT_TRUE(ask(true, {std::string(fine)})) << "over another one";
}

TEST_F(http_client_test, what_breaks_off_is_no_answer) {
    const auto half = ask(true, {"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{"}, true);
    ASSERT_FALSE(half);
    EXPECT_EQ(half.error().code, errc::closed);
    const auto garbage = ask(true, {"SSH-2.0-OpenSSH_9.2\r\n\r\n"});
    ASSERT_FALSE(garbage);
    EXPECT_EQ(garbage.error().code, errc::malformed);
    const auto huge = ask(true, {"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"});
    ASSERT_FALSE(huge);
    EXPECT_EQ(huge.error().code, errc::malformed);
}

TEST_F(http_client_test, a_kept_connection_that_has_ended_is_not_asked_twice) {
    ASSERT_TRUE(ask(true, {std::string(fine)}, true));
    const auto lost =
        world.run(client.ask({"POST", "http://engine:80/v3/x", to_bytes("{\"a\":1}")}, 2s));
    ASSERT_FALSE(lost) << "it may have been heard";
    EXPECT_TRUE(ask(true, {std::string(fine)}));
}

TEST_F(http_client_test, waits_no_longer_than_it_is_told) {
    const instant before = world.time.now();
    const auto late = ask(true, {"HTTP/1.1 200 OK\r\n"});
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, errc::timed_out);
    EXPECT_EQ(world.time.now() - before, 2s);
}

TEST_F(http_client_test, asks_nobody_for_what_it_cannot_do) {
    for (const char* url : {"httpx://engine:80/v3/x", "ftp://engine/x", "http://engine:80",
                            "http://engine:80/a b", "http://engine:80/\r\nX: y", ""}) {
        const auto no = world.run(client.ask({"POST", url, {}}, 2s));
        ASSERT_FALSE(no) << url;
        EXPECT_EQ(no.error().code, errc::invalid_argument) << url;
    }
    const auto bare = world.run(client.ask({"POST", "https://engine:80/v3/x", {}}, 2s));
    ASSERT_FALSE(bare) << "asked without TLS";
    EXPECT_EQ(bare.error().code, errc::unsupported);
    const auto nobody = world.run(client.ask({"POST", "http://nobody:80/", {}}, 2s));
    ASSERT_FALSE(nobody);
    EXPECT_EQ(nobody.error().code, errc::unavailable);
}

}  // namespace
}  // namespace calbox::net
