// The stream of changes, over a real socket.
#include "api_bench.hpp"

namespace calbox::daemon::testing {
namespace {

class api_watch_test : public bench {
protected:
    /// What came since the last time, without the framing of the chunks.
    static std::string news(client& one) {
        one.pull();
        std::string text;
        std::string& from = one.pending;
        while (true) {
            const auto end = from.find("\r\n");
            if (end == std::string::npos) {
                return text;
            }
            const auto size = std::stoull(from.substr(0, end), nullptr, 16);
            text += from.substr(end + 2, size);
            from.erase(0, end + 2 + size + 2);
        }
    }
    static std::string begin(client& one, const std::string& more = {}) {
        one.send(head_of("GET", "/v1/watch", more));
        one.pull();
        const auto end = one.pending.find("\r\n\r\n");
        EXPECT_NE(end, std::string::npos);
        EXPECT_NE(one.pending.find("Content-Type: text/event-stream\r\n"), std::string::npos);
        one.pending.erase(0, end + 4);
        return news(one);
    }
};

TEST_F(api_watch_test, tells_what_happens_from_now_on) {
    changes.tell("before");
    client one(*this);
    EXPECT_EQ(begin(one), ": changes after 11\n\n");
    changes.tell("first");
    const std::string text = news(one);
    ASSERT_TRUE(text.starts_with("id: 12\ndata: {")) << text;
    ASSERT_TRUE(text.ends_with("}\n\n"));
    const auto document = json::parse(text.substr(13));
    EXPECT_EQ(document["number"], 12);
    EXPECT_EQ(document["text"], "first");
    EXPECT_EQ(document["what"], "event");
    EXPECT_EQ(document["at"], "1970-01-01T00:00:00Z");
    changes.tell("two\nlines");
    const std::string more = news(one);
    EXPECT_EQ(std::count(more.begin(), more.end(), '\n'), 3) << more;
}

TEST_F(api_watch_test, resumes_where_the_client_was) {
    changes.tell("a");
    changes.tell("b");
    changes.tell("c");
    client one(*this);
    const std::string text = begin(one, "Last-Event-ID: 11\r\n");
    EXPECT_EQ(text.find("id: 11\n"), std::string::npos);
    EXPECT_NE(text.find("id: 12\n"), std::string::npos);
    EXPECT_NE(text.find("id: 13\n"), std::string::npos);
    changes.tell("d");
    EXPECT_TRUE(news(one).starts_with("id: 14\n"));
}

TEST_F(api_watch_test, refuses_to_resume_what_is_gone) {
    const auto old = ask("GET", "/v1/watch", "Last-Event-ID: 3\r\n");
    EXPECT_EQ(old.status, 404);
    EXPECT_EQ(old.code(), "not_found");
    EXPECT_EQ(ask("GET", "/v1/watch", "Last-Event-ID: x\r\n").status, 400);
    EXPECT_EQ(ask("GET", "/v1/watch", "Last-Event-ID: -1\r\n").status, 400);
    EXPECT_EQ(ask("GET", "/v1/watch", "Calbox-User: carol\r\n").status, 401);
}

TEST_F(api_watch_test, shows_that_it_lives_every_15_seconds) {
    client one(*this);
    begin(one);
    world.advance(std::chrono::milliseconds(14'999));
    EXPECT_EQ(news(one), "");
    world.advance(std::chrono::milliseconds(1));
    EXPECT_EQ(news(one), ":\n\n");
    world.advance(std::chrono::seconds(15));
    EXPECT_EQ(news(one), ":\n\n");
    EXPECT_EQ(changes.waiting, 1);
}

TEST_F(api_watch_test, follows_the_journal_while_it_is_silent) {
    client one(*this);
    begin(one);
    changes.last = 500;  // changes for others
    world.advance(std::chrono::seconds(16));
    changes.first_kept = 400;
    world.advance(std::chrono::seconds(40));
    changes.first_kept = 500;
    world.advance(std::chrono::seconds(16));
    EXPECT_EQ(changes.waiting, 1);
    changes.tell("mine");
    EXPECT_NE(news(one).find("id: 501\n"), std::string::npos);
}

TEST_F(api_watch_test, ends_when_the_client_leaves) {
    client one(*this);
    begin(one);
    EXPECT_EQ(changes.waiting, 1);
    one.leave();
    EXPECT_EQ(changes.waiting, 0);
    EXPECT_EQ(server->connections(), 0u);
}

TEST_F(api_watch_test, ends_when_the_user_signs_out) {
    client one(*this);
    begin(one);
    account.users.clear();
    changes.tell("signed out");
    EXPECT_NE(news(one).find("signed out"), std::string::npos);
    EXPECT_EQ(changes.waiting, 0);
    one.send(head_of("GET", "/health"));  // the stream has ended, its connection has not
    EXPECT_EQ(one.read().status, 200);
}

TEST_F(api_watch_test, ends_when_the_journal_has_moved_on) {
    client one(*this);
    begin(one);
    changes.first_kept = 100;
    world.advance(std::chrono::seconds(16));
    EXPECT_EQ(news(one), ":\n\n");
    EXPECT_EQ(changes.waiting, 0);
}

TEST_F(api_watch_test, ends_when_the_daemon_stops) {
    client one(*this);
    begin(one);
    server->request_stop();
    world.settle();
    one.pull();
    EXPECT_TRUE(one.ended);
    EXPECT_EQ(server->connections(), 0u);
    EXPECT_FALSE(std::filesystem::exists(socket_path));
}

TEST_F(api_watch_test, serves_many_at_once) {
    std::vector<std::unique_ptr<client>> all;
    for (int i = 0; i < 100; ++i) {
        all.push_back(std::make_unique<client>(*this));
        begin(*all.back());
    }
    changes.tell("for all");
    for (const auto& one : all) {
        EXPECT_NE(news(*one).find("for all"), std::string::npos);
    }
}

TEST_F(api_watch_test, answers_head_without_a_stream) {
    EXPECT_EQ(ask("HEAD", "/v1/watch").status, 200);
}

}  // namespace
}  // namespace calbox::daemon::testing
