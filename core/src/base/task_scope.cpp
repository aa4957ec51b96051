#include "base/task_scope.hpp"

#include <cstdio>
#include <cstdlib>
#include <optional>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/multiple_exceptions.hpp>
#include <boost/system/system_error.hpp>

namespace calbox {

task_scope::task_scope(const environment& env, std::string name)
    : env_(env), name_(std::move(name)), idle_(env) {
    idle_.set();
}

task_scope::~task_scope() {
    if (!children_.empty()) {
        std::fprintf(stderr, "task scope %s destroyed with %zu tasks running, the first is %s\n",
                     name_.c_str(), children_.size(), children_.front().name.c_str());
        std::abort();
    }
}

void task_scope::spawn(std::string name, task<void> work) {
    if (stopping_) {
        return;
    }
    idle_.reset();
    children_.emplace_back();
    const auto which = std::prev(children_.end());
    which->name = std::move(name);
    asio::co_spawn(
        env_.executor, std::move(work),
        asio::bind_cancellation_slot(which->stop.slot(), [this, which](std::exception_ptr problem) {
            ended(which, problem);
        }));
}

namespace {

/// What ended a task, in words; nothing when it was cancelled.
std::optional<std::string> why_ended(const std::exception_ptr& problem) {
    try {
        std::rethrow_exception(problem);
    } catch (const asio::multiple_exceptions& both) {
        return why_ended(both.first_exception());  // both sides of `a || b` ended by one
    } catch (const boost::system::system_error& why) {
        return why.code() == asio::error::operation_aborted
                   ? std::nullopt
                   : std::optional<std::string>(why.what());
    } catch (const std::exception& why) {
        return why.what();
    } catch (...) {
        return "an exception of an unknown type";
    }
}

}  // namespace

void task_scope::ended(std::list<child>::iterator which, std::exception_ptr problem) noexcept {
    if (const auto why = problem ? why_ended(problem) : std::nullopt) {
        env_.log.write(log_level::error, name_, which->name + " ended: " + *why);
    }
    children_.erase(which);
    if (children_.empty()) {
        idle_.set();
    }
}

void task_scope::request_stop() noexcept {
    stopping_ = true;
    for (auto& running : children_) {
        running.stop.emit(asio::cancellation_type::terminal);
    }
}

task<void> task_scope::join() {
    // A caller that is cancelled meanwhile still waits: a scope must not go before what it owns.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    while (!children_.empty()) {
        co_await idle_.wait();
    }
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
}

}  // namespace calbox
