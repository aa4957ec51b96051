// search, export and import against a fake daemon.
#include <gtest/gtest.h>

#include "fake_daemon.hpp"

namespace calbox::ctl {
namespace {

using namespace testing;

struct exchange : ::testing::Test {
    exchange() { alice.variables["TZ"] = "Europe/Lisbon"; }

    folder here;
    person alice{.socket = (here / "ctl.sock").string()};
    std::string answer;
    fake_daemon daemon{alice.socket, [this](const asked&) { return answer; }};
};

TEST_F(exchange, search_shows_where_the_words_stand) {
    const json found{
        {"id", "alice/1.7"},
        {"title", "Budget review"},
        {"start", "2026-11-24T14:00:00"},
        {"end", "2026-11-24T15:00:00"},
        {"zone", "Europe/Lisbon"},
        {"all_day", false},
        {"start_utc", "2026-11-24T14:00:00Z"},
        {"end_utc", "2026-11-24T15:00:00Z"},
        {"matches",
         {{{"field", "title"},
           {"parts",
            {{{"text", "Budget"}, {"hit", true}}, {{"text", " re\x1bview"}, {"hit", false}}}}},
          {{"field", "place"}, {"parts", {{{"text", "Room 3"}, {"hit", true}}}}}}}};
    answer = http_answer(200, json{{"found", {found}}}.dump());
    const auto shown = alice.run({"search", "bud&get", "room 3", "--limit", "5"});
    EXPECT_EQ(shown.status, 0) << shown.err;
    EXPECT_EQ(daemon.last().target, "/v1/search?q=bud%26get%20%22room%203%22&limit=5");
    EXPECT_EQ(shown.out.find('\x1b'), std::string::npos);
    EXPECT_NE(
        shown.out.find("alice/1.7\tTue 2026-11-24 14:00 - 15:00\tBudget review\tBudget review; "
                       "place: Room 3\n"),
        std::string::npos)
        << shown.out;
    answer = http_answer(200, R"({"found":[]})");
    const auto none = alice.run({"search", "nothing"});
    EXPECT_EQ(none.out, "");
    EXPECT_NE(none.err.find("no event says that"), std::string::npos);
}

TEST_F(exchange, export_writes_a_file_that_it_does_not_replace_unasked) {
    answer = http_answer(200, "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", {}, "text/calendar");
    const auto file = (here / "all.ics").string();
    const auto done = alice.run(
        {"export", file, "--from", "2026-05-01", "--to", "2026-05-31", "--without-files"});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_EQ(daemon.last().target,
              "/v1/export?from=2026-04-30T23%3A00%3A00Z&to=2026-05-31T23%3A00%3A00Z&files=no");
    EXPECT_EQ(here.read("all.ics"), "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n");
    EXPECT_EQ(alice.run({"export", file}).status, 5);
    EXPECT_EQ(alice.run({"export", file, "--force"}).status, 0);
    EXPECT_EQ(alice.run({"export", "--event", "alice/1.7", "-"}).out,
              "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n");
    EXPECT_EQ(daemon.last().target, "/v1/export?event=alice%2F1.7");
    answer = http_problem(404, "not_found", "no such event");
    EXPECT_EQ(alice.run({"export", "--event", "alice/1.9", (here / "one.ics").string()}).status, 4);
    EXPECT_EQ(here.names(), (std::vector<std::string>{"all.ics", "ctl.sock"}));
}

TEST_F(exchange, import_says_what_became_of_each_event) {
    answer = http_answer(200, json{{"added", 1},
                                   {"skipped", 1},
                                   {"refused", 1},
                                   {"events",
                                    {{{"what", "added"},
                                      {"uid", "a"},
                                      {"title", "One"},
                                      {"id", "alice/1.7"},
                                      {"reason", ""}},
                                     {{"what", "skipped"},
                                      {"uid", "b"},
                                      {"title", "Two"},
                                      {"id", "alice/1.2"},
                                      {"reason", "there"}},
                                     {{"what", "refused"},
                                      {"uid", "c"},
                                      {"title", "Three"},
                                      {"id", ""},
                                      {"reason", "no start"}}}}}
                                  .dump());
    const auto file = here.write("work.ics", "BEGIN:VCALENDAR\r\n");
    const auto done = alice.run({"import", file, "--dry-run"});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_EQ(daemon.last().target, "/v1/import?zone=Europe%2FLisbon&dry_run=yes");
    EXPECT_EQ(daemon.last().body, "BEGIN:VCALENDAR\r\n");
    EXPECT_NE(done.out.find("refused\t\tThree\tno start\n"), std::string::npos) << done.out;
    EXPECT_NE(done.out.find("It would be: 1 added, 1 skipped, 1 refused\n"), std::string::npos);
    EXPECT_EQ(alice.run({"import", file, "--zone", "UTC"}).status, 0);
    EXPECT_EQ(daemon.last().target, "/v1/import?zone=UTC");
    EXPECT_EQ(alice.run({"import", (here / "none.ics").string()}).status, 4);
}

}  // namespace
}  // namespace calbox::ctl
