// The real world behind `environment`: one io_context for the core thread, the system's clocks,
// timers on one Asio timer, libsodium's randomness, one thread each for disk and computation, and
// logfmt lines on stderr. Made once by the composition root (and by tests that want real time). The
// constructor, use() and everything that env() gives out belong to the core thread; logging is safe
// from any thread. Destruction joins the threads: jobs that were posted are finished first, so that
// no accepted write is lost.
#pragma once

#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>

#include "base/environment.hpp"

namespace calbox {

struct real_settings {
    log_level level = log_level::info;
};

class real_environment {
public:
    /// Throws std::runtime_error when libsodium cannot be initialised (no source of randomness).
    explicit real_environment(const real_settings& settings = {});
    ~real_environment();
    real_environment(const real_environment&) = delete;
    real_environment& operator=(const real_environment&) = delete;

    asio::io_context& context() noexcept;
    logger& log() noexcept;

    /// Completes the environment with the transport, which must outlive its users. Once, before
    /// env().
    const environment& use(net::transport& network);
    const environment& env() const;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

/// "info", "debug", "warn", "error".
std::string_view to_string(log_level level) noexcept;
/// `area=net msg="..."`: quoted and escaped, so that no text from outside can forge a line or reach
/// a terminal raw.
std::string logfmt(std::string_view area, std::string_view text);

}  // namespace calbox
