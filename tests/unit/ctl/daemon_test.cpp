// Whole commands against a fake daemon: what is asked, what is printed, and the exit status.
#include <fstream>

#include <gtest/gtest.h>

#include "fake_daemon.hpp"

namespace calbox::ctl {
namespace {

using namespace testing;

using session = with_daemon;
using people = with_daemon;
using network = with_daemon;
using node = with_daemon;
using failures = with_daemon;

// Who ---------------------------------------------------------------------------------------------

TEST_F(session, login_sends_the_first_line_as_password) {
    answer = http_answer(201, R"({"name":"alice","id":"x","device":1})");
    const auto done =
        alice.run({"login", "alice", "--password-stdin"}, "correct horse\nsecond line\n");
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_EQ(done.out, "Signed in as alice on device 1\n");
    EXPECT_EQ(daemon.last().method, "POST");
    EXPECT_EQ(daemon.last().target, "/v1/session");
    EXPECT_EQ(daemon.last().headers["content-type"], "application/json");
    EXPECT_EQ(last_body(),
              (json{{"name", "alice"}, {"password", "correct horse"}, {"register", false}}));
}

TEST_F(session, register_wants_ten_characters) {
    const auto refused = alice.run({"register", "alice", "--password-stdin"}, "nine char\n");
    EXPECT_EQ(refused.status, 2);
    EXPECT_NE(refused.err.find("10 characters"), std::string::npos);
    EXPECT_EQ(alice.run({"register", "alice", "--password-stdin"}, "").status, 2);
    EXPECT_TRUE(daemon.requests().empty());
    answer = http_answer(201, R"({"name":"alice","id":"x","device":1})");
    EXPECT_EQ(alice.run({"register", "alice", "--password-stdin"}, "zehn Zeichö").status, 0);
    EXPECT_EQ(last_body()["register"], true);
}

TEST_F(session, a_name_that_is_taken_comes_with_advice) {
    answer = http_problem(401, "unauthorised", "wrong name or password");
    const auto refused = alice.run({"register", "alice", "--password-stdin"}, "a long password\n");
    EXPECT_EQ(refused.status, 6);
    EXPECT_NE(refused.err.find("another name"), std::string::npos) << refused.err;
    EXPECT_EQ(refused.out, "");
}

TEST_F(session, whoami_and_logout) {
    answer = http_answer(200, R"({"users":[{"name":"alice","id":"x","device":2}]})");
    EXPECT_EQ(alice.run({"whoami"}).out, "alice (device 2)\n");
    EXPECT_EQ(alice.run({"-q", "whoami"}).out, "alice\n");
    answer = http_answer(200, R"({"users":[]})");
    EXPECT_EQ(alice.run({"whoami"}).status, 6);
    answer = "HTTP/1.1 204 X\r\n\r\n";
    EXPECT_EQ(alice.run({"--as", "bob", "logout"}).status, 0);
    EXPECT_EQ(daemon.last().method, "DELETE");
    EXPECT_EQ(daemon.last().headers["calbox-user"], "bob");
    EXPECT_EQ(alice.run({"--json", "logout"}).out, "{}\n");
}

// People and network ------------------------------------------------------------------------------

TEST_F(people, who_is_busy_and_who_is_not_known) {
    answer = http_answer(
        200,
        R"({"name":"bob","known":true,"why":"","busy":[{"start":"2026-05-03T10:00:00Z","end":"2026-05-03T12:00:00Z"}],"from":"2026-05-03T00:00:00Z","to":"2026-05-04T00:00:00Z"})");
    const auto done = alice.run({"freebusy", "bob", "--from", "2026-05-03", "--to", "2026-05-03"});
    EXPECT_EQ(done.out, "Sun 2026-05-03 10:00\tSun 2026-05-03 12:00\n");
    EXPECT_EQ(daemon.last().target,
              "/v1/freebusy/bob?from=2026-05-03T00%3A00%3A00Z&to=2026-05-04T00%3A00%3A00Z");
    answer = http_answer(
        200,
        R"({"name":"bob","known":false,"why":"no device of bob can be reached","busy":null,"from":"2026-05-03T00:00:00Z","to":"2026-05-04T00:00:00Z"})");
    const auto unknown = alice.run({"freebusy", "bob"});
    EXPECT_NE(unknown.status, 0);
    EXPECT_EQ(unknown.out, "");
    EXPECT_NE(unknown.err.find("not known when bob is busy: no device of bob can be reached"),
              std::string::npos);
    EXPECT_EQ(alice.run({"--json", "freebusy", "bob"}).status, 0);
}

TEST_F(people, friends_and_groups) {
    answer = http_answer(
        200,
        R"({"friends":[{"name":"bob","state":"asks","online":true},{"name":"eve","state":"friend","online":false}]})");
    EXPECT_EQ(alice.run({"friends", "list"}).out, "bob\tasks you\tonline\neve\tfriend\t\n");
    answer = http_answer(201, R"({"name":"bob","state":"asked"})");
    EXPECT_EQ(alice.run({"friends", "add", "bob"}).status, 0);
    EXPECT_EQ(last_body(), (json{{"name", "bob"}}));
    EXPECT_EQ(alice.run({"friends", "accept", "b/b"}).status, 0);
    EXPECT_EQ(daemon.last().target, "/v1/friends/b%2Fb/accept");
    EXPECT_EQ(alice.run({"friends", "rm", "bob"}).status, 0);
    EXPECT_EQ(daemon.last().method, "DELETE");
    EXPECT_EQ(alice.run({"groups", "set", "@choir", "bob", "carol,dave"}).status, 0);
    EXPECT_EQ(daemon.last().method, "PUT");
    EXPECT_EQ(daemon.last().target, "/v1/groups/choir");
    EXPECT_EQ(last_body(), (json{{"members", {"bob", "carol", "dave"}}}));
    answer = http_answer(200, R"({"groups":[{"name":"choir","members":["bob","carol"]}]})");
    EXPECT_EQ(alice.run({"groups", "list"}).out, "@choir\tbob, carol\n");
    answer = http_answer(200, R"({"users":[{"name":"bob","id":"x","online":true,"friend":true}]})");
    EXPECT_EQ(alice.run({"users"}).out, "bob\tfriend\tonline\n");
}

TEST_F(network, an_invitation_stands_alone_on_standard_output) {
    answer = http_answer(201, R"({"invitation":"calbox://join/abc"})");
    const auto done = alice.run({"network", "invite", "--role", "rendezvous", "--role", "backup"});
    EXPECT_EQ(done.out, "calbox://join/abc\n");
    EXPECT_EQ(last_body(), (json{{"roles", {"rendezvous", "backup"}}}));
    EXPECT_EQ(alice.run({"network", "invite"}).status, 0);
    EXPECT_EQ(last_body(), (json{{"roles", {"edge"}}}));
    answer = http_answer(
        200, R"({"id":"n1","founded_here":false,"registries":["r"],"addresses":["a:1"]})");
    EXPECT_EQ(
        alice.run({"network", "join", "calbox://join/abc"}).out,
        "network        n1\nfounded        elsewhere\nregistries     r\naddresses      a:1\n");
    EXPECT_EQ(last_body(), (json{{"invitation", "calbox://join/abc"}}));
    EXPECT_EQ(alice.run({"network", "create"}).status, 0);
    EXPECT_EQ(last_body(), json::object());
}

TEST_F(node, recovery_last_list_and_use) {
    answer =
        http_answer(200, R"({"strategy":"auto","strategies":["auto","naive"],"exchanges":1,"last":{
        "strategy":"auto","caught_up":true,"rounds":2,"applied":3,"duplicates":0,"bytes_sent":90,
        "bytes_received":2190,"lower_bound":2000,"silent":[],"refused":["ff01"],
        "friends":[{"device":"ab12cd34ef","envelopes":3,"bytes":2100}],
        "backups":[{"device":"99","envelopes":0,"bytes":90}]}})");
    EXPECT_EQ(alice.run({"recovery", "last"}).out,
              "strategy       auto\ncaught up      yes\nfriends        3 from ab12cd34 (2.1 kB)\n"
              "backups        none from 99 (90 B)\nchanges        3\nduplicates     0\n"
              "rounds         2\nbytes          90 B sent, 2.2 kB received\n"
              "at least       2.0 kB, the changes themselves\nrefused        ff01\n");
    EXPECT_EQ(json::parse(alice.run({"recovery", "last", "--json"}).out)["lower_bound"], 2000);
    EXPECT_EQ(alice.run({"recovery", "list"}).out, "auto\tin use\nnaive\tavailable\n");
    EXPECT_EQ(daemon.last().target, "/v1/recovery");
    EXPECT_EQ(alice.run({"recovery", "use", "auto"}).out,
              "This device recovers by auto from now on\n");
    EXPECT_EQ(daemon.last().method, "PUT");
    EXPECT_EQ(daemon.last().target, "/v1/recovery/strategy");
    EXPECT_EQ(last_body(), (json{{"name", "auto"}}));
    answer = http_answer(200, R"({"strategy":"auto","strategies":[],"exchanges":0,"last":{}})");
    EXPECT_EQ(alice.run({"recovery", "last"}).out, "");
}

TEST_F(node, status_doctor_plugins_peers) {
    answer = http_answer(
        200,
        R"({"version":"0.1","state":"connected","users":["alice"],"roles":["edge"],"caught_up":true,
        "events":3,"files":1,"file_bytes":1000,"outbox":2,"edges":0,"uptime_seconds":61,"addresses":[],
        "recovery":{"exchanges":2,"friends":{"envelopes":3,"bytes":2100},"backups":{"envelopes":0,"bytes":22}}})");
    EXPECT_EQ(alice.run({"status"}).out,
              "state          connected\nusers          alice\nroles          edge\ncaught up      "
              "yes\nrecovered      3 from friends (2.1 kB), none from backups (22 B)\nevents     "
              "    3\n"
              "files          1, 1.0 kB\nto deliver     2\nversion        0.1\nup for         1 "
              "min 1 s\n");
    EXPECT_EQ(alice.run({"version"}).out, "calboxctl " CALBOX_VERSION "\ncalboxd 0.1\n");
    answer =
        http_answer(200, R"({"findings":[{"what":"clock","good":true,"text":"fine","advice":""},
        {"what":"store","good":false,"text":"slow","advice":"buy a disk"}]})");
    EXPECT_EQ(alice.run({"doctor"}).out,
              "good  clock: fine\nBAD   store: slow\n      buy a disk\n");
    EXPECT_EQ(alice.run({"-q", "doctor"}).out, "BAD   store: slow\n      buy a disk\n");
    answer = http_answer(
        200,
        R"({"peers":[{"device":"d1","users":["bob"],"roles":["edge"],"address":"1.2.3.4:5","relayed":false,"way":"punched"}]})");
    EXPECT_EQ(alice.run({"peers"}).out, "d1\tbob\tedge\t1.2.3.4:5\tpunched\n");
    answer = http_answer(
        200,
        R"({"plugins":[{"kind":"discovery","name":"x","version":"1","file":"/x.so","traits":["fast"],"summary":"s","status":"in use"}]})");
    EXPECT_EQ(alice.run({"plugins"}).out, "discovery\tx\t1\tin use\tfast\ts\t/x.so\n");
}

