#include "http_socket.hpp"

#include <cstring>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace calbox::http {

using boost::system::error_code;

client_socket::~client_socket() = default;

namespace {

auto into(error_code& problem) { return asio::redirect_error(asio::use_awaitable, problem); }

/// What a Unix socket, TCP and TLS have in common; Stream is Asio's.
template <class Stream>
class socket_on : public client_socket {
public:
    explicit socket_on(Stream stream) : stream_(std::move(stream)) {}

    task<error_code> read_some(asio::mutable_buffer buffer, std::size_t& size) override {
        error_code problem;
        size = co_await stream_.async_read_some(buffer, into(problem));
        co_return problem;
    }
    task<error_code> write(asio::const_buffer all) override {
        error_code problem;
        co_await asio::async_write(stream_, all, into(problem));
        co_return problem;
    }
    task<void> readable() override {
        error_code ignored;
        co_await stream_.lowest_layer().async_wait(asio::socket_base::wait_read, into(ignored));
    }
    void cancel() noexcept override {
        error_code ignored;
        stream_.lowest_layer().cancel(ignored);
    }
    void close() noexcept override {
        error_code ignored;
        stream_.lowest_layer().close(ignored);
    }

protected:
    void shut_down() {
        error_code ignored;
        stream_.lowest_layer().shutdown(asio::socket_base::shutdown_send, ignored);
    }
    Stream stream_;
};

class socket_as_it_is final : public socket_on<plain_socket> {
public:
    using socket_on::socket_on;
    task<error_code> open() override { co_return error_code(); }
    task<void> finish() override {
        shut_down();
        co_return;
    }
    task<error_code> read_away(asio::mutable_buffer buffer, std::size_t& size) override {
        return read_some(buffer, size);
    }
};

class socket_with_tls final : public socket_on<asio::ssl::stream<plain_socket>> {
public:
    socket_with_tls(plain_socket socket, std::shared_ptr<asio::ssl::context> context)
        : socket_on(asio::ssl::stream<plain_socket>(std::move(socket), *context)),
          context_(std::move(context)) {}

    task<error_code> open() override {
        error_code problem;
        co_await stream_.async_handshake(asio::ssl::stream_base::server, into(problem));
        co_return problem;
    }
    /// Says so in TLS, too, and waits for the client to say the same.
    task<void> finish() override {
        error_code ignored;
        co_await stream_.async_shutdown(into(ignored));
        shut_down();
    }
    task<error_code> read_away(asio::mutable_buffer buffer, std::size_t& size) override {
        error_code problem;
        size = co_await stream_.next_layer().async_read_some(buffer, into(problem));
        co_return problem;
    }

private:
    std::shared_ptr<asio::ssl::context> context_;
};

}  // namespace

std::unique_ptr<client_socket> plain(plain_socket socket) {
    return std::make_unique<socket_as_it_is>(std::move(socket));
}

std::unique_ptr<client_socket> secured(plain_socket socket,
                                       std::shared_ptr<asio::ssl::context> context) {
    return std::make_unique<socket_with_tls>(std::move(socket), std::move(context));
}

std::string host_of(const plain_socket& socket) {
    error_code problem;
    const auto peer = socket.remote_endpoint(problem);
    const int family = problem ? AF_UNSPEC : peer.protocol().family();
    asio::ip::tcp::endpoint there;
    if ((family != AF_INET && family != AF_INET6) || peer.size() > there.capacity()) {
        return {};
    }
    there.resize(peer.size());
    std::memcpy(there.data(), peer.data(), peer.size());
    return there.address().to_string();
}

}  // namespace calbox::http
