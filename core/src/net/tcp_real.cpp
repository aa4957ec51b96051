#include "net/tcp_real.hpp"

#include <charconv>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace calbox::net {

namespace {

using tcp = asio::ip::tcp;
constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

std::string text_of(const tcp::endpoint& at) {
    const std::string host = at.address().to_string();
    return (at.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(at.port());
}

class tcp_stream final : public byte_stream {
public:
    explicit tcp_stream(tcp::socket socket) : socket_(std::move(socket)) {
        boost::system::error_code ignored;
        socket_.set_option(tcp::no_delay(true), ignored);
        socket_.set_option(asio::socket_base::keep_alive(true), ignored);
        const auto other = socket_.remote_endpoint(ignored);
        description_ = ignored ? "a connection that is gone" : text_of(other);
    }
    task<result<std::size_t>> read_some(std::span<std::uint8_t> into) override {
        auto outcome =
            co_await socket_.async_read_some(asio::buffer(into.data(), into.size()), as_result);
        if (std::get<0>(outcome)) {
            co_return fail(errc::closed, "the connection to " + description_ + " ended");
        }
        co_return std::get<1>(outcome);
    }
    task<result<void>> write(byte_view data) override {
        auto outcome =
            co_await asio::async_write(socket_, asio::buffer(data.data(), data.size()), as_result);
        if (std::get<0>(outcome)) {
            co_return fail(errc::closed, "the connection to " + description_ + " ended");
        }
        co_return result<void>();
    }
    void close() noexcept override {
        boost::system::error_code ignored;
        socket_.shutdown(tcp::socket::shutdown_both, ignored);
        socket_.close(ignored);
    }
    std::string description() const override { return description_; }

private:
    tcp::socket socket_;
    std::string description_;
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

task<result<std::unique_ptr<byte_stream>>> tcp_transport::dial(std::string address) {
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
    tcp::socket socket(executor_);
    auto connected = co_await asio::async_connect(socket, std::get<1>(resolved), as_result);
    if (std::get<0>(connected)) {
        co_return fail(errc::unavailable,
                       "cannot reach " + address + ": " + std::get<0>(connected).message());
    }
    co_return std::make_unique<tcp_stream>(std::move(socket));
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
