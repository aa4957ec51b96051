// Everything that the core takes from outside, injected once by the composition root and handed
// down by reference. Outlives every service. The simulator makes its own.
#pragma once

#include <functional>

#include <boost/asio/any_io_executor.hpp>

#include <calbox/environment.hpp>

namespace calbox::net {
class transport;
}

namespace calbox {

namespace asio = boost::asio;

/// One-shot timers on the injected clock. Core thread only.
class timer_queue {
public:
    using id = std::uint64_t;
    virtual ~timer_queue();
    /// Calls `fire` on the core thread at or after `at`, in the order of (at, scheduling). Never
    /// from within schedule().
    virtual id schedule(instant at, std::function<void()> fire) = 0;
    /// True when it had not fired yet, and now will not.
    virtual bool cancel(id timer) noexcept = 0;
};

/// A place for blocking work. Jobs of one worker run one at a time, in order.
class worker {
public:
    virtual ~worker();
    /// `job` runs elsewhere (in the simulator: at once). Callable from the core thread; `job` must
    /// not throw.
    virtual void post(std::function<void()> job) = 0;
};

struct environment {
    asio::any_io_executor executor;  // the core thread's
    clock& time;
    timer_queue& timers;
    random& entropy;
    net::transport& network;
    worker& disk;     // storage: SQLite and files
    worker& compute;  // hashing, Argon2, sealing of files
    logger& log;
};

}  // namespace calbox
