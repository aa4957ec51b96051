// Datagrams in the local network: to everybody who listens there, and to one of them. UDP in the
// real world, the simulated network in the lab. Core thread only.
#pragma once

#include <string>

#include <calbox/bytes.hpp>

#include "base/async.hpp"

namespace calbox::net {

class multicast {
public:
    struct datagram {
        std::string from;  // "host:port": for an answer, and for nothing else
        bytes data;
    };
    virtual ~multicast();
    /// Listens. Fails with unavailable.
    virtual result<void> open() = 0;
    /// The next one, of at most datagram_bytes; closed after close().
    virtual task<result<datagram>> receive() = 0;
    /// To everybody on every interface; lost as datagrams are.
    virtual void say(byte_view data) = 0;
    virtual void answer(const std::string& to, byte_view data) = 0;
    virtual void close() noexcept = 0;

    static constexpr std::size_t datagram_bytes = 4096;
};

}  // namespace calbox::net
