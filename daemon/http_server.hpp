// HTTP/1.1 on a Unix socket or on a TCP address, there over TLS where it is asked to: connections,
// limits, deadlines; the handler gives the answers. The only place that knows Beast. Owned by the
// composition root; core thread only. On the Unix socket everybody but the owner of the process and
// root is refused; on TCP everybody may ask, and the handler finds out who it is.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include <unistd.h>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>

#include "base/async.hpp"
#include "http.hpp"

namespace calbox::http {

struct server_settings {
    std::filesystem::path socket;
    /// Where to listen instead of on the socket: the first of these that is free.
    std::vector<asio::ip::tcp::endpoint> addresses;
    /// For each connection to one of the addresses, what TLS is made with; empty: no TLS.
    std::function<std::shared_ptr<asio::ssl::context>()> tls;
    uid_t owner = ::geteuid();
    std::size_t connections = 256;
    std::size_t connections_of_host = 32;  // over TLS
    std::size_t head_bytes = 16 * 1024;
    duration idle_time = std::chrono::seconds(60);   // between two requests of a connection
    duration head_time = std::chrono::seconds(10);   // from the first byte of a head to its last
    duration body_time = std::chrono::seconds(30);   // a JSON body; of a file, each next piece
    duration write_time = std::chrono::seconds(30);  // each piece of an answer
    duration linger_time =
        std::chrono::seconds(2);  // for the rest of a request that was refused early
    duration grace_time =
        std::chrono::seconds(3);  // for answers that are being worked on when it stops
};

class server {
public:
    /// `who` outlives the server.
    server(const environment& env, server_settings settings, handler& who);
    ~server();
    server(const server&) = delete;
    server& operator=(const server&) = delete;

    /// Listens. The socket's directory is made (0700) when it is missing; a socket that nobody
    /// answers on is replaced. already_exists: another daemon answers there. io_failed,
    /// invalid_argument: with a sentence.
    result<void> start();
    /// No more requests; those being worked on are answered within the grace time, all others end
    /// now.
    void request_stop() noexcept;
    /// Returns when every connection has ended; the socket is gone then.
    task<void> join();

    std::size_t connections() const noexcept;
    /// Of the address; 0 on a Unix socket.
    std::uint16_t port() const noexcept;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace calbox::http
