// Commands about events and their locks against a fake daemon.
#include <fstream>

#include <gtest/gtest.h>

#include "fake_daemon.hpp"

namespace calbox::ctl {
namespace {

using namespace testing;

using events = with_daemon;

TEST_F(events, add_sends_a_draft_in_the_persons_zone) {
    answer = http_answer(201, event_of("alice/1.7", "DS meeting").dump(), "ETag: \"1-1\"\r\n");
    alice.variables["TZ"] = "Europe/Lisbon";
    const auto done = alice.run({"events",        "add",       "DS meeting", "2026-11-24 14:00+60m",
                                 "--with",        "bob,carol", "--with",     "@choir",
                                 "--place",       "Room 2",    "--info",     "x",
                                 "--guests-may",  "attach",    "--repeat",   "FREQ=WEEKLY",
                                 "--category",    "work, Art", "--category", "fun",
                                 "--event-color", "teal"});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_EQ(done.out, "Added alice/1.7 DS meeting, Tue 2026-11-24 14:00 - 15:00\n");
    EXPECT_EQ(last_body(), (json{{"title", "DS meeting"},
                                 {"start", "2026-11-24T14:00:00"},
                                 {"end", "2026-11-24T15:00:00"},
                                 {"zone", "Europe/Lisbon"},
                                 {"all_day", false},
                                 {"participants", {"bob", "carol", "@choir"}},
                                 {"place", "Room 2"},
                                 {"info", "x"},
                                 {"guests_may", {"attach"}},
                                 {"categories", {"work", "Art", "fun"}},
                                 {"color", "teal"},
                                 {"recurrence", "FREQ=WEEKLY"}}));
}

TEST_F(events, add_of_whole_days_and_of_other_zones) {
    answer = http_answer(201, event_of("alice/1.7", "x").dump());
    ASSERT_EQ(
        alice.run({"events", "add", "x", "2026-08-03", "--end", "2026-08-14", "--all-day"}).status,
        0);
    EXPECT_EQ(last_body(), (json{{"title", "x"},
                                 {"start", "2026-08-03"},
                                 {"end", "2026-08-14"},
                                 {"zone", "UTC"},
                                 {"all_day", true}}));
    ASSERT_EQ(alice
                  .run({"events", "add", "x", "2026-08-03 10:00", "--zone", "Asia/Tokyo", "--end",
                        "2026-08-03 11:00"})
                  .status,
              0);
    EXPECT_EQ(last_body()["zone"], "Asia/Tokyo");
    EXPECT_EQ(last_body()["start"], "2026-08-03T10:00:00");
    // Rules without a name have no zone that could be sent: the moment is the same in UTC.
    alice.variables["TZ"] = "XYZ-2";
    ASSERT_EQ(alice.run({"events", "add", "x", "2026-08-03 10:00"}).status, 0);
    EXPECT_EQ(last_body()["zone"], "UTC");
    EXPECT_EQ(last_body()["start"], "2026-08-03T08:00:00");
    EXPECT_EQ(
        alice.run({"events", "add", "x", "2026-08-03 10:00", "--zone", "Mars/Olympus"}).status, 2);
}

TEST_F(events, wrong_times_are_wrong_usage_and_ask_nothing) {
    for (const char* when :
         {"31 February", "2031-02-30 10:00", "2031-13-01 10:00", "tomorrow 25:00",
          "2031-08-01 10:60", "whenever", "", "2031-08-01 10:00+-5m", "99999-01-01 10:00"}) {
        const auto refused = alice.run({"events", "add", "x", when});
        EXPECT_EQ(refused.status, 2) << when;
        EXPECT_NE(refused.err, "") << when;
    }
    EXPECT_TRUE(daemon.requests().empty());
}

TEST_F(events, overlaps_are_told_after_add_and_edit) {
    script = [](const asked& what) {
        auto event = event_of("alice/1.7", "DS meeting");
        event["conflicts"] = {"alice/1.9"};
        return what.target == "/v1/events/alice/1.9"
                   ? http_answer(200, event_of("alice/1.9", "Lunch").dump())
                   : http_answer(200, event.dump(), "ETag: \"1-3\"\r\n");
    };
    for (const auto& words : {std::vector<std::string>{"events", "add", "x", "2026-11-24 14:00"},
                              {"events", "edit", "alice/1.7", "--title", "x"}}) {
        const auto done = alice.run(words);
        EXPECT_EQ(done.status, 0) << done.err;
        EXPECT_NE(done.err.find("overlaps alice/1.9 Lunch, Tue 2026-11-24 14:00 - 15:00"),
                  std::string::npos)
            << done.err;
    }
}

TEST_F(events, add_with_files_checks_them_first) {
    const auto refused =
        alice.run({"events", "add", "x", "2026-11-24 14:00", "--file", (here / "none").string()});
    EXPECT_EQ(refused.status, 4);
    EXPECT_EQ(alice.run({"events", "add", "x", "2026-11-24 14:00", "--file", here.path().string()})
                  .status,
              2);
    EXPECT_TRUE(daemon.requests().empty());

    answer = http_answer(201, event_of("alice/1.7", "x").dump());
    const auto path = here.write("a b.txt", "the bytes");
    const auto done =
        alice.run({"--json", "events", "add", "x", "2026-11-24 14:00", "--file", path});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_EQ(json::parse(done.out)["id"], "alice/1.7");
    const auto seen = daemon.requests();
    ASSERT_EQ(seen.size(), 3U);
    EXPECT_EQ(seen[1].target, "/v1/events/alice/1.7/files/a%20b.txt");
    EXPECT_EQ(seen[1].body, "the bytes");
}

TEST_F(events, times_of_a_series_are_chosen_on_the_clock_of_its_zone) {
    script = [](const asked& what) {
        auto event = event_of("alice/1.7", "Choir");  // in Lisbon
        event["repeats"] = "every week";
        event["series"] = true;
        event["recurrence_id"] = what.target.find('?') == std::string::npos ? "" : "given";
        return http_answer(200, event.dump(), "ETag: \"1-3\"\r\n");
    };
    alice.variables["TZ"] = "Europe/Berlin";
    const std::string path = "/v1/events/alice/1.7";
    const auto id = "?recurrence_id=2026-12-01T14%3A00%3A00";
    auto done = alice.run(
        {"events", "edit", "alice/1.7", "--occurrence", "2026-12-01 15:00", "--place", "Room 3"});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_EQ(done.out, "Changed alice/1.7 Choir, Tue 2026-11-24 15:00 - 16:00\n");
    const auto seen = daemon.requests();
    ASSERT_EQ(seen.size(), 3U);
    EXPECT_EQ(seen[1].target, path + id);
    EXPECT_EQ(seen[2].method, "PATCH");
    EXPECT_EQ(seen[2].target, path + id + "&scope=this");
    EXPECT_EQ(alice
                  .run({"events", "rm", "alice/1.7", "--occurrence", "2026-12-01", "--scope",
                        "following"})
                  .status,
              0);
    EXPECT_EQ(daemon.last().method, "DELETE");
    EXPECT_EQ(daemon.last().target, path + "?recurrence_id=2026-12-01&scope=following");
    EXPECT_EQ(alice.run({"events", "rm", "alice/1.7", "--scope", "following"}).status, 2);
    EXPECT_EQ(alice.run({"events", "rm", "alice/1.7", "--scope", "some"}).status, 2);
    EXPECT_NE(alice.run({"events", "show", "alice/1.7"}).out.find("every week"), std::string::npos);
}

TEST_F(events, reminders_are_no_change_of_the_event) {
    script = [](const asked& what) {
        return what.target.ends_with("/reminders")
                   ? http_answer(200, R"({"minutes":[0,10,60,2880],"at":["2026-05-03T09:00:00Z"]})")
                   : http_answer(200, event_of("alice/1.7", "Choir").dump(), "ETag: \"1-3\"\r\n");
    };
    const auto done = alice.run({"events", "edit", "alice/1.7", "--remind", "10m,2d"});
    EXPECT_EQ(done.status, 0) << done.err;
    const auto seen = daemon.requests();
    ASSERT_EQ(seen.size(), 2U);
    EXPECT_EQ(seen[0].method, "PUT");
    EXPECT_EQ(json::parse(seen[0].body), (json{{"minutes", {10, 2880}}, {"at", json::array()}}));
    EXPECT_EQ(seen[1].method, "GET");
    EXPECT_NE(alice.run({"events", "show", "alice/1.7"})
                  .out.find("at its start, 10 minutes before, 1 hour before, 2 days before"),
              std::string::npos);
    EXPECT_EQ(alice.run({"events", "edit", "alice/1.7", "--remind", "soon"}).status, 2);
    EXPECT_EQ(alice.run({"events", "edit", "alice/1.7", "--remind", "none"}).status, 0);
    EXPECT_EQ(json::parse(daemon.requests().at(4).body),
              (json{{"minutes", json::array()}, {"at", json::array()}}));
    EXPECT_EQ(alice.run({"events", "edit", "alice/1.7", "--remind", "2026-05-03 9:00,1h"}).status,
              0);
    EXPECT_EQ(json::parse(daemon.requests().at(6).body)["minutes"], json::array({60}));
    EXPECT_EQ(json::parse(daemon.requests().at(6).body)["at"].size(), 1U);
}

TEST_F(events, open_ones_are_joined_and_left) {
    const std::string link = "calbox:event/alice/1.7?network=1";
    answer = http_answer(200, R"({"link":")" + link + R"("})");
    EXPECT_EQ(alice.run({"events", "open", "alice/1.7"}).out, link + "\n");
    EXPECT_EQ(daemon.last().method, "PUT");
    EXPECT_EQ(daemon.last().target, "/v1/events/alice/1.7/open");
    answer = http_answer(
        200, R"({"id":"alice/1.7","organizer":"alice","link":"x","joined":true,"why":""})");
    EXPECT_EQ(alice.run({"events", "join", link}).out, "Joined alice/1.7\n");
    EXPECT_EQ(json::parse(daemon.last().body)["link"], link);
    answer = http_answer(
        202,
        R"({"id":"alice/1.7","organizer":"alice","link":"x","joined":false,"why":"no device of alice can be reached"})");
    const auto waits = alice.run({"events", "join", link});
    EXPECT_EQ(waits.status, 0);
    EXPECT_EQ(waits.out, "Waiting to join alice/1.7: no device of alice can be reached\n");
    answer = http_answer(200, R"({"name":"bob","known":false,"why":"he is away","events":null})");
    const auto unknown = alice.run({"events", "opened", "bob"});
    EXPECT_NE(unknown.status, 0);
    EXPECT_NE(unknown.err.find("he is away"), std::string::npos);
    script = [](const asked& what) {
        return what.target.starts_with("/v1/joins") ? http_problem(404, "not_found", "none waits")
                                                    : std::string("HTTP/1.1 204 X\r\n\r\n");
    };
    EXPECT_EQ(alice.run({"events", "leave", "alice/1.7"}).out, "Left alice/1.7\n");
    const auto seen = daemon.requests();
    EXPECT_EQ(seen[seen.size() - 2].target, "/v1/joins/alice/1.7");
    EXPECT_EQ(seen.back().method, "POST");
    EXPECT_EQ(seen.back().target, "/v1/events/alice/1.7/leave");
}

TEST_F(events, list_is_tabs_in_a_pipe_and_json_on_demand) {
    const json events{{"events", {event_of("alice/1.7", "DS \033[1mmeeting")}}};
    answer = http_answer(200, events.dump());
    const auto done = alice.run(
        {"events", "list", "--from", "2026-11-01", "--to", "2026-11-30", "--search", "a&b"});
    EXPECT_EQ(done.out,
              "alice/1.7\tTue 2026-11-24 14:00 - 15:00\tDS [1mmeeting\tRoom 2\tbob, carol\t\n");
    EXPECT_EQ(
        daemon.last().target,
        "/v1/events?from=2026-11-01T00%3A00%3A00Z&to=2026-12-01T00%3A00%3A00Z&q=a%26b&expand=true");
    EXPECT_EQ(json::parse(alice.run({"events", "list", "--json"}).out), events);
    EXPECT_EQ(daemon.last().target, "/v1/events");
    answer = http_answer(200, R"({"events":[]})");
    const auto none = alice.run({"events", "list"});
    EXPECT_EQ(none.out, "");
    EXPECT_EQ(none.err, "no events\n");
    EXPECT_EQ(alice.run({"-q", "events", "list"}).err, "");
}

TEST_F(events, edit_starts_from_the_version_that_it_saw) {
    int conflicts = 2;
    script = [&](const asked& what) {
        if (what.method == "GET") {
            auto event = event_of("alice/1.7", "DS meeting");
            if (conflicts < 2) {
                event["participants"] = {"bob", "carol", "dave"};
            }
            return http_answer(200, event.dump(),
                               "ETag: \"1-" + std::to_string(3 - conflicts) + "\"\r\n");
        }
        return conflicts-- > 0 ? http_problem(412, "conflict", "changed meanwhile")
                               : http_answer(200, event_of("alice/1.7", "DS meeting").dump());
    };
    const auto done =
        alice.run({"events", "edit", "alice/1.7", "--without", "bob", "--with", "erin"});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_EQ(daemon.last().method, "PATCH");
    EXPECT_EQ(daemon.last().headers["if-match"], "\"1-3\"");
    EXPECT_EQ(last_body(), (json{{"participants", {"carol", "dave", "erin"}}}))
        << "another's change was lost";
    conflicts = 100;
    EXPECT_EQ(alice.run({"events", "edit", "alice/1.7", "--title", "x"}).status, 5);
}

TEST_F(events, moving_keeps_the_length_and_the_zone) {
    answer = http_answer(200, event_of("alice/1.7", "x").dump());
    alice.variables["TZ"] = "America/New_York";
    ASSERT_EQ(alice.run({"events", "edit", "alice/1.7", "--when", "2026-11-25 10:00"}).status, 0);
    EXPECT_EQ(last_body(), (json{{"start", "2026-11-25T15:00:00"},
                                 {"end", "2026-11-25T16:00:00"},
                                 {"zone", "Europe/Lisbon"},
                                 {"all_day", false}}));
    alice.variables["TZ"] = "UTC";
    ASSERT_EQ(alice
                  .run({"events", "edit", "alice/1.7", "--start", "2031-07-01T13:00:00", "--end",
                        "2031-07-01T14:30:00"})
                  .status,
              0);
    EXPECT_EQ(last_body()["start"], "2031-07-01T14:00:00")
        << "13:00 UTC is 14:00 in Lisbon's summer";
    EXPECT_EQ(last_body()["end"], "2031-07-01T15:30:00");
    ASSERT_EQ(alice.run({"events", "edit", "alice/1.7", "--end", "2026-11-24 17:00"}).status, 0);
    EXPECT_EQ(last_body(), (json{{"end", "2026-11-24T17:00:00"}}));
}

TEST_F(events, edit_of_nothing_without_a_terminal_is_wrong_usage) {
    EXPECT_EQ(alice.run({"events", "edit", "alice/1.7"}).status, 2);
    EXPECT_TRUE(daemon.requests().empty());
}

TEST_F(events, edit_on_a_terminal_opens_the_editor_and_holds_the_lock) {
    const std::string event =
        http_answer(200, event_of("alice/1.7", "DS meeting").dump(), "ETag: \"1-3\"\r\n");
    const std::string session =
        "HTTP/1.1 201 X\r\nContent-Type: text/event-stream\r\n\r\n"
        "data: {\"session\":\"5e55\",\"version\":3}\n\n";
    script = [&](const asked& what) { return what.method == "POST" ? session : event; };
    alice.terminal = true;
    alice.variables["NO_COLOR"] = "1";
    alice.variables["TMPDIR"] = here / "";
    alice.variables["EDITOR"] = "sed -i s/meeting/lecture/";
    const auto done = alice.run({"events", "edit", "alice/1.7"});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_EQ(daemon.requests().front().method, "POST");
    EXPECT_EQ(daemon.requests().front().target, "/v1/events/alice/1.7/lock");
    EXPECT_EQ(last_body(), (json{{"title", "DS lecture"}}));
    EXPECT_EQ(daemon.last().headers["if-match"], "\"1-3\"");
    EXPECT_EQ(daemon.last().headers["calbox-lock"], "5e55");
    alice.variables["EDITOR"] = "true";
    const auto same = alice.run({"events", "edit", "alice/1.7"});
    EXPECT_EQ(same.status, 0);
    EXPECT_EQ(daemon.last().method, "GET") << "an unchanged text was saved";
    alice.variables["EDITOR"] = "false";
    EXPECT_EQ(alice.run({"events", "edit", "alice/1.7"}).status, 130);
}

TEST_F(events, edit_merges_what_fits_together_when_it_is_told_to) {
    const std::string session =
        "HTTP/1.1 201 X\r\nContent-Type: text/event-stream\r\n\r\n"
        "data: {\"session\":\"5e55\",\"version\":3}\n\n";
    json refusal{{"code", "conflict"},
                 {"detail", "it is at version 4 now"},
                 {"current", event_of("alice/1.7", "Old, by bob")},
                 {"mergeable", true},
                 {"fields", {{"mine", {"title"}}, {"theirs", {"place"}}, {"both", json::array()}}}};
    script = [&](const asked& what) {
        const bool merges = what.target.ends_with("?merge=yes");
        return what.method == "POST" ? session
               : what.method == "PATCH" && !merges
                   ? http_answer(412, refusal.dump())
                   : http_answer(200, event_of("alice/1.7", merges ? "New" : "Old").dump(),
                                 "ETag: \"1-3\"\r\n");
    };
    alice.terminal = true;
    alice.variables["NO_COLOR"] = "1";
    alice.variables["TMPDIR"] = here / "";
    alice.variables["EDITOR"] = "sed -i s/Old/New/";
    const auto done = alice.run({"events", "edit", "alice/1.7", "--merge"});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_NE(done.err.find("title: Old, by bob"), std::string::npos) << done.err;
    EXPECT_NE(done.err.find("you changed: title"), std::string::npos) << done.err;
    EXPECT_NE(done.out.find("Changed alice/1.7 New"), std::string::npos) << done.out;
    EXPECT_EQ(daemon.last().target, "/v1/events/alice/1.7?merge=yes");
    EXPECT_EQ(daemon.last().headers["if-match"], "\"1-3\"");
    EXPECT_EQ(daemon.last().headers["calbox-lock"], "5e55");
    refusal["mergeable"] = false;
    const auto late = alice.run({"events", "edit", "alice/1.7", "--merge"});
    EXPECT_EQ(late.status, 5);
    EXPECT_NE(late.err.find("your text is in "), std::string::npos) << late.err;
    EXPECT_EQ(daemon.last().target, "/v1/events/alice/1.7") << "it was merged all the same";
}

TEST_F(events, rsvp_answers) {
    json event = event_of("alice/1.7", "Picnic");
    event["participants"] = {"bob", "carol"};
    event["answers"] = {{{"name", "bob"}, {"answer", "tentative"}}};
    answer = http_answer(200, event.dump());
    const std::vector<std::pair<const char*, const char*>> words = {
        {"yes", "accepted"},      {"no", "declined"},       {"maybe", "tentative"},
        {"accepted", "accepted"}, {"declined", "declined"}, {"tentative", "tentative"}};
    for (const auto& [typed, sent] : words) {
        const auto done = alice.run({"events", "rsvp", "alice/1.7", typed});
        EXPECT_EQ(done.status, 0) << done.err;
        EXPECT_NE(done.out.find("Answered alice/1.7 Picnic"), std::string::npos) << done.out;
        EXPECT_EQ(daemon.last().method, "PUT");
        EXPECT_EQ(daemon.last().target, "/v1/events/alice/1.7/answer");
        EXPECT_EQ(last_body(), (json{{"answer", sent}}));
    }
    const auto shown = alice.run({"events", "show", "alice/1.7"});
    EXPECT_NE(shown.out.find("bob (tentative), carol"), std::string::npos) << shown.out;
    const auto asked_before = daemon.requests().size();
    for (const char* typed : {"perhaps", "", "YES"}) {
        EXPECT_EQ(alice.run({"events", "rsvp", "alice/1.7", typed}).status, 2) << typed;
    }
    EXPECT_EQ(alice.run({"events", "rsvp", "alice/1.7"}).status, 2);
    EXPECT_EQ(alice.run({"events", "rsvp", "nothing", "yes"}).status, 2);
    EXPECT_EQ(daemon.requests().size(), asked_before);
}

TEST_F(events, edit_keeps_the_text_that_cannot_be_saved_and_says_where) {
    const std::string session =
        "HTTP/1.1 201 X\r\nContent-Type: text/event-stream\r\n\r\n"
        "data: {\"session\":\"5e55\",\"version\":3}\n\n";
    const json refusal{{"code", "conflict"},
                       {"detail", "it is at version 4 now"},
                       {"current", event_of("alice/1.7", "Theirs")},
                       {"mergeable", false}};
    script = [&](const asked& what) {
        return what.method == "POST"    ? session
               : what.method == "PATCH" ? http_answer(412, refusal.dump())
                                        : http_answer(200, event_of("alice/1.7", "Theirs").dump());
    };
    alice.terminal = true;
    alice.variables["NO_COLOR"] = "1";
    alice.variables["TMPDIR"] = here / "";
    const auto kept_in = [](const std::string& said) {
        const auto at = said.find("your text is in ");
        EXPECT_NE(at, std::string::npos) << said;
        const auto path = said.substr(at + 16, said.find_first_of("\n;", at) - at - 16);
        std::ifstream file(path);
        return std::string{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    };
    alice.variables["EDITOR"] = "sed -i s/Theirs/Mine/";
    const auto late = alice.run({"events", "edit", "alice/1.7"});
    EXPECT_EQ(late.status, 5);
    EXPECT_NE(kept_in(late.err).find("title: Mine\n"), std::string::npos);
    EXPECT_NE(late.err.find("title: Theirs"), std::string::npos) << late.err;
    alice.variables["EDITOR"] = "sed -i s/^title:.*/nonsense/";
    const auto wrong = alice.run({"events", "edit", "alice/1.7"});
    EXPECT_EQ(wrong.status, 2);
    EXPECT_NE(kept_in(wrong.err).find("nonsense\n"), std::string::npos);
}

TEST_F(events, edit_says_that_there_is_no_lock_or_who_has_it) {
    alice.terminal = true;
    alice.variables["NO_COLOR"] = "1";
    alice.variables["EDITOR"] = "sed -i s/meeting/lecture/";
    const std::string event = http_answer(200, event_of("alice/1.7", "DS meeting").dump());
    std::string refusal = http_problem(400, "unsupported", "this strategy promises no locks");
    script = [&](const asked& what) { return what.method == "POST" ? refusal : event; };
    const auto without = alice.run({"events", "edit", "alice/1.7"});
    EXPECT_EQ(without.status, 0) << without.err;
    EXPECT_NE(without.err.find("without a lock: this strategy promises no locks"),
              std::string::npos)
        << without.err;
    EXPECT_EQ(last_body(), (json{{"title", "DS lecture"}}));
    refusal = http_problem(409, "busy", "bob is editing since 14:02:00 UTC");
    const auto busy = alice.run({"events", "edit", "alice/1.7"});
    EXPECT_EQ(busy.status, 5);
    EXPECT_NE(busy.err.find("bob is editing since"), std::string::npos);
    EXPECT_EQ(daemon.last().method, "POST");
}

TEST_F(events, lock_show_wait_and_release) {
    const json lock{{"by", "bob"},
                    {"device", 2},
                    {"since", "2026-11-24T14:02:00Z"},
                    {"until", "2026-11-24T14:02:37Z"},
                    {"here", false}};
    const json free{{"state", "free"}, {"lock", nullptr}, {"strategy", {{"strategy", "views"}}}};
    const json held{{"state", "locked"}, {"lock", lock}, {"strategy", {{"strategy", "views"}}}};
    answer = http_answer(200, held.dump());
    alice.variables["TZ"] = "UTC";
    const auto shown = alice.run({"lock", "show", "alice/1.7"});
    EXPECT_EQ(shown.status, 0) << shown.err;
    EXPECT_NE(shown.out.find("bob is editing since 14:02, on device 2\n"), std::string::npos)
        << shown.out;
    EXPECT_EQ(daemon.last().target, "/v1/events/alice/1.7/lock");
    EXPECT_EQ(json::parse(alice.run({"--json", "lock", "show", "alice/1.7"}).out), held);
    answer = http_answer(200, free.dump());
    EXPECT_NE(alice.run({"lock", "show", "alice/1.7"}).out.find("nobody is editing"),
              std::string::npos);
    int looks = 0;
    script = [&](const asked& what) {
        return what.target == "/v1/watch"
                   ? "HTTP/1.1 200 X\r\nContent-Type: text/event-stream\r\n\r\n: changes\n\n"
                   : http_answer(200, (++looks, free).dump());
    };
    const auto waited = alice.run({"lock", "wait", "alice/1.7"});
    EXPECT_EQ(waited.status, 0) << waited.err;
    EXPECT_EQ(looks, 1);
    script = nullptr;
    answer = "HTTP/1.1 204 X\r\n\r\n";
    EXPECT_EQ(alice.run({"lock", "release", "alice/1.7"}).out, "Released the lock on alice/1.7\n");
    EXPECT_EQ(daemon.last().method, "DELETE");
    answer = http_problem(404, "not_found", "you do not hold the lock");
    EXPECT_EQ(alice.run({"lock", "release", "alice/1.7"}).status, 4);
}

TEST_F(events, categories_and_colour_are_set_taken_off_and_looked_for) {
    auto event = event_of("alice/1.7", "DS meeting");
    event["categories"] = {"art", "work\x1b"};
    event["color"] = "teal";
    answer = http_answer(200, event.dump());
    const auto shown = alice.run({"events", "show", "alice/1.7"}).out;
    EXPECT_NE(shown.find("categories     art, work\ncolour         teal\n"), std::string::npos)
        << shown;
    ASSERT_EQ(alice.run({"events", "edit", "alice/1.7", "--category", "work"}).status, 0);
    EXPECT_EQ(last_body(), (json{{"categories", {"work"}}}));
    ASSERT_EQ(
        alice.run({"events", "edit", "alice/1.7", "--category", "none", "--event-color", "none"})
            .status,
        0);
    EXPECT_EQ(last_body(), (json{{"categories", json::array()}, {"color", ""}}));
    answer = http_answer(200, json{{"events", json::array()}}.dump());
    ASSERT_EQ(alice.run({"events", "list", "--category", "art & work"}).status, 0);
    EXPECT_EQ(daemon.last().target, "/v1/events?category=art%20%26%20work");
    event["categories"].push_back(":files");  // is no word for the shell to look for files
    answer = http_answer(200, json{{"events", {event, event}}}.dump());
    const person typing{.socket = {}};
    EXPECT_EQ(
        typing
            .run({"__complete", "--", "--socket", alice.socket, "events", "list", "--category", ""})
            .out,
        "art\nwork\n");
    EXPECT_EQ(
        typing.run({"__complete", "--", "--socket", alice.socket, "events", "show", "al"}).out,
        "alice/1.7\tDS meeting\nalice/1.7\tDS meeting\n");
}

TEST_F(events, show_rm_and_conflicts) {
    answer = http_answer(200, event_of("alice/1.7", "DS meeting").dump());
    EXPECT_NE(alice.run({"events", "show", "alice/1.7"}).out.find("place          Room 2\n"),
              std::string::npos);
    EXPECT_EQ(alice.run({"events", "show", "not an id"}).status, 2);
    EXPECT_EQ(alice.run({"events", "show", "a/b/c"}).status, 2);
    EXPECT_EQ(alice.run({"events", "show", "../../1.7"}).status, 2);
    EXPECT_EQ(alice.run({"events", "rm", "alice/1.7"}).out, "Removed alice/1.7\n");
    EXPECT_EQ(daemon.last().method, "DELETE");
    answer = http_answer(
        200, json{{"conflicts", {{event_of("a/1.1", "A"), event_of("a/1.2", "B")}}}}.dump());
    EXPECT_EQ(alice.run({"events", "conflicts"}).out,
              "a/1.1 A, Tue 2026-11-24 14:00 - 15:00\n  overlaps a/1.2 B, Tue 2026-11-24 14:00 - "
              "15:00\n");
}

}  // namespace
}  // namespace calbox::ctl
