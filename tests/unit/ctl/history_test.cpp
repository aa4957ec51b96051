// events history, restore and trash against a fake daemon.
#include <gtest/gtest.h>

#include "fake_daemon.hpp"

namespace calbox::ctl {
namespace {

using namespace testing;

struct history : ::testing::Test {
    history() { alice.variables["TZ"] = "UTC"; }

    folder here;
    person alice{.socket = (here / "ctl.sock").string()};
    std::string answer;
    fake_daemon daemon{alice.socket, [this](const asked&) { return answer; }};
};

json version_of(int number, const std::string& what, const std::string& title,
                json changes = json::array()) {
    return {{"generation", 1},  {"version", number},
            {"what", what},     {"by", number % 2 == 1 ? "alice" : "bob"},
            {"device", number}, {"written", "2026-11-24T14:00:00Z"},
            {"until", nullptr}, {"readable", !title.empty()},
            {"title", title},   {"changes", std::move(changes)}};
}

TEST_F(history, says_who_changed_what) {
    const json changes{{{"field", "place"}, {"before", "Room 1"}, {"after", "Room\x1b 2"}},
                       {{"field", "info"}, {"before", ""}, {"after", "x"}}};
    const json versions{version_of(5, "brought_back", "Review"), version_of(4, "deleted", ""),
                        version_of(3, "changed", ""), version_of(2, "changed", "Review", changes),
                        version_of(1, "created", "Review")};
    answer = http_answer(200, json{{"versions", versions}}.dump());
    const auto shown = alice.run({"events", "history", "alice/1.7"});
    EXPECT_EQ(shown.status, 0) << shown.err;
    EXPECT_EQ(daemon.last().target, "/v1/events/alice/1.7/history");
    EXPECT_EQ(shown.out,
              "5\tTue 2026-11-24 14:00\talice, device 5\tbrought it back\n"
              "4\tTue 2026-11-24 14:00\tbob, device 4\tdeleted it\n"
              "3\tTue 2026-11-24 14:00\talice, device 3\tcannot be read here\n"
              "2\tTue 2026-11-24 14:00\tbob, device 2\tplace \"Room 1\" -> \"Room 2\"; info "
              "nothing -> \"x\"\n"
              "1\tTue 2026-11-24 14:00\talice\tcreated \"Review\"\n");
    EXPECT_EQ(json::parse(alice.run({"--json", "events", "history", "alice/1.7"}).out)["versions"],
              versions);
}

TEST_F(history, restores_the_version_asked_for) {
    answer = http_answer(200, event_of("alice/1.7", "Review").dump());
    const auto done = alice.run({"events", "restore", "alice/1.7", "--version", "2"});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_EQ(done.out, "Restored alice/1.7 Review, Tue 2026-11-24 14:00 - 15:00\n");
    EXPECT_EQ(daemon.last().method, "POST");
    EXPECT_EQ(daemon.last().target, "/v1/events/alice/1.7/restore");
    EXPECT_EQ(json::parse(daemon.last().body), (json{{"version", 2}}));
    EXPECT_EQ(alice.run({"-q", "events", "restore", "alice/1.7"}).out, "alice/1.7\n");
    EXPECT_EQ(json::parse(daemon.last().body), json::object());
}

TEST_F(history, version_is_that_of_the_program_everywhere_else) {
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"--version"}, {"events", "trash", "--version"}}) {
        const auto shown = alice.run(words);
        EXPECT_EQ(shown.status, 0);
        EXPECT_TRUE(shown.out.starts_with("calboxctl ")) << shown.out;
    }
    EXPECT_EQ(alice.run({"events", "restore", "alice/1.7", "--version"}).status, 2);
    EXPECT_TRUE(daemon.requests().empty());
}

TEST_F(history, refuses_what_is_no_version) {
    for (const char* version : {"0", "-1", "two", "1.5", "", "99999999999999999999"}) {
        EXPECT_EQ(alice.run({"events", "restore", "alice/1.7", "--version=" + std::string(version)})
                      .status,
                  2)
            << version;
    }
    EXPECT_TRUE(daemon.requests().empty());
    answer = http_problem(404, "not_found", "version 9 of this event is not kept here");
    const auto unknown = alice.run({"events", "restore", "alice/1.7", "--version", "9"});
    EXPECT_EQ(unknown.status, 4);
    EXPECT_NE(unknown.err.find("version 9"), std::string::npos) << unknown.err;
}

TEST_F(history, lists_the_trash) {
    json event = event_of("alice/1.9", "Review");
    event["deleted_by"] = "bob";
    event["until"] = "2026-12-24T14:00:00Z";
    answer = http_answer(200, json{{"events", {event}}}.dump());
    EXPECT_EQ(alice.run({"events", "trash"}).out,
              "alice/1.9\tReview\tTue 2026-11-24 14:00 - 15:00\tbob\tThu 2026-12-24 14:00\n");
    EXPECT_EQ(daemon.last().target, "/v1/trash");
    answer = http_answer(200, R"({"events":[]})");
    const auto empty = alice.run({"events", "trash"});
    EXPECT_EQ(empty.out, "");
    EXPECT_NE(empty.err.find("the trash is empty"), std::string::npos);
}

}  // namespace
}  // namespace calbox::ctl
