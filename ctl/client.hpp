// HTTP/1.1 to the daemon's Unix socket, one connection for each request. The only user of Beast is
// client.cpp. One thread. Every wait ends on interruption (Ctrl-C) with "cancelled", and after the
// limit with "timed_out".
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "problem.hpp"

namespace calbox::ctl {

using json = nlohmann::json;

struct request {
    std::string method = "GET";
    std::string target;  // "/v1/events", percent-encoded
    std::string body;
    std::string content_type;
    std::vector<std::pair<std::string, std::string>> headers;
};

struct reply {
    int status = 0;
    std::string etag;
    std::string body;
};

/// Bytes of a body that is sent piece by piece: fills the span and says how many, 0 at the end.
using byte_source = std::function<answer<std::size_t>(std::span<char>)>;
/// Told the length of an answer's body, when it is known.
using length_sink = std::function<void(std::optional<std::uint64_t>)>;
/// Takes bytes of an answer; a problem ends the download.
using byte_sink = std::function<answer<void>(std::string_view)>;

/// A stream of GET /v1/watch that is silent for longer is broken: the daemon sends a comment every
/// 15 s.
constexpr std::chrono::seconds watch_silence{45};

/// For the first byte of what may have to come from far away first: the daemon has the deadlines
/// for that.
constexpr std::chrono::minutes patience_for_files{30};

class client {
public:
    /// `user` may be empty. `interrupt_fd` becomes readable when the person gives up; -1 for none.
    client(std::string socket_path, std::string user, int interrupt_fd = -1);

    /// One request and its whole answer (at most 256 MiB). Statuses of 400 and more are problems.
    answer<reply> send(const request& what);
    /// As send, with `size` bytes from `source` as the body. When the source fails, the connection
    /// is cut, so that the daemon knows that the body is not complete, and the source's problem is
    /// returned.
    answer<reply> upload(const request& what, std::uint64_t size, const byte_source& source);
    /// Hands the body to `sink`; `begin` is told its length, when there is one, before. "closed"
    /// when the answer ended early.
    answer<void> download(const request& what, const length_sink& begin, const byte_sink& sink);
    /// As download, for a stream without end: every wait for the next bytes has `silence` as its
    /// limit.
    answer<void> follow(const request& what, std::chrono::seconds silence, const byte_sink& sink);

    // JSON in and out. A body that is no JSON is "malformed".
    answer<json> get(const std::string& target);
    answer<json> send_json(const std::string& method, const std::string& target, const json& body);
    answer<void> remove(const std::string& target);
    /// Has something done (POST) that may take long: until the answer begins `moves` is asked again
    /// and again whether something has moved. "timed_out" when nothing has for `limit`.
    answer<json> have_done(const std::string& target, std::chrono::milliseconds limit,
                           const std::function<bool()>& moves);

    const std::string& socket_path() const { return socket_path_; }
    const std::string& user() const { return user_; }

private:
    struct connection;

    answer<void> send_whole(connection& line, const request& what);
    answer<reply> receive(connection& line);
    answer<void> receive_pieces(connection& line, const length_sink& begin, const byte_sink& sink);

    std::string socket_path_;
    std::string user_;
    int interrupt_fd_;
};

/// Percent-encoding of one segment of a path or one value of a query (RFC 3986).
std::string encode_segment(std::string_view text);

/// Lines of text/event-stream into events (HTML Living Standard, 9.2.6): data and id only.
class event_stream {
public:
    /// `on_event` gets (id, data).
    explicit event_stream(
        std::function<answer<void>(const std::string&, const std::string&)> on_event)
        : on_event_(std::move(on_event)) {}
    answer<void> feed(std::string_view bytes);

private:
    answer<void> line(std::string_view text);

    std::function<answer<void>(const std::string&, const std::string&)> on_event_;
    std::string buffer_;
    std::string id_;
    std::string data_;
    bool any_ = false;
    bool after_return_ = false;
};

}  // namespace calbox::ctl
