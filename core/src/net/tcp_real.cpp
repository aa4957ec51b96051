#include "net/tcp_real.hpp"

#include <charconv>

#include <netinet/tcp.h>
#include <openssl/x509v3.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace calbox::net {

namespace {

using tcp = asio::ip::tcp;
constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

using reuse_port = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;
using not_sent_most = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_NOTSENT_LOWAT>;
/// Between two attempts of a punch that fail at once: a SYN that waits for its answer is sent again
/// by the system.
constexpr auto punched_again = std::chrono::milliseconds(250);

/// The port may be used for other connections of this program, and to listen, as punching does.
void share_port(auto& socket) {
    boost::system::error_code ignored;
    socket.set_option(asio::socket_base::reuse_address(true), ignored);
    socket.set_option(reuse_port(true), ignored);
}

std::string text_of(const tcp::endpoint& at) {
    const std::string host = at.address().to_string();
    return (at.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(at.port());
}

/// What TCP and TLS over it have in common; Stream is Asio's.
template <class Stream>
class socket_stream : public byte_stream {
public:
    explicit socket_stream(Stream stream) : stream_(std::move(stream)) {
        boost::system::error_code ignored;
        socket().set_option(tcp::no_delay(true), ignored);
        socket().set_option(asio::socket_base::keep_alive(true), ignored);
        // What the system has taken is behind nothing else: events must not wait for files there.
        socket().set_option(not_sent_most(256 * 1024), ignored);
        const auto other = socket().remote_endpoint(ignored);
        description_ = ignored ? "a connection that is gone" : text_of(other);
        const auto own = socket().local_endpoint(ignored);
        own_address_ = ignored ? std::string() : text_of(own);
    }
    task<result<std::size_t>> read_some(std::span<std::uint8_t> into) override {
        auto outcome =
            co_await stream_.async_read_some(asio::buffer(into.data(), into.size()), as_result);
        if (const auto problem = std::get<0>(outcome)) {
            co_return ended(problem);
        }
        co_return std::get<1>(outcome);
    }
    task<result<void>> write(byte_view data) override {
        auto outcome =
            co_await asio::async_write(stream_, asio::buffer(data.data(), data.size()), as_result);
        if (const auto problem = std::get<0>(outcome)) {
            co_return ended(problem);
        }
        co_return result<void>();
    }
    void close() noexcept override {
        boost::system::error_code ignored;
        socket().shutdown(tcp::socket::shutdown_both, ignored);
        socket().close(ignored);
    }
    std::string description() const override { return description_; }
    std::string own_address() const override { return own_address_; }

protected:
    auto& socket() noexcept { return stream_.lowest_layer(); }
    tl::unexpected<error> ended(const boost::system::error_code& problem) const {
        const bool plainly =
            problem == asio::error::eof || problem == asio::error::operation_aborted;
        return fail(errc::closed, "the connection to " + description_ + " ended" +
                                      (plainly ? std::string() : ": " + problem.message()));
    }

private:
    Stream stream_;
    std::string description_, own_address_;
};

class tcp_stream final : public socket_stream<tcp::socket> {
public:
    using socket_stream::socket_stream;
    task<result<void>> readable() override {
        auto outcome = co_await socket().async_wait(tcp::socket::wait_read, as_result);
        if (const auto problem = std::get<0>(outcome)) {
            co_return ended(problem);
        }
        co_return result<void>();
    }
};

class tcp_acceptor final : public acceptor {
public:
    explicit tcp_acceptor(tcp::acceptor from) : acceptor_(std::move(from)) {}
    task<result<std::unique_ptr<byte_stream>>> accept() override {
        auto outcome = co_await acceptor_.async_accept(as_result);
        if (const auto problem = std::get<0>(outcome)) {
            const bool over =
                problem == asio::error::operation_aborted || problem == asio::error::bad_descriptor;
            co_return fail(over ? errc::closed : errc::io_failed, problem.message());
        }
        co_return std::make_unique<tcp_stream>(std::move(std::get<1>(outcome)));
    }
    std::string address() const override {
        boost::system::error_code ignored;
        return text_of(acceptor_.local_endpoint(ignored));
    }
    void close() noexcept override {
        boost::system::error_code ignored;
        acceptor_.close(ignored);
    }

private:
    tcp::acceptor acceptor_;
};

/// Only its subject alternative names count (RFC 9110, 4.3.4).
void expect_host(SSL* session, const std::string& host) {
    SSL_set_hostflags(session, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    boost::system::error_code no_number;
    asio::ip::make_address(host, no_number);
    if (no_number) {
        SSL_set1_host(session, host.c_str());
        SSL_set_tlsext_host_name(session, host.c_str());  // RFC 6066, 3: names only
    } else {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host.c_str());
    }
}

}  // namespace

result<std::pair<std::string, std::string>> split_address(const std::string& address) {
    const std::size_t colon = address.rfind(':');
    std::string host = colon == std::string::npos ? std::string() : address.substr(0, colon);
    const std::string port = colon == std::string::npos ? std::string() : address.substr(colon + 1);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string::npos) {
        host.clear();
    }
    std::uint16_t number = 0;
    const auto read = std::from_chars(port.data(), port.data() + port.size(), number);
    if (host.empty() || port.empty() || read.ec != std::errc() ||
        read.ptr != port.data() + port.size()) {
        return fail(errc::invalid_argument,
                    "not an address: \"" + address + "\" (it looks like host:4747 or [::1]:4747)");
    }
    return std::pair(host, port);
}

