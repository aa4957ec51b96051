// The connection pool: at most one session per device, keyed by device and never by address. Dials
// on demand, directly first and through a relay where that fails; accepts; tells who came and went.
// Owned by the node; core thread only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/session.hpp"

namespace calbox::net {

/// How other devices are dialled. Rendezvous and the registry are always dialled directly.
enum class reach { automatic, direct_only, relay_only };

/// What the pool asks of the rest of the daemon.
class pool_mediator {
public:
    virtual ~pool_mediator();
    virtual wire::hello hello() = 0;
    virtual std::vector<author> verify_users(const device_id& device,
                                             const std::vector<author>& users) = 0;
    /// Where the device may be found now: addresses to dial, and the rendezvous to relay through.
    virtual task<std::optional<wire::location>> find(device_id device) = 0;
    virtual void came(const peer& who) = 0;
    virtual void went(const device_id& who) = 0;
};

struct pool_settings {
    std::string listen = "127.0.0.1:0";  // empty: do not listen
    std::string listen_rather;  // tried first, so that others find this device where it was
    reach how = reach::automatic;
    duration dial_time = std::chrono::seconds(5);
};

class pool {
public:
    virtual ~pool();
    /// Listens. Fails with unavailable or invalid_argument ("cannot listen on ...").
    virtual result<void> start() = 0;
    virtual void request_stop() noexcept = 0;
    virtual task<void> join() = 0;
    /// Addresses that it really listens on; empty before start().
    virtual std::vector<std::string> addresses() const = 0;

    /// Opens a session to `device` unless there is one; concurrent callers share one dial. A copy
    /// of who answered, or unavailable when nothing works.
    virtual task<result<peer>> connect(device_id device) = 0;
    /// A session to whoever answers at `address` and meets `expected`.
    virtual task<result<peer>> connect_address(std::string address, expectation expected) = 0;
    /// Only if a session is open already; valid until the next suspension.
    virtual const peer* open_to(const device_id& device) const noexcept = 0;
    virtual std::vector<peer> peers() const = 0;
    /// Bytes waiting to be written to `device`; 0 without a session.
    virtual std::size_t queued_bytes(const device_id& device) const noexcept = 0;
    virtual void disconnect(const device_id& device) noexcept = 0;
    /// connect() and a request in one; `device` equal to this one goes straight to the handler,
    /// without a socket.
    virtual task<result<bytes>> request(device_id device, wire::message_type type, bytes payload,
                                        duration limit = session::wire_request_time) = 0;
    /// As request(); where a session must be opened for it, it goes out with this side's hello.
    /// Only for what may arrive twice, and of devices that are dialled directly.
    virtual task<result<bytes>> request_first(device_id device, wire::message_type type,
                                              bytes payload, duration limit) = 0;
    virtual task<result<void>> send(device_id device, wire::message_type type, bytes payload) = 0;
    /// One-way over a session that is open already; false when there is none or its queue is full.
    virtual bool send_open(const device_id& device, wire::message_type type, byte_view payload) = 0;
    /// This node's users changed: tells every peer.
    virtual void announce_users() = 0;
    /// A relayed pipe that a peer opened to this device through `relay` (from node's relay client):
    /// handshakes as server on it.
    virtual void accept_pipe(std::unique_ptr<byte_stream> pipe, device_id relay) = 0;
    /// A direct connection in place of the relayed one: dials `device` at `address` from `own`
    /// while it does the same (transport::punch), at most `punch_time`. The relayed session serves
    /// until the new one stands, and is read for a while after. One of the two is the `client` of
    /// TLS. unavailable when nothing comes about; the relayed session is none the worse for it. The
    /// addresses that `device` tells of are dialled beside it.
    virtual task<result<void>> punch(device_id device, std::string own, std::string address,
                                     bool client) = 0;
    static constexpr duration punch_time = std::chrono::seconds(10);
};

/// Opens a relayed pipe to `target` through `rendezvous`, which must have an open session in the
/// pool's hands.
class relay_dialler {
public:
    virtual ~relay_dialler();
    virtual task<result<std::unique_ptr<byte_stream>>> dial(device_id rendezvous,
                                                            device_id target) = 0;
};

std::unique_ptr<pool> make_pool(const environment& env, const credentials& mine,
                                pool_mediator& mediator, message_handler& handler,
                                relay_dialler& relays, pool_settings settings);

}  // namespace calbox::net
