// Files up and down through the API, over a real socket: streamed, in ranges, refused early, cut
// off in the middle.
#include "api_bench.hpp"

namespace calbox::daemon::testing {
namespace {

class api_files_test : public bench {
protected:
    static std::string contents(std::uint64_t first, std::uint64_t length) {
        std::string made;
        for (std::uint64_t at = first; at < first + length; ++at) {
            made += static_cast<char>(file_byte(at));
        }
        return made;
    }
    static std::string path(const std::string& name) {
        return std::string(event_path) + "/files/" + name;
    }
    reply range(const std::string& text, const std::string& more = {}) {
        return ask("GET", path("a.bin"), "Range: " + text + "\r\n" + more);
    }
};

TEST_F(api_files_test, attaches_lists_and_detaches) {
    const auto made = say("POST", path("caf%C3%A9.txt"), contents(0, 10), {}, "text/plain");
    EXPECT_EQ(made.status, 201);
    EXPECT_EQ(made.document()["name"], "caf\xc3\xa9.txt");
    EXPECT_EQ(made.document()["type"], "text/plain");
    EXPECT_EQ(made.document()["size"], 10);
    EXPECT_EQ(made.document()["held"], "here");
    EXPECT_EQ(ask("GET", std::string(event_path) + "/files").document()["files"].size(), 1u);
    EXPECT_EQ(say("POST", path("empty"), "", {}, "text/plain").document()["size"], 0);
    EXPECT_EQ(ask("DELETE", path("empty")).status, 204);
    EXPECT_EQ(ask("DELETE", path("empty")).code(), "not_found");
    EXPECT_EQ(say("PUT", path("caf%C3%A9.txt"), contents(0, 20)).document()["size"], 20);
    EXPECT_TRUE(file.intact);
}

TEST_F(api_files_test, attaches_several_in_one_change) {
    const auto form = [](const std::string& second) {
        return "--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.bin\"\r\n"
               "Content-Type: text/plain\r\n\r\n" +
               contents(0, 300'000) +
               "\r\n--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"b.bin\"\r\n" +
               second + "\r\n" + contents(0, 5) + "\r\n--B--\r\n";
    };
    const std::string all = std::string(event_path) + "/files";
    const std::string type = "multipart/form-data; boundary=B";
    const auto made = say("POST", all, form(""), {}, type);
    EXPECT_EQ(made.status, 201);
    ASSERT_EQ(made.document()["files"].size(), 2u);
    EXPECT_EQ(made.document()["files"][0]["name"], "a.bin");
    EXPECT_EQ(made.document()["files"][0]["type"], "text/plain");
    EXPECT_EQ(made.document()["files"][0]["size"], 300'000);
    EXPECT_EQ(made.document()["files"][1]["size"], 5);
    EXPECT_TRUE(file.intact);
    EXPECT_EQ(file.changes, 1);
    EXPECT_EQ(say("POST", all, form(""), {}, "text/plain").code(), "invalid_argument");
    EXPECT_EQ(say("POST", all, "--B\r\n", {}, type).code(), "invalid_argument");
    EXPECT_EQ(say("POST", all, form("Content-Type: nonsense\r\n"), {}, type).code(),
              "invalid_argument");
    EXPECT_EQ(file.changes, 1);
}

TEST_F(api_files_test, fetches_all_of_an_event) {
    file.add("a.bin", 5).held = "elsewhere";
    file.add("b.bin", 5);
    const std::string path = std::string(event_path) + "/fetch";
    trouble.next = error(errc::unavailable, "nobody has it");
    const auto tried = say("POST", path, "{}");
    EXPECT_EQ(tried.status, 200);
    EXPECT_EQ(tried.document()["files"][0]["held"], "elsewhere");
    EXPECT_EQ(tried.document()["files"][0]["problem"], "nobody has it");
    EXPECT_FALSE(tried.document()["files"][1].contains("problem"));
    const auto again = say("POST", path, "");
    EXPECT_EQ(again.document()["files"][0]["held"], "here");
    EXPECT_FALSE(again.document()["files"][0].contains("problem"));
    EXPECT_EQ(say("POST", path, "{\"x\":1}").status, 400);
}

TEST_F(api_files_test, fetches_and_lists_those_of_one_time) {
    const std::string all = std::string(event_path);
    const std::string time = "?recurrence_id=2026-05-11T20:00:00";
    EXPECT_EQ(say("POST", path("report") + time, contents(0, 5)).status, 201);
    EXPECT_EQ(say("POST", path("report"), contents(0, 6)).status, 201);
    for (node::file_view& one : file.all) {
        one.held = "elsewhere";
    }
    const auto listed = ask("GET", all + "/files" + time).document()["files"];
    ASSERT_EQ(listed.size(), 1u);
    EXPECT_EQ(listed[0]["size"], 5);
    const auto come = say("POST", all + "/fetch" + time, "{}").document()["files"];
    ASSERT_EQ(come.size(), 1u);
    EXPECT_EQ(come[0]["recurrence_id"], "2026-05-11T20:00:00");
    EXPECT_EQ(come[0]["held"], "here");
    EXPECT_EQ(file.all.at(1).held, "elsewhere") << "nobody asked for that one";
    const std::string other = "?recurrence_id=2026-05-18";
    EXPECT_EQ(ask("GET", all + "/files" + other).document()["files"].size(), 0u);
    EXPECT_EQ(say("POST", all + "/fetch" + other, "{}").code(), "not_found");
    EXPECT_EQ(say("POST", all + "/fetch?recurrence_id=soon", "{}").code(), "invalid_argument");
    EXPECT_EQ(ask("GET", all + "/files?time=1").code(), "invalid_argument");
    EXPECT_EQ(say("POST", path("report") + "/pause" + time, "{}").document()["held"], "paused");
    EXPECT_EQ(say("POST", path("report") + "/resume" + time, "{}").document()["held"], "fetching");
}

TEST_F(api_files_test, pauses_and_resumes) {
    file.add("a.bin", 5).held = "fetching";
    EXPECT_EQ(say("POST", path("a.bin") + "/pause", "{}").document()["held"], "paused");
    const auto resumed = say("POST", path("a.bin") + "/resume", "");
    EXPECT_EQ(resumed.status, 200);
    EXPECT_EQ(resumed.document()["held"], "fetching");
    EXPECT_EQ(say("POST", path("b.bin") + "/pause", "{}").code(), "not_found");
    EXPECT_EQ(say("POST", path("a.bin") + "/pause", "{\"x\":1}").status, 400);
}

TEST_F(api_files_test, the_folder_is_for_the_person_whose_it_is) {
    EXPECT_EQ(ask("GET", "/v1/folder").document()["events"].size(), 0u);
    folder.path = "/home/alice/CalendarBox";
    folder.user = "alice";
    folder.state = "in_step";
    folder.events.push_back(
        {"alice/1.1", "Meeting", "2026-05-03 Meeting", {{"\xff", "", "failed", "no name"}}});
    const auto mine = ask("GET", "/v1/folder").document();
    EXPECT_EQ(mine["state"], "in_step");
    EXPECT_EQ(mine["events"][0]["directory"], "2026-05-03 Meeting");
    EXPECT_EQ(mine["events"][0]["files"][0]["problem"], "no name");
    folder.user = "bob";
    const auto others = ask("GET", "/v1/folder").document();
    EXPECT_EQ(others["path"], "/home/alice/CalendarBox");
    EXPECT_EQ(others["events"].size(), 0u);
}

TEST_F(api_files_test, of_one_time_of_a_series_are_named_with_it) {
    const std::string time = "?recurrence_id=2026-05-11T20:00:00";
    EXPECT_EQ(say("POST", path("report") + time, contents(0, 5)).document()["recurrence_id"],
              "2026-05-11T20:00:00");
    EXPECT_EQ(say("POST", path("report"), contents(0, 6)).document()["recurrence_id"], "");
    EXPECT_EQ(say("POST", path("report") + time, contents(0, 5)).code(), "already_exists");
    EXPECT_EQ(ask("GET", path("report") + time).body.size(), 5u);
    EXPECT_EQ(ask("GET", path("report")).body.size(), 6u);
    EXPECT_EQ(ask("GET", path("report") + "?recurrence_id=soon").code(), "invalid_argument");
    EXPECT_EQ(ask("GET", path("report") + "?time=1").code(), "invalid_argument");
    EXPECT_EQ(ask("DELETE", path("report") + time).status, 204);
    EXPECT_EQ(ask("GET", path("report") + time).code(), "not_found");
    EXPECT_EQ(ask("GET", path("report")).status, 200);
}

TEST_F(api_files_test, replaces_the_file_that_was_read_and_says_where_both_are_kept) {
    file.add("a.bin", 5);
    const std::string root(64, 'b');
    EXPECT_EQ(say("PUT", path("a.bin"), contents(0, 6), "If-Match: \"" + root + "\"\r\n").status,
              200);
    ASSERT_TRUE(file.seen);
    EXPECT_EQ(file.seen->hex(), root);
    EXPECT_EQ(say("PUT", path("a.bin"), contents(0, 7)).status, 200);
    EXPECT_FALSE(file.seen);
    file.somebody_was_faster = true;
    const auto beside = say("PUT", path("a.bin"), contents(0, 8));
    EXPECT_EQ(beside.status, 201);
    EXPECT_EQ(beside.document()["name"], "beside a.bin");
    for (const std::string& tag : {root, std::string("\"\""), std::string("\"12\""),
                                   "\"" + std::string(64, 'x') + "\"", std::string("*")}) {
        EXPECT_EQ(say("PUT", path("a.bin"), "x", "If-Match: " + tag + "\r\n").code(),
                  "invalid_argument")
            << tag;
    }
    EXPECT_EQ(say("POST", path("b.bin"), "x", "If-Match: \"" + root + "\"\r\n").status, 400);
}

TEST_F(api_files_test, takes_a_large_file_in_pieces) {
    constexpr std::uint64_t size = 32 << 20;
    client one(*this);
    one.send(head_of("POST", path("a.bin"),
                     "Content-Type: application/octet-stream\r\nContent-Length: " +
                         std::to_string(size) + "\r\n"));
    for (std::uint64_t at = 0; at < size; at += 1 << 20) {
        ASSERT_TRUE(one.send(contents(at, 1 << 20)));
    }
    const auto got = one.read();
    EXPECT_EQ(got.status, 201);
    EXPECT_EQ(got.document()["size"], size);
    EXPECT_TRUE(file.intact);
    EXPECT_LE(file.largest_piece, 64u * 1024);
    EXPECT_EQ(got.head.at("connection"), "keep-alive");
}

TEST_F(api_files_test, takes_chunks) {
    client one(*this);
    one.send(head_of("POST", path("a.bin"), "Transfer-Encoding: chunked\r\n"));
    std::uint64_t at = 0;
    for (const std::size_t size : {1u, 2u, 3u, 100u, 70'000u, 1u}) {
        std::string chunk = fmt::format("{:x}\r\n", size) + contents(at, size) + "\r\n";
        at += size;
        for (const char c : chunk.substr(0, 20)) {
            one.send(std::string_view(&c, 1));  // the hardest way to be read
        }
        one.send(std::string_view(chunk).substr(std::min<std::size_t>(20, chunk.size())));
    }
    one.send("0\r\n");
    one.send("\r\n");
    const auto got = one.read();
    EXPECT_EQ(got.status, 201);
    EXPECT_EQ(got.document()["size"], at);
    EXPECT_TRUE(file.intact);
}

TEST_F(api_files_test, refuses_before_it_takes_the_bytes) {
    file.add("a.bin", 5);
    struct sample {
        std::string method, path, more, code;
    };
    for (const auto& [method, target, more, code] : std::vector<sample>{
             {"POST", "/v1/events/alice/1.9/files/b.bin", "", "not_found"},
             {"POST", "/v1/events/bob/1.1/files/b.bin", "", "not_found"},
             {"POST", path("a.bin"), "", "already_exists"},
             {"PUT", path("b.bin"), "", "not_found"},
             {"POST", path("b.bin"), "Calbox-User: carol\r\n", "unauthorised"},
             {"POST", path("b.bin"), "Content-Type: nonsense\r\n", "invalid_argument"}}) {
        client one(*this);
        one.send(head_of(method, target,
                         more + "Expect: 100-continue\r\nContent-Length: 1000000000\r\n"));
        const auto got = one.read();
        EXPECT_EQ(got.code(), code) << method << target;
        EXPECT_EQ(got.head.at("connection"), "close");
    }
    EXPECT_EQ(ask("POST", path("b.bin"), "Content-Length: 2000000000000\r\n").code(), "too_large");
    EXPECT_EQ(file.largest_piece, 0u);
    EXPECT_FALSE(file.failure);
}

TEST_F(api_files_test, refuses_a_client_that_sends_all_the_same) {
    client one(*this);
    const std::string body(10 << 20, 'x');
    one.send(head_of("POST", "/v1/events/alice/1.9/files/b.bin", "Content-Length: 10485760\r\n"));
    EXPECT_TRUE(one.send(body));
    EXPECT_EQ(one.read().code(), "not_found");
}

TEST_F(api_files_test, invites_the_body_that_waits_for_it) {
    client one(*this);
    one.send(head_of("POST", path("a.bin"), "Expect: 100-continue\r\nContent-Length: 3\r\n"));
    one.pull();
    EXPECT_EQ(one.pending, "HTTP/1.1 100 Continue\r\n\r\n");
    one.pending.clear();
    one.send(contents(0, 3));
    EXPECT_EQ(one.read().status, 201);
}

TEST_F(api_files_test, keeps_nothing_of_an_upload_that_stops) {
    for (const char* framing : {"Content-Length: 1000000\r\n", "Transfer-Encoding: chunked\r\n"}) {
        client one(*this);
        one.send(head_of("POST", path("a.bin"), framing));
        one.send("100\r\nabc");
        one.leave();
        ASSERT_TRUE(file.failure);
        EXPECT_EQ(file.failure->code, errc::closed);
        file.failure.reset();
    }
    EXPECT_TRUE(file.all.empty());
    EXPECT_EQ(server->connections(), 0u);
}

TEST_F(api_files_test, gives_up_an_upload_that_stands_still) {
    client one(*this);
    one.send(head_of("POST", path("a.bin"), "Content-Length: 1000000\r\n") + "abc");
    world.advance(std::chrono::seconds(29));
    EXPECT_FALSE(file.failure);
    one.send("def");
    world.advance(std::chrono::seconds(29));
    EXPECT_FALSE(file.failure) << "each piece has its own time";
    world.advance(std::chrono::seconds(2));
    ASSERT_TRUE(file.failure);
    EXPECT_EQ(one.read().code(), "timed_out");
}

TEST_F(api_files_test, sends_all_or_a_range) {
    file.add("a.bin", 200'000);
    const auto whole = ask("GET", path("a.bin"));
    EXPECT_EQ(whole.status, 200);
    EXPECT_TRUE(whole.complete);
    EXPECT_EQ(whole.body, contents(0, 200'000));
    EXPECT_EQ(whole.head.at("content-type"), "application/octet-stream");
    EXPECT_EQ(whole.head.at("accept-ranges"), "bytes");
    const std::string tag = whole.head.at("etag");

    const std::vector<std::tuple<std::string, std::uint64_t, std::uint64_t>> samples = {
        {"bytes=0-0", 0, 1},
        {"bytes=65530-65541", 65530, 12},
        {"bytes=199999-", 199'999, 1},
        {"bytes=-5", 199'995, 5},
        {"bytes=-999999", 0, 200'000},
        {"bytes=5-999999", 5, 199'995},
        {"bytes=0-18446744073709551615", 0, 200'000}};
    for (const auto& [text, first, length] : samples) {
        const auto got = range(text);
        EXPECT_EQ(got.status, 206) << text;
        EXPECT_EQ(got.body, contents(first, length)) << text;
        EXPECT_EQ(got.head.at("content-range"),
                  fmt::format("bytes {}-{}/200000", first, first + length - 1));
    }
    for (const char* text :
         {"bytes=0-1,4-5", "lines=1-2", "bytes=5-4", "bytes=-", "bytes=x-y", "bytes 0-1"}) {
        EXPECT_EQ(range(text).status, 200) << text;
    }
    for (const char* text : {"bytes=200000-", "bytes=-0"}) {
        const auto got = range(text);
        EXPECT_EQ(got.status, 416) << text;
        EXPECT_EQ(got.head.at("content-range"), "bytes */200000");
    }
    EXPECT_EQ(range("bytes=0-1", "If-Range: " + tag + "\r\n").status, 206);
    EXPECT_EQ(range("bytes=0-1", "If-Range: \"old\"\r\n").status, 200);
}

TEST_F(api_files_test, sends_only_the_head_for_head) {
    file.add("a.bin", 200'000).held = "elsewhere";
    client one(*this);
    one.send(head_of("HEAD", path("a.bin")) + head_of("GET", "/health"));
    const auto head = one.read(true);
    EXPECT_EQ(head.head.at("content-length"), "200000");
    EXPECT_EQ(one.read().body, "{\"ok\":true}\n");
    EXPECT_EQ(file.pieces_read, 0u);
    EXPECT_EQ(file.fetches, 0);
}

TEST_F(api_files_test, sends_an_empty_file) {
    file.add("a.bin", 0);
    const auto got = ask("GET", path("a.bin"));
    EXPECT_EQ(got.status, 200);
    EXPECT_EQ(got.head.at("content-length"), "0");
    EXPECT_EQ(range("bytes=0-0").status, 416);
}

TEST_F(api_files_test, names_files_so_that_every_client_can_save_them) {
    file.add("a \"b\"\r\n\xc3\xa9%.txt", 1).what.media_type = "text/html\r\nX: y";
    const auto got = ask("GET", path("a%20%22b%22%0D%0A%C3%A9%25.txt"));
    EXPECT_EQ(
        got.head.at("content-disposition"),
        "attachment; filename=\"a _b______.txt\"; filename*=UTF-8''a%20%22b%22%0D%0A%C3%A9%25.txt");
    EXPECT_EQ(got.head.at("content-type"), "application/octet-stream");
    EXPECT_EQ(got.head.at("x-content-type-options"), "nosniff");
}

TEST_F(api_files_test, fetches_what_is_elsewhere) {
    file.add("a.bin", 10).held = "elsewhere";
    EXPECT_EQ(ask("GET", path("a.bin")).body, contents(0, 10));
    EXPECT_EQ(file.fetches, 1);
    EXPECT_EQ(ask("GET", path("a.bin")).status, 200);
    EXPECT_EQ(file.fetches, 1);
    EXPECT_EQ(ask("POST", path("a.bin") + "/fetch").document()["held"], "here");
    file.all.front().held = "elsewhere";
    trouble.next = error(errc::unavailable, "nobody has it");
    const auto got = ask("GET", path("a.bin"));
    EXPECT_EQ(got.status, 503);
    EXPECT_EQ(got.code(), "unavailable");
}

TEST_F(api_files_test, goes_on_fetching_when_the_client_leaves) {
    file.add("a.bin", 10).held = "elsewhere";
    file.held_up = true;
    client one(*this);
    one.send(head_of("GET", path("a.bin")));
    one.leave();
    file.go_on.set();
    world.settle();
    EXPECT_EQ(file.all.front().held, "here");
    EXPECT_EQ(server->connections(), 0u);
}

TEST_F(api_files_test, tells_a_file_that_cannot_be_read_from_one_that_breaks_off) {
    file.add("a.bin", 1 << 20);
    file.fails_at = 0;
    const auto refused = ask("GET", path("a.bin"));
    EXPECT_EQ(refused.status, 500);
    EXPECT_EQ(refused.code(), "mismatch");
    file.fails_at = 1 << 19;
    client one(*this);
    one.send(head_of("GET", path("a.bin")));
    const auto broken = one.read();
    EXPECT_EQ(broken.status, 200);
    EXPECT_FALSE(broken.complete);
    EXPECT_TRUE(one.ended);
}

TEST_F(api_files_test, reads_no_faster_than_the_client) {
    file.add("a.bin", 64 << 20);
    client one(*this);
    one.send(head_of("GET", path("a.bin")));
    EXPECT_LT(file.pieces_read, 100u) << "of 1024";
    one.leave();
    ASSERT_TRUE(file.failure);
    EXPECT_EQ(file.failure->code, errc::closed);
    EXPECT_EQ(server->connections(), 0u);

    file.failure.reset();
    client slow(*this);
    slow.send(head_of("GET", path("a.bin")));
    world.advance(std::chrono::seconds(31));
    ASSERT_TRUE(file.failure);
    EXPECT_EQ(file.failure->code, errc::timed_out);
}

}  // namespace
}  // namespace calbox::daemon::testing
