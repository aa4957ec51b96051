// Brings each message to the service that registered for it, after the rule of the message table
// has been checked: who may send it is decided here, once, by default deny. Owned by the node; core
// thread only.
#pragma once

#include <array>
#include <functional>

#include "base/async.hpp"
#include "net/session.hpp"

namespace calbox::node {

class router final : public net::message_handler {
public:
    using request_handler =
        std::function<task<result<bytes>>(const net::peer& from, bytes payload)>;
    using message_handler = std::function<task<void>(const net::peer& from, bytes payload)>;

    explicit router(const environment& env) : env_(env), open_(env) {}

    /// Is this member a promoted rendezvous? Set before anything arrives.
    std::function<bool(const device_id& who)> promoted;
    /// Registers the one handler of a message; the table says whether it is answered. Before
    /// open(), or, of a registry, before there is a network whose members could ask.
    void answer(wire::message_type type, request_handler handler);
    void take(wire::message_type type, message_handler handler);
    /// The handlers of this node's roles are there. What came before waits for that: a node that
    /// starts dials before, and "unsupported" would be its answer for good.
    void open() noexcept { open_.set(); }

    /// Of this type, from those who may not send it, since the start.
    std::uint64_t refused(wire::message_type type) const noexcept {
        return refused_[static_cast<std::size_t>(type)];
    }

    task<result<bytes>> on_request(const net::peer& from, wire::message_type type,
                                   bytes payload) override;
    task<void> on_message(const net::peer& from, wire::message_type type, bytes payload) override;

private:
    result<void> permitted(const net::peer& from, wire::message_type type, bool answered) const;

    const environment& env_;
    std::array<request_handler, 256> requests_;
    std::array<message_handler, 256> messages_;
    std::array<std::uint64_t, 256> refused_{};
    event open_;
};

}  // namespace calbox::node
