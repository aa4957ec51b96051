// The transport of real networks: TCP, with TCP_NODELAY, since small messages must not wait for one
// another.
#pragma once

#include "net/stream.hpp"

namespace calbox::net {

class tcp_transport final : public transport {
public:
    explicit tcp_transport(asio::any_io_executor executor) : executor_(std::move(executor)) {}
    task<result<std::unique_ptr<byte_stream>>> dial(std::string address) override;
    result<std::unique_ptr<acceptor>> listen(const std::string& address) override;
    task<result<std::unique_ptr<byte_stream>>> punch(std::string own, std::string address) override;

private:
    asio::any_io_executor executor_;
};

/// Splits "host:port" or "[v6]:port"; invalid_argument with an example otherwise.
result<std::pair<std::string, std::string>> split_address(const std::string& address);

}  // namespace calbox::net
