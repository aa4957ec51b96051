#include "net/memory_transport.hpp"

#include <algorithm>
#include <deque>

namespace calbox::net {

/// Both directions of one stream; `from[i]` is what end i has written.
struct memory_transport::pipe {
    struct direction {
        std::deque<std::uint8_t> data;
        event changed;
        explicit direction(const environment& env) : changed(env) {}
        void news() {
            changed.set();
            changed.reset();
        }
    };
    direction from[2];
    bool closed = false;
    std::string name;
    pipe(const environment& env, std::string name_in)
        : from{direction(env), direction(env)}, name(std::move(name_in)) {}
    void close() {
        closed = true;
        from[0].news();
        from[1].news();
    }
};

namespace {

class memory_stream final : public byte_stream {
public:
    memory_stream(std::shared_ptr<memory_transport::pipe> shared, int end)
        : pipe_(std::move(shared)), end_(end) {}
    ~memory_stream() override { close(); }

    task<result<std::size_t>> read_some(std::span<std::uint8_t> into) override {
        const auto shared = pipe_;
        auto& in = shared->from[1 - end_];
        while (in.data.empty()) {
            if (shared->closed) {
                co_return fail(errc::closed, "the stream " + shared->name + " ended");
            }
            co_await in.changed.wait();
        }
        const std::size_t size = std::min(into.size(), in.data.size());
        std::copy_n(in.data.begin(), size, into.begin());
        in.data.erase(in.data.begin(), in.data.begin() + static_cast<std::ptrdiff_t>(size));
        in.news();
        co_return size;
    }
    task<result<void>> write(byte_view data) override {
        const auto shared = pipe_;
        auto& out = shared->from[end_];
        while (!data.empty()) {
            if (shared->closed) {
                co_return fail(errc::closed, "the stream " + shared->name + " ended");
            }
            const std::size_t room = memory_transport::buffer_bytes -
                                     std::min(out.data.size(), memory_transport::buffer_bytes);
            if (room == 0) {
                co_await out.changed.wait();
                continue;
            }
            const byte_view now = data.first(std::min(room, data.size()));
            out.data.insert(out.data.end(), now.begin(), now.end());
            data = data.subspan(now.size());
            out.news();
        }
        co_return result<void>();
    }
    void close() noexcept override { pipe_->close(); }
    std::string description() const override { return pipe_->name; }

private:
    std::shared_ptr<memory_transport::pipe> pipe_;
    int end_;
};

}  // namespace

struct memory_transport::door {
    std::string address;
    std::deque<std::unique_ptr<byte_stream>> waiting;
    bool closed = false;
    event changed;
    door(const environment& env, std::string at) : address(std::move(at)), changed(env) {}
};

namespace {

class memory_acceptor final : public acceptor {
public:
    explicit memory_acceptor(std::shared_ptr<memory_transport::door> at) : door_(std::move(at)) {}
    ~memory_acceptor() override { close(); }
    task<result<std::unique_ptr<byte_stream>>> accept() override {
        const auto at = door_;
        while (at->waiting.empty()) {
            if (at->closed) {
                co_return fail(errc::closed, "no longer listening");
            }
            co_await at->changed.wait();
        }
        auto stream = std::move(at->waiting.front());
        at->waiting.pop_front();
        co_return stream;
    }
    std::string address() const override { return door_->address; }
    void close() noexcept override {
        door_->closed = true;
        door_->changed.set();
        door_->changed.reset();
    }

private:
    std::shared_ptr<memory_transport::door> door_;
};

}  // namespace

std::pair<std::unique_ptr<byte_stream>, std::unique_ptr<byte_stream>> make_memory_streams(
    const environment& env, std::string name) {
    const auto shared = std::make_shared<memory_transport::pipe>(env, std::move(name));
    return {std::make_unique<memory_stream>(shared, 0), std::make_unique<memory_stream>(shared, 1)};
}

task<result<std::unique_ptr<byte_stream>>> memory_transport::dial(std::string address) {
    const auto found = doors_.find(address);
    const auto at = found == doors_.end() ? nullptr : found->second.lock();
    if (!at || at->closed || down_) {
        co_return fail(errc::unavailable,
                       "cannot reach " + address +
                           (down_ ? ": the network is down" : ": nobody listens there"));
    }
    const auto shared = std::make_shared<pipe>(*env_, address);
    pipes_.emplace(address, shared);
    at->waiting.push_back(std::make_unique<memory_stream>(shared, 1));
    at->changed.set();
    at->changed.reset();
    co_return std::make_unique<memory_stream>(shared, 0);
}

result<std::unique_ptr<acceptor>> memory_transport::listen(const std::string& address) {
    std::string wanted = address;
    if (wanted.ends_with(":0")) {
        wanted = wanted.substr(0, wanted.size() - 1) + std::to_string(next_port_++);
    }
    const auto taken = doors_.find(wanted);
    if (const auto at = taken == doors_.end() ? nullptr : taken->second.lock(); at && !at->closed) {
        return fail(errc::unavailable, "cannot listen on " + wanted + ": the address is taken");
    }
    const auto made = std::make_shared<door>(*env_, wanted);
    doors_[wanted] = made;
    return std::make_unique<memory_acceptor>(made);
}

void memory_transport::cut(const std::string& address) {
    const auto [first, last] = pipes_.equal_range(address);
    for (auto at = first; at != last; ++at) {
        if (const auto shared = at->second.lock()) {
            shared->close();
        }
    }
    pipes_.erase(first, last);
}

void memory_transport::go_down() {
    down_ = true;
    for (const auto& [address, one] : std::exchange(pipes_, {})) {
        if (const auto shared = one.lock()) {
            shared->close();
        }
    }
}

}  // namespace calbox::net
