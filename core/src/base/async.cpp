#include "base/async.hpp"

#include <list>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace calbox {

namespace {

using signature = void(boost::system::error_code);

/// One suspended wait: whoever finishes it first (the event, the timer, or cancellation) takes the
/// handler.
struct wait_state {
    std::function<void(boost::system::error_code)> complete;
    void finish(boost::system::error_code outcome) {
        if (auto handler = std::exchange(complete, nullptr)) {
            handler(outcome);
        }
    }
};

/// Suspends until `arm`'s argument is finished or the coroutine is cancelled (then `disarm` is
/// called; nothing to call: it goes on waiting).
template <class Arm>
task<void> wait_for(asio::any_io_executor executor, Arm arm, std::function<void()> disarm) {
    auto initiate = [executor, arm, disarm](auto handler) {
        const auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        const auto waiting = std::make_shared<wait_state>();
        auto slot = asio::get_associated_cancellation_slot(*shared);
        waiting->complete = [executor, shared, slot](boost::system::error_code outcome) mutable {
            if (slot.is_connected()) {
                slot.clear();
            }
            asio::post(executor, [shared, outcome]() { std::move (*shared)(outcome); });
        };
        if (slot.is_connected() && disarm) {
            slot.assign([waiting, disarm, executor](asio::cancellation_type) {
                // Posted: clearing the slot from inside its own handler would destroy what is
                // running.
                asio::post(executor, [waiting, disarm] {
                    disarm();
                    waiting->finish(asio::error::operation_aborted);
                });
            });
        }
        arm(waiting);
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<>, signature>(std::move(initiate),
                                                                            asio::use_awaitable);
}

}  // namespace

task<void> sleep_for(const environment& env, duration d) {
    const auto timer = std::make_shared<timer_queue::id>(0);
    timer_queue* const timers = &env.timers;
    const instant at = env.time.now() + d;
    auto arm = [timers, at, timer](std::shared_ptr<wait_state> waiting) {
        *timer = timers->schedule(at, [waiting] { waiting->finish({}); });
    };
    auto disarm = [timers, timer] { timers->cancel(*timer); };
    co_await wait_for(env.executor, std::move(arm), std::move(disarm));
}

struct event::state {
    asio::any_io_executor executor;
    bool set = false;
    std::list<std::shared_ptr<wait_state>> waiters;
};

event::event(const environment& env) : state_(std::make_shared<state>()) {
    state_->executor = env.executor;
}
event::~event() { set(); }

void event::set() noexcept {
    state_->set = true;
    auto waiters = std::exchange(state_->waiters, {});
    for (const auto& waiting : waiters) {
        waiting->finish({});
    }
}
void event::reset() noexcept { state_->set = false; }
bool event::is_set() const noexcept { return state_->set; }

task<void> event::wait() {
    const auto shared = state_;
    return wait_on(shared, [shared] {
        // Cancelled waiters have given their handler away: what is left of them is dropped here.
        shared->waiters.remove_if([](const auto& waiting) { return !waiting->complete; });
    });
}

task<void> event::wait_through() { return wait_on(state_, {}); }

task<void> event::wait_on(std::shared_ptr<state> shared, std::function<void()> disarm) {
    if (shared->set) {
        co_return;
    }
    auto arm = [shared](std::shared_ptr<wait_state> waiting) {
        shared->waiters.push_back(std::move(waiting));
    };
    co_await wait_for(shared->executor, std::move(arm), std::move(disarm));
}

}  // namespace calbox
