#include "base/environment_real.hpp"

#include <algorithm>
#include <cassert>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <unordered_map>

#include <pthread.h>
#include <sodium.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <boost/asio/steady_timer.hpp>

namespace calbox {

namespace {

using steady = std::chrono::steady_clock;

class real_clock final : public clock {
public:
    instant now() const noexcept override { return {steady::now().time_since_epoch()}; }
    timestamp wall() const noexcept override {
        using std::chrono::milliseconds;
        const auto since = std::chrono::system_clock::now().time_since_epoch();
        return {std::chrono::duration_cast<milliseconds>(since).count()};
    }
};

class real_random final : public random {
public:
    void fill(std::span<std::uint8_t> out) noexcept override {
        randombytes_buf(out.data(), out.size());
    }
};

/// All timers of the program in order of (time, scheduling), with one Asio timer set to the first.
class real_timers final : public timer_queue {
public:
    explicit real_timers(asio::io_context& context) : alarm_(context) {}
    ~real_timers() override {
        // What the jobs hold may cancel other timers while it is destroyed.
        const auto dropped = std::exchange(queue_, {});
        due_.clear();
    }

    id schedule(instant at, std::function<void()> fire) override {
        const id timer = ++last_;
        queue_.emplace(key(at, timer), std::move(fire));
        due_.emplace(timer, at);
        arm();
        return timer;
    }
    bool cancel(id timer) noexcept override {
        const auto known = due_.find(timer);
        if (known == due_.end()) {
            return false;
        }
        const auto entry = queue_.find(key(known->second, timer));
        due_.erase(known);
        // Destroyed after it has left the queue: what it holds may come back here.
        const auto dropped = std::move(entry->second);
        queue_.erase(entry);
        if (queue_.empty()) {
            // Nothing is waited for: the program can end.
            armed_.reset();
            alarm_.cancel();
        }
        return true;
    }

private:
    using key = std::pair<instant, id>;

    void arm() {
        if (queue_.empty()) {
            return;
        }
        const instant first = queue_.begin()->first.first;
        if (armed_ && *armed_ <= first) {
            return;  // it wakes early enough, and looks again then
        }
        armed_ = first;
        alarm_.expires_at(
            steady::time_point(std::chrono::duration_cast<steady::duration>(first.since_start)));
        alarm_.async_wait([this](boost::system::error_code problem) {
            if (!problem) {
                fire_due();
            }
        });
    }
    void fire_due() {
        armed_.reset();
        const instant now{steady::now().time_since_epoch()};
        const id newest = last_;  // those that the jobs schedule wait for the next turn
        while (!queue_.empty() && queue_.begin()->first.first <= now &&
               queue_.begin()->first.second <= newest) {
            const auto first = queue_.begin();
            const auto job = std::move(first->second);
            due_.erase(first->first.second);
            queue_.erase(first);
            job();
        }
        arm();
    }

