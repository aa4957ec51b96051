#include "net/stream.hpp"

namespace calbox::net {

byte_stream::~byte_stream() = default;
acceptor::~acceptor() = default;
transport::~transport() = default;

}  // namespace calbox::net
