// An environment for tests: one io_context polled by hand, a clock that stands still until told,
// timers on that clock, randomness from a seed, and workers that run at once. run(task) drives
// everything until the task ends.
#pragma once

#include <deque>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "base/async.hpp"
#include "net/stream.hpp"

namespace calbox::test {

class manual_clock final : public clock {
public:
    instant now() const noexcept override { return now_; }
    timestamp wall() const noexcept override {
        const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now_.since_start);
        return {base_ms + ms.count()};
    }
    void set(instant at) noexcept { now_ = at; }
    void advance(duration d) noexcept { now_ = now_ + d; }
    std::int64_t base_ms = 1'777'800'000'000;  // 2026-05-03

private:
    instant now_{std::chrono::hours(1)};
};

class manual_timers final : public timer_queue {
public:
    explicit manual_timers(manual_clock& time) : time_(time) {}
    id schedule(instant at, std::function<void()> fire) override {
        const id timer = ++last_;
        queue_.emplace(std::pair(at, timer), std::move(fire));
        return timer;
    }
    bool cancel(id timer) noexcept override {
        for (auto at = queue_.begin(); at != queue_.end(); ++at) {
            if (at->first.second == timer) {
                queue_.erase(at);
                return true;
            }
        }
        return false;
    }
    /// Drops what waits: coroutines end where they sleep, which their executor must live to see.
    void clear() noexcept { std::exchange(queue_, {}); }
    bool empty() const noexcept { return queue_.empty(); }
    instant next() const { return queue_.begin()->first.first; }
    /// Fires everything due; true when something fired.
    bool fire_due() {
        bool fired = false;
        while (!queue_.empty() && queue_.begin()->first.first <= time_.now()) {
            auto job = std::move(queue_.begin()->second);
            queue_.erase(queue_.begin());
            job();
            fired = true;
        }
        return fired;
    }

private:
    manual_clock& time_;
    id last_ = 0;
    std::map<std::pair<instant, id>, std::function<void()>> queue_;
};

class seeded_random final : public random {
public:
    explicit seeded_random(std::uint64_t seed) : engine_(seed) {}
    void fill(std::span<std::uint8_t> out) noexcept override {
        for (auto& byte : out) {
            byte = static_cast<std::uint8_t>(engine_());
        }
    }

private:
    std::mt19937_64 engine_;
};

class inline_worker final : public worker {
public:
    void post(std::function<void()> job) override { job(); }
};

class recording_logger final : public logger {
public:
    void write(log_level level, std::string_view area, std::string_view text) noexcept override {
        lines.push_back({level, std::string(area), std::string(text)});
    }
    struct line {
        log_level level;
        std::string area, text;
    };
    std::vector<line> lines;
};

/// A transport that reaches nobody, for tests that need none.
class no_transport final : public net::transport {
public:
    task<result<std::unique_ptr<net::byte_stream>>> dial(std::string) override {
        co_return fail(errc::unavailable, "no transport in this test");
    }
    result<std::unique_ptr<net::acceptor>> listen(const std::string&) override {
        return fail(errc::unavailable, "no transport in this test");
    }
};

class test_environment {
public:
    explicit test_environment(std::uint64_t seed = 1) : entropy(seed) {}
    ~test_environment() { timers.clear(); }
    test_environment(const test_environment&) = delete;
    test_environment& operator=(const test_environment&) = delete;

    manual_clock time;
    manual_timers timers{time};
    seeded_random entropy;
    inline_worker disk, compute;
    recording_logger log;
    no_transport nowhere;
    asio::io_context context{1};
    environment env{context.get_executor(), time, timers, entropy, nowhere, disk, compute, log};

    /// Runs what is ready now, without moving the clock.
    void settle() {
        do {
            context.restart();
            context.poll();
        } while (timers.fire_due());
    }
    /// Runs so many of the steps that are ready, fewer when no more are, without moving the clock.
    void settle_at_most(int steps) {
        for (int step = 0; step < steps; ++step) {
            context.restart();
            context.poll_one();
        }
    }
    /// Moves the clock, firing timers in order on the way.
    void advance(duration d) {
        const instant until = time.now() + d;
        settle();
        while (!timers.empty() && timers.next() <= until) {
            if (timers.next() > time.now()) {
                time.set(timers.next());
            }
            settle();
        }
        time.set(until);
        settle();
    }
    /// Drives until `work` ends, letting the clock jump to the next timer when nothing else is
    /// ready (if `jump`).
    template <class T>
    T run(task<T> work, bool jump = true) {
        std::optional<std::conditional_t<std::is_void_v<T>, bool, T>> answer;
        std::exception_ptr problem;
        bool ended = false;
        if constexpr (std::is_void_v<T>) {
            asio::co_spawn(context, std::move(work), [&](std::exception_ptr e) {
                problem = e;
                ended = true;
            });
        } else {
            asio::co_spawn(context, std::move(work), [&](std::exception_ptr e, T value) {
                problem = e;
                if (!e) {
                    answer.emplace(std::move(value));
                }
                ended = true;
            });
        }
        settle();
        while (!ended) {
            if (!jump || timers.empty()) {
                throw std::runtime_error("the task waits for something that never comes");
            }
            time.set(std::max(timers.next(), time.now()));
            settle();
        }
        if (problem) {
            std::rethrow_exception(problem);
        }
        if constexpr (!std::is_void_v<T>) {
            return std::move(*answer);
        }
    }
};

}  // namespace calbox::test
