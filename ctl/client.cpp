#include "client.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

namespace calbox::ctl {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr std::size_t piece_bytes = 64 * 1024;
constexpr std::size_t answer_bytes_max = 256 * 1024 * 1024;
constexpr std::chrono::seconds usual_patience{180};
constexpr std::chrono::milliseconds between_looks{500};
constexpr std::size_t sun_path_bytes = 107;

tl::unexpected<problem> ended_early() {
    return refuse("closed", "the daemon ended the connection before its answer was complete");
}

/// The code for a status whose answer is no problem document.
std::string code_of_status(int status) {
    switch (status) {
        case 400:
            return "malformed";
        case 401:
            return "unauthorised";
        case 403:
            return "forbidden";
        case 404:
            return "not_found";
        case 409:
            return "already_exists";
        case 412:
            return "conflict";
        case 413:
            return "too_large";
        case 503:
            return "unavailable";
        case 504:
            return "timed_out";
        default:
            return "internal";
    }
}

problem read_problem(int status, const std::string& body) {
    const auto document = json::parse(body, nullptr, false);
    problem found{code_of_status(status), {}};
    if (document.is_object()) {
        found.document = body;
        found.code = document.value("code", json()).is_string()
                         ? document["code"].get<std::string>()
                         : found.code;
        for (const char* key : {"title", "detail"}) {
            if (const auto text = document.find(key);
                text != document.end() && text->is_string() && !text->get<std::string>().empty()) {
                found.detail = text->get<std::string>();
            }
        }
    }
    if (found.detail.empty()) {
        found.detail = "the daemon answered with status " + std::to_string(status);
    }
    return found;
}

bool good(int status) { return status >= 200 && status < 300; }

}  // namespace

/// A socket whose waits end with the limit and on interruption; a SyncReadStream and
/// SyncWriteStream for Beast.
struct client::connection {
    asio::io_context context;
    asio::local::stream_protocol::socket socket{context};
    boost::beast::flat_buffer buffer;
    int interrupt_fd = -1;
    std::chrono::milliseconds limit = usual_patience;
    std::function<bool()> moves = {};  // asked while there is nothing: true begins the limit anew
    std::string method;

    answer<void> open(const std::string& path);
    answer<void> send_head(const request& what, const std::string& user,
                           std::optional<std::uint64_t> size);
    problem read_problem_of(error_code why) const;

    error_code wait(short events) const {
        pollfd both[2] = {{socket_fd(), events, 0}, {interrupt_fd, POLLIN, 0}};
        auto left = limit;
        for (;;) {
            const auto step = moves ? std::min(left, between_looks) : left;
            const int ready =
                ::poll(both, interrupt_fd >= 0 ? 2 : 1, static_cast<int>(step.count()));
            if (ready < 0 && errno == EINTR) {
                continue;
            }
            if (interrupt_fd >= 0 && (both[1].revents & POLLIN) != 0) {
                return asio::error::operation_aborted;
            }
            if (ready > 0) {
                return {};
            }
            left = moves && moves() ? limit : left - step;
            if (left <= std::chrono::milliseconds(0)) {
                return asio::error::timed_out;
            }
        }
    }
    template <class Buffers>
    std::size_t read_some(const Buffers& into, error_code& why) {
        for (;;) {
            why = wait(POLLIN);
            const std::size_t count = why ? 0 : socket.read_some(into, why);
            if (why != asio::error::would_block) {
                return count;
            }
        }
    }
    template <class Buffers>
    std::size_t write_some(const Buffers& from, error_code& why) {
        for (;;) {
            why = wait(POLLOUT);
            const std::size_t count = why ? 0 : socket.write_some(from, why);
            if (why != asio::error::would_block) {
                return count;
            }
        }
    }
    template <class Buffers>
    std::size_t read_some(const Buffers& into) {
        error_code why;
        const auto count = read_some(into, why);
        if (why) {
            throw boost::system::system_error(why);
        }
        return count;
    }
    template <class Buffers>
    std::size_t write_some(const Buffers& from) {
        error_code why;
        const auto count = write_some(from, why);
        if (why) {
            throw boost::system::system_error(why);
        }
        return count;
    }
    int socket_fd() const {
        // native_handle() is not const, and asks for nothing but the number.
        return const_cast<asio::local::stream_protocol::socket&>(socket).native_handle();
    }
};

answer<void> client::connection::open(const std::string& path) {
    if (path.empty() || path.size() > sun_path_bytes) {
        return refuse("invalid_argument", "the path of a socket has 1 to " +
                                              std::to_string(sun_path_bytes) + " bytes: " + path);
    }
    error_code why;
    socket.connect(asio::local::stream_protocol::endpoint(path), why);
    if (!why) {
        socket.non_blocking(true, why);
    }
    // An editor must not keep a session open that is over with this process.
    if (!why && ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC) != 0) {
        why = error_code(errno, boost::system::system_category());
    }
    if (!why) {
        return {};
    }
    if (why == boost::system::errc::permission_denied) {
        return refuse("forbidden", path + " belongs to another user: only he may use it");
    }
    return refuse("no_daemon",
                  "no daemon answers on " + path +
                      "; start it (calboxd, or systemctl --user start calboxd), or name "
                      "another socket with --socket or CALBOX_SOCKET");
}

