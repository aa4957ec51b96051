// The server under the API: connections, limits, deadlines, the socket file, and what is not HTTP.
#include <fstream>

#include <sys/stat.h>

#include "api_bench.hpp"
#include "daemon/directories.hpp"

namespace calbox::daemon::testing {
namespace {

class http_server_test : public bench {};

TEST_F(http_server_test, answers_several_requests_of_one_connection) {
    client one(*this);
    for (int i = 0; i < 3; ++i) {
        one.send(head_of("GET", "/health"));
        const auto got = one.read();
        EXPECT_EQ(got.status, 200);
        EXPECT_EQ(got.head.at("connection"), "keep-alive");
        EXPECT_EQ(got.head.at("date"), "Sun, 03 May 2026 10:20:00 GMT");
        EXPECT_EQ(got.head.at("cache-control"), "no-store");
    }
    one.send(head_of("GET", "/health") + head_of("GET", "/nothing") +
             head_of("GET", "/health", "Connection: close\r\n"));
    EXPECT_EQ(one.read().status, 200);
    EXPECT_EQ(one.read().status, 404);
    EXPECT_EQ(one.read().status, 200);
    one.pull();
    EXPECT_TRUE(one.ended);
}

TEST_F(http_server_test, goes_on_after_a_body_and_not_after_half_of_one) {
    client one(*this);
    const std::string body = "{\"name\":\"bob\"}";
    const auto head =
        head_of("POST", "/v1/friends",
                "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
                    "\r\n");
    one.send(head + body + head + body);
    EXPECT_EQ(one.read().status, 201);
    EXPECT_EQ(one.read().status, 201);
    // A request that is refused without its body: what follows is no request.
    one.send(head_of("POST", "/nothing", "Content-Length: 30\r\n") + head_of("GET", "/health"));
    EXPECT_EQ(one.read().status, 404);
    one.pull();
    EXPECT_EQ(one.pending, "");
}

TEST_F(http_server_test, refuses_what_is_no_request) {
    for (const std::string& text :
         {std::string("SSH-2.0-OpenSSH\r\n\r\n"), std::string(100, '\0'),
          std::string("GET /\r\n\r\n"),
          std::string("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
          std::string("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n"),
          std::string("POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
          std::string("GET / HTTP/1.1\r\nBad Name: x\r\n\r\n")}) {
        client one(*this);
        one.send(text);
        const auto got = one.read();
        EXPECT_EQ(got.status, 400) << text;
        EXPECT_EQ(got.code(), "malformed");
    }
    client one(*this);
    one.send(head_of("POST", event_path, "Transfer-Encoding: chunked\r\n") +
             "ffffffffffffffffff\r\n");
    EXPECT_GE(one.read().status, 400);
    EXPECT_EQ(ask("GET", "/health").status, 200);
}

TEST_F(http_server_test, limits_the_head) {
    for (const std::string& text :
         {"GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\n\r\n",
          head_of("GET", "/health", "X: " + std::string(17'000, 'y') + "\r\n")}) {
        client one(*this);
        one.send(text);
        const auto got = one.read();
        EXPECT_EQ(got.status, 431);
        EXPECT_EQ(got.code(), "too_large");
    }
    EXPECT_EQ(ask("GET", "/health", "X: " + std::string(15'000, 'y') + "\r\n").status, 200);
}

TEST_F(http_server_test, waits_for_a_head_10_seconds_and_for_a_request_a_minute) {
    client silent(*this);
    client slow(*this);
    slow.send("GET /hea");
    world.advance(std::chrono::seconds(9));
    slow.send("lth HTTP/1.1\r\n");
    world.advance(std::chrono::seconds(2));
    EXPECT_EQ(slow.read().status, 408);
    EXPECT_EQ(server->connections(), 2u);
    world.advance(std::chrono::seconds(50));
    silent.pull();
    EXPECT_TRUE(silent.ended);
    EXPECT_EQ(silent.pending, "");
    EXPECT_EQ(server->connections(), 0u);
}

TEST_F(http_server_test, waits_for_the_whole_of_a_json_body) {
    client one(*this);
    one.send(head_of("POST", "/v1/friends",
                     "Content-Type: application/json\r\nContent-Length: 100\r\n"));
    for (int i = 0; i < 3; ++i) {
        one.send("{");
        world.advance(std::chrono::seconds(11));
    }
    EXPECT_EQ(one.read().code(), "timed_out");
}

class few_connections : public bench {
protected:
    void SetUp() override {
        http::server_settings settings;
        settings.connections = 3;
        serve(settings);
    }
};

TEST_F(few_connections, close_idle_ones_and_then_refuse) {
    client idle(*this);
    client first(*this);
    client second(*this);
    client third(*this);
    idle.pull();
    EXPECT_TRUE(idle.ended);
    for (client* one : {&first, &second, &third}) {
        one->send("GET /health");
    }
    client fourth(*this);
    const auto got = fourth.read();
    EXPECT_EQ(got.status, 503);
    EXPECT_EQ(got.code(), "unavailable");
    EXPECT_EQ(server->connections(), 3u);
    first.send(" HTTP/1.1\r\n\r\n");
    EXPECT_EQ(first.read().status, 200);
}

TEST_F(http_server_test, makes_its_socket_private) {
    struct stat found{};
    ASSERT_EQ(::stat(socket_path.c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777, 0600u);
    ASSERT_EQ(::stat((directory / "run").c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777, 0700u);
}

TEST_F(http_server_test, takes_the_place_of_a_dead_daemon_only) {
    http::server_settings settings;
    settings.socket = socket_path;
    http::server second(world.env, settings, subject);
    const auto refused = second.start();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, errc::already_exists);
    EXPECT_EQ(ask("GET", "/health").status, 200);

    settings.socket = directory / "dead.sock";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    settings.socket.string().copy(address.sun_path, sizeof address.sun_path - 1);
    const int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
    ASSERT_EQ(::bind(dead, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ::close(dead);
    http::server third(world.env, settings, subject);
    EXPECT_TRUE(third.start());
    third.request_stop();
    world.run(third.join());

    settings.socket = directory / "file";
    std::ofstream(settings.socket) << "mine";
    http::server fourth(world.env, settings, subject);
    EXPECT_EQ(fourth.start().error().code, errc::io_failed);
    EXPECT_TRUE(std::filesystem::exists(settings.socket));

    settings.socket = directory / std::string(120, 'x');
    http::server fifth(world.env, settings, subject);
    EXPECT_EQ(fifth.start().error().code, errc::invalid_argument);
}

TEST_F(http_server_test, refuses_other_users) {
    http::server_settings settings;
    settings.socket = directory / "other.sock";
    settings.owner = ::geteuid() + 1;
    http::server other(world.env, settings, subject);
    ASSERT_TRUE(other.start());
    socket_path = settings.socket.string();
    client one(*this);
    one.send(head_of("GET", "/health"));
    EXPECT_EQ(one.read().status, ::geteuid() == 0 ? 200 : 0);
    one.leave();
    other.request_stop();
    world.run(other.join());
}

TEST_F(http_server_test, finishes_what_it_works_on_when_it_stops) {
    file.add("a.bin", 3).held = "elsewhere";
    file.held_up = true;
    client working(*this);
    client idle(*this);
    client half(*this);
    working.send(head_of("GET", std::string(event_path) + "/files/a.bin"));
    half.send("GET /he");
    server->request_stop();
    idle.pull();
    half.pull();
    EXPECT_TRUE(idle.ended && half.ended);
    EXPECT_EQ(server->connections(), 1u);
    file.go_on.set();
    const auto got = working.read();
    EXPECT_EQ(got.status, 200);
    EXPECT_TRUE(got.complete);
    EXPECT_EQ(got.head.at("connection"), "close");
    EXPECT_EQ(server->connections(), 0u);
}

TEST_F(http_server_test, ends_what_it_works_on_after_the_grace_time) {
    file.add("a.bin", 3).held = "elsewhere";
    file.held_up = true;
    client working(*this);
    working.send(head_of("GET", std::string(event_path) + "/files/a.bin"));
    server->request_stop();
    world.advance(std::chrono::milliseconds(2'999));
    EXPECT_EQ(server->connections(), 1u);
    world.advance(std::chrono::milliseconds(2));
    EXPECT_EQ(server->connections(), 0u);
    working.pull();
    EXPECT_TRUE(working.ended);
}

TEST(directories, are_private_and_locked_once) {
    std::string name = "/tmp/daemon-test-XXXXXX";
    const std::filesystem::path root = ::mkdtemp(name.data());
    ASSERT_TRUE(make_private_directory(root / "a" / "b"));
    ASSERT_TRUE(make_private_directory(root / "a" / "b"));
    struct stat found{};
    ASSERT_EQ(::stat((root / "a").c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777, 0700u);
    std::filesystem::permissions(root / "a", std::filesystem::perms::all);
    ASSERT_TRUE(make_private(root / "a"));
    ASSERT_EQ(::stat((root / "a").c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777, 0700u);
    {
        const auto held = data_lock::take(root);
        ASSERT_TRUE(held);
        EXPECT_EQ(data_lock::take(root).error().code, errc::already_exists);
    }
    EXPECT_TRUE(data_lock::take(root));
    std::ofstream(root / "file") << "x";
    EXPECT_EQ(make_private_directory(root / "file" / "c").error().code, errc::io_failed);
    std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace calbox::daemon::testing
