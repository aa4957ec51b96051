// events copy, events takeover and events edit --wait against a fake daemon.
#include "fake_daemon.hpp"

namespace calbox::ctl {
namespace {

using namespace testing;

struct branches : ::testing::Test {
    folder here;
    person carol{.socket = (here / "ctl.sock").string()};
    std::function<std::string(const asked&)> script = [](const asked&) {
        return http_answer(201, event_of("carol/1.1", "Lecture").dump());
    };
    fake_daemon daemon{carol.socket, [this](const asked& what) { return script(what); }};
};

TEST_F(branches, copy_asks_for_an_event_of_ones_own) {
    const auto done = carol.run({"events", "copy", "alice/1.7"});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_EQ(done.out, "Copied to carol/1.1 Lecture, Tue 2026-11-24 14:00 - 15:00\n");
    EXPECT_EQ(daemon.last().target, "/v1/events/alice/1.7/copy");
    EXPECT_EQ(json::parse(daemon.last().body), (json{{"with_participants", false}}));
    EXPECT_EQ(
        carol.run({"-q", "events", "copy", "alice/1.7", "--title", "Mine", "--with-participants"})
            .out,
        "carol/1.1\n");
    EXPECT_EQ(json::parse(daemon.last().body),
              (json{{"with_participants", true}, {"title", "Mine"}}));
}

TEST_F(branches, takeover_wants_to_be_meant) {
    const auto refused = carol.run({"events", "takeover", "alice/1.7"});
    EXPECT_EQ(refused.status, 2);
    EXPECT_NE(refused.err.find("--yes"), std::string::npos) << refused.err;
    EXPECT_TRUE(daemon.requests().empty());
    script = [](const asked&) { return http_answer(200, event_of("alice/1.7", "Lecture").dump()); };
    const auto done = carol.run({"events", "takeover", "alice/1.7", "--yes"});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_EQ(done.out, "Took over alice/1.7 Lecture, Tue 2026-11-24 14:00 - 15:00\n");
    EXPECT_EQ(daemon.last().method, "POST");
    EXPECT_EQ(daemon.last().target, "/v1/events/alice/1.7/takeover");
}

TEST_F(branches, edit_waits_until_it_can_be_confirmed_where_it_is_asked_to) {
    int refusals = 1;
    script = [&](const asked& what) {
        if (what.method == "PATCH" && refusals-- > 0) {
            return http_problem(503, "unavailable",
                                "this cannot be confirmed: it needs 1 of these devices to be "
                                "reachable: alice; wait for them, or copy it");
        }
        return http_answer(200, event_of("alice/1.7", "Lecture").dump(), "ETag: \"1-3\"\r\n");
    };
    const auto refused = carol.run({"events", "edit", "alice/1.7", "--place", "Room 3"});
    EXPECT_EQ(refused.status, 7);
    EXPECT_NE(refused.err.find("or copy it"), std::string::npos) << refused.err;
    refusals = 2;
    const auto done = carol.run({"events", "edit", "alice/1.7", "--place", "Room 3", "--wait"});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_NE(done.out.find("Changed alice/1.7"), std::string::npos);
    const auto first = done.err.find("waiting: this cannot be confirmed: it needs 1");
    EXPECT_NE(first, std::string::npos) << done.err;
    EXPECT_EQ(done.err.find("waiting", first + 1), std::string::npos) << "said once";
}

TEST_F(branches, states_are_shown_in_words) {
    json event = event_of("alice/1.7", "Lecture");
    event["state"] = "no_quorum";
    event["lacks"] = {{"needed", 1}, {"missing", {"alice", "backup ab12"}}};
    script = [&](const asked& what) {
        const bool lock = what.target.ends_with("/lock");
        return http_answer(200, lock ? json{{"state", event["state"]},
                                            {"lock", nullptr},
                                            {"lacks", event["lacks"]},
                                            {"strategy", json::object()}}
                                           .dump()
                                     : event.dump());
    };
    const std::string text = "cannot be confirmed: needs 1 of alice, backup ab12";
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"events", "show", "alice/1.7"}, {"lock", "show", "alice/1.7"}}) {
        const auto shown = carol.run(words);
        EXPECT_NE(shown.out.find(text), std::string::npos) << shown.out << shown.err;
    }
    event["state"] = "unknown";
    event["lacks"] = nullptr;
    EXPECT_NE(carol.run({"lock", "show", "alice/1.7"}).out.find("checking"), std::string::npos);
    event["state"] = "forked";
    EXPECT_NE(carol.run({"events", "show", "alice/1.7"}).out.find("take-over"), std::string::npos);
}

}  // namespace
}  // namespace calbox::ctl
