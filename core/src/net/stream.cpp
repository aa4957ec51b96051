#include "net/stream.hpp"

#include "net/multicast.hpp"

namespace calbox::net {

byte_stream::~byte_stream() = default;
acceptor::~acceptor() = default;
transport::~transport() = default;
multicast::~multicast() = default;

}  // namespace calbox::net
