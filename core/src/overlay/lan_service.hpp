// Carries out what the search in the local network decides. Owned by the node; core thread only.
#pragma once

#include <functional>

#include "net/multicast.hpp"
#include "overlay/lan_search.hpp"

#include "base/task_scope.hpp"

namespace calbox::overlay {

class lan_service {
public:
    struct asked {
        std::function<bool()> looking;  // as lan_search::on_time
        std::function<std::optional<wire::signed_advertisement>()> mine;
        std::function<void(const wire::signed_advertisement&)> found;
    };
    /// `lan` outlives this.
    lan_service(const environment& env, net::multicast& lan, network_id network, asked of_node)
        : env_(env),
          lan_(lan),
          machine_(env.entropy, network),
          node_(std::move(of_node)),
          tasks_(env, "local network") {}

    /// Where datagrams cannot be had, it goes without them, and says so in the log.
    void start();
    void request_stop() noexcept;
    task<void> join() { return tasks_.join(); }

private:
    task<void> receive();
    void look();
    void arm();
    void carry_out(const lan_search::effects& all);

    const environment& env_;
    net::multicast& lan_;
    lan_search machine_;
    asked node_;
    task_scope tasks_;
    std::optional<timer_queue::id> timer_;
};

}  // namespace calbox::overlay
