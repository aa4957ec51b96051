#include "sd_notify.hpp"

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace calbox::daemon {

namespace {

std::string take_variable(const char* name) {
    const char* const value = std::getenv(name);
    std::string text = value != nullptr ? value : "";
    ::unsetenv(name);
    return text;
}

std::int64_t number_in(const std::string& text) {
    std::int64_t number = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    return read.ec == std::errc() && read.ptr == text.data() + text.size() ? number : 0;
}

}  // namespace

notifier::notifier(std::string socket, std::optional<duration> watchdog)
    : socket_(std::move(socket)), watchdog_(watchdog) {}

notifier notifier::from_environment() {
    std::string socket = take_variable("NOTIFY_SOCKET");
    const std::int64_t microseconds = number_in(take_variable("WATCHDOG_USEC"));
    const std::string process = take_variable("WATCHDOG_PID");
    const bool meant = process.empty() || number_in(process) == ::getpid();
    // More than a year is a mistake, and would not fit once it is counted in nanoseconds.
    if (microseconds <= 0 || microseconds > std::int64_t{400} * 24 * 3600 * 1'000'000 || !meant) {
        return notifier(std::move(socket));
    }
    return notifier(std::move(socket), std::chrono::microseconds(microseconds));
}

void notifier::send(std::string_view what) const noexcept {
    sockaddr_un address{};
    if (socket_.size() < 2 || socket_.size() >= sizeof address.sun_path ||
        (socket_.front() != '/' && socket_.front() != '@')) {
        return;
    }
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, socket_.data(), socket_.size());
    if (socket_.front() == '@') {
        address.sun_path[0] = '\0';  // a name outside of the file system
    }
    const int file = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (file < 0) {
        return;
    }
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
    // Nothing can be done about a manager that does not listen: serving goes on.
    [[maybe_unused]] const auto sent =
        ::sendto(file, what.data(), what.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                 reinterpret_cast<const sockaddr*>(&address), length);
    ::close(file);
}

}  // namespace calbox::daemon