problem client::connection::read_problem_of(error_code why) const {
    if (why == asio::error::operation_aborted) {
        return {"cancelled", "interrupted"};
    }
    if (why == asio::error::timed_out) {
        return {"timed_out", "the daemon did not answer in time"};
    }
    return ended_early().value();
}

answer<void> client::connection::send_head(const request& what, const std::string& user,
                                           std::optional<std::uint64_t> size) {
    http::request<http::empty_body> head;
    method = what.method;
    head.method_string(what.method);
    head.target(what.target);
    head.version(11);
    head.set(http::field::host, "calbox");
    head.set(http::field::user_agent, "calboxctl/" CALBOX_VERSION);
    head.set(http::field::connection, "close");
    if (!user.empty()) {
        head.set("Calbox-User", user);
    }
    if (!what.content_type.empty()) {
        head.set(http::field::content_type, what.content_type);
    }
    if (size) {
        head.content_length(*size);
    }
    for (const auto& [name, value] : what.headers) {
        head.set(name, value);
    }
    http::request_serializer<http::empty_body> serializer(head);
    error_code why;
    http::write_header(*this, serializer, why);
    if (why) {
        return refuse(read_problem_of(why));
    }
    return {};
}

client::client(std::string socket_path, std::string user, int interrupt_fd)
    : socket_path_(std::move(socket_path)), user_(std::move(user)), interrupt_fd_(interrupt_fd) {}

answer<reply> client::receive(connection& line) {
    http::response_parser<http::string_body> parser;
    parser.body_limit(answer_bytes_max);
    parser.skip(line.method == "HEAD");
    error_code why;
    http::read(line, line.buffer, parser, why);
    if (why) {
        return refuse(line.read_problem_of(why));
    }
    auto message = parser.release();
    reply made{static_cast<int>(message.result_int()), std::string(message[http::field::etag]),
               std::move(message.body())};
    if (!good(made.status)) {
        return refuse(read_problem(made.status, made.body));
    }
    return made;
}

answer<void> client::send_whole(connection& line, const request& what) {
    const bool has_body = !what.body.empty() || what.method == "POST" || what.method == "PUT" ||
                          what.method == "PATCH";
    auto sent = line.send_head(
        what, user_, has_body ? std::optional<std::uint64_t>(what.body.size()) : std::nullopt);
    if (sent && !what.body.empty()) {
        error_code why;
        asio::write(line, asio::buffer(what.body), why);
        // A daemon that refuses early has answered already: its answer tells more than the failure
        // to send the rest.
        if (why == asio::error::operation_aborted || why == asio::error::timed_out) {
            sent = refuse(line.read_problem_of(why));
        }
    }
    return sent;
}

answer<reply> client::send(const request& what) {
    connection line;
    line.interrupt_fd = interrupt_fd_;
    if (auto opened = line.open(socket_path_); !opened) {
        return refuse(opened.error());
    }
    const auto sent = send_whole(line, what);
    if (!sent) {
        return refuse(sent.error());
    }
    return receive(line);
}

answer<reply> client::upload(const request& what, std::uint64_t size, const byte_source& source) {
    connection line;
    line.interrupt_fd = interrupt_fd_;
    if (auto opened = line.open(socket_path_); !opened) {
        return refuse(opened.error());
    }
    if (auto sent = line.send_head(what, user_, size); !sent) {
        return refuse(sent.error());
    }
    std::vector<char> piece(piece_bytes);
    std::uint64_t left = size;
    while (left > 0) {
        error_code why;
        if (line.socket.available(why) > 0) {
            break;  // the daemon has answered already: it refuses
        }
        const auto count =
            source(std::span(piece.data(), std::min<std::uint64_t>(left, piece.size())));
        if (!count) {
            return refuse(count.error());
        }
        if (*count == 0) {
            return refuse("io_failed", "the file became shorter while it was read");
        }
        asio::write(line, asio::buffer(piece.data(), *count), why);
        if (why == asio::error::operation_aborted || why == asio::error::timed_out) {
            return refuse(line.read_problem_of(why));
        }
        if (why) {
            break;
        }
        left -= *count;
    }
    return receive(line);
}

answer<void> client::receive_pieces(connection& line, const length_sink& begin,
                                    const byte_sink& sink) {
    http::response_parser<http::buffer_body> parser;
    parser.body_limit(boost::none);
    error_code why;
    http::read_header(line, line.buffer, parser, why);
    if (why) {
        return refuse(line.read_problem_of(why));
    }
    const int status = static_cast<int>(parser.get().result_int());
    const bool wanted = good(status);
    std::optional<std::uint64_t> length;
    if (const auto known = parser.content_length()) {
        length = *known;
    }
    if (wanted && begin) {
        begin(length);
    }
    std::string refusal;
    std::vector<char> piece(piece_bytes);
    while (!parser.is_done()) {
        auto& body = parser.get().body();
        body.data = piece.data();
        body.size = piece.size();
        http::read_some(line, line.buffer, parser, why);
        if (why == http::error::need_buffer) {
            why = {};
        }
        const std::string_view bytes(piece.data(), piece.size() - body.size);
        if (!wanted && refusal.size() < piece_bytes) {
            refusal += bytes;
        } else if (wanted && !bytes.empty()) {
            if (auto taken = sink(bytes); !taken) {
                return taken;
            }
        }
        if (why) {
            return refuse(line.read_problem_of(why));
        }
    }
    // Without a length or chunks the end of the connection is the end of the body, and a cut cannot
    // be told from it.
    if (wanted && !length && !parser.chunked()) {
        return ended_early();
    }
    if (!wanted) {
        return refuse(read_problem(status, refusal));
    }
    return {};
}

