#include "net/http_client.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/vector_body.hpp>

namespace calbox::net {
namespace {

namespace beast = boost::beast::http;

constexpr std::size_t kept_most = 2;  // connections of one server
constexpr std::size_t answer_max = 4 << 20;
constexpr std::size_t piece_bytes = 16 * 1024;
// Beast's parser asserts that it sees so much of the last chunk; shorter, a body is not complete.
constexpr std::size_t last_chunk_bytes = 5;

using answer_parser = beast::response_parser<beast::vector_body<std::uint8_t>>;

struct url_parts {
    std::string origin;     // "https://127.0.0.1:2379" (RFC 6454, 6.2)
    std::string authority;  // "127.0.0.1:2379"
    std::string path;       // "/v3/kv/txn"
    bool secured = false;
};

result<url_parts> parts_of(const std::string& url) {
    const bool secured = url.starts_with("https://");
    const std::size_t host = secured ? 8 : 7;
    const std::size_t path = url.find('/', host);
    const bool plain = std::string_view(url).find_first_of(" \r\n") == std::string::npos;
    if ((!secured && !url.starts_with("http://")) || path == std::string::npos || !plain) {
        return fail(errc::invalid_argument, "not an http:// or https:// address: " + url);
    }
    return url_parts{url.substr(0, path), url.substr(host, path - host), url.substr(path), secured};
}

bytes request_of(const http_question& what, const url_parts& where) {
    bytes all = to_bytes(what.method + " " + where.path + " HTTP/1.1\r\nHost: " + where.authority +
                         "\r\nContent-Type: application/json\r\nContent-Length: " +
                         std::to_string(what.body.size()) + "\r\n\r\n");
    all.insert(all.end(), what.body.begin(), what.body.end());
    return all;
}

task<result<http_answer>> read_answer(byte_stream& from, bool& can_go_on) {
    answer_parser parser;
    parser.body_limit(answer_max);
    parser.eager(true);
    bytes waiting, piece(piece_bytes);
    while (!parser.is_done()) {
        const auto count = co_await from.read_some(piece);
        boost::system::error_code problem;
        if (!count) {
            if (parser.got_some()) {
                parser.put_eof(problem);  // the end of an answer that says no length
            }
            if (problem || !parser.is_done()) {
                co_return fail(count.error());
            }
            break;
        }
        waiting.insert(waiting.end(), piece.begin(),
                       piece.begin() + static_cast<std::ptrdiff_t>(*count));
        std::size_t used = 1;
        while (!problem && used > 0 && !parser.is_done() &&
               waiting.size() >= (parser.chunked() ? last_chunk_bytes : 1)) {
            used = parser.put(asio::buffer(waiting), problem);
            waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(used));
        }
        if (problem && problem != beast::error::need_more) {
            co_return fail(errc::malformed, from.description() + " answers no HTTP that is " +
                                                "understood here: " + problem.message());
        }
    }
    can_go_on = parser.keep_alive() && waiting.empty();
    http_answer out;
    out.status = parser.get().result_int();
    out.body = std::move(parser.get().body());
    co_return out;
}

}  // namespace

task<result<http_answer>> http_client::ask(http_question what, duration most) {
    return with_deadline(env_, most, ask_now(std::move(what)));
}

task<result<http_answer>> http_client::ask_now(http_question what) {
    const auto where = parts_of(what.url);
    if (!where) {
        co_return fail(where.error());
    }
    std::vector<stream>& kept = kept_[where->origin];
    stream mine;
    if (!kept.empty()) {
        mine = std::move(kept.back());
        kept.pop_back();
    } else {
        auto dialling = where->secured ? env_.network.dial_server(where->authority)
                                       : env_.network.dial(where->authority);
        auto dialled = co_await std::move(dialling);
        if (!dialled) {
            co_return fail(dialled.error());
        }
        mine = std::move(*dialled);
    }
    const auto written = co_await mine->write(request_of(what, *where));
    if (!written) {
        kept.clear();  // the others are as old
        co_return fail(written.error());
    }
    bool can_go_on = false;
    auto answer = co_await read_answer(*mine, can_go_on);
    if (!answer) {
        kept.clear();
        co_return fail(answer.error());
    }
    if (can_go_on && kept.size() < kept_most) {
        kept.push_back(std::move(mine));
    }
    co_return std::move(*answer);
}

}  // namespace calbox::net
