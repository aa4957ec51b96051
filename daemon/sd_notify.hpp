// Tells the service manager how far this process is, by systemd's protocol of one datagram
// (sd_notify(3)), without its library. Owned by main; says nothing where nobody asked to be told.
// Core thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <calbox/environment.hpp>

namespace calbox::daemon {

class notifier {
public:
    /// `socket`: an absolute path, or "@name" for an abstract one; empty: nobody listens.
    explicit notifier(std::string socket, std::optional<duration> watchdog = std::nullopt);
    /// As NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID say, which are taken out of the
    /// environment.
    static notifier from_environment();

    void ready() const noexcept { send("READY=1"); }
    void stopping() const noexcept { send("STOPPING=1"); }
    void alive() const noexcept { send("WATCHDOG=1"); }
    /// How long the manager waits for alive() before it ends this process.
    std::optional<duration> watchdog() const noexcept { return watchdog_; }

private:
    void send(std::string_view what) const noexcept;
    std::string socket_;
    std::optional<duration> watchdog_;
};

}  // namespace calbox::daemon
