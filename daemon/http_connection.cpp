#include "http_connection.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/chrono.h>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>

namespace calbox::http {

namespace beast = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr std::size_t piece_bytes = 64 * 1024;
constexpr std::size_t linger_bytes = 32 * 1024 * 1024;
// Shorter than this, a chunked body cannot be complete; Beast's parser asserts that it sees so much
// of the last chunk.
constexpr std::size_t last_chunk_bytes = 5;

std::string lower(std::string_view text) {
    std::string made(text);
    std::transform(made.begin(), made.end(), made.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return made;
}

/// Counts a pending operation while it lives.
class pending {
public:
    explicit pending(int& count) : count_(count) { ++count_; }
    ~pending() { --count_; }
    pending(const pending&) = delete;
    pending& operator=(const pending&) = delete;

private:
    int& count_;
};

}  // namespace

struct connection::parser : beast::request_parser<beast::buffer_body> {};

connection::connection(const environment& env, const server_settings& settings,
                       std::unique_ptr<client_socket> socket, std::string from)
    : env_(env),
      settings_(settings),
      socket_(std::move(socket)),
      from_(std::move(from)),
      in_(piece_bytes) {}

connection::~connection() { disarm(); }

void connection::close() noexcept {
    ending_ = true;
    socket_->cancel();
}

void connection::stop() noexcept {
    stopping_ = true;
    if (waiting_ > 0) {
        close();
    }
}

void connection::arm(duration limit) {
    disarm();
    expired_ = false;
    armed_ = true;
    timer_ = env_.timers.schedule(env_.time.now() + limit, [this] {
        armed_ = false;
        expired_ = true;
        socket_->cancel();
    });
}

void connection::disarm() noexcept {
    if (std::exchange(armed_, false)) {
        env_.timers.cancel(timer_);
    }
}

result<void> connection::outcome(error_code problem) const {
    if (expired_) {
        return fail(errc::timed_out, "the client did not go on in time");
    }
    if (problem || ending_) {
        return fail(errc::closed, "the connection ended before the request was complete");
    }
    return {};
}

// Running --------------------------------------------------------------------------------------

task<void> connection::run(handler& who) {
    const bool opened = co_await open();
    while (opened && !stopping_ && !ending_) {
        auto head = co_await read_head();
        disarm();
        if (!head) {
            co_await refuse(std::move(head.error()));
            break;
        }
        co_await who.serve(*this);
        const bool again = co_await finish();
        if (!again) {
            break;
        }
    }
    socket_->close();
}

/// Whoever does not get through a handshake gets no answer: there is nothing to put it in.
task<bool> connection::open() {
    arm(settings_.head_time);
    const pending one(waiting_);
    const error_code problem = co_await socket_->open();
    disarm();
    co_return outcome(problem).has_value();
}

task<void> connection::refuse(error why) {
    if (why.code == errc::closed || idle_ || ending_) {
        co_return;
    }
    int status = status_of(why.code);
    if (why.code == errc::timed_out) {
        status = 408;
    } else if (why.code == errc::too_large) {
        status = 431;
    }
    asked_ = {};
    stay_ = false;
    const auto sent = co_await answer(problem(status, why));
    if (sent) {
        co_await linger();
    }
}

/// True when another request may follow.
task<bool> connection::finish() {
    if (!answered_ || broken_ || ending_) {
        co_return false;
    }
    if (framing_ == framing::chunked && asked_.method != "HEAD") {
        const auto sent = co_await send("0\r\n\r\n");
        if (!sent) {
            co_return false;
        }
    }
    if (framing_ == framing::length && owed_ > 0 && asked_.method != "HEAD") {
        co_return false;
    }
    if (stay_ && !stopping_) {
        co_return true;
    }
    co_await linger();
    co_return false;
}

/// Reads away what a client still sends, so that it gets to read its answer instead of a reset.
task<void> connection::linger() {
    arm(settings_.linger_time);
    const pending one(waiting_);
    co_await socket_->finish();
    const bool all_read = parser_ && parser_->is_header_done() && parser_->is_done();
    error_code problem;
    std::size_t total = 0;
    while (!all_read && !problem && total < linger_bytes && !expired_ && !ending_ && !stopping_) {
        std::size_t size = 0;
        problem = co_await socket_->read_away(asio::buffer(in_), size);
        total += size;
    }
    disarm();
}

// Reading --------------------------------------------------------------------------------------

/// At least one more byte into the buffer.
task<result<void>> connection::receive() {
    if (stopping_ || ending_) {
        co_return fail(errc::closed, "the daemon is stopping");
    }
    if (begin_ > 0) {
        std::copy(in_.begin() + static_cast<std::ptrdiff_t>(begin_),
                  in_.begin() + static_cast<std::ptrdiff_t>(end_), in_.begin());
        end_ -= begin_;
        begin_ = 0;
    }
    if (end_ == in_.size()) {
        co_return fail(errc::malformed, "a part of the request is longer than any client needs");
    }
    const pending one(waiting_);
    std::size_t size = 0;
    const error_code problem =
        co_await socket_->read_some(asio::buffer(in_.data() + end_, in_.size() - end_), size);
    if (auto ended = outcome(problem); !ended) {
        co_return ended;
    }
    end_ += size;
    co_return result<void>();
}

task<result<void>> connection::read_head() {
    parser_ = std::make_unique<parser>();
    parser_->header_limit(static_cast<std::uint32_t>(settings_.head_bytes));
    parser_->body_limit(boost::none);  // read_all and the services have their own
    asked_ = {};
    answered_ = broken_ = stay_ = expired_ = expects_continue_ = false;
    framing_ = framing::none;
    idle_ = begin_ == end_;
    arm(idle_ ? settings_.idle_time : settings_.head_time);
    while (true) {
        if (begin_ < end_) {
            auto done = parse_head();
            if (!done) {
                co_return fail(std::move(done.error()));
            }
            if (*done) {
                break;
            }
        }
        auto more = co_await receive();
        if (!more) {
            co_return more;
        }
        if (std::exchange(idle_, false)) {
            arm(settings_.head_time);
        }
    }
    take_head();
    co_return result<void>();
}

result<bool> connection::parse_head() {
    error_code problem;
    begin_ += parser_->put(asio::const_buffer(in_.data() + begin_, end_ - begin_), problem);
    if (problem == beast::error::header_limit) {
        return fail(errc::too_large, "the head of the request is larger than " +
                                         std::to_string(settings_.head_bytes) + " bytes");
    }
    if (problem && problem != beast::error::need_more) {
        return fail(errc::malformed, "this is no HTTP/1.1 request: " + problem.message());
    }
    return parser_->is_header_done();
}

void connection::take_head() {
    const auto& message = parser_->get();
    asked_.method = std::string(message.method_string());
    asked_.target = std::string(message.target());
    for (const auto& one : message) {
        asked_.head.push_back({lower(one.name_string()), std::string(one.value())});
    }
    asked_.has_body = !parser_->is_done();
    const std::string* const expect = asked_.find("expect");
    expects_continue_ = asked_.has_body && expect != nullptr && lower(*expect) == "100-continue";
}

task<result<bytes>> connection::next() {
    arm(settings_.body_time);
    auto piece = co_await next_piece();
    disarm();
    co_return piece;
}

task<result<std::string>> connection::read_all(std::size_t limit) {
    const error too_much(errc::too_large,
                         "the body is larger than " + std::to_string(limit) + " bytes");
    const auto announced = parser_->content_length();
    if (announced && *announced > limit) {
        co_return fail(too_much);
    }
    arm(settings_.body_time);
    std::string text;
    while (true) {
        auto piece = co_await next_piece();
        if (!piece || piece->empty()) {
            disarm();
            if (!piece) {
                co_return fail(std::move(piece.error()));
            }
            co_return text;
        }
        if (text.size() + piece->size() > limit) {
            disarm();
            co_return fail(too_much);
        }
        text.append(as_text(*piece));
    }
}

/// What has arrived of the body, at least one byte; nothing at its end.
task<result<bytes>> connection::next_piece() {
    if (std::exchange(expects_continue_, false) && begin_ == end_) {
        // The deadline of the body is running and covers this, too.
        const pending one(waiting_);
        co_await socket_->write(asio::buffer(std::string_view("HTTP/1.1 100 Continue\r\n\r\n")));
    }
    bytes piece(piece_bytes);
    std::size_t filled = 0;
    while (!parser_->is_done()) {
        auto stalled = parse_piece(piece, filled);
        if (!stalled) {
            co_return fail(std::move(stalled.error()));
        }
        if (filled > 0 && (*stalled || filled == piece.size())) {
            break;
        }
        if (*stalled) {
            auto more = co_await receive();
            if (!more) {
                co_return fail(std::move(more.error()));
            }
        }
    }
    piece.resize(filled);
    co_return piece;
}

/// Decodes what lies in the buffer; true when it needs more from the socket.
result<bool> connection::parse_piece(std::span<std::uint8_t> into, std::size_t& filled) {
    const std::size_t least = parser_->chunked() ? last_chunk_bytes : 1;
    if (end_ - begin_ < least) {
        return true;
    }
    auto& target = parser_->get().body();
    target.data = into.data() + filled;
    target.size = into.size() - filled;
    target.more = true;
    error_code problem;
    begin_ += parser_->put(asio::const_buffer(in_.data() + begin_, end_ - begin_), problem);
    filled = into.size() - target.size;
    if (problem && problem != beast::error::need_more && problem != beast::error::need_buffer) {
        return fail(errc::malformed,
                    "the body of the request cannot be read: " + problem.message());
    }
    return problem == beast::error::need_more;
}

task<void> connection::gone() {
    if (stopping_ || ending_) {
        co_return;
    }
    const pending one(waiting_);
    co_await socket_->readable();
}

// Writing --------------------------------------------------------------------------------------

bool connection::can_stay() const {
    return parser_ && parser_->is_header_done() && parser_->is_done() && parser_->keep_alive() &&
           !stopping_ && !ending_;
}

std::string connection::head_text(int status, const fields& head) const {
    const auto seconds = static_cast<std::time_t>(env_.time.wall().ms / 1000);
    std::string text = fmt::format("HTTP/1.1 {} {}\r\nDate: {:%a, %d %b %Y %H:%M:%S} GMT\r\n",
                                   status, reason_of(status), fmt::gmtime(seconds));
    for (const field& one : head) {
        text += one.name + ": ";
        for (const char c : one.value) {
            // No value, wherever it came from, can begin a line of its own.
            text += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
        }
        text += "\r\n";
    }
    text += "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n";
    text += stay_ ? "Connection: keep-alive\r\n" : "Connection: close\r\n";
    return text;
}

task<result<void>> connection::answer(response what) {
    answered_ = true;
    stay_ = can_stay();
    std::string text = head_text(what.status, what.head);
    if (what.status != 204) {
        text += "Content-Length: " + std::to_string(what.body.size()) + "\r\n";
    }
    text += "\r\n";
    if (asked_.method != "HEAD" && what.status != 204) {
        text += what.body;
    }
    auto sent = co_await send(text);
    co_return sent;
}

task<result<void>> connection::begin(int status, fields head, std::optional<std::uint64_t> length) {
    answered_ = true;
    stay_ = can_stay();
    const bool old = parser_->get().version() < 11;
    framing_ = length ? framing::length : old ? framing::until_close : framing::chunked;
    stay_ = stay_ && framing_ != framing::until_close;
    owed_ = length.value_or(0);
    std::string text = head_text(status, head);
    if (length) {
        text += "Content-Length: " + std::to_string(*length) + "\r\n";
    } else if (framing_ == framing::chunked) {
        text += "Transfer-Encoding: chunked\r\n";
    }
    auto sent = co_await send(text + "\r\n");
    co_return sent;
}

task<result<void>> connection::write(bytes piece) {
    if (piece.empty() || asked_.method == "HEAD") {
        co_return result<void>();
    }
    if (framing_ == framing::length) {
        if (piece.size() > owed_) {
            broken_ = true;
            co_return fail(errc::internal, "more bytes than were announced");
        }
        owed_ -= piece.size();
    }
    if (framing_ == framing::chunked) {
        auto sent = co_await send(fmt::format("{:x}\r\n{}\r\n", piece.size(), as_text(piece)));
        co_return sent;
    }
    auto sent = co_await send(as_text(piece));
    co_return sent;
}

/// Under one deadline for each piece, so that a slow reader of much is not taken for one that
/// stands still.
task<result<void>> connection::send(std::string_view text) {
    while (!text.empty()) {
        const auto piece = text.substr(0, 4 * piece_bytes);
        arm(settings_.write_time);
        const pending one(waiting_);
        const error_code problem = co_await socket_->write(asio::buffer(piece));
        disarm();
        if (auto sent = outcome(problem); !sent) {
            broken_ = true;
            co_return sent;
        }
        text.remove_prefix(piece.size());
    }
    co_return result<void>();
}

}  // namespace calbox::http