TEST_F(node, net_and_discovery) {
    answer = http_answer(200, R"({"rendezvous":[
        {"device":"ab12","addresses":["1.2.3.4:5"],"online":true,"mine":true,"edges":30,"edges_max":40},
        {"device":"cd34","addresses":[],"online":false,"mine":false}]})");
    const std::string bar = std::string(30, '#') + std::string(10, '.');
    EXPECT_EQ(
        alice.run({"net", "rendezvous"}).out,
        "ab12\tyes\tonline\t30 of 40\t" + bar + "\t1.2.3.4:5\ncd34\t\toffline\tnot heard of\t\t\n");
    answer = http_answer(200, R"({"routes":[{"device":"d1","users":["bob"],"roles":["edge"],
        "addresses":["h:1"],"relay":"ab12","online":true,"way":"relayed"}]})");
    EXPECT_EQ(alice.run({"net", "routes"}).out, "d1\tbob\tedge\tonline\trelayed\tab12\th:1\n");
    answer = http_answer(200, R"({"state":"connected","rendezvous":"ab12","edges":3,"edges_max":9,
        "discovery":{"strategy":"random"},"others_are_wanted":true})");
    const auto seen = alice.run({"net", "status"});
    EXPECT_NE(seen.out.find("3 of 9"), std::string::npos);
    EXPECT_NE(seen.out.find("random"), std::string::npos);
    EXPECT_NE(seen.err.find("another daemon with that role"), std::string::npos);
    answer = http_answer(200, R"({"strategy":"load_aware","version":"1","configured":"random",
        "plugins":[{"kind":"discovery","name":"load_aware","version":"1","summary":"s"},
                   {"kind":"storage","name":"sqlite","version":"1","summary":"s"}]})");
    EXPECT_EQ(alice.run({"discovery", "list"}).out, "load_aware\t1\tin use\ts\n");
    EXPECT_EQ(alice.run({"--json", "discovery", "use", "load_aware"}).status, 0);
    const auto sent = daemon.requests().back();
    EXPECT_EQ(sent.method, "PUT");
    EXPECT_EQ(json::parse(sent.body), json({{"name", "load_aware"}}));
    answer = http_problem(404, "not_found", "there is no such plugin");
    EXPECT_EQ(alice.run({"discovery", "use", "none"}).status, 4);
}

