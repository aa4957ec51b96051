// Exits 0 when the compiler handles the coroutine forms that this project uses: temporaries
// (aggregates, braced lists, capturing lambdas) that share a full-expression with a co_await, and a
// co_await in a condition, each destroyed once.
#include <coroutine>
#include <exception>
#include <string>
#include <utility>

namespace {

int alive = 0;

struct counted {
    counted() { ++alive; }
    counted(const counted&) { ++alive; }
    counted(counted&&) noexcept { ++alive; }
    counted& operator=(const counted&) = default;
    counted& operator=(counted&&) = default;
    ~counted() { --alive; }
};

struct options {
    counted owner;
    std::string key;
};

struct task {
    struct promise_type {
        int value = 0;
        task get_return_object() {
            return task(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_value(int v) { value = v; }
        void unhandled_exception() { std::terminate(); }
    };
    explicit task(std::coroutine_handle<promise_type> h) : handle(h) {}
    task(task&& other) noexcept : handle(std::exchange(other.handle, {})) {}
    ~task() {
        if (handle) {
            handle.destroy();
        }
    }
    bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    int await_resume() const noexcept { return handle.promise().value; }
    std::coroutine_handle<promise_type> handle;
};

task take(options what) { co_return static_cast<int>(what.key.size()); }
template <class F>
task call(F f) {
    co_return f();
}
task one() { co_return 1; }
task condition() {
    if (co_await one() == 1) {
        co_return 1;
    }
    co_return 0;
}
task all() {
    const int braced = co_await take({.owner = {}, .key = "ab"});
    const int aggregate = co_await take(options{counted{}, "cd"});
    counted captured;
    const int lambda = co_await call([captured] { return 3; });
    const int branch = co_await condition();
    co_return braced + aggregate + lambda + branch;
}

}  // namespace

int main() {
    int sum = 0;
    {
        task t = all();
        sum = t.handle.promise().value;
    }
    return sum == 8 && alive == 0 ? 0 : 1;
}
