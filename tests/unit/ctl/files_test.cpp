// Files to and from a fake daemon: whole, cut, refused, changing while they are read.
#include <algorithm>
#include <atomic>
#include <thread>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "ctl/uploads.hpp"
#include "fake_daemon.hpp"

namespace calbox::ctl {
namespace {

using namespace testing;

struct files : ::testing::Test {
    folder here;
    folder target;
    person alice{.socket = (here / "ctl.sock").string()};
    std::string answer;
    fake_daemon daemon{alice.socket, [this](const asked&) { return answer; }};

    outcome get(std::vector<std::string> more) {
        std::vector<std::string> words{"files", "get", "alice/1.7", "a b.txt"};
        words.insert(words.end(), more.begin(), more.end());
        return alice.run(words);
    }
    std::string out(const std::string& name) { return (target / name).string(); }
};

const std::string file_json = R"({"name":"big.bin","size":5,"type":"","root":"r","held":"here"})";

TEST_F(files, get_saves_what_came) {
    const std::string bytes = std::string(300'000, 'x') + std::string("\0end", 4);
    answer = http_answer(200, bytes, {}, "text/plain");
    const auto done = get({"-o", out("copy")});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_EQ(daemon.last().target, "/v1/events/alice/1.7/files/a%20b.txt");
    EXPECT_EQ(target.read("copy"), bytes);
    EXPECT_EQ(target.names(), std::vector<std::string>{"copy"});
    EXPECT_EQ(get({"--output", "-"}).out, bytes);
    const auto as_json = alice.run(
        {"--json", "files", "get", "alice/1.7", "../evil", "--output", target.path().string()});
    EXPECT_EQ(json::parse(as_json.out)["path"], out("_._evil"));
    struct stat found{};
    ASSERT_EQ(::stat(out("copy").c_str(), &found), 0);
    const auto mask = ::umask(0);
    ::umask(mask);
    EXPECT_EQ(found.st_mode & 0777, 0666 & ~mask);
}

TEST_F(files, get_replaces_only_when_told) {
    answer = http_answer(200, "new");
    target.write("copy", "old");
    const auto refused = get({"-o", out("copy")});
    EXPECT_EQ(refused.status, 5);
    EXPECT_NE(refused.err.find("--force"), std::string::npos);
    EXPECT_EQ(target.read("copy"), "old");
    EXPECT_TRUE(daemon.requests().empty());
    EXPECT_EQ(get({"-o", out("copy"), "--force"}).status, 0);
    EXPECT_EQ(target.read("copy"), "new");
    // A link that leads nowhere is something, too.
    std::filesystem::create_symlink("/nonexistent/x", target / "link");
    EXPECT_EQ(get({"-o", out("link")}).status, 5);
    EXPECT_EQ(get({"-o", "/nonexistent/folder/x"}).status, 1);
}

TEST_F(files, get_leaves_nothing_of_a_cut_or_refused_download) {
    answer = http_answer(200, std::string(200'000, 'x'));
    answer.resize(100'000);
    const auto cut = get({"-o", out("copy")});
    EXPECT_EQ(cut.status, 7);
    EXPECT_NE(cut.err, "");
    EXPECT_TRUE(target.names().empty());
    answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
    EXPECT_EQ(get({"-o", out("copy")}).status, 7);
    answer = "HTTP/1.1 200 OK\r\n\r\nno length and no chunks";
    EXPECT_EQ(get({"-o", out("copy")}).status, 7) << "a cut could not be told from the end";
    answer = http_problem(404, "not_found", "no such file: a b.txt");
    const auto refused = get({"-o", out("copy")});
    EXPECT_EQ(refused.status, 4);
    EXPECT_EQ(refused.err, "calboxctl: no such file: a b.txt\n");
    EXPECT_TRUE(target.names().empty());
    target.write("kept", "old");
    answer = http_answer(200, "12345").substr(0, 70);
    EXPECT_NE(get({"-o", out("kept"), "--force"}).status, 0);
    EXPECT_EQ(target.read("kept"), "old");
}

TEST_F(files, add_and_update_send_the_bytes) {
    answer = http_answer(201, file_json);
    const std::string bytes(500'000, 'y');
    const auto path = here.write("big.bin", bytes);
    const auto done = alice.run({"files", "add", "alice/1.7", path});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_EQ(alice.run({"files", "add", "alice/1.7", here.write("empty", "")}).status, 0);
    auto seen = daemon.requests();
    ASSERT_EQ(seen.size(), 2U);
    EXPECT_EQ(seen[0].method, "POST");
    EXPECT_EQ(seen[0].headers.at("content-type"), "application/octet-stream");
    EXPECT_EQ(seen[0].body, bytes);
    EXPECT_EQ(seen[1].target, "/v1/events/alice/1.7/files/empty");
    EXPECT_EQ(seen[1].headers.at("content-length"), "0");
    EXPECT_EQ(alice.run({"files", "update", "alice/1.7", path, "--name", "other"}).status, 0);
    EXPECT_EQ(daemon.last().method, "PUT");
    EXPECT_EQ(daemon.last().target, "/v1/events/alice/1.7/files/other");
    EXPECT_EQ(
        json::parse(alice.run({"--json", "files", "add", "alice/1.7", path}).out)["files"].size(),
        1U);
}

TEST_F(files, several_are_sent_as_one_form) {
    answer = http_answer(201, R"({"files":[{"name":"big.bin","size":100000},)"
                              R"({"name":"a%22\"b","size":0},{"name":"beside c","size":1}]})");
    const std::string bytes(100'000, 'y');
    const auto done = alice.run({"files", "add", "alice/1.7", here.write("big.bin", bytes),
                                 here.write("a%22\"b", ""), here.write("c", "\r\n")});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_NE(done.out.find("Attached big.bin"), std::string::npos) << done.out;
    EXPECT_NE(done.err.find("faster with c"), std::string::npos) << done.err;
    ASSERT_EQ(daemon.requests().size(), 1U);
    const auto seen = daemon.last();
    EXPECT_EQ(seen.method, "POST");
    EXPECT_EQ(seen.target, "/v1/events/alice/1.7/files");
    const std::string line = "--calbox-00000000000000070000000000000007";
    EXPECT_EQ(seen.headers.at("content-type"), "multipart/form-data; boundary=" + line.substr(2));
    const auto head = [](const std::string& name) {
        return "\r\nContent-Disposition: form-data; name=\"file\"; filename*=UTF-8''" + name +
               "\r\nContent-Type: application/octet-stream\r\n\r\n";
    };
    EXPECT_EQ(seen.body, line + head("big.bin") + bytes + "\r\n" + line + head("a%2522%22b") +
                             "\r\n" + line + head("c") + "\r\n\r\n" + line + "--\r\n");
    EXPECT_EQ(seen.headers.at("content-length"), std::to_string(seen.body.size()));
}

/// A daemon that knows of files at the times of a series as the real one does.
struct all_files : files {
    all_files() : daemon_(socket, [this](const asked& what) { return given(what); }) {
        alice.socket = socket;
    }
    std::string given(const asked& what) {
        const auto mark = what.target.find("?recurrence_id=");
        const auto path = what.target.substr(0, mark);
        const auto time = mark == std::string::npos ? "" : what.target.substr(mark + 15);
        if (path == event) {
            return http_answer(200, R"({"zone":"UTC"})");
        }
        if (path == event + "/fetch" || path == event + "/files") {
            json found = json::array();
            for (const auto& file : path.ends_with("/fetch") ? fetched : listed) {
                // A day alone means the only time on it.
                if (time.empty() ||
                    encode_segment(file.value("recurrence_id", "")).find(time) == 0) {
                    found.push_back(file);
                }
            }
            if (path.ends_with("/fetch") && found.empty() && !time.empty()) {
                return http_problem(404, "not_found", "the event has no file at that time");
            }
            while_fetching(path, found);
            return http_answer(200, json{{"files", found}}.dump());
        }
        if (path.ends_with("/broken")) {
            return http_problem(500, "mismatch", "the copy is damaged");
        }
        return http_answer(200, "bytes of " + what.target.substr(event.size() + 7));
    }
    outcome run(std::vector<std::string> more) {
        std::vector<std::string> words{"files", "get", "alice/1.7", "--all", "-o", out("")};
        words.insert(words.end(), more.begin(), more.end());
        return alice.run(words);
    }
    /// Files of ten bytes each that are here.
    void have(const std::vector<std::string>& names) {
        for (const auto& name : names) {
            listed.push_back({{"name", name}, {"size", 10}, {"fetched", 10}, {"held", "here"}});
        }
        fetched = listed;
    }
    bool was_fetched() const {
        return std::ranges::any_of(daemon_.requests(), [](const asked& what) {
            return what.target.find("/fetch") != std::string::npos;
        });
    }
    const std::string event = "/v1/events/alice/1.7";
    std::string socket = (here / "all.sock").string();
    json listed = json::array(), fetched = json::array();
    std::function<void(const std::string& path, json& found)> while_fetching =
        [](const std::string&, json&) {};
    fake_daemon daemon_;
};

TEST_F(all_files, are_fetched_and_saved) {
    for (int i = 0; i < 12; ++i) {
        have({std::to_string(i)});
    }
    EXPECT_EQ(run({}).status, 0);
    EXPECT_EQ(target.names().size(), 12U);
    EXPECT_EQ(target.read("11"), "bytes of 11");
    EXPECT_EQ(daemon_.requests().at(0).target, event + "/files");
    EXPECT_EQ(daemon_.requests().at(1).target, event + "/fetch");
    EXPECT_EQ(daemon_.requests().size(), 14U);
    EXPECT_EQ(run({}).status, 5) << "they are there already";
    EXPECT_EQ(daemon_.requests().size(), 15U) << "which is known before they are fetched";
    EXPECT_EQ(run({"--force"}).status, 0);
    EXPECT_EQ(alice.run({"files", "get", "alice/1.7"}).status, 2);
    EXPECT_EQ(alice.run({"files", "get", "alice/1.7", "a", "--all"}).status, 2);
    EXPECT_EQ(alice.run({"files", "get", "alice/1.7", "--all", "-o", out("1")}).status, 2);
}

TEST_F(all_files, that_do_not_come_are_told_of) {
    have({"a"});
    fetched.push_back({{"name", "b"}, {"held", "elsewhere"}, {"problem", "nobody has \"b\""}});
    fetched.push_back({{"name", "c"}, {"held", "paused"}, {"problem", "\"c\" is paused"}});
    fetched.push_back({{"name", "d"}, {"held", "elsewhere"}});
    const auto done = run({});
    EXPECT_EQ(done.status, 7);
    EXPECT_NE(done.err.find("nobody has \"b\"\n"), std::string::npos) << done.err;
    EXPECT_NE(done.err.find("\"c\" is paused; files resume goes on"), std::string::npos);
    EXPECT_NE(done.err.find("\nd is not here\n"), std::string::npos) << done.err;
    EXPECT_EQ(target.names(), std::vector<std::string>{"a"});
}

TEST_F(all_files, of_one_name_are_refused_before_they_are_fetched) {
    have({"c", "c"});
    listed[1]["recurrence_id"] = "2026-05-18T09:00:00";
    const auto refused = run({"--force"});
    EXPECT_EQ(refused.status, 5) << "one would take the other's place";
    EXPECT_NE(refused.err.find("with -o"), std::string::npos) << refused.err;
    EXPECT_FALSE(was_fetched());
    EXPECT_TRUE(target.names().empty());
}

TEST_F(all_files, of_one_time_are_those_that_the_daemon_says) {
    have({"a", "b", "c"});
    listed[1]["recurrence_id"] = "2026-05-18T09:00:00";
    listed[2]["recurrence_id"] = "2026-05-25T09:00:00";
    fetched = listed;
    EXPECT_EQ(run({"--occurrence", "2026-05-18"}).status, 0);
    EXPECT_EQ(target.names(), std::vector<std::string>{"b"});
    EXPECT_EQ(target.read("b"), "bytes of b?recurrence_id=2026-05-18T09%3A00%3A00");
    const auto none = run({"--occurrence", "2026-06-01"});
    EXPECT_EQ(none.status, 4);
    EXPECT_NE(none.err.find("no file at that time"), std::string::npos) << none.err;
}

TEST_F(all_files, that_came_before_one_that_does_not_are_saved) {
    have({"a", "b", "broken", "d"});
    const auto done = run({});
    EXPECT_EQ(done.status, 1);
    EXPECT_NE(done.err.find("damaged"), std::string::npos) << done.err;
    EXPECT_NE(done.out.find("2 of 4 files into"), std::string::npos) << done.out;
    EXPECT_EQ(target.names(), (std::vector<std::string>{"a", "b"}));
    const auto as_json =
        alice.run({"--json", "files", "get", "alice/1.7", "--all", "--force", "-o", out("")});
    EXPECT_EQ(json::parse(as_json.out)["files"].size(), 2U);
    EXPECT_NE(as_json.err.find("mismatch"), std::string::npos) << as_json.err;
}

TEST_F(all_files, say_how_far_they_are_while_they_come) {
    have({"film"});
    fetched[0]["size"] = listed[0]["size"] = 30'000'000;
    std::atomic<int> looks = 0;
    while_fetching = [&](const std::string& path, json& found) {
        if (path.ends_with("/files")) {
            found[0]["fetched"] = ++looks > 1 ? 15'000'000 : 0;  // the first is for the names
            return;
        }
        for (int i = 0; i < 1000 && looks < 2; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
    };
    alice.terminal = true;
    const auto done = run({});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_GE(looks, 2);
    EXPECT_NE(done.err.find("1 files, fetching   50 % of 30"), std::string::npos) << done.err;
}

TEST_F(all_files, are_waited_for_as_long_as_something_moves) {
    using std::chrono::milliseconds;
    while_fetching = [](const std::string&, json&) {
        std::this_thread::sleep_for(milliseconds(700));
    };
    client api(socket, "");
    int asked = 0;
    const auto moving = api.have_done(event + "/fetch", milliseconds(400), [&] {
        ++asked;
        return true;
    });
    EXPECT_TRUE(moving);
    EXPECT_GT(asked, 0);
    const auto still = api.have_done(event + "/fetch", milliseconds(400), [] { return false; });
    ASSERT_FALSE(still);
    EXPECT_EQ(still.error().code, "timed_out");
}

TEST_F(files, add_of_what_is_no_file_asks_nothing) {
    const auto good = here.write("good", "x");
    EXPECT_EQ(alice.run({"files", "add", "alice/1.7", good, (here / "none").string()}).status, 4);
    EXPECT_EQ(alice.run({"files", "add", "alice/1.7", here.path().string()}).status, 2);
    ASSERT_EQ(::mkfifo((here / "pipe").c_str(), 0600), 0);
    EXPECT_EQ(alice.run({"files", "add", "alice/1.7", (here / "pipe").string()}).status, 2);
    EXPECT_TRUE(daemon.requests().empty());
}

TEST_F(files, refused_in_the_middle_of_an_upload) {
    // The answer comes while the body is still being sent: it is what the person must see.
    const auto path = here.write("big.bin", std::string(20'000'000, 'z'));
    answer = http_problem(413, "too_large", "files have at most 1 MB here");
    const auto refused = alice.run({"files", "add", "alice/1.7", path});
    EXPECT_EQ(refused.status, 2);
    EXPECT_NE(refused.err.find("at most 1 MB"), std::string::npos) << refused.err;
}

/// Reads a file in pieces; `between` is called after the first.
answer<std::size_t> read_all(reading_file& file, const std::function<void()>& between) {
    std::vector<char> piece(1000);
    std::size_t all = 0;
    for (;;) {
        auto count = file.read(piece);
        if (!count || *count == 0) {
            return count ? answer<std::size_t>(all) : count;
        }
        if (all == 0) {
            between();
        }
        all += *count;
    }
}

TEST_F(files, that_change_while_they_are_read_are_noticed) {
    const auto path = here.write("file", std::string(5000, 'a'));
    const auto reading = [&](const std::function<void()>& between) {
        auto file = reading_file::open(path);
        EXPECT_TRUE(file);
        return read_all(*file, between);
    };
    EXPECT_EQ(reading([] {}).value(), 5000U);
    const auto shrunk = reading([&] { std::filesystem::resize_file(path, 1500); });
    ASSERT_FALSE(shrunk);
    EXPECT_EQ(shrunk.error().code, "io_failed");
    here.write("file", std::string(5000, 'a'));
    EXPECT_FALSE(reading([&] { std::filesystem::resize_file(path, 9000); }));
    here.write("file", std::string(5000, 'a'));
    EXPECT_FALSE(reading([&] { std::filesystem::remove(path); }));
}

TEST_F(files, that_change_are_not_attached) {
    const auto path = here.write("big.bin", std::string(64 << 20, 'q'));
    std::thread other([&] {
        // Shorter as soon as the first bytes have been read.
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        std::filesystem::resize_file(path, 1000);
    });
    answer = http_answer(201, file_json);
    const auto done = alice.run({"files", "add", "alice/1.7", path});
    other.join();
    const auto seen = daemon.requests();
    if (!seen.empty() && seen[0].whole) {
        EXPECT_EQ(done.status, 0);  // it was sent before it changed, or after
    } else {
        EXPECT_EQ(done.status, 1);
        EXPECT_NE(done.err.find("big.bin"), std::string::npos) << done.err;
    }
}

TEST_F(files, pause_resume_and_the_folder) {
    answer = http_answer(200, R"({"name":"a","size":2000000,"fetched":1000000,"held":"paused"})",
                         {}, "application/json");
    const auto paused = alice.run({"files", "pause", "alice/1.7", "a b.txt"});
    EXPECT_EQ(paused.status, 0) << paused.err;
    EXPECT_EQ(daemon.last().method, "POST");
    EXPECT_EQ(daemon.last().target, "/v1/events/alice/1.7/files/a%20b.txt/pause");
    EXPECT_NE(paused.out.find("Paused a b.txt"), std::string::npos) << paused.out;
    const auto resumed = alice.run({"--json", "files", "resume", "alice/1.7", "a"});
    EXPECT_EQ(daemon.last().target, "/v1/events/alice/1.7/files/a/resume");
    EXPECT_EQ(json::parse(resumed.out)["held"], "paused");
    answer = http_answer(
        200, R"({"path":"/f","user":"alice","state":"in_step","problem":"","ahead_days":14,
                 "events":[{"id":"alice/1.7","title":"M","directory":"2026-05-03 M",
                            "files":[{"name":"a\u001b[1m","label":"a","state":"failed",
                                      "problem":"you may not"}]}]})",
        {}, "application/json");
    const auto folder_is = alice.run({"files", "folder"});
    EXPECT_NE(folder_is.out.find("/f, alice's: in step"), std::string::npos) << folder_is.out;
    EXPECT_NE(folder_is.out.find("failed: you may not"), std::string::npos) << folder_is.out;
    EXPECT_EQ(folder_is.out.find('\x1b'), std::string::npos);
    answer = http_answer(200, R"({"path":"","state":"off","events":[]})", {}, "application/json");
    EXPECT_NE(alice.run({"files", "folder"}).out.find("files.folder"), std::string::npos);
}

TEST_F(files, of_one_time_of_a_series) {
    answer = http_answer(200, R"({"zone":"UTC","name":"plan.txt","size":4})");
    const auto path = here.write("plan.txt", "plan");
    EXPECT_EQ(
        alice.run({"files", "add", "alice/1.7", path, "--occurrence", "2026-05-18 20:00"}).status,
        0);
    EXPECT_EQ(daemon.last().target,
              "/v1/events/alice/1.7/files/plan.txt?recurrence_id=2026-05-18T20%3A00%3A00");
}

TEST_F(files, list_and_rm) {
    answer = http_answer(
        200,
        R"({"files":[{"name":"a\u001b.txt","size":1500,"type":"text/plain","held":"elsewhere","added_by":"bob","added":"2026-11-23T12:00:00Z"}]})");
    EXPECT_EQ(alice.run({"files", "list", "alice/1.7"}).out,
              "a.txt\t1.5 kB\ttext/plain\telsewhere\tbob\tMon 2026-11-23 12:00\t\n");
    answer = "HTTP/1.1 204 X\r\n\r\n";
    EXPECT_EQ(alice.run({"files", "rm", "alice/1.7", "a/b"}).status, 0);
    EXPECT_EQ(daemon.last().target, "/v1/events/alice/1.7/files/a%2Fb");
}

}  // namespace
}  // namespace calbox::ctl
