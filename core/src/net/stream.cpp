#include "net/stream.hpp"

#include "net/multicast.hpp"

namespace calbox::net {

byte_stream::~byte_stream() = default;
acceptor::~acceptor() = default;
transport::~transport() = default;
multicast::~multicast() = default;

task<result<void>> byte_stream::readable() { co_return result<void>(); }

task<result<std::unique_ptr<byte_stream>>> transport::dial_server(std::string /*address*/) {
    co_return fail(errc::unsupported, "this transport has no TLS with servers");
}

task<result<std::unique_ptr<byte_stream>>> transport::punch(std::string /*own*/,
                                                            std::string /*address*/) {
    co_return fail(errc::unsupported, "this transport has no hole punching");
}

}  // namespace calbox::net
