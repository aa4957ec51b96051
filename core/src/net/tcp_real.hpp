// The transport of real networks: TCP, with TCP_NODELAY, since small messages must not wait for one
// another.
#pragma once

#include <memory>

#include <boost/asio/ip/tcp.hpp>

#include "net/server_trust_real.hpp"
#include "net/stream.hpp"

namespace calbox::net {

class tcp_transport final : public transport {
public:
    explicit tcp_transport(asio::any_io_executor executor) : executor_(std::move(executor)) {}
    /// For every dial_server() from now on; before, each fails.
    void trust(server_trust servers) { servers_ = std::move(servers); }
    task<result<std::unique_ptr<byte_stream>>> dial(std::string address) override;
    task<result<std::unique_ptr<byte_stream>>> dial_server(std::string address) override;
    result<std::unique_ptr<acceptor>> listen(const std::string& address) override;
    task<result<std::unique_ptr<byte_stream>>> punch(std::string own, std::string address) override;

private:
    task<result<asio::ip::tcp::socket>> connect(std::string address);

    asio::any_io_executor executor_;
    server_trust servers_;
};

/// Splits "host:port" or "[v6]:port"; invalid_argument with an example otherwise.
result<std::pair<std::string, std::string>> split_address(const std::string& address);

}  // namespace calbox::net
