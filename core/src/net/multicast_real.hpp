// UDP multicast of IPv4 within the link (RFC 2365, administratively scoped; time to live 1).
#pragma once

#include <memory>

#include "net/multicast.hpp"

namespace calbox::net {

class udp_multicast final : public multicast {
public:
    /// `only_loopback`: nothing leaves this machine, and nothing comes from others.
    udp_multicast(const environment& env, bool only_loopback);
    ~udp_multicast() override;

    result<void> open() override;
    task<result<datagram>> receive() override;
    void say(byte_view data) override;
    void answer(const std::string& to, byte_view data) override;
    void close() noexcept override;

    static constexpr const char* group = "239.255.71.67";
    static constexpr std::uint16_t port = 47471;

private:
    struct state;

    const environment& env_;
    bool only_loopback_;
    std::shared_ptr<state> state_;  // shared with reads that have not ended yet
};

}  // namespace calbox::net