TEST_F(node, watch_prints_changes_and_asks_again_after_a_cut) {
    int connections = 0;
    script = [&](const asked&) -> std::string {
        const auto change = [](int number) {
            const auto n = std::to_string(number);
            return "id: " + n + "\ndata: {\"number\":" + n +
                   ",\"what\":\"changed\",\"id\":\"alice/1.7\",\"by\":\"bob\",\"text\":\"bob moved "
                   "it\",\"at\":\"2026-11-23T12:00:00Z\"}\n\n";
        };
        const auto chunk = [](const std::string& text) {
            std::ostringstream size;
            size << std::hex << text.size();
            return size.str() + "\r\n" + text + "\r\n";
        };
        const std::string head =
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: "
            "chunked\r\n\r\n";
        switch (++connections) {
            case 1:
                return head + chunk(": hi\n\n" + change(4)) + chunk(change(5));
            case 2:
                return head + chunk(change(6));
            case 3:  // started anew: its journal does not reach back to 6
                return http_problem(404, "not_found", "the journal does not reach back");
            default:
                return http_problem(401, "unauthorised", "nobody is signed in");
        }
    };
    // A person who gives up is needed to end a watch; here the daemon refuses in the end.
    const interruption interrupt;
    std::istringstream in;
    std::ostringstream out;
    std::ostringstream err;
    const surroundings world{
        .in = in,
        .out = out,
        .err = err,
        .variable = [](const std::string&) { return std::optional<std::string>("UTC"); },
        .now = [] { return noon; },
        .interrupt = &interrupt};
    EXPECT_EQ(run({"--socket", alice.socket, "watch"}, world), 6) << err.str();
    const std::string line = "Mon 2026-11-23 12:00  bob moved it\n";
    EXPECT_EQ(out.str(), line + line + line);
    const auto seen = daemon.requests();
    ASSERT_EQ(seen.size(), 4U);
    EXPECT_NE(err.str().find("may have been missed"), std::string::npos);
    EXPECT_EQ(seen[3].headers.count("last-event-id"), 0U);
    EXPECT_EQ(seen[0].headers.count("last-event-id"), 0U);
    EXPECT_EQ(seen[1].headers.at("last-event-id"), "5");
    EXPECT_EQ(seen[2].headers.at("last-event-id"), "6");
    connections = 1;
    out.str("");
    EXPECT_EQ(run({"--socket", alice.socket, "watch", "--json"}, world), 6);
    EXPECT_EQ(json::parse(out.str())["number"], 6);
}

