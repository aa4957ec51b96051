#include "lab/sim/virtual_time.hpp"

#include <algorithm>

namespace calbox::lab {

namespace {
constexpr std::int64_t million = 1'000'000;
}

time_line::ticket time_line::schedule(instant at, std::function<void()> what) {
    const ticket mine{std::max(at, now_), ++last_};
    events_.emplace(mine, std::move(what));
    return mine;
}

time_line::ticket time_line::schedule_in(duration after, std::function<void()> what) {
    return schedule(now_ + after, std::move(what));
}

bool time_line::cancel(const ticket& which) noexcept {
    const auto dropped = events_.extract(which);
    return !dropped.empty();
}

std::optional<instant> time_line::next() const noexcept {
    return events_.empty() ? std::nullopt : std::optional(events_.begin()->first.at);
}

bool time_line::step(instant until) {
    if (events_.empty() || until < events_.begin()->first.at) {
        return false;
    }
    now_ = events_.begin()->first.at;
    const auto what = events_.extract(events_.begin());
    ++happened_;
    what.mapped()();
    return true;
}

void time_line::pass_to(instant at) noexcept { now_ = std::max(now_, at); }

instant device_clock::now() const noexcept {
    const duration passed = line_.now() - since_;
    return shown_ + passed + passed / million * rate_ppm_;
}

timestamp device_clock::wall() const noexcept {
    const duration shown = now().since_start + set_by_;
    return {epoch_ms + std::chrono::duration_cast<std::chrono::milliseconds>(shown).count()};
}

instant device_clock::in_world(instant at) const noexcept {
    if (rate_ppm_ == 0) {
        return since_ + (at - shown_);
    }
    // Rounded up to the grain of now(), so that the clock shows at least `at` then.
    const duration::rep wanted = (at - shown_).count();
    const duration::rep per_million = million + rate_ppm_;
    const auto passed =
        static_cast<duration::rep>(static_cast<__int128>(wanted) * million / per_million);
    return since_ + duration((passed / million + 2) * million);
}

void device_clock::drift(std::int64_t parts_per_million) noexcept {
    shown_ = now();
    since_ = line_.now();
    rate_ppm_ = parts_per_million;
}

device_timers::~device_timers() {
    rest();
    const auto dropped = std::exchange(queue_, {});
    at_.clear();
}

timer_queue::id device_timers::schedule(instant at, std::function<void()> fire) {
    const id timer = ++last_;
    queue_.emplace(std::pair(at, timer), std::move(fire));
    at_.emplace(timer, at);
    arm();
    return timer;
}

bool device_timers::cancel(id timer) noexcept {
    const auto found = at_.find(timer);
    if (found == at_.end()) {
        return false;
    }
    // What the job holds may come back here while it is destroyed: it goes last.
    const auto dropped = queue_.extract({found->second, timer});
    at_.erase(found);
    arm();
    return true;
}

void device_timers::rest() noexcept {
    if (armed_) {
        line_.cancel(*armed_);
        armed_.reset();
    }
}

void device_timers::arm() {
    if (queue_.empty()) {
        rest();
        return;
    }
    const instant wanted = std::max(time_.in_world(queue_.begin()->first.first), line_.now());
    if (!armed_ || armed_->at != wanted) {
        rest();
        armed_ = line_.schedule(wanted, [this] { fire(); });
    }
}

void device_timers::fire() {
    armed_.reset();
    while (!queue_.empty() && queue_.begin()->first.first <= time_.now()) {
        const auto due = queue_.extract(queue_.begin());
        at_.erase(due.key().second);
        due.mapped()();
    }
    arm();
}

}  // namespace calbox::lab