answer<void> client::download(const request& what, const length_sink& begin,
                              const byte_sink& sink) {
    connection line;
    line.interrupt_fd = interrupt_fd_;
    if (auto opened = line.open(socket_path_); !opened) {
        return opened;
    }
    line.limit = patience_for_files;
    if (auto sent = send_whole(line, what); !sent) {
        return sent;
    }
    return receive_pieces(line, begin, sink);
}

answer<void> client::follow(const request& what, std::chrono::seconds silence,
                            const byte_sink& sink) {
    connection line;
    line.interrupt_fd = interrupt_fd_;
    if (auto opened = line.open(socket_path_); !opened) {
        return opened;
    }
    line.limit = silence;
    if (auto sent = line.send_head(what, user_, std::nullopt); !sent) {
        return sent;
    }
    return receive_pieces(line, {}, sink);
}

// JSON
// ---------------------------------------------------------------------------------------------

namespace {

answer<json> parsed(answer<reply> got) {
    if (!got) {
        return refuse(got.error());
    }
    if (got->body.empty()) {
        return json::object();
    }
    auto document = json::parse(got->body, nullptr, false);
    if (document.is_discarded()) {
        return refuse("malformed", "the daemon's answer is no JSON");
    }
    return document;
}

}  // namespace

answer<json> client::get(const std::string& target) {
    return parsed(
        send({.method = "GET", .target = target, .body = {}, .content_type = {}, .headers = {}}));
}

answer<json> client::send_json(const std::string& method, const std::string& target,
                               const json& body) {
    // Text that is not UTF-8 is replaced, not thrown at: the daemon would refuse it anyway.
    return parsed(send({.method = method,
                        .target = target,
                        .body = body.dump(-1, ' ', false, json::error_handler_t::replace),
                        .content_type = "application/json",
                        .headers = {}}));
}

answer<json> client::have_done(const std::string& target, std::chrono::milliseconds limit,
                               const std::function<bool()>& moves) {
    connection line;
    line.interrupt_fd = interrupt_fd_;
    line.limit = limit;
    if (auto opened = line.open(socket_path_); !opened) {
        return refuse(opened.error());
    }
    const auto sent = send_whole(line, {.method = "POST",
                                        .target = target,
                                        .body = "{}",
                                        .content_type = "application/json",
                                        .headers = {}});
    if (!sent) {
        return refuse(sent.error());
    }
    line.moves = moves;
    return parsed(receive(line));
}

answer<void> client::remove(const std::string& target) {
    auto done =
        send({.method = "DELETE", .target = target, .body = {}, .content_type = {}, .headers = {}});
    if (!done) {
        return refuse(done.error());
    }
    return {};
}

std::string encode_segment(std::string_view text) {
    constexpr std::string_view plain = "-._~";
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string made;
    for (const char letter : text) {
        const auto byte = static_cast<unsigned char>(letter);
        const bool kept = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                          (byte >= '0' && byte <= '9') ||
                          plain.find(letter) != std::string_view::npos;
        if (kept) {
            made += letter;
        } else {
            made += '%';
            made += digits[byte >> 4];
            made += digits[byte & 15];
        }
    }
    return made;
}

// Event stream
// -------------------------------------------------------------------------------------

answer<void> event_stream::feed(std::string_view bytes) {
    for (const char letter : bytes) {
        const bool end = letter == '\n' || letter == '\r';
        const bool second_half = letter == '\n' && after_return_;
        after_return_ = letter == '\r';
        if (second_half) {
            continue;
        }
        if (!end) {
            if (buffer_.size() > answer_bytes_max) {
                return refuse("malformed", "the daemon's stream has a line without end");
            }
            buffer_ += letter;
            continue;
        }
        const std::string whole = std::exchange(buffer_, {});
        if (auto done = line(whole); !done) {
            return done;
        }
    }
    return {};
}

answer<void> event_stream::line(std::string_view text) {
    if (text.empty()) {
        const std::string data = std::exchange(data_, {});
        return std::exchange(any_, false) ? on_event_(id_, data) : answer<void>();
    }
    const auto colon = text.find(':');
    const auto field = text.substr(0, colon);
    auto value = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
    if (value.starts_with(' ')) {
        value.remove_prefix(1);
    }
    if (field == "data") {
        data_ += any_ ? "\n" : "";
        data_ += value;
        any_ = true;
    } else if (field == "id") {
        id_ = value;
    }
    return {};
}

}  // namespace calbox::ctl
