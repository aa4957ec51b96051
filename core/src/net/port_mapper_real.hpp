// Asks the router for a port: by NAT-PMP (RFC 6886) of libnatpmp, and where nobody answers by UPnP
// IGD of miniupnpc. Both block, for a few seconds at most, on a thread of their own. Core thread
// only; the destructor waits for a question that is under way.
#pragma once

#include <memory>

#include "net/port_mapper.hpp"

namespace calbox::net {

class router_port_mapper final : public port_mapper {
public:
    explicit router_port_mapper(const environment& env);
    ~router_port_mapper() override;
    task<result<mapping>> map(std::uint16_t port, duration lasts) override;
    task<result<void>> unmap() override;

private:
    struct last_mapping;
    class asking_thread;
    const environment& env_;
    std::shared_ptr<last_mapping> last_;  // shared with the job on the thread
    std::unique_ptr<asking_thread> thread_;
};

/// Can this IPv4 address be reached from everywhere, as far as its number tells (RFC 6890)?
bool is_public(const std::string& address) noexcept;

}  // namespace calbox::net
