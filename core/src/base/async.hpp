// The few coroutine tools that the rooms share: sleeping, deadlines, work on another thread, and a
// manual event. Core thread only. Cancellation arrives as
// boost::system::system_error(operation_aborted) and is caught by the scope.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>

#include <calbox/error.hpp>

#include "base/environment.hpp"

namespace calbox {

template <class T = void>
using task = asio::awaitable<T>;

/// Returns after `d` on the injected clock.
task<void> sleep_for(const environment& env, duration d);

/// A flag that coroutines can wait for. set() wakes every waiter; the flag stays until reset().
class event {
public:
    explicit event(const environment& env);
    ~event();
    event(const event&) = delete;
    event& operator=(const event&) = delete;
    void set() noexcept;
    void reset() noexcept;
    bool is_set() const noexcept;
    task<void> wait();
    /// Also when the coroutine is cancelled meanwhile, which the next thing that it waits for
    /// shows: for what must be known before it ends.
    task<void> wait_through();

private:
    struct state;
    static task<void> wait_on(std::shared_ptr<state> shared, std::function<void()> disarm);
    std::shared_ptr<state> state_;  // shared with waiters that are still queued to resume
};

/// Runs `job` on `where` and resumes on the core thread with what it returned. `job` must not
/// throw. Cancelling the wait does not stop the job: it owns what it uses, or refers only to what
/// outlives the worker.
template <class Job>
task<std::invoke_result_t<Job&>> offload(const environment& env, worker& where, Job job) {
    using value = std::invoke_result_t<Job&>;
    const auto finished = std::make_shared<event>(env);
    const auto answer = std::make_shared<std::optional<value>>();
    where.post([executor = env.executor, finished, answer, job = std::move(job)]() mutable {
        auto outcome = std::make_shared<value>(job());
        asio::post(executor, [finished, answer, outcome] {
            answer->emplace(std::move(*outcome));
            finished->set();
        });
    });
    co_await finished->wait();
    co_return std::move(**answer);
}

/// `work`, or errc::timed_out after `limit`; `work` is cancelled then.
template <class T>
task<result<T>> with_deadline(const environment& env, duration limit, task<result<T>> work) {
    using namespace asio::experimental::awaitable_operators;
    auto outcome = co_await (std::move(work) || sleep_for(env, limit));
    if (outcome.index() == 0) {
        co_return std::move(std::get<0>(outcome));
    }
    co_return fail(errc::timed_out, "no answer in time");
}

}  // namespace calbox
