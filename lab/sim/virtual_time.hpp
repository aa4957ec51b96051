// The one time line of a simulated world, and how each simulated device sees it. Nothing here
// sleeps: whoever drives the world takes the next due event and the time jumps to it. Events of one
// instant happen in the order in which they were scheduled, so a run depends on nothing but its
// seed. One thread.
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "base/environment.hpp"

namespace calbox::lab {

/// A point of the world's own time: what no device sees, and every event is ordered by.
class time_line {
public:
    struct ticket {
        instant at;
        std::uint64_t number = 0;
        friend auto operator<=>(const ticket&, const ticket&) = default;
    };

    instant now() const noexcept { return now_; }
    /// `what` happens at `at`, or now where that has passed. Never from within schedule().
    ticket schedule(instant at, std::function<void()> what);
    ticket schedule_in(duration after, std::function<void()> what);
    /// True when it had not happened yet, and now will not.
    bool cancel(const ticket& which) noexcept;
    /// When the next event is due.
    std::optional<instant> next() const noexcept;
    /// Lets time pass to the next event that is due by `until`, and lets that one happen. False,
    /// and nothing has changed, when there is none.
    bool step(instant until);
    /// Time passes to `at`; no event may be due before.
    void pass_to(instant at) noexcept;
    std::size_t waiting() const noexcept { return events_.size(); }
    std::uint64_t happened() const noexcept { return happened_; }

private:
    instant now_{std::chrono::hours(1)};
    std::uint64_t last_ = 0, happened_ = 0;
    std::map<ticket, std::function<void()>> events_;
};

/// A device's own clocks: a monotonic one that may run fast or slow, and a wall clock that may be
/// set by hand. They belong to the machine, and go on over restarts of its daemon.
class device_clock final : public clock {
public:
    explicit device_clock(const time_line& line) : line_(line), since_(line.now()) {}

    instant now() const noexcept override;
    timestamp wall() const noexcept override;
    /// When the world's time is such that this clock shows `at`.
    instant in_world(instant at) const noexcept;
    /// From now on `parts_per_million` faster (or slower, when negative) than the world.
    void drift(std::int64_t parts_per_million) noexcept;
    /// Sets the wall clock; the monotonic one does not notice.
    void jump(duration by) noexcept { set_by_ += by; }

    static constexpr std::int64_t epoch_ms = 1'777'800'000'000;  // 2026-05-03, in every world

private:
    const time_line& line_;
    instant since_;                // of the world, when the rate changed last
    instant shown_ = line_.now();  // by this clock, then
    std::int64_t rate_ppm_ = 0;
    duration set_by_{};
};

/// Timers on one device's clock. All of them are one event of the world's: the first.
class device_timers final : public timer_queue {
public:
    device_timers(time_line& line, device_clock& time) : line_(line), time_(time) {}
    ~device_timers() override;
    device_timers(const device_timers&) = delete;
    device_timers& operator=(const device_timers&) = delete;

    id schedule(instant at, std::function<void()> fire) override;
    bool cancel(id timer) noexcept override;
    /// The clock's rate has changed.
    void clock_changed() { arm(); }
    std::size_t waiting() const noexcept { return queue_.size(); }

private:
    void arm();
    void rest() noexcept;
    void fire();

    time_line& line_;
    device_clock& time_;
    id last_ = 0;
    std::map<std::pair<instant, id>, std::function<void()>> queue_;
    std::map<id, instant> at_;
    std::optional<time_line::ticket> armed_;
};

}  // namespace calbox::lab
