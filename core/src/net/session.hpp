// A session: framed messages over a secure channel, requests matched with replies, bounded both
// ways. Frame: u32 length of the payload, u8 frame version 1, u8 type, u16 flags, u32 stream, then
// the payload; big-endian. Flags: 1 = reply, 2 = more frames of this message follow, 4 = error (the
// payload is a wire::problem). The first message each way is hello; run() exchanges it. Core thread
// only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/task_scope.hpp"
#include "net/secure_channel.hpp"
#include "wire/messages.hpp"

namespace calbox::net {

/// Who is at the other end, as far as it is proved: certificate by TLS, users by their bindings
/// (verified).
struct peer {
    device_id device;
    bytes device_key;
    bool member = false;      // has a certificate of this network
    std::uint32_t roles = 0;  // named by the certificate
    std::vector<author> users;
    std::vector<user_id> user_ids;  // of `users`, same order
    bytes channel_binding;
    std::vector<std::string> addresses;  // where it says that it listens
    std::string description;             // where it was seen: "192.0.2.7:51234"; for logs
    std::string own_address;             // this host's end of the connection, or empty
    bool relayed = false;
    device_id relay;              // the rendezvous that relays, where one does
    bool punched = false;         // direct, because both sides dialled each other
    wire::strategies strategies;  // of the network, as far as it knows; not verified
    std::optional<wire::signed_advertisement> said;  // of itself as a rendezvous; not verified

    bool has_user(const user_id& user) const noexcept;
};

/// Decides what happens with what arrives: implemented by node's router.
class message_handler {
public:
    virtual ~message_handler();
    /// A request: the reply's payload, or the problem to send back. `from` lives until the
    /// awaitable completes.
    virtual task<result<bytes>> on_request(const peer& from, wire::message_type type,
                                           bytes payload) = 0;
    /// A one-way message.
    virtual task<void> on_message(const peer& from, wire::message_type type, bytes payload) = 0;
};

class session {
public:
    virtual ~session();
    virtual const peer& other() const noexcept = 0;
    /// Sends and waits for the reply, at most `limit`. A problem sent by the peer comes back as the
    /// error it names. Fails with queue_full when too much waits already, closed when the session
    /// ends first.
    virtual task<result<bytes>> request(wire::message_type type, bytes payload,
                                        duration limit = wire_request_time) = 0;
    /// One-way. Queued; fails with queue_full or closed.
    virtual result<void> send(wire::message_type type, byte_view payload) = 0;
    /// Bytes that wait to be written: senders of bulk wait while it is high.
    virtual std::size_t queued_bytes() const noexcept = 0;
    virtual void close() noexcept = 0;
    virtual bool open() const noexcept = 0;
    /// The reply to session_settings::first.at(which). Asked for once.
    virtual task<result<bytes>> first_answer(std::size_t which) = 0;

    static constexpr duration wire_request_time = std::chrono::seconds(30);
};

/// Exchanges hello and makes the session. Fails with mismatch (network, strategy), unsupported (no
/// common protocol version) or malformed; a refusal is sent to the peer as an error frame before
/// the channel closes. `mine` is asked once for this side's hello. The session must then be run
/// until it ends.
struct first_request {
    wire::message_type type;
    bytes payload;
    duration limit;
};
struct session_settings {
    wire::hello mine;
    bool dialled = false;
    std::optional<device_id> relay;  // the rendezvous that relays
    bool punched = false;
    /// Go out with this side's hello: a round trip less than when they wait for the other's.
    std::vector<first_request> first;
    /// Verifies the bindings of the peer's users against its device; returns those that hold.
    std::function<std::vector<author>(const device_id&, const std::vector<author>&)> verify_users;
};
task<result<std::unique_ptr<session>>> open_session(const environment& env,
                                                    std::unique_ptr<secure_channel> channel,
                                                    session_settings settings);
/// Reads and writes until the channel ends or the session is closed; every handler has ended when
/// it returns. bindings messages are taken in by the session itself.
task<void> run_session(const environment& env, session& which, message_handler& handler);

}  // namespace calbox::net
