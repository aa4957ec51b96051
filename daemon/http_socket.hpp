// The bytes of one client: a Unix socket, TCP, or TLS over TCP (RFC 8446, and 1.2 for old
// browsers). Owned by its connection; core thread only; one reader and one writer at a time. The
// errors are Asio's: a deadline is kept by whoever calls cancel().
#pragma once

#include <memory>
#include <string>

#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>

#include "base/async.hpp"

namespace calbox::http {

/// A Unix socket, or TCP.
using plain_socket = asio::generic::stream_protocol::socket;

class client_socket {
public:
    virtual ~client_socket();
    /// What comes before the first byte of a request: TLS's handshake, or nothing.
    virtual task<boost::system::error_code> open() = 0;
    /// At least one byte, their number in `size`, or an error.
    virtual task<boost::system::error_code> read_some(asio::mutable_buffer into,
                                                      std::size_t& size) = 0;
    virtual task<boost::system::error_code> write(asio::const_buffer all) = 0;
    /// Returns when there is something to read, the end included.
    virtual task<void> readable() = 0;
    /// Tells the client that no more comes.
    virtual task<void> finish() = 0;
    /// After finish(): reads what still comes, unread by anybody, as one read_some().
    virtual task<boost::system::error_code> read_away(asio::mutable_buffer into,
                                                      std::size_t& size) = 0;
    /// What is pending ends with an error.
    virtual void cancel() noexcept = 0;
    virtual void close() noexcept = 0;
};

std::unique_ptr<client_socket> plain(plain_socket socket);
/// The server's side. The context outlives it by being shared.
std::unique_ptr<client_socket> secured(plain_socket socket,
                                       std::shared_ptr<asio::ssl::context> context);

/// "192.0.2.7" or "2001:db8::1"; empty for a Unix socket.
std::string host_of(const plain_socket& socket);

}  // namespace calbox::http