task<result<tcp::socket>> tcp_transport::connect(std::string address) {
    const auto parts = split_address(address);
    if (!parts) {
        co_return fail(parts.error());
    }
    tcp::resolver resolver(executor_);
    auto resolved = co_await resolver.async_resolve(parts->first, parts->second, as_result);
    if (std::get<0>(resolved)) {
        co_return fail(errc::unavailable,
                       "cannot find " + address + ": " + std::get<0>(resolved).message());
    }
    boost::system::error_code problem = asio::error::host_not_found;
    for (const auto& one : std::get<1>(resolved)) {
        tcp::socket socket(executor_);
        socket.open(one.endpoint().protocol(), problem);
        if (problem) {
            continue;
        }
        share_port(socket);
        problem = std::get<0>(co_await socket.async_connect(one.endpoint(), as_result));
        if (!problem) {
            co_return std::move(socket);
        }
    }
    co_return fail(errc::unavailable, "cannot reach " + address + ": " + problem.message());
}

task<result<std::unique_ptr<byte_stream>>> tcp_transport::dial(std::string address) {
    auto socket = co_await connect(std::move(address));
    if (!socket) {
        co_return fail(std::move(socket.error()));
    }
    co_return std::make_unique<tcp_stream>(std::move(*socket));
}

task<result<std::unique_ptr<byte_stream>>> tcp_transport::dial_server(std::string address) {
    if (!servers_) {
        co_return fail(errc::unsupported, "no server is trusted");
    }
    auto socket = co_await connect(address);
    if (!socket) {
        co_return fail(std::move(socket.error()));
    }
    const std::string host = split_address(address)->first;
    asio::ssl::stream<tcp::socket> stream(std::move(*socket), *servers_);
    SSL* const session = stream.native_handle();
    expect_host(session, host);
    const auto outcome = co_await stream.async_handshake(asio::ssl::stream_base::client, as_result);
    if (const auto problem = std::get<0>(outcome)) {
        const long verdict = SSL_get_verify_result(session);
        const bool of_tls = problem.category() == asio::error::get_ssl_category();
        co_return fail(of_tls ? errc::mismatch : errc::unavailable,
                       "no TLS with " + address + ": " +
                           (verdict == X509_V_OK ? problem.message()
                                                 : X509_verify_cert_error_string(verdict)));
    }
    co_return std::make_unique<socket_stream<asio::ssl::stream<tcp::socket>>>(std::move(stream));
}

