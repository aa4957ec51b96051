// Earlier versions, restoring, and the trash, as HTTP and JSON.
#include "api_bench.hpp"

namespace calbox::daemon::testing {
namespace {

constexpr const char* restore_path = "/v1/events/alice/1.1/restore";

struct api_history_test : bench {};

TEST_F(api_history_test, lists_versions_with_their_authors_and_differences) {
    const auto answer = ask("GET", "/v1/events/alice/1.1/history");
    EXPECT_EQ(answer.status, 200);
    const json versions = answer.document()["versions"];
    ASSERT_EQ(versions.size(), 2u);
    EXPECT_EQ(versions[0],
              json({{"generation", 0},
                    {"version", 2},
                    {"what", "changed"},
                    {"by", "bob"},
                    {"device", 3},
                    {"written", "1970-01-01T00:00:02Z"},
                    {"until", nullptr},
                    {"readable", true},
                    {"title", "First"},
                    {"changes",
                     json::array({{{"field", "place"}, {"before", ""}, {"after", "Room 3"}}})}}));
    EXPECT_EQ(versions[1]["what"], "created");
    EXPECT_EQ(versions[1]["until"], "1970-01-02T00:00:00Z");
    EXPECT_EQ(ask("GET", "/v1/events/alice/1.8x/history").status, 400);
    EXPECT_EQ(ask("GET", "/v1/events/carol/1.1/history").status, 404);
}

TEST_F(api_history_test, restores_a_version_as_asked) {
    const auto done = say("POST", restore_path, R"({"version":1})", "If-Match: \"1-1\"\r\n");
    EXPECT_EQ(done.status, 200);
    EXPECT_EQ(done.document()["title"], "First");
    EXPECT_EQ(done.head.at("etag"), "\"1-1\"");
    EXPECT_EQ(past.wanted, version_number(1));
    EXPECT_EQ(past.expected, version_number(1));
    EXPECT_EQ(say("POST", restore_path, "{}").status, 200);
    EXPECT_FALSE(past.wanted);
    EXPECT_FALSE(past.expected);
}

TEST_F(api_history_test, refuses_what_is_wrong) {
    for (const char* body : {R"({"version":"1"})", R"({"version":-1})", R"({"version":1.5})",
                             R"({"versio":1})", "[]"}) {
        const auto refused = say("POST", restore_path, body);
        EXPECT_EQ(refused.status, 400) << body;
        EXPECT_EQ(refused.code(), "invalid_argument") << body;
    }
    EXPECT_EQ(say("POST", restore_path, "").code(), "malformed");
    EXPECT_EQ(say("POST", restore_path, "{}", "If-Match: \"1-7\"\r\n").status, 412);
    past.refusal = error(errc::not_found, "version 9 of this event is not kept here");
    const auto unknown = say("POST", restore_path, R"({"version":9})");
    EXPECT_EQ(unknown.status, 404);
    EXPECT_EQ(unknown.detail(), "version 9 of this event is not kept here");
}

TEST_F(api_history_test, lists_the_trash) {
    const json events = ask("GET", "/v1/trash").document()["events"];
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0]["id"], "alice/1.9");
    EXPECT_EQ(events[0]["start"], "2026-08-03");
    EXPECT_EQ(events[0]["end"], "2026-08-14");
    EXPECT_EQ(events[0]["deleted_by"], "alice");
    EXPECT_EQ(events[0]["until"], "1970-01-02T00:00:00Z");
}

}  // namespace
}  // namespace calbox::daemon::testing
