// TLS 1.3 with mutual certificates over any byte_stream: a TCP connection or a relayed pipe alike.
// ALPN "calbox/1". The chain is checked by crypto/certificates.hpp on the injected clock, not by
// OpenSSL's. OpenSSL sees only memory: buffers are released while a channel is idle. Core thread
// only.
#pragma once

#include <memory>
#include <optional>

#include "crypto/certificates.hpp"
#include "net/stream.hpp"

namespace calbox::net {

/// This device's side. Outlives the channels made with it; a renewed certificate serves the next
/// handshake.
struct credentials {
    crypto::signing_key device_key;
    bytes certificate;     // DER; self-signed until enrolled
    bytes ca_certificate;  // DER; empty until the network is known
    network_id network;    // zero until known
};

/// Whom the dialling side will accept.
struct expectation {
    std::optional<device_id> device;  // exactly this one
    std::optional<network_id>
        network;  // or any device whose chain ends in this CA (bootstrap by invitation); the peer
                  // sends its CA certificate in the chain, whose key must hash to it
    std::uint32_t roles = 0;  // the certificate must name at least these
};

class secure_channel {
public:
    virtual ~secure_channel();
    /// What has arrived: at least one byte, and at most a TLS record. Holds no buffer while it
    /// waits.
    virtual task<result<bytes>> read() = 0;
    virtual task<result<void>> write(byte_view data) = 0;
    virtual void close() noexcept = 0;
    /// The other side, proved by the handshake. of_network is false for a device that has not
    /// enrolled yet.
    virtual const crypto::certificate_facts& peer() const noexcept = 0;
    /// tls-exporter of RFC 9266, 32 bytes: the same on both sides, different for every session.
    virtual byte_view channel_binding() const noexcept = 0;
    virtual std::string description() const = 0;
    /// As byte_stream::own_address().
    virtual std::string own_address() const = 0;
};

/// Makes what all channels of a process share, which takes random numbers from OpenSSL: a simulator
/// calls it before it gives OpenSSL its own. The first handshake does it otherwise.
void prepare_channels();

/// Handshakes; both fail with mismatch (certificate), timed_out, closed. The stream is consumed
/// either way.
task<result<std::unique_ptr<secure_channel>>> secure_client(const environment& env,
                                                            std::unique_ptr<byte_stream> stream,
                                                            const credentials& mine,
                                                            expectation expected);
task<result<std::unique_ptr<secure_channel>>> secure_server(const environment& env,
                                                            std::unique_ptr<byte_stream> stream,
                                                            const credentials& mine);

}  // namespace calbox::net
