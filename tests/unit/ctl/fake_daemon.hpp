// A daemon of a test's making on a Unix socket, and a person without a terminal who runs calboxctl
// against it. The daemon serves each connection on a thread of its own; the tests read what was
// asked after the command has ended.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl/context.hpp"

namespace calbox::ctl::testing {

/// A directory that is gone with the test.
class folder {
public:
    folder() {
        std::string name = "/tmp/ctl-test-XXXXXX";
        path_ = ::mkdtemp(name.data());
    }
    ~folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    folder(const folder&) = delete;
    folder& operator=(const folder&) = delete;

    std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
    const std::filesystem::path& path() const { return path_; }
    std::string write(const std::string& name, const std::string& bytes) const {
        std::ofstream(path_ / name, std::ios::binary) << bytes;
        return (path_ / name).string();
    }
    std::string read(const std::string& name) const {
        std::ifstream file(path_ / name, std::ios::binary);
        std::ostringstream text;
        text << file.rdbuf();
        return text.str();
    }
    std::vector<std::string> names() const {
        std::vector<std::string> found;
        for (const auto& one : std::filesystem::directory_iterator(path_)) {
            found.push_back(one.path().filename().string());
        }
        std::sort(found.begin(), found.end());
        return found;
    }

private:
    std::filesystem::path path_;
};

struct asked {
    std::string method;
    std::string target;
    std::map<std::string, std::string> headers;  // names in small letters
    std::string body;
    bool whole = true;  // false: the connection ended before all of the body was there
};

inline std::string http_answer(int status, const std::string& body, const std::string& more = {},
                               const std::string& type = "application/json") {
    return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: " + type + "\r\n" + more +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

inline std::string http_problem(int status, const std::string& code, const std::string& detail) {
    return http_answer(status,
                       json{{"type", "about:blank"},
                            {"title", "t"},
                            {"status", status},
                            {"code", code},
                            {"detail", detail}}
                           .dump(),
                       {}, "application/problem+json");
}

/// Answers with the bytes that the script returns, and closes the connection after them.
class fake_daemon {
public:
    using script = std::function<std::string(const asked&)>;

    fake_daemon(std::string path, script answers)
        : path_(std::move(path)), answers_(std::move(answers)) {
        listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
        EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
        EXPECT_EQ(::listen(listener_, 16), 0);
        thread_ = std::thread([this] { serve(); });
    }
    ~fake_daemon() {
        ended_ = true;
        thread_.join();
        ::close(listener_);
        ::unlink(path_.c_str());
    }
    fake_daemon(const fake_daemon&) = delete;
    fake_daemon& operator=(const fake_daemon&) = delete;

    std::vector<asked> requests() const {
        const std::lock_guard lock(mutex_);
        return requests_;
    }
    asked last() const { return requests().empty() ? asked{} : requests().back(); }
    const std::string& path() const { return path_; }

private:
    void serve() {
        while (!ended_) {
            pollfd end{listener_, POLLIN, 0};
            if (::poll(&end, 1, 10) == 1) {
                const int line = ::accept(listener_, nullptr, nullptr);
                serving_.emplace_back([this, line] {
                    serve_one(line);
                    ::close(line);
                });
            }
        }
        for (std::thread& one : serving_) {
            one.join();
        }
    }

    static bool more(int line, std::string& bytes) {
        char piece[65536];
        const auto count = ::recv(line, piece, sizeof(piece), 0);
        if (count > 0) {
            bytes.append(piece, static_cast<std::size_t>(count));
        }
        return count > 0;
    }

    void serve_one(int line) {
        std::string bytes;
        while (bytes.find("\r\n\r\n") == std::string::npos) {
            if (!more(line, bytes)) {
                return;
            }
        }
        const auto head_end = bytes.find("\r\n\r\n");
        asked made;
        std::istringstream head(bytes.substr(0, head_end));
        head >> made.method >> made.target;
        std::string text;
        std::getline(head, text);
        while (std::getline(head, text)) {
            const auto colon = text.find(": ");
            std::string name = text.substr(0, colon);
            std::transform(name.begin(), name.end(), name.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
            made.headers[name] = text.substr(colon + 2, text.find('\r') - colon - 2);
        }
        made.body = bytes.substr(head_end + 4);
        const auto length = made.headers.count("content-length") != 0
                                ? std::stoull(made.headers["content-length"])
                                : 0;
        while (made.body.size() < length && made.whole) {
            made.whole = more(line, made.body);
        }
        {
            const std::lock_guard lock(mutex_);
            requests_.push_back(made);
        }
        const std::string answer = made.whole ? answers_(made) : std::string();
        std::size_t sent = 0;
        while (sent < answer.size()) {
            const auto count =
                ::send(line, answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
            if (count <= 0) {
                return;
            }
            sent += static_cast<std::size_t>(count);
        }
    }

    std::string path_;
    script answers_;
    int listener_ = -1;
    std::atomic<bool> ended_ = false;
    mutable std::mutex mutex_;
    std::vector<asked> requests_;
    std::vector<std::thread> serving_;
    std::thread thread_;
};

/// What a command printed, and its exit status.
struct outcome {
    int status = -1;
    std::string out;
    std::string err;
};

/// 2026-11-23 12:00:00 UTC, a Monday.
constexpr std::int64_t noon = 1795435200;

struct person {
    std::string socket;
    std::map<std::string, std::string> variables{{"TZ", "UTC"}, {"HOME", "/nonexistent"}};
    bool terminal = false;

    outcome run(std::vector<std::string> words, const std::string& typed = {}) const {
        std::istringstream in(typed);
        std::ostringstream out;
        std::ostringstream err;
        surroundings world{
            .in = in,
            .out = out,
            .err = err,
            .in_is_terminal = terminal,
            .out_is_terminal = terminal,
            .err_is_terminal = terminal,
            .variable = [this](const std::string& name) -> std::optional<std::string> {
                const auto found = variables.find(name);
                return found == variables.end() ? std::nullopt : std::optional(found->second);
            },
            .now = [] { return noon; },
            .chance = [] { return std::uint64_t{7}; }};
        if (!socket.empty()) {
            words.insert(words.begin(), {"--socket", socket});
        }
        const int status = ctl::run(words, world);
        return {status, out.str(), err.str()};
    }
};

/// An event as the daemon gives it.
inline json event_of(const std::string& id, const std::string& title) {
    return {{"id", id},
            {"generation", 1},
            {"version", 3},
            {"title", title},
            {"info", "Bring the slides"},
            {"place", "Room 2"},
            {"start", "2026-11-24T14:00:00"},
            {"end", "2026-11-24T15:00:00"},
            {"zone", "Europe/Lisbon"},
            {"all_day", false},
            {"start_utc", "2026-11-24T14:00:00Z"},
            {"end_utc", "2026-11-24T15:00:00Z"},
            {"recurrence", ""},
            {"organizer", "alice"},
            {"participants", {"bob", "carol"}},
            {"guests_may", {"modify", "attach"}},
            {"files", json::array()},
            {"state", "confirmed"},
            {"locked_by", ""},
            {"lacks", nullptr},
            {"conflicts", json::array()},
            {"written_by", "alice"},
            {"written", "2026-11-23T09:30:00Z"},
            {"stored_on", {"backup ab12cd34"}},
            {"owed", json::array()}};
}

/// A fixture: a person, and a daemon that answers `answer`, or what `script` makes.
struct with_daemon : ::testing::Test {
    folder here;
    person alice{.socket = (here / "ctl.sock").string()};
    std::string answer = http_answer(200, "{}");
    fake_daemon daemon{alice.socket, [this](const asked& what) { return respond(what); }};
    std::function<std::string(const asked&)> script;

    std::string respond(const asked& what) { return script ? script(what) : answer; }
    json last_body() const { return json::parse(daemon.last().body); }
};

}  // namespace calbox::ctl::testing
