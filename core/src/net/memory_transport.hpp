// Byte streams inside one process, by name: for tests and the simulator. Bounded buffers, no
// threads, no sockets; what happens depends on the order of calls alone. Listeners and streams may
// outlive the transport; core thread only.
#pragma once

#include <map>

#include "net/stream.hpp"

namespace calbox::net {

class memory_transport final : public transport {
public:
    explicit memory_transport(const environment& env) : env_(&env) {}
    task<result<std::unique_ptr<byte_stream>>> dial(std::string address) override;
    /// Port 0 takes the next free one.
    result<std::unique_ptr<acceptor>> listen(const std::string& address) override;
    /// Ends every stream dialled to `address` so far, as a cut cable does when it is noticed.
    void cut(const std::string& address);
    /// Ends every stream, and nothing is reached until come_up().
    void go_down();
    void come_up() noexcept { down_ = false; }

    static constexpr std::size_t buffer_bytes = 256 * 1024;

    struct door;
    struct pipe;

private:
    const environment* env_;
    std::map<std::string, std::weak_ptr<door>> doors_;
    std::multimap<std::string, std::weak_ptr<pipe>> pipes_;
    int next_port_ = 1;
    bool down_ = false;
};

/// Two ends of one stream.
std::pair<std::unique_ptr<byte_stream>, std::unique_ptr<byte_stream>> make_memory_streams(
    const environment& env, std::string name);

}  // namespace calbox::net