// Failures ----------------------------------------------------------------------------------------

TEST_F(failures, each_code_has_its_exit_status_and_one_sentence) {
    const std::vector<std::tuple<int, const char*, int>> table{{400, "invalid_argument", 2},
                                                               {400, "malformed", 1},
                                                               {401, "unauthorised", 6},
                                                               {403, "forbidden", 6},
                                                               {404, "not_found", 4},
                                                               {409, "already_exists", 5},
                                                               {409, "busy", 5},
                                                               {413, "too_large", 2},
                                                               {429, "queue_full", 1},
                                                               {500, "internal", 1},
                                                               {507, "disk_full", 1},
                                                               {503, "offline", 7},
                                                               {504, "timed_out", 8},
                                                               {499, "cancelled", 130}};
    for (const auto& [http, code, status] : table) {
        answer = http_problem(http, code, "no such event: \033[2Jalice/1.7");
        const auto refused = alice.run({"events", "show", "alice/1.7"});
        EXPECT_EQ(refused.status, status) << code;
        EXPECT_EQ(refused.err.find("calboxctl: no such event: [2Jalice/1.7"), 0U) << refused.err;
        EXPECT_EQ(refused.out, "");
        const auto as_json = alice.run({"--json", "events", "show", "alice/1.7"});
        EXPECT_EQ(json::parse(as_json.err)["code"], code);
        EXPECT_EQ(as_json.out, "");
    }
}