    asio::steady_timer alarm_;
    std::optional<instant> armed_;
    id last_ = 0;
    std::map<key, std::function<void()>> queue_;
    std::unordered_map<id, instant> due_;
};

class thread_worker final : public worker {
public:
    explicit thread_worker(const char* name) : thread_([this] { work(); }) {
        pthread_setname_np(thread_.native_handle(), name);
    }
    ~thread_worker() override {
        {
            const std::lock_guard hold(mutex_);
            ending_ = true;
        }
        changed_.notify_one();
        thread_.join();
    }
    void post(std::function<void()> job) override {
        {
            const std::lock_guard hold(mutex_);
            jobs_.push_back(std::move(job));
        }
        changed_.notify_one();
    }

private:
    void work() noexcept {
        std::unique_lock hold(mutex_);
        while (true) {
            changed_.wait(hold, [this] { return ending_ || !jobs_.empty(); });
            if (jobs_.empty()) {
                return;
            }
            auto job = std::move(jobs_.front());
            jobs_.pop_front();
            hold.unlock();
            job();
            job = nullptr;  // what it owns is destroyed here, outside of the lock
            hold.lock();
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> jobs_;
    bool ending_ = false;
    std::thread thread_;  // last: it uses all of the above
};

class stderr_logger final : public logger {
public:
    explicit stderr_logger(log_level level)
        : log_("calbox", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
        log_.set_formatter(std::make_unique<spdlog::pattern_formatter>(
            "ts=%Y-%m-%dT%H:%M:%S.%eZ level=%v", spdlog::pattern_time_type::utc));
        log_.set_level(level_of(level));
        log_.flush_on(spdlog::level::debug);
    }
    void write(log_level level, std::string_view area, std::string_view text) noexcept override {
        const auto wanted = level_of(level);
        if (!log_.should_log(wanted)) {
            return;
        }
        try {
            log_.log(wanted, "{} {}", to_string(level), logfmt(area, text));
        } catch (...) {
            // Out of memory or of disk: a log line is not worth ending the program for.
        }
    }

private:
    static spdlog::level::level_enum level_of(log_level level) noexcept {
        switch (level) {
            case log_level::debug:
                return spdlog::level::debug;
            case log_level::info:
                return spdlog::level::info;
            case log_level::warn:
                return spdlog::level::warn;
            case log_level::error:
                break;
        }
        return spdlog::level::err;
    }
    spdlog::logger log_;
};

int initialise_sodium() {
    if (sodium_init() < 0) {
        throw std::runtime_error("libsodium cannot be initialised: the system gives no randomness");
    }
    return 0;
}

/// How many bytes the first character has, or 0 when it is a control character (C0, C1, DEL) or no
/// UTF-8.
std::size_t printable_length(std::string_view text) {
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = at(0);
    if (first < 0x80) {
        return first < 0x20 || first == 0x7f ? 0 : 1;
    }
    const std::size_t length = first < 0xc2   ? 0
                               : first < 0xe0 ? 2
                               : first < 0xf0 ? 3
                               : first < 0xf5 ? 4
                                              : 0;
    if (length == 0 || length > text.size()) {
        return 0;
    }
    for (std::size_t i = 1; i < length; ++i) {
        if ((at(i) & 0xc0) != 0x80) {
            return 0;
        }
    }
    const bool control = first == 0xc2 && at(1) < 0xa0;
    const bool too_long = (first == 0xe0 && at(1) < 0xa0) || (first == 0xf0 && at(1) < 0x90);
    const bool none = (first == 0xed && at(1) > 0x9f) || (first == 0xf4 && at(1) > 0x8f);
    return control || too_long || none ? 0 : length;
}

}  // namespace

std::string_view to_string(log_level level) noexcept {
    switch (level) {
        case log_level::debug:
            return "debug";
        case log_level::info:
            return "info";
        case log_level::warn:
            return "warn";
        case log_level::error:
            break;
    }
    return "error";
}

std::string logfmt(std::string_view area, std::string_view text) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string line = "area=";
    line.append(area).append(" msg=\"");
    while (!text.empty()) {
        const char c = text.front();
        const std::size_t length = printable_length(text);
        if (c == '"' || c == '\\') {
            line.append({'\\', c});
        } else if (c == '\n') {
            line += "\\n";
        } else if (length == 0) {
            const auto code = static_cast<unsigned char>(c);
            line.append({'\\', 'x', digits[code >> 4], digits[code & 15]});
        } else {
            line += text.substr(0, length);
        }
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return line += '"';
}

struct real_environment::impl {
    explicit impl(const real_settings& settings) : log(settings.level) {}

    int sodium = initialise_sodium();
    stderr_logger log;
    real_clock time;
    real_random entropy;
    asio::io_context context{1};
    real_timers timers{context};
    // Last: their threads end first, and may post to the context until then.
    thread_worker disk{"calbox-disk"};
    thread_worker compute{"calbox-compute"};
    std::optional<environment> env;
};

real_environment::real_environment(const real_settings& settings)
    : impl_(std::make_unique<impl>(settings)) {}
real_environment::~real_environment() = default;

asio::io_context& real_environment::context() noexcept { return impl_->context; }
logger& real_environment::log() noexcept { return impl_->log; }

const environment& real_environment::use(net::transport& network) {
    assert(!impl_->env);
    impl_->env.emplace(environment{impl_->context.get_executor(), impl_->time, impl_->timers,
                                   impl_->entropy, network, impl_->disk, impl_->compute,
                                   impl_->log});
    return *impl_->env;
}
const environment& real_environment::env() const {
    assert(impl_->env);
    return *impl_->env;
}

}  // namespace calbox
