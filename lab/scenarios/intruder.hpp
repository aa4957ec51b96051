// A member that does not keep to the rules: a device with a certificate, sessions and a signed-in
// user, whose messages are the script's choice. Everything below is a real node; only its owner is
// not honest. In a world, beside its devices; ends with its destruction.
#pragma once

#include <memory>
#include <string>

#include "lab/world/world.hpp"

namespace calbox::node {
class node_parts;
}

namespace calbox::lab {

class intruder {
public:
    /// Joins the network of `registry` as an edge, and registers `user`.
    intruder(world& in, const std::string& host, device& registry, const std::string& user);
    ~intruder();
    intruder(const intruder&) = delete;
    intruder& operator=(const intruder&) = delete;

    node::node_parts& parts() noexcept;
    const environment& env() const noexcept;
    consensus::strategy& locking() noexcept;
    recovery::strategy& recovering() noexcept;

    /// One-way, or as a request whose answer nobody waits for.
    void say(const device_id& to, wire::message_type type, bytes payload, bool as_request);
    /// A request, and its answer.
    result<bytes> ask(const device_id& to, wire::message_type type, bytes payload);
    /// Bytes as they are, after a proper hello on a stream of its own; then the stream ends.
    void say_raw(const std::string& address, const device_id& to, bytes data);
    /// Requests and streams that are still under way.
    std::size_t under_way() const noexcept;

private:
    struct life;
    std::unique_ptr<life> life_;
};

}  // namespace calbox::lab