TEST_F(failures, answers_that_are_none) {
    answer = "HTTP/1.1 500 X\r\nContent-Length: 5\r\n\r\n<html";
    EXPECT_EQ(alice.run({"status"}).status, 1);
    answer = http_answer(200, "not json");
    EXPECT_EQ(alice.run({"status"}).status, 1);
    answer = "SSH-2.0-OpenSSH\r\n\r\n";
    EXPECT_EQ(alice.run({"status"}).status, 7);
    answer = "";
    EXPECT_EQ(alice.run({"status"}).status, 7);
    answer = http_answer(200, "{\"a\":").substr(0, 40);
    EXPECT_EQ(alice.run({"status"}).status, 7);
    for (const char* odd : {"[]", "5", "null", R"({"events":5,"findings":[7],"users":{"a":1}})"}) {
        answer = http_answer(200, odd);
        for (const auto& words : {std::vector<std::string>{"status"},
                                  {"events", "list"},
                                  {"doctor"},
                                  {"users"},
                                  {"events", "conflicts"},
                                  {"events", "show", "a/1.1"},
                                  {"friends", "list"},
                                  {"plugins"},
                                  {"peers"},
                                  {"net", "status"},
                                  {"net", "peers"},
                                  {"net", "rendezvous"},
                                  {"net", "routes"},
                                  {"discovery", "list"},
                                  {"network", "show"}}) {
            EXPECT_EQ(alice.run(words).status, 0) << odd << " " << words[0];
        }
    }
}

TEST_F(failures, sign_in_is_advised) {
    answer = http_problem(401, "unauthorised", "nobody is signed in");
    EXPECT_NE(alice.run({"events", "list"}).err.find("calboxctl login"), std::string::npos);
    answer = http_problem(401, "unauthorised", "say which with --as NAME");
    EXPECT_EQ(alice.run({"events", "list"}).err, "calboxctl: say which with --as NAME\n");
    answer = http_problem(401, "unauthorised", "wrong name or password");
    EXPECT_EQ(alice.run({"login", "a", "--password-stdin"}, "x\n").err,
              "calboxctl: wrong name or password; calboxctl register a takes a new name\n");
}

TEST(no_daemon, is_said_with_what_to_do) {
    folder here;
    person alone{.socket = (here / "none.sock").string()};
    const auto refused = alone.run({"events", "list"});
    EXPECT_EQ(refused.status, 3);
    EXPECT_NE(refused.err.find("start it"), std::string::npos);
    EXPECT_NE(refused.err.find(alone.socket), std::string::npos);
    EXPECT_EQ(alone.run({"watch"}).status, 3);
    alone.socket = here.write("file", "no socket");
    EXPECT_EQ(alone.run({"status"}).status, 3);
    alone.socket = std::string(200, 'x');
    EXPECT_EQ(alone.run({"status"}).status, 2);
}

TEST(socket, is_found_in_the_environment) {
    person somebody;
    somebody.variables = {{"HOME", "/nonexistent/home"}};
    const auto where = [&] { return somebody.run({"status"}).err; };
    EXPECT_NE(where().find("/nonexistent/home/.local/share/calbox/ctl.sock"), std::string::npos);
    somebody.variables["XDG_DATA_HOME"] = "/nonexistent/data";
    EXPECT_NE(where().find("/nonexistent/data/calbox/ctl.sock"), std::string::npos);
    somebody.variables["XDG_RUNTIME_DIR"] = "/nonexistent/run";
    EXPECT_NE(where().find("/nonexistent/run/calbox/ctl.sock"), std::string::npos);
    somebody.variables["CALBOX_SOCKET"] = "/nonexistent/named.sock";
    EXPECT_NE(where().find(" /nonexistent/named.sock"), std::string::npos);
}

}  // namespace
}  // namespace calbox::ctl
