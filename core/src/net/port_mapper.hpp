// Ports of the router that this host's network has to the outside, passed on to this host. The real
// one asks by NAT-PMP and UPnP; tests give one of their own.
#pragma once

#include <string>

#include "base/async.hpp"

namespace calbox::net {

class port_mapper {
public:
    virtual ~port_mapper();
    struct mapping {
        std::string outside;  // "host:port", where others find the port
        duration lasts{};     // unless it is asked for again
        std::string by;       // the protocol, for logs
    };
    /// From now on TCP connections to a port of the router arrive at `port` here, for `lasts` or
    /// less; asked again, it is the same port where the router allows it. unavailable: no router
    /// does that, or its outside address is no public one.
    virtual task<result<mapping>> map(std::uint16_t port, duration lasts) = 0;
    /// Ends the last one.
    virtual task<result<void>> unmap() = 0;
};

}  // namespace calbox::net
