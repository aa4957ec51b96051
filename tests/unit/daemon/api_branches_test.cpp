// Copies, take-overs, and what a refusal says of those who are missing.
#include "api_bench.hpp"

namespace calbox::daemon::testing {
namespace {

struct api_branches_test : bench {};

TEST_F(api_branches_test, a_copy_is_a_new_event) {
    const auto made = say("POST", "/v1/events/alice/1.1/copy", R"({"title":"Again"})");
    EXPECT_EQ(made.status, 201);
    EXPECT_EQ(made.document()["id"], "alice/1.2");
    EXPECT_EQ(made.document()["title"], "Again");
    EXPECT_EQ(made.head.at("location"), "/v1/events/alice/1.2");
    EXPECT_FALSE(branch.everybody);
    EXPECT_EQ(say("POST", "/v1/events/alice/1.1/copy", R"({"with_participants":true})")
                  .document()["title"],
              "First");
    EXPECT_TRUE(branch.everybody);
    EXPECT_EQ(say("POST", "/v1/events/alice/1.1/copy", R"({"name":"x"})").code(),
              "invalid_argument");
    EXPECT_EQ(say("POST", "/v1/events/bob/1.1/copy", "{}").status, 404);
}

TEST_F(api_branches_test, a_take_over_shows_the_new_generation) {
    const auto taken = ask("POST", "/v1/events/alice/1.1/takeover");
    EXPECT_EQ(taken.status, 200);
    EXPECT_EQ(taken.document()["generation"], 2);
    EXPECT_EQ(taken.head.at("etag"), "\"2-2\"");
    branch.refusal = error(errc::conflict, "the event need not be taken over");
    EXPECT_EQ(ask("POST", "/v1/events/alice/1.1/takeover").status, 412);
}

TEST_F(api_branches_test, a_refusal_for_want_of_a_quorum_names_who_is_missing) {
    node::event_view& event = events.all.front();
    event.state = node::event_state::no_quorum;
    event.lacks = node::quorum_view{1, {"alice", "backup ab12"}};
    const auto refused = say("PATCH", event_path, R"({"title":"x"})");
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(refused.code(), "unavailable");
    EXPECT_EQ(refused.document()["needed"], 1);
    EXPECT_EQ(refused.document()["missing"], json({"alice", "backup ab12"}));
    const json lacks{{"needed", 1}, {"missing", {"alice", "backup ab12"}}};
    EXPECT_EQ(ask("GET", event_path).document()["state"], "no_quorum");
    EXPECT_EQ(ask("GET", event_path).document()["lacks"], lacks);
    const auto lock = ask("GET", "/v1/events/alice/1.1/lock").document();
    EXPECT_EQ(lock["state"], "no_quorum");
    EXPECT_EQ(lock["lacks"], lacks);
    // The same code for another reason says nothing of them.
    event.lacks.reset();
    branch.refusal = error(errc::unavailable, "nobody who could answer");
    const auto other = ask("POST", "/v1/events/alice/1.1/takeover");
    EXPECT_EQ(other.status, 503);
    EXPECT_FALSE(other.document().contains("needed"));
}

}  // namespace
}  // namespace calbox::daemon::testing