namespace {

result<tcp::endpoint> numeric(const std::string& address) {
    const auto parts = split_address(address);
    if (!parts) {
        return fail(parts.error());
    }
    boost::system::error_code problem;
    const auto host = asio::ip::make_address(parts->first, problem);
    if (problem) {
        return fail(errc::invalid_argument, "not an IP address: " + parts->first);
    }
    return tcp::endpoint(host, static_cast<std::uint16_t>(std::stoul(parts->second)));
}

task<std::unique_ptr<byte_stream>> dial_until_there(tcp::endpoint own, tcp::endpoint to) {
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer pause(executor);
    while (true) {
        tcp::socket socket(executor);
        boost::system::error_code problem;
        socket.open(own.protocol(), problem);
        share_port(socket);
        socket.bind(own, problem);
        if (!problem) {
            problem = std::get<0>(co_await socket.async_connect(to, as_result));
        }
        if (!problem) {
            co_return std::make_unique<tcp_stream>(std::move(socket));
        }
        pause.expires_after(punched_again);
        (void)co_await pause.async_wait(as_result);
    }
}

task<std::unique_ptr<byte_stream>> accept_of(tcp::acceptor listening, asio::ip::address host) {
    while (true) {
        auto [problem, socket] = co_await listening.async_accept(as_result);
        boost::system::error_code gone;
        if (!problem && socket.remote_endpoint(gone).address() == host && !gone) {
            co_return std::make_unique<tcp_stream>(std::move(socket));
        }
        if (problem) {  // no descriptors, perhaps; the other half goes on
            asio::steady_timer pause(co_await asio::this_coro::executor, punched_again);
            (void)co_await pause.async_wait(as_result);
        }
    }
}

}  // namespace

task<result<std::unique_ptr<byte_stream>>> tcp_transport::punch(std::string own,
                                                                std::string address) {
    using namespace asio::experimental::awaitable_operators;
    const auto from = numeric(own), to = numeric(address);
    if (!from || !to) {
        co_return fail(from ? to.error() : from.error());
    }
    if (from->protocol() != to->protocol() || *from == *to) {
        co_return fail(errc::invalid_argument, "no way from " + own + " to " + address);
    }
    tcp::acceptor listening(executor_);
    boost::system::error_code problem;
    listening.open(from->protocol(), problem);
    share_port(listening);
    listening.bind(*from, problem);
    if (!problem) {
        listening.listen(1, problem);
    }
    if (problem) {
        co_return fail(errc::unavailable, "cannot punch from " + own + ": " + problem.message());
    }
    auto first =
        co_await (dial_until_there(*from, *to) || accept_of(std::move(listening), to->address()));
    co_return std::visit([](auto& made) { return std::move(made); }, first);
}

result<std::unique_ptr<acceptor>> tcp_transport::listen(const std::string& address) {
    const auto parts = split_address(address);
    if (!parts) {
        return fail(parts.error());
    }
    boost::system::error_code problem;
    const auto host = asio::ip::make_address(parts->first, problem);
    if (problem) {
        return fail(errc::invalid_argument,
                    "cannot listen on " + address + ": the host must be an IP address");
    }
    const tcp::endpoint at(host, static_cast<std::uint16_t>(std::stoul(parts->second)));
    tcp::acceptor made(executor_);
    made.open(at.protocol(), problem);
    if (!problem) {
        made.set_option(asio::socket_base::reuse_address(true), problem);
    }
    if (!problem) {
        made.bind(at, problem);
    }
    if (!problem) {
        made.listen(asio::socket_base::max_listen_connections, problem);
    }
    if (problem) {
        return fail(errc::unavailable, "cannot listen on " + address + ": " + problem.message());
    }
    return std::make_unique<tcp_acceptor>(std::move(made));
}

}  // namespace calbox::net
