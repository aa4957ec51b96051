// Byte streams and where they come from. The real transport is TCP, the in-memory one serves tests
// and the simulator; a relayed pipe is a byte stream too. A stream is owned by one holder; one
// reader and one writer at a time.
#pragma once

#include <memory>
#include <span>
#include <string>

#include <calbox/bytes.hpp>

#include "base/async.hpp"

namespace calbox::net {

class byte_stream {
public:
    virtual ~byte_stream();
    /// Something has arrived, or the stream has ended: who waits here needs no room for it yet.
    /// Returns at once where read_some waits at no cost.
    virtual task<result<void>> readable();
    /// At least one byte; errc::closed at the end of the stream.
    virtual task<result<std::size_t>> read_some(std::span<std::uint8_t> into) = 0;
    /// All of it, or an error.
    virtual task<result<void>> write(byte_view data) = 0;
    /// Both directions, at once; pending operations end with errc::closed. Idempotent.
    virtual void close() noexcept = 0;
    /// For logs: "127.0.0.1:4431", "relay via ...".
    virtual std::string description() const = 0;
    /// This host's end, to punch from; empty where that makes no sense.
    virtual std::string own_address() const { return {}; }
};

class acceptor {
public:
    virtual ~acceptor();
    virtual task<result<std::unique_ptr<byte_stream>>> accept() = 0;
    /// The address really bound: the port is the system's choice when 0 was asked for.
    virtual std::string address() const = 0;
    virtual void close() noexcept = 0;
};

class transport {
public:
    virtual ~transport();
    /// `address` is "host:port" (IPv6 hosts in brackets). Fails with unavailable or
    /// invalid_argument.
    virtual task<result<std::unique_ptr<byte_stream>>> dial(std::string address) = 0;
    /// As dial(), and then TLS (RFC 8446) with a server that proves by its certificate to be the
    /// host of `address` (RFC 9110, 4.3.4). Whom it believes is the transport's. Fails with
    /// mismatch (no TLS, or another's certificate), too, or unsupported.
    virtual task<result<std::unique_ptr<byte_stream>>> dial_server(std::string address);
    virtual result<std::unique_ptr<acceptor>> listen(const std::string& address) = 0;
    /// Dials `address` from `own`, the own_address() of a stream that is open, again and again, and
    /// takes what comes from that host to `own` meanwhile: the other side does the same, so that
    /// the NAT of each has sent to the other (RFC 5128, 3.4; RFC 9293, 3.5: simultaneous open).
    /// Ends with a stream, or when it is cancelled, so that the caller sets the limit. Who is there
    /// is for the caller to prove. Fails with unsupported or invalid_argument.
    virtual task<result<std::unique_ptr<byte_stream>>> punch(std::string own, std::string address);
};

}  // namespace calbox::net
