// store status, check, backup and scrub against a fake daemon.
#include <gtest/gtest.h>

#include "fake_daemon.hpp"

namespace calbox::ctl {
namespace {

using namespace testing;

json scrub_of(bool running, int damaged, int healed) {
    json found = json::array();
    if (damaged > 0) {
        found.push_back({{"what", "event"}, {"name", "alice/1.7"}, {"healed", healed > 0}});
    }
    return {{"running", running},
            {"healing", false},
            {"began", "2026-11-24T14:00:00Z"},
            {"ended", "2026-11-24T14:05:00Z"},
            {"events", 12},
            {"versions", 3},
            {"files", 2},
            {"bytes", 5'000'000},
            {"damaged", damaged},
            {"healed", healed},
            {"found", found}};
}

json store_of(json scrub) {
    return {{"engine", "sqlite"},
            {"layout", 1},
            {"database_bytes", 2'000'000},
            {"log_bytes", 0},
            {"records", 40},
            {"events", 12},
            {"versions", 3},
            {"files", 2},
            {"file_bytes", 3'000'000},
            {"parts", 0},
            {"records_aside", 1},
            {"pieces_aside", 2},
            {"piece_bytes", 1000},
            {"lost_events", 1},
            {"lost_files", 0},
            {"scrub", std::move(scrub)}};
}

struct store : ::testing::Test {
    store() { alice.variables["TZ"] = "UTC"; }

    folder here;
    person alice{.socket = (here / "ctl.sock").string()};
    std::vector<std::string> answers;  // one after the other; the last one again and again
    std::size_t next = 0;
    fake_daemon daemon{alice.socket, [this](const asked&) {
                           return answers.at(std::min(next++, answers.size() - 1));
                       }};
};

TEST_F(store, status_shows_what_there_is_and_what_is_lost) {
    answers = {http_answer(200, store_of(scrub_of(false, 1, 0)).dump())};
    const auto shown = alice.run({"store", "status"});
    EXPECT_EQ(shown.status, 0) << shown.err;
    EXPECT_EQ(daemon.last().target, "/v1/store");
    for (const char* const text :
         {"sqlite, layout 1", "40 records", "12, 3 earlier versions",
          "1 damaged records, 2 damaged", "1 events, 0 files",
          "Tue 2026-11-24 14:05: 12 events, 3 earlier versions, 2 files", "1 damaged, 0 healed"}) {
        EXPECT_NE(shown.out.find(text), std::string::npos) << text << "\n" << shown.out;
    }
}

TEST_F(store, check_ends_with_1_when_the_database_is_damaged) {
    answers = {http_answer(200, R"({"sound":true,"text":"40 records, sound"})"),
               http_answer(200, R"({"sound":false,"text":"a page is torn"})")};
    EXPECT_EQ(alice.run({"store", "check"}).out, "40 records, sound\n");
    const auto bad = alice.run({"store", "check"});
    EXPECT_EQ(bad.status, 1);
    EXPECT_NE(bad.err.find("a page is torn"), std::string::npos) << bad.err;
}

TEST_F(store, backup_names_the_file_wherever_the_daemon_runs) {
    answers = {http_answer(201, R"({"file":"/x/copy.db","bytes":4096})")};
    const auto done = alice.run({"store", "backup", "some/../copy.db"});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_EQ(json::parse(daemon.last().body)["file"],
              (std::filesystem::current_path() / "copy.db").string());
    EXPECT_EQ(done.out, "Copied and verified: /x/copy.db (4.1 kB)\n");
}

TEST_F(store, scrub_waits_for_the_end_and_says_what_is_lost) {
    const auto part = [](bool running, int healed) {
        return http_answer(200, store_of(scrub_of(running, 1, healed)).dump());
    };
    answers = {http_answer(202, scrub_of(true, 0, 0).dump()), part(true, 0), part(false, 1)};
    const auto healed = alice.run({"store", "scrub"});
    EXPECT_EQ(healed.status, 0) << healed.err;
    EXPECT_EQ(healed.out,
              "Read 12 events, 3 earlier versions, 2 files, 5.0 MB: 1 damaged, 1 healed\n"
              "healed  event alice/1.7\n");
    EXPECT_EQ(daemon.requests().size(), 3U);
    next = 0;
    answers.back() = part(false, 0);
    const auto lost = alice.run({"store", "scrub"});
    EXPECT_EQ(lost.status, 7);
    EXPECT_NE(lost.out.find("LOST    event alice/1.7"), std::string::npos) << lost.out;
    next = 0;
    const auto begun = alice.run({"store", "scrub", "--background"});
    EXPECT_EQ(begun.status, 0);
    EXPECT_EQ(daemon.last().target, "/v1/store/scrub");
}

}  // namespace
}  // namespace calbox::ctl
