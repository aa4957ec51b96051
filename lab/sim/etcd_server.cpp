#include "lab/sim/etcd_server.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

namespace calbox::lab {
namespace {

namespace beast = boost::beast::http;

constexpr std::size_t http_body_max = 8 << 20;
constexpr std::size_t piece_bytes = 16 * 1024;

struct request {
    std::string method, path, body;
};

/// The next one, or an error when the client has gone or talks of something else. `waiting`: what
/// came after the one before.
task<result<request>> read_request(net::byte_stream& from, bytes& waiting) {
    beast::request_parser<beast::string_body> parser;
    parser.body_limit(http_body_max);
    parser.eager(true);
    bytes piece(piece_bytes);
    while (true) {
        boost::system::error_code problem;
        std::size_t used = 1;
        while (!problem && used > 0 && !waiting.empty() && !parser.is_done()) {
            used = parser.put(asio::buffer(waiting), problem);
            waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(used));
        }
        if (problem && problem != beast::error::need_more) {
            co_return fail(errc::malformed, problem.message());
        }
        if (parser.is_done()) {
            co_return request{std::string(parser.get().method_string()),
                              std::string(parser.get().target()), std::move(parser.get().body())};
        }
        const auto count = co_await from.read_some(piece);
        if (!count) {
            co_return fail(count.error());
        }
        waiting.insert(waiting.end(), piece.begin(),
                       piece.begin() + static_cast<std::ptrdiff_t>(*count));
    }
}

std::string response_to(const etcd_model::answer& what) {
    return "HTTP/1.1 " + std::to_string(what.status) +
           " Answer\r\nContent-Type: application/json\r\nContent-Length: " +
           std::to_string(what.body.size()) + "\r\n\r\n" + what.body;
}

}  // namespace

etcd_server::etcd_server(const environment& env, etcd_model& model)
    : env_(env), model_(model), tasks_(env, "etcd") {}
etcd_server::~etcd_server() = default;

result<void> etcd_server::start(const std::string& address) {
    auto door = env_.network.listen(address);
    if (!door) {
        return fail(door.error());
    }
    door_ = std::move(*door);
    tasks_.spawn("accept", accept());
    return {};
}

void etcd_server::request_stop() noexcept {
    if (door_) {
        door_->close();
    }
    tasks_.request_stop();
}

task<void> etcd_server::accept() {
    while (true) {
        auto client = co_await door_->accept();
        if (!client) {
            co_return;
        }
        tasks_.spawn("client", serve(std::move(*client)));
    }
}

task<void> etcd_server::serve(std::unique_ptr<net::byte_stream> client) {
    bytes waiting;
    while (true) {
        const auto asked = co_await read_request(*client, waiting);
        if (!asked) {
            co_return;
        }
        const auto came = asked->method == "POST"
                              ? model_.post(env_.time.now(), asked->path, asked->body)
                              : etcd_model::answer{405, "Method Not Allowed\n"};
        const std::string said = response_to(came);
        const auto sent = co_await client->write(as_bytes(said));
        if (!sent) {
            co_return;
        }
    }
}

}  // namespace calbox::lab
