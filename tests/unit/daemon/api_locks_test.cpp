// Editor sessions over a real socket: they last as long as the client's connection.
#include "api_bench.hpp"

namespace calbox::daemon::testing {
namespace {

constexpr const char* lock_path = "/v1/events/alice/1.1/lock";

struct api_locks_test : bench {};

TEST_F(api_locks_test, a_session_lasts_as_long_as_the_connection) {
    client one(*this);
    one.send(head_of("POST", lock_path));
    one.pull();
    EXPECT_TRUE(one.pending.starts_with("HTTP/1.1 201 Created\r\n")) << one.pending;
    EXPECT_NE(one.pending.find("Content-Type: text/event-stream\r\n"), std::string::npos);
    EXPECT_NE(one.pending.find(R"("session":"5e55")"), std::string::npos) << one.pending;
    EXPECT_NE(one.pending.find(R"("version":1)"), std::string::npos);
    world.advance(std::chrono::seconds(16));
    one.pull();
    EXPECT_NE(one.pending.find(":\n\n"), std::string::npos);
    EXPECT_TRUE(lock.ended_sessions.empty());
    one.leave();
    EXPECT_EQ(lock.ended_sessions, std::vector<std::string>{"5e55"});
}

TEST_F(api_locks_test, says_why_a_session_has_ended) {
    client one(*this);
    one.send(head_of("POST", lock_path));
    one.pull();
    EXPECT_EQ(ask("DELETE", lock_path).status, 204);
    one.pull();
    EXPECT_NE(one.pending.find(R"(data: {"ended":"it was released"})"), std::string::npos)
        << one.pending;
    EXPECT_EQ(lock.ended_sessions, std::vector<std::string>{"5e55"});
    EXPECT_EQ(ask("DELETE", lock_path).status, 404);
}

TEST_F(api_locks_test, refuses_with_the_reason) {
    lock.refusal = error(errc::busy, "bob is editing since 14:02:00 UTC");
    const auto busy = ask("POST", lock_path);
    EXPECT_EQ(busy.status, 409);
    EXPECT_EQ(busy.code(), "busy");
    EXPECT_EQ(busy.detail(), "bob is editing since 14:02:00 UTC");
    EXPECT_TRUE(lock.ended_sessions.empty());
}

TEST_F(api_locks_test, shows_who_edits) {
    auto free = ask("GET", lock_path).document();
    EXPECT_EQ(free["state"], "free");
    EXPECT_TRUE(free["lock"].is_null());
    EXPECT_EQ(free["strategy"]["strategy"], "views");
    lock.held = node::lock_view{"bob", device_number(2), {0}, {37'500}, false};
    const auto held = ask("GET", lock_path).document();
    EXPECT_EQ(held["state"], "locked");
    EXPECT_EQ(held["lock"], json({{"by", "bob"},
                                  {"device", 2},
                                  {"since", "1970-01-01T00:00:00Z"},
                                  {"until", "1970-01-01T00:00:37Z"},
                                  {"here", false}}));
}

TEST_F(api_locks_test, an_edit_names_its_session_and_the_version_it_was_made_from) {
    const std::string session = "Calbox-Lock: 5e55\r\n";
    EXPECT_EQ(say("PATCH", event_path, R"({"title":"x"})", session).code(), "invalid_argument");
    EXPECT_EQ(
        say("PATCH", event_path, R"({"title":"x"})", session + "If-Match: \"1-1\"\r\n").status,
        200);
    EXPECT_EQ(events.session, "5e55");
    EXPECT_EQ(events.expected, version_number(1));
    EXPECT_EQ(ask("DELETE", event_path, session + "If-Match: \"1-2\"\r\n").status, 204);
    EXPECT_EQ(events.session, "5e55");
}

TEST_F(api_locks_test, whoever_edited_an_older_version_gets_the_new_one_with_the_refusal) {
    const auto late = say("PATCH", event_path, R"({"title":"mine"})", "If-Match: \"1-7\"\r\n");
    EXPECT_EQ(late.status, 412);
    EXPECT_EQ(late.code(), "conflict");
    EXPECT_EQ(late.document()["current"]["title"], "First");
    EXPECT_EQ(late.document()["current"]["version"], 1);
}

TEST_F(api_locks_test, a_locked_event_says_who_has_it) {
    events.all.front().state = node::event_state::locked;
    events.all.front().lock = node::lock_view{"bob", device_number(2), {0}, {37'500}, false};
    const auto event = ask("GET", event_path).document();
    EXPECT_EQ(event["state"], "locked");
    EXPECT_EQ(event["locked_by"], "bob");
    EXPECT_EQ(event["lock"]["device"], 2);
}

}  // namespace
}  // namespace calbox::daemon::testing
