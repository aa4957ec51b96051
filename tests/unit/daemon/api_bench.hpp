// The API with its server on a Unix socket in a temporary directory, and clients of it, all on one
// thread: the clients write and read what there is room for, and between that the server runs until
// it waits.
#pragma once

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/api.hpp"
#include "daemon/http_server.hpp"
#include "daemon/json.hpp"
#include "daemon/web_sessions.hpp"
#include "fake_services.hpp"
#include "support/test_environment.hpp"

namespace calbox::daemon::testing {

struct reply {
    int status = 0;
    std::map<std::string, std::string> head;  // names in small letters
    std::string body;
    bool complete = false;

    json document() const { return json::parse(body, nullptr, false); }
    std::string code() const {
        const auto read = document();
        return read.is_object() ? read.value("code", "") : "";
    }
    std::string detail() const {
        const auto read = document();
        return read.is_object() ? read.value("detail", "") : "";
    }
};

class bench : public ::testing::Test {
protected:
    bench() {
        std::string name = "/tmp/daemon-test-XXXXXX";
        directory = ::mkdtemp(name.data());
    }
    ~bench() override {
        if (server) {
            server->request_stop();
            world.run(server->join());
        }
        std::filesystem::remove_all(directory);
    }

    void serve(http::server_settings settings = {}) {
        settings.socket = directory / "run" / "ctl.sock";
        server = std::make_unique<http::server>(world.env, settings, subject);
        const auto started = server->start();
        ASSERT_TRUE(started) << started.error().message();
        socket_path = settings.socket.string();
    }
    void SetUp() override { serve(); }

    test::test_environment world;
    mishap trouble;
    fake_accounts account{trouble};
    fake_calendar events{trouble};
    fake_locks lock{world.env};
    fake_files file{world.env, trouble};
    fake_contacts contact;
    fake_network network;
    fake_info info;
    fake_watch changes{world.env};
    fake_history past{events};
    fake_branches branch{events};
    fake_overlay overlay;
    fake_store store;
    fake_objects objects;
    fake_search search;
    fake_exchange calendars;
    fake_archives archive{trouble};
    fake_reminders remind;
    fake_free_busy busy;
    fake_open_events opening;
    fake_joins joining;
    node::services all{account,   events,  lock,   file,    contact, network, info,
                       changes,   past,    branch, overlay, store,   objects, search,
                       calendars, archive, remind, busy,    opening, joining};
    web_sessions pages{world.env};
    int stops = 0;
    folder_view folder;
    api subject{world.env, all, pages, [this] { ++stops; }, [this] { return folder; }};
    std::filesystem::path directory;
    std::string socket_path;
    std::unique_ptr<http::server> server;

    /// One connection.
    class client {
    public:
        explicit client(bench& owner)
            : owner_(owner), line_(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
            sockaddr_un address{};
            address.sun_family = AF_UNIX;
            owner.socket_path.copy(address.sun_path, sizeof address.sun_path - 1);
            EXPECT_EQ(::connect(line_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
            owner_.world.settle();
        }
        ~client() { leave(); }
        client(const client&) = delete;
        client& operator=(const client&) = delete;

        void leave() {
            if (line_ >= 0) {
                ::close(std::exchange(line_, -1));
                owner_.world.settle();
            }
        }
        /// False when the server takes no more.
        bool send(std::string_view text) {
            int idle = 0;
            while (!text.empty() && idle < 3) {
                const auto count = ::send(line_, text.data(), text.size(), MSG_NOSIGNAL);
                if (count > 0) {
                    text.remove_prefix(static_cast<std::size_t>(count));
                    idle = 0;
                } else if (errno != EAGAIN) {
                    return false;
                } else {
                    ++idle;
                }
                owner_.world.settle();
            }
            return text.empty();
        }
        /// Everything that comes without waiting, appended to `pending`.
        void pull() {
            char piece[65536];
            while (!ended) {
                owner_.world.settle();
                const auto count = ::recv(line_, piece, sizeof piece, 0);
                if (count > 0) {
                    pending.append(piece, static_cast<std::size_t>(count));
                } else if (count < 0 && errno == EAGAIN) {
                    return;
                } else {
                    ended = true;
                }
            }
        }
        reply read(bool no_body = false) {
            pull();
            reply made;
            const auto head_end = pending.find("\r\n\r\n");
            if (head_end == std::string::npos) {
                return made;
            }
            std::istringstream head(pending.substr(0, head_end));
            pending.erase(0, head_end + 4);
            std::string text;
            head >> text >> made.status;
            std::getline(head, text);
            while (std::getline(head, text)) {
                const auto colon = text.find(": ");
                std::string name = text.substr(0, colon);
                std::transform(name.begin(), name.end(), name.begin(),
                               [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
                made.head[name] = text.substr(colon + 2, text.find('\r') - colon - 2);
            }
            if (no_body || made.status == 204) {
                made.complete = true;
            } else if (made.head.count("content-length") != 0) {
                const auto length = std::stoull(made.head["content-length"]);
                made.body = pending.substr(0, length);
                pending.erase(0, length);
                made.complete = made.body.size() == length;
            } else {
                take_chunks(made);
            }
            return made;
        }
        std::string pending;
        bool ended = false;

    private:
        void take_chunks(reply& made) {
            while (true) {
                const auto end = pending.find("\r\n");
                const auto size =
                    end == std::string::npos ? 0 : std::stoull(pending.substr(0, end), nullptr, 16);
                if (end == std::string::npos || pending.size() < end + 2 + size + 2) {
                    return;
                }
                made.body += pending.substr(end + 2, size);
                pending.erase(0, end + 2 + size + 2);
                if (size == 0) {
                    made.complete = true;
                    return;
                }
            }
        }
        bench& owner_;
        int line_;
    };

    static std::string head_of(const std::string& method, const std::string& target,
                               const std::string& more = {}) {
        return method + " " + target + " HTTP/1.1\r\nHost: calbox\r\n" + more + "\r\n";
    }
    reply ask(const std::string& method, const std::string& target, const std::string& more = {}) {
        client one(*this);
        one.send(head_of(method, target, more));
        return one.read(method == "HEAD");
    }
    reply say(const std::string& method, const std::string& target, const std::string& body,
              const std::string& more = {}, const std::string& type = "application/json") {
        client one(*this);
        one.send(head_of(method, target,
                         "Content-Type: " + type +
                             "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + more) +
                 body);
        return one.read();
    }
    static constexpr const char* event_path = "/v1/events/alice/1.1";
};

}  // namespace calbox::daemon::testing
