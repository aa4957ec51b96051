// Routes, problems and JSON requests, over a real socket.
#include "api_bench.hpp"

namespace calbox::daemon::testing {
namespace {

class api_test : public bench {};

TEST_F(api_test, answers_about_the_node) {
    EXPECT_EQ(ask("GET", "/health").document(), json({{"ok", true}}));
    const json status = ask("GET", "/v1/status").document();
    EXPECT_EQ(status["state"], "connected");
    EXPECT_EQ(status["recovery"]["backups"], json({{"envelopes", 0}, {"bytes", 0}}));
    EXPECT_EQ(status["recovery"]["last"]["friends"],
              json::array({{{"device", "ab12"}, {"envelopes", 5}, {"bytes", 2000}}}));
    EXPECT_EQ(ask("GET", "/v1/doctor").document()["findings"][0]["advice"], "set it");
    EXPECT_EQ(ask("GET", "/v1/plugins").document()["plugins"][0]["name"], "sqlite");
    EXPECT_EQ(ask("GET", "/v1/peers").document()["peers"][0]["relayed"], true);
    EXPECT_EQ(ask("GET", "/v1/network").document()["id"], "abcd");
    EXPECT_EQ(ask("GET", "http://calbox/v1/network").document()["id"], "abcd");
    EXPECT_EQ(ask("GET", "/openapi.json").document()["openapi"], "3.1.0");
    const auto text = ask("GET", "/metrics");
    EXPECT_TRUE(text.head.at("content-type").starts_with("text/plain"));
    EXPECT_NE(text.body.find("\ncalbox_events 3\n"), std::string::npos);
    EXPECT_NE(text.body.find("\ncalbox_recovery_envelopes_total{from=\"friends\"} 5\n"),
              std::string::npos);
    EXPECT_NE(text.body.find("\ncalbox_recovery_envelopes_total{from=\"backups\"} 0\n"),
              std::string::npos);
    EXPECT_NE(text.body.find("calbox_requests_total{method=\"GET\",status=\"200\"} 8\n"),
              std::string::npos)
        << text.body;
}

TEST_F(api_test, tells_of_recovery_and_changes_its_strategy) {
    const json before = ask("GET", "/v1/recovery").document();
    EXPECT_EQ(before["strategy"], "auto");
    EXPECT_EQ(before["strategies"], json({"auto", "naive"}));
    EXPECT_EQ(before["last"]["strategy"], "naive");
    EXPECT_EQ(before["last"]["friends"][0]["envelopes"], 5);
    EXPECT_EQ(say("PUT", "/v1/recovery/strategy", R"({"name":"naive"})").document()["strategy"],
              "naive");
    EXPECT_EQ(ask("GET", "/v1/recovery").document()["strategy"], "naive");
    EXPECT_EQ(say("PUT", "/v1/recovery/strategy", R"({"name":"guess"})").status, 404);
    EXPECT_EQ(say("PUT", "/v1/recovery/strategy", R"({"nam":"naive"})").status, 400);
}

TEST_F(api_test, shows_and_looks_after_the_store) {
    const json shown = ask("GET", "/v1/store").document();
    EXPECT_EQ(shown["engine"], "sqlite");
    EXPECT_EQ(shown["database_bytes"], 4096);
    EXPECT_EQ(shown["scrub"]["running"], false);
    EXPECT_EQ(shown["scrub"]["began"], "1970-01-01T00:00:01Z");
    EXPECT_EQ(shown["scrub"]["ended"], nullptr);
    EXPECT_EQ(shown["scrub"]["found"][0]["name"], "alice/1.7");
    EXPECT_EQ(ask("GET", "/v1/store/check").document()["sound"], true);
    const auto made = say("POST", "/v1/store/backup", R"({"file":"/mnt/copy.db"})");
    EXPECT_EQ(made.status, 201);
    EXPECT_EQ(made.document(), json({{"file", "/mnt/copy.db"}, {"bytes", 4096}}));
    EXPECT_EQ(say("POST", "/v1/store/backup", R"({"file":"/mnt/copy.db"})").status, 409);
    EXPECT_EQ(say("POST", "/v1/store/backup", R"({"file":"copy.db"})").status, 400);
    EXPECT_EQ(say("POST", "/v1/store/backup", R"({"file":"/a\u0000b"})").status, 400);
    EXPECT_EQ(say("POST", "/v1/store/backup", "{}").status, 400);
    const auto begun = say("POST", "/v1/store/scrub", "{}");
    EXPECT_EQ(begun.status, 202);
    EXPECT_EQ(begun.document()["running"], true);
}

TEST_F(api_test, shows_the_object_layer_and_asks_holders) {
    const json objects = ask("GET", "/v1/net/objects").document();
    EXPECT_EQ(objects["told"], 4);
    EXPECT_EQ(objects["resolver"]["dropped"]["unauthenticated"], 2);
    const std::string holders = "/v1/events/alice/1.7/holders";
    const json found = ask("GET", holders).document();
    EXPECT_EQ(found["found"], 2);
    EXPECT_EQ(found["answered"].size(), 2u);
    EXPECT_EQ(ask("GET", holders + "?copies=1").document()["answered"][0]["version"], 4);
    EXPECT_EQ(ask("GET", holders + "?copies=0").status, 400);
    EXPECT_EQ(ask("GET", holders + "?copies=x").status, 400);
}

TEST_F(api_test, finds_events) {
    const json found = ask("GET", "/v1/search?q=budget+%22re%22&limit=7").document()["found"];
    EXPECT_EQ(search.last, "budget \"re\"");
    EXPECT_EQ(search.last_most, 7U);
    EXPECT_EQ(found[0]["id"], "alice/1.7");
    EXPECT_EQ(found[0]["matches"][0]["parts"][0], json({{"text", "Budget"}, {"hit", true}}));
    EXPECT_EQ(ask("GET", "/v1/search?q=x").status, 200);
    EXPECT_EQ(search.last_most, 50U);
    for (const char* const bad :
         {"/v1/search", "/v1/search?q=x&limit=0", "/v1/search?q=x&limit=501",
          "/v1/search?q=x&limit=1x", "/v1/search?p=x"}) {
        EXPECT_EQ(ask("GET", bad).status, 400) << bad;
    }
}

TEST_F(api_test, exchanges_files_with_other_calendars) {
    const auto sent = ask("GET", "/v1/export?from=2026-05-01&to=2026-06-01&files=no");
    EXPECT_EQ(sent.status, 200);
    EXPECT_TRUE(sent.head.at("content-type").starts_with("text/calendar"));
    EXPECT_TRUE(sent.body.starts_with("BEGIN:VCALENDAR"));
    EXPECT_FALSE(calendars.last.with_files);
    EXPECT_TRUE(calendars.last.from && calendars.last.to && !calendars.last.only);
    EXPECT_EQ(ask("GET", "/v1/export?event=alice/1.1").status, 200);
    EXPECT_TRUE(calendars.last.only && calendars.last.with_files);
    EXPECT_EQ(ask("GET", "/v1/export?files=perhaps").status, 400);
    EXPECT_EQ(ask("GET", "/v1/export?from=may").status, 400);
    const auto made = say("POST", "/v1/import?zone=Europe/Lisbon&dry_run=yes", "BEGIN:VCALENDAR");
    EXPECT_EQ(made.status, 200) << made.body;
    EXPECT_EQ(made.document()["added"], 1);
    EXPECT_EQ(made.document()["skipped"], 0);
    EXPECT_EQ(made.document()["refused"], 1);
    EXPECT_EQ(made.document()["events"][1]["reason"], "it has no start");
    EXPECT_EQ(calendars.last_zone, "Europe/Lisbon");
    EXPECT_TRUE(calendars.last_dry);
    EXPECT_EQ(say("POST", "/v1/import", "x").status, 200);
    EXPECT_EQ(calendars.last_zone, "UTC");
    EXPECT_FALSE(calendars.last_dry);
    EXPECT_EQ(say("POST", "/v1/import?dry_run=1", "x").status, 400);
}

TEST_F(api_test, archives_an_account_and_restores_it) {
    EXPECT_EQ(ask("GET", "/v1/account").document()["events"], 2);
    const auto sent = say("POST", "/v1/account/export", R"({"password":"long enough"})");
    EXPECT_EQ(sent.status, 200);
    EXPECT_EQ(sent.body, "archive");
    EXPECT_EQ(sent.head.at("content-length"), "7");
    EXPECT_EQ(archive.given.archive, "long enough");
    trouble.next = error(errc::invalid_argument, "too easy to guess");
    EXPECT_EQ(say("POST", "/v1/account/export", R"({"password":"1"})").status, 400);
    EXPECT_EQ(say("POST", "/v1/account/export", "{}").status, 400);
    const auto back = say("POST", "/v1/account/restore", "what was archived",
                          "Calbox-Password: p%C3%A4ss word\r\n", "application/octet-stream");
    EXPECT_EQ(back.status, 201) << back.body;
    EXPECT_EQ(back.document()["device"], 3);
    EXPECT_EQ(archive.taken, "what was archived");
    EXPECT_EQ(archive.given.archive, "p\xC3\xA4ss word");
    EXPECT_EQ(archive.given.account, "");
    EXPECT_EQ(say("POST", "/v1/account/restore", "x").status, 400);
    trouble.next = error(errc::malformed, "the archive is damaged");
    EXPECT_EQ(say("POST", "/v1/account/restore", "x", "Calbox-Password: y\r\n").status, 400);
}

TEST_F(api_test, shows_the_overlay_and_exchanges_its_strategy) {
    const json net = ask("GET", "/v1/net").document();
    EXPECT_EQ(net["edges_max"], 9);
    EXPECT_EQ(net["reachable"], "no");
    EXPECT_EQ(net["discovery"]["strategy"], "random");
    const json all = ask("GET", "/v1/net/rendezvous").document()["rendezvous"];
    EXPECT_EQ(all[0]["edges"], 7);
    EXPECT_FALSE(all[1].contains("edges")) << "not heard of, which is not none";
    EXPECT_EQ(ask("GET", "/v1/net/routes").document()["routes"][0]["way"], "direct");
    EXPECT_EQ(
        say("PUT", "/v1/discovery/strategy", R"({"name":"load_aware"})").document()["strategy"],
        "load_aware");
    EXPECT_EQ(ask("GET", "/v1/discovery").document()["strategy"], "load_aware");
    EXPECT_EQ(say("PUT", "/v1/discovery/strategy", R"({"name":"none"})").status, 404);
    EXPECT_EQ(say("PUT", "/v1/discovery/strategy", R"({"strategy":"random"})").status, 400);
    EXPECT_EQ(ask("GET", "/v1/discovery").document()["strategy"], "load_aware");
}

TEST_F(api_test, stops_when_told_and_by_nothing_else) {
    EXPECT_EQ(ask("GET", "/v1/stop").status, 405);
    EXPECT_EQ(say("POST", "/v1/stop", R"({"now":true})").status, 400);
    EXPECT_EQ(ask("POST", "/v1/stop?now=yes").status, 400);
    EXPECT_EQ(stops, 0);
    EXPECT_EQ(ask("POST", "/v1/stop").status, 204);
    EXPECT_EQ(stops, 1);
}

TEST_F(api_test, answers_head_with_the_head_alone) {
    const auto got = ask("HEAD", "/v1/status");
    EXPECT_EQ(got.status, 200);
    EXPECT_GT(std::stoi(got.head.at("content-length")), 100);
}

TEST_F(api_test, shows_and_changes_the_networks_strategy) {
    const auto shown = ask("GET", "/v1/network/strategy").document();
    EXPECT_EQ(shown["epoch"], 1);
    ASSERT_EQ(shown["epochs"].size(), 2U);
    EXPECT_EQ(shown["epochs"][0]["strategy"], "views");
    EXPECT_EQ(shown["epochs"][0]["events"], 3);
    EXPECT_EQ(shown["epochs"][0]["takes_effect"], nullptr);
    EXPECT_EQ(shown["epochs"][1]["in_effect"], false);
    EXPECT_EQ(shown["epochs"][1]["takes_effect"], "2027-01-15T08:00:00Z");
    const std::string path = "/v1/network/strategy";
    EXPECT_EQ(say("POST", path, "{\"strategy\":\"organizer\",\"after_seconds\":60}").status, 201);
    EXPECT_EQ(network.last, (std::vector<std::string>{"organizer", "", "60"}));
    EXPECT_EQ(say("POST", path, "{\"strategy\":\"etcd\"}").code(), "unsupported");
    EXPECT_EQ(say("POST", path, "{}").detail(), "strategy is missing");
    EXPECT_EQ(say("POST", path, "{\"strategy\":\"views\",\"after_seconds\":40000000}").code(),
              "invalid_argument");
}

TEST_F(api_test, founds_and_joins_networks) {
    EXPECT_EQ(say("POST", "/v1/network", "{}").status, 201);
    EXPECT_EQ(ask("POST", "/v1/network", "Content-Length: 0\r\n").status, 201);
    EXPECT_EQ(say("POST", "/v1/network", "{\"x\":1}").code(), "invalid_argument");
    const auto made = say("POST", "/v1/network/invitations", "{\"roles\":[\"edge\"]}");
    EXPECT_EQ(made.status, 201);
    EXPECT_TRUE(made.document()["invitation"].get<std::string>().starts_with("calbox://join/"));
    EXPECT_EQ(say("POST", "/v1/network/invitations", "{}").detail(), "roles is missing");
    EXPECT_EQ(say("POST", "/v1/network/join", "{\"invitation\":\"i\"}").status, 200);
    EXPECT_EQ(network.last, std::vector<std::string>{"i"});
}

TEST_F(api_test, signs_in_and_out) {
    const auto in = say("POST", "/v1/session", R"({"name":"bob","password":"p","register":true})");
    EXPECT_EQ(in.status, 201);
    EXPECT_EQ(in.document(), json({{"name", "bob"}, {"id", user_of(9).hex()}, {"device", 2}}));
    EXPECT_EQ(account.last, (std::vector<std::string>{"bob", "p", "register"}));
    EXPECT_EQ(ask("GET", "/v1/session").document()["users"].size(), 2u);
    EXPECT_EQ(ask("GET", "/v1/events").status, 401);
    EXPECT_EQ(ask("GET", "/v1/events", "Calbox-User: bob\r\n").status, 200);
    EXPECT_EQ(events.asked_as, user_of(9));
    EXPECT_EQ(ask("GET", "/v1/events", "Calbox-User: carol\r\n").code(), "unauthorised");
    EXPECT_EQ(ask("GET", "/v1/events", "Calbox-User: bob\r\nCalbox-User: alice\r\n").status, 400);
    const auto out = ask("DELETE", "/v1/session", "Calbox-User: bob\r\n");
    EXPECT_EQ(out.status, 204);
    EXPECT_EQ(out.head.count("content-length"), 0u);
    EXPECT_EQ(account.users.size(), 1u);
    EXPECT_EQ(say("POST", "/v1/session", R"({"name":"bob"})").detail(), "password is missing");
}

TEST_F(api_test, knows_people) {
    EXPECT_EQ(
        ask("GET", "/v1/users").document()["users"][0],
        json({{"name", "bob"}, {"id", user_of(2).hex()}, {"online", true}, {"friend", false}}));
    EXPECT_EQ(ask("GET", "/v1/friends").document()["friends"][0]["state"], "asks");
    EXPECT_EQ(say("POST", "/v1/friends", "{\"name\":\"bob\"}").status, 201);
    EXPECT_EQ(ask("POST", "/v1/friends/bo%62/accept").status, 200);
    EXPECT_EQ(contact.last, "bob");
    EXPECT_EQ(say("POST", "/v1/friends/carol/accept", "{}").status, 200);
    EXPECT_EQ(contact.last, "carol");
    EXPECT_EQ(ask("DELETE", "/v1/friends/dave").status, 204);
    EXPECT_EQ(ask("GET", "/v1/groups").document()["groups"][0]["members"].size(), 2u);
    EXPECT_EQ(say("PUT", "/v1/groups/the%20team", R"({"members":["bob"]})").document(),
              json({{"name", "the team"}, {"members", {"bob"}}}));
    EXPECT_EQ(ask("DELETE", "/v1/groups/a%2Fb").status, 204);
    EXPECT_EQ(contact.last, "a/b");
}

TEST_F(api_test, makes_shows_and_removes_events) {
    const auto made = say("POST", "/v1/events", R"({"title":"T","start":"2026-05-03T14:00:00"})");
    EXPECT_EQ(made.status, 201);
    EXPECT_EQ(made.head.at("etag"), "\"1-1\"");
    EXPECT_EQ(made.head.at("location"), "/v1/events/alice/1.2");
    const auto event = made.document();
    for (const char* key :
         {"id",        "generation", "version",       "uid",          "title",      "info",
          "place",     "start",      "end",           "zone",         "all_day",    "start_utc",
          "end_utc",   "recurrence", "organizer",     "participants", "declined",   "guests_may",
          "files",     "state",      "locked_by",     "conflicts",    "written_by", "written",
          "stored_on", "owed",       "lock",          "lacks",        "answers",    "series",
          "repeats",   "next",       "recurrence_id", "categories",   "color"}) {
        EXPECT_TRUE(event.contains(key)) << key;
    }
    EXPECT_EQ(event.size(), 35u);
    EXPECT_EQ(event["start"], "2026-05-03T14:00:00");
    EXPECT_EQ(event["start_utc"], "2026-05-03T13:00:00Z");
    EXPECT_EQ(event["guests_may"], json({"modify", "attach"}));
    EXPECT_EQ(ask("GET", "/v1/events/alice/1.2").document()["title"], "T");
    EXPECT_EQ(ask("GET", "/v1/conflicts").document()["conflicts"][0].size(), 2u);
    EXPECT_EQ(ask("DELETE", "/v1/events/alice/1.2").status, 204);
    EXPECT_EQ(ask("GET", "/v1/events/alice/1.2").code(), "not_found");
    EXPECT_EQ(ask("GET", "/v1/events/alice/x").code(), "invalid_argument");
    EXPECT_EQ(ask("GET", "/v1/events/%2e%2e/1.1").status, 404);
}

TEST_F(api_test, tells_how_the_files_of_an_event_are_held) {
    model::attachment named;
    named.name = "a.txt";
    named.root = file.add("a.txt", 5).what.root;
    events.all.front().content.files.push_back(named);
    EXPECT_EQ(ask("GET", event_path).document()["files"][0]["held"], "here");
    file.add("of another time", 5).what.root.value.fill(1);
    EXPECT_EQ(ask("GET", event_path).document()["files"].size(), 1U);
}

TEST_F(api_test, looks_for_events) {
    EXPECT_EQ(ask("GET", "/v1/events?from=2026-05-03&to=2026-05-04T00%3A00%3A00Z&q=a+b%26").status,
              200);
    EXPECT_EQ(events.asked.text, "a b&");
    EXPECT_EQ(events.asked.category, "");
    EXPECT_EQ(ask("GET", "/v1/events?category=+art+%26+work%20").status, 200);
    EXPECT_EQ(events.asked.category, "art & work");
    EXPECT_EQ(ask("GET", "/v1/events?from=2026-05-03&to=2026-05-04T00%3A00%3A00Z").status, 200);
    ASSERT_TRUE(events.asked.from && events.asked.to);
    EXPECT_EQ(events.asked.to->ms - events.asked.from->ms, 86'400'000);
    EXPECT_EQ(ask("GET", "/v1/events?from=never").code(), "invalid_argument");
    EXPECT_TRUE(ask("GET", "/v1/events?from=never").detail().starts_with("from: "));
    EXPECT_EQ(ask("GET", "/v1/events?form=2026-05-03").status, 400);
    EXPECT_EQ(ask("GET", "/v1/events?q=a&q=b").status, 400);
    EXPECT_EQ(ask("GET", "/v1/events?q=%4").code(), "malformed");
    EXPECT_EQ(ask("GET", "/v1/status?x=1").status, 400);
}

TEST_F(api_test, changes_only_the_version_that_was_seen) {
    EXPECT_EQ(say("PATCH", event_path, R"({"title":"a"})", "If-Match: \"1-1\"\r\n").head.at("etag"),
              "\"1-2\"");
    EXPECT_EQ(events.expected, version_number(1));
    EXPECT_FALSE(events.last.info);
    const auto late = say("PATCH", event_path, R"({"title":"b"})", "If-Match: \"1-1\"\r\n");
    EXPECT_EQ(late.status, 412);
    EXPECT_EQ(late.code(), "conflict");
    EXPECT_EQ(events.all.front().content.title, "a");
    EXPECT_EQ(say("PATCH", event_path, "{}", "If-Match: \"2-2\"\r\n").status, 412);
    EXPECT_EQ(say("PATCH", event_path, "{}", "If-Match: W/\"1-2\"\r\n").status, 400);
    EXPECT_EQ(say("PATCH", event_path, "{}", "If-Match: 1-2\r\n").status, 400);
    EXPECT_EQ(say("PATCH", event_path, "{}", "If-Match: \"1-1\", \"1-2\"\r\n").status, 200);
    EXPECT_EQ(say("PATCH", event_path, "{}", "If-Match: *\r\n").status, 200);
    EXPECT_FALSE(events.expected);
    EXPECT_EQ(ask("DELETE", event_path, "If-Match: \"1-1\"\r\n").status, 412);
    EXPECT_EQ(ask("DELETE", event_path, "If-Match: \"1-4\"\r\n").status, 204);
    EXPECT_EQ(events.expected, version_number(4));
}

TEST_F(api_test, shows_both_texts_where_edits_meet_and_merges_them) {
    events.all.front().version = version_number(5);
    events.meeting.mine = {"title"};
    events.meeting.theirs = {"place"};
    const std::string seen = "If-Match: \"1-3\"\r\n";
    const auto late = say("PATCH", event_path, R"({"title":"mine"})", seen);
    EXPECT_EQ(late.status, 412);
    EXPECT_EQ(late.head.at("etag"), "\"1-5\"");
    const json refusal = late.document();
    EXPECT_EQ(refusal["current"]["version"], 5);
    EXPECT_EQ(refusal["base"]["version"], 3);
    EXPECT_EQ(refusal["mergeable"], true);
    EXPECT_EQ(refusal["fields"],
              json({{"mine", {"title"}}, {"theirs", {"place"}}, {"both", json::array()}}));
    EXPECT_EQ(events.last.title, "mine");
    const std::string merging = std::string(event_path) + "?merge=yes";
    EXPECT_EQ(say("PATCH", merging, R"({"title":"mine"})", seen).status, 200);
    EXPECT_EQ(events.expected, version_number(3));
    EXPECT_EQ(say("PATCH", merging, "{}", "If-Match: \"1-6\"\r\n").status, 200);
    events.meeting.both = {"title"};
    const auto same = say("PATCH", merging, R"({"title":"mine"})", seen);
    EXPECT_EQ(same.status, 412);
    EXPECT_EQ(same.document()["mergeable"], false);
    EXPECT_EQ(same.document()["fields"]["both"], json({"title"}));
    // What it was made from is not known: another generation, several versions, none.
    for (const char* tag : {"\"2-3\"", "\"1-x\"", "\"1-3\", \"1-4\"", "\"1-0\"", "\"1\"", "\"\""}) {
        const auto got = say("PATCH", merging, "{}", "If-Match: " + std::string(tag) + "\r\n");
        EXPECT_EQ(got.status, 412) << tag;
        EXPECT_FALSE(got.document().contains("base")) << tag;
        EXPECT_EQ(got.document()["mergeable"], false) << tag;
    }
    for (const char* query : {"?merge=maybe", "?merge", "?merge=yes&merge=yes", "?mix=yes"}) {
        EXPECT_EQ(say("PATCH", event_path + std::string(query), "{}", seen).status, 400) << query;
    }
    EXPECT_EQ(say("PATCH", merging, "{}").code(), "invalid_argument");
    EXPECT_EQ(say("PATCH", merging, "{}", "If-Match: *\r\n").code(), "invalid_argument");
}

TEST_F(api_test, takes_changes_of_single_times_of_a_series) {
    const std::string path(event_path);
    const std::string id = "recurrence_id=2026-05-10T14%3A00%3A00";
    EXPECT_EQ(say("PATCH", path + "?" + id, R"({"title":"a"})").status, 200);
    EXPECT_EQ(events.last.times.occurrence, "2026-05-10T14:00:00");
    EXPECT_EQ(events.last.times.scope, node::edit_scope::one);
    EXPECT_EQ(say("PATCH", path + "?" + id + "&scope=following", "{}").status, 200);
    EXPECT_EQ(events.last.times.scope, node::edit_scope::following);
    EXPECT_EQ(say("PATCH", path + "?scope=all", "{}").status, 200);
    EXPECT_EQ(events.last.times.scope, node::edit_scope::all);
    for (const char* query :
         {"?scope=this", "?scope=some", "?recurrence_id=", "?scope=following"}) {
        EXPECT_EQ(say("PATCH", path + query, "{}").code(), "invalid_argument") << query;
        EXPECT_EQ(ask("DELETE", path + query).code(), "invalid_argument") << query;
    }
    const auto shown = ask("GET", path + "?" + id).document();
    EXPECT_EQ(shown["recurrence_id"], "2026-05-10T14:00:00");
    EXPECT_EQ(shown["series"], true);
    const auto listed = ask("GET", "/v1/events?expand=true&to=2026-06-01").document()["events"];
    EXPECT_EQ(listed[0]["recurrence_id"], "2026-05-03T14:00:00");
    EXPECT_EQ(ask("GET", "/v1/events").document()["events"][0]["recurrence_id"], "");
    EXPECT_EQ(ask("GET", "/v1/events?expand=maybe").code(), "invalid_argument");
    EXPECT_EQ(ask("DELETE", path + "?" + id + "&scope=following").status, 204);
    EXPECT_EQ(events.last.times.scope, node::edit_scope::following);
}

TEST_F(api_test, keeps_reminders_and_tells_those_that_are_due) {
    const std::string path = std::string(event_path) + "/reminders";
    EXPECT_EQ(ask("GET", path).document()["minutes"], json::array({10}));
    EXPECT_EQ(say("PUT", path, R"({"minutes":[60,10],"at":["2026-05-03T09:00:00Z"]})").status, 200);
    EXPECT_EQ(remind.kept.minutes, (std::vector<std::uint32_t>{60, 10}));
    EXPECT_EQ(ask("GET", path).document()["at"], json::array({"2026-05-03T09:00:00Z"}));
    for (const char* body :
         {"{}", R"({"minutes":5})", R"({"minutes":[-5]})", R"({"minutes":["5"]})",
          R"({"minutes":[4294967296]})", R"({"minutes":[],"x":1})", R"({"minutes":[],"at":["x"]})",
          R"({"minutes":[],"at":[5]})"}) {
        EXPECT_EQ(say("PUT", path, body).code(), "invalid_argument") << body;
    }
    const auto due = ask("GET", "/v1/reminders?from=2026-05-03&to=2026-05-04").document();
    EXPECT_EQ(due["reminders"][0]["at"], "2026-05-03T00:00:00Z");
    EXPECT_EQ(due["reminders"][0]["end_utc"], "2026-05-04T00:00:00Z");
    EXPECT_EQ(due["reminders"][0]["id"], "alice/1.1");
    EXPECT_EQ(ask("GET", "/v1/reminders?q=x").code(), "invalid_argument");
    EXPECT_EQ(ask("GET", "/v1/reminders?from=soon").code(), "invalid_argument");
    EXPECT_EQ(say("POST", "/v1/reminders/take", "{}").document()["reminders"].size(), 1U);
    EXPECT_EQ(say("POST", "/v1/reminders/take", "{}").document()["reminders"].size(), 0U);
}

TEST_F(api_test, tells_when_others_are_busy_or_that_it_is_not_known) {
    const std::string range = "?from=2026-05-03&to=2026-05-04";
    const auto bob = ask("GET", "/v1/freebusy/bob" + range).document();
    EXPECT_EQ(bob["known"], true);
    EXPECT_EQ(bob["busy"][0]["end"], "2026-05-03T00:01:00Z");
    EXPECT_EQ(bob["to"], "2026-05-04T00:00:00Z");
    const auto carol = ask("GET", "/v1/freebusy/carol" + range).document();
    EXPECT_EQ(carol["known"], false);
    EXPECT_TRUE(carol["busy"].is_null()) << "never an empty list: nobody may take it for free";
    EXPECT_EQ(ask("GET", "/v1/freebusy/bob?from=soon").code(), "invalid_argument");
}

TEST_F(api_test, opens_events_and_joins_those_of_others) {
    const std::string path = std::string(event_path) + "/open";
    EXPECT_EQ(ask("GET", path).document()["link"], "");
    const std::string link = say("PUT", path, "").document()["link"];
    EXPECT_EQ(ask("GET", path).document()["link"], link);
    EXPECT_EQ(ask("DELETE", path).status, 204);
    EXPECT_EQ(ask("GET", path).document()["link"], "");
    EXPECT_EQ(ask("GET", "/v1/open").document()["events"][0]["id"], "alice/1.1");
    EXPECT_EQ(ask("GET", "/v1/open/bob").document()["events"][0]["title"], "Course");
    const auto carol = ask("GET", "/v1/open/carol").document();
    EXPECT_EQ(carol["known"], false);
    EXPECT_TRUE(carol["events"].is_null());

    const auto joined = say("POST", "/v1/joins", R"({"link":"calbox:event/bob/joined"})");
    EXPECT_EQ(joined.status, 200);
    EXPECT_EQ(joined.document()["joined"], true);
    const auto waits = say("POST", "/v1/joins", R"({"link":"calbox:event/bob/1.1"})");
    EXPECT_EQ(waits.status, 202);
    EXPECT_EQ(waits.document()["why"], "no device of bob can be reached");
    EXPECT_EQ(ask("GET", "/v1/joins").document()["joins"].size(), 1U);
    EXPECT_EQ(ask("DELETE", "/v1/joins/bob/1.1").status, 204);
    EXPECT_EQ(ask("DELETE", "/v1/joins/bob/1.1").code(), "not_found");
    for (const char* body : {"{}", R"({"link":5})", R"({"link":"http://x"})"}) {
        EXPECT_EQ(say("POST", "/v1/joins", body).code(), "invalid_argument") << body;
    }
    EXPECT_EQ(say("POST", std::string(event_path) + "/leave", "").status, 204);
    EXPECT_EQ(events.left, events.all.front().id);
}

TEST_F(api_test, takes_answers) {
    const std::string path = std::string(event_path) + "/answer";
    for (const char* word : {"accepted", "tentative", "declined"}) {
        const auto got = say("PUT", path, json{{"answer", word}}.dump());
        EXPECT_EQ(got.status, 200);
        EXPECT_EQ(got.head.at("etag"), "\"1-1\"");
        EXPECT_EQ(got.document()["answers"], json({{{"name", "bob"}, {"answer", word}}}));
    }
    for (const char* body :
         {"{}", "[]", R"({"answer":1})", R"({"answer":"yes"})", R"({"answer":"accepted","x":1})"}) {
        EXPECT_EQ(say("PUT", path, body).code(), "invalid_argument") << body;
    }
    EXPECT_EQ(say("PUT", "/v1/events/alice/1.9/answer", R"({"answer":"accepted"})").status, 404);
}

TEST_F(api_test, refuses_bodies_that_it_cannot_use) {
    EXPECT_EQ(say("POST", "/v1/events", "{").code(), "malformed");
    EXPECT_EQ(say("POST", "/v1/events", "").code(), "malformed");
    EXPECT_EQ(say("POST", "/v1/events", R"({"titel":"x"})").code(), "invalid_argument");
    EXPECT_EQ(say("POST", "/v1/events", "{}", {}, "text/plain").code(), "unsupported");
    EXPECT_EQ(
        say("POST", "/v1/events", R"({"title":"x"})", {}, "Application/JSON; charset=utf-8").status,
        201);
    EXPECT_EQ(say("POST", "/v1/events", R"({"title":")" + std::string(2 << 20, 't') + "\"}").status,
              413);
    EXPECT_EQ(
        say("POST", "/v1/events", R"({"title":")" + std::string(1'000'000, 't') + "\"}").status,
        201);
}

TEST_F(api_test, maps_every_code_to_its_status) {
    const std::map<errc, int> wanted = {
        {errc::invalid_argument, 400}, {errc::malformed, 400},  {errc::unsupported, 400},
        {errc::unauthorised, 401},     {errc::forbidden, 403},  {errc::not_found, 404},
        {errc::already_exists, 409},   {errc::busy, 409},       {errc::conflict, 412},
        {errc::too_large, 413},        {errc::queue_full, 429}, {errc::internal, 500},
        {errc::io_failed, 500},        {errc::mismatch, 500},   {errc::disk_full, 507},
        {errc::unavailable, 503},      {errc::offline, 503},    {errc::not_caught_up, 503},
        {errc::closed, 503},           {errc::timed_out, 504},  {errc::cancelled, 499}};
    for (const auto& [code, status] : wanted) {
        trouble.next = error(code, "it is \xff so");
        const auto got = say("POST", "/v1/events", R"({"title":"x"})");
        EXPECT_EQ(got.status, status) << to_string(code);
        EXPECT_EQ(got.head.at("content-type"), "application/problem+json");
        EXPECT_EQ(got.document()["type"], "about:blank");
        EXPECT_EQ(got.document()["status"], status);
        EXPECT_EQ(got.code(), to_string(code));
        EXPECT_EQ(got.detail(), "it is \xef\xbf\xbd so");
        EXPECT_FALSE(http::reason_of(status).empty());
    }
}

TEST_F(api_test, knows_neither_other_paths_nor_other_methods) {
    for (const char* path :
         {"/", "/v1", "/v1/nothing", "/v1/status/", "//v1/status", "/../../etc/passwd",
          "/v1/events/alice", "/v1/friends//accept", "/v1/events/alice/1.1/files/a/b"}) {
        EXPECT_EQ(ask("GET", path).code(), "not_found") << path;
    }
    const auto refused = ask("POST", "/v1/status", "Content-Length: 0\r\n");
    EXPECT_EQ(refused.status, 405);
    EXPECT_EQ(refused.head.at("allow"), "GET, HEAD");
    EXPECT_EQ(ask("BREW", event_path).head.at("allow"), "GET, HEAD, PATCH, DELETE");
    EXPECT_EQ(ask("GET", "/v1/events/a%zz/1.1").code(), "malformed");
}

TEST_F(api_test, survives_a_bug_in_a_service) {
    info.broken = true;
    const auto got = ask("GET", "/v1/status");
    EXPECT_EQ(got.status, 500);
    EXPECT_EQ(got.code(), "internal");
    EXPECT_FALSE(world.log.lines.empty());
    EXPECT_EQ(ask("GET", "/health").status, 200);
}

}  // namespace
}  // namespace calbox::daemon::testing
