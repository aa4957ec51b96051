// Where browsers come in: the page on loopback, and where it is configured a door over TLS for
// those of other machines, each with a gate and sessions of its own before the one API. Owned by
// the composition root; core thread only.
#pragma once

#include <memory>

#include "base/task_scope.hpp"
#include "config.hpp"
#include "http_server.hpp"
#include "web_gate.hpp"
#include "web_sessions.hpp"

namespace calbox::daemon {

class web_doors {
public:
    /// All of them outlive the doors. `pages` are the sessions of this machine's own browsers.
    web_doors(const environment& env, const config& with, node::services on, web_sessions& pages,
              http::handler& api);

    /// Listens. Without a port of its own the page is left out, with a warning, where there is
    /// none; what was asked for and cannot be had is an error with a sentence.
    task<result<void>> start();
    void request_stop() noexcept;
    /// Returns when every connection has ended.
    task<void> join();

private:
    task<result<void>> open_page();
    task<result<void>> open_door();
    task<void> keep_sessions(web_sessions& of, std::filesystem::path file);
    task<void> renew_certificate();
    task<result<certificate_text>> certificate_on_disk() const;
    void tell_door();

    const environment& env_;
    const config& with_;
    web_sessions& pages_;
    web_sessions visitors_;  // from other machines
    web_gate page_gate_, door_gate_;
    web_certificate certificate_;
    std::unique_ptr<http::server> page_, door_;
    task_scope tasks_;
};

}  // namespace calbox::daemon
