#include "net/relay.hpp"

#include <algorithm>
#include <deque>

#include "wire/limits.hpp"

namespace calbox::net {

relay_dialler::~relay_dialler() = default;

namespace {
constexpr std::size_t relayed_most = 32 * 1024;
constexpr std::size_t queued_high = 1024 * 1024;
constexpr std::size_t forwarded_max =
    4 * 1024 * 1024;  // waiting for a slow end, before its pipe is closed
}  // namespace

class relay_client::stream final : public byte_stream {
public:
    stream(relay_client& owner, pipe_key key) : owner_(&owner), key_(key), changed_(owner.env_) {
        owner.pipes_[key] = this;
    }
    ~stream() override {
        close();
        if (owner_ != nullptr) {
            owner_->pipes_.erase(key_);
        }
    }

    task<result<std::size_t>> read_some(std::span<std::uint8_t> into) override {
        while (in_.empty()) {
            if (closed_) {
                co_return fail(errc::closed, "the relayed pipe ended");
            }
            co_await changed_.wait();
        }
        const std::size_t size = std::min(into.size(), in_.size());
        std::copy_n(in_.begin(), size, into.begin());
        in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(size));
        co_return size;
    }

    task<result<void>> write(byte_view data) override {
        while (!data.empty()) {
            if (closed_ || owner_ == nullptr) {
                co_return fail(errc::closed, "the relayed pipe ended");
            }
            if (owner_->pool_->queued_bytes(key_.first) > queued_high) {
                co_await sleep_for(owner_->env_, std::chrono::milliseconds(5));
                continue;
            }
            const byte_view piece = data.first(std::min(data.size(), relayed_most));
            data = data.subspan(piece.size());
            auto message = codec::encode(wire::relay_data{key_.second, to_bytes(piece)});
            if (!owner_->pool_->send_open(key_.first, wire::message_type::relay_data, message)) {
                closed_ = true;
                co_return fail(errc::closed, "the rendezvous that relays is gone");
            }
        }
        co_return result<void>();
    }

    void close() noexcept override {
        if (!closed_ && owner_ != nullptr) {
            const auto message = codec::encode(wire::relay_close{key_.second});
            (void)owner_->pool_->send_open(key_.first, wire::message_type::relay_close, message);
        }
        end();
    }
    std::string description() const override {
        return "relay via " + key_.first.hex().substr(0, 8);
    }

    void receive(const bytes& data) {
        if (in_.size() + data.size() > unread_max) {
            close();
            return;
        }
        in_.insert(in_.end(), data.begin(), data.end());
        wake();
    }
    void end() noexcept {
        closed_ = true;
        wake();
    }
    void orphan() noexcept {
        owner_ = nullptr;
        end();
    }

private:
    void wake() noexcept {
        changed_.set();
        changed_.reset();
    }
    relay_client* owner_;
    pipe_key key_;
    std::deque<std::uint8_t> in_;
    event changed_;
    bool closed_ = false;
};

relay_client::~relay_client() {
    for (const auto& [key, pipe] : pipes_) {
        pipe->orphan();
    }
}

std::unique_ptr<byte_stream> relay_client::make(const pipe_key& key) {
    return std::make_unique<stream>(*this, key);
}

task<result<std::unique_ptr<byte_stream>>> relay_client::dial(device_id rendezvous,
                                                              device_id target) {
    const auto answer = co_await pool_->request(rendezvous, wire::message_type::relay_open,
                                                codec::encode(wire::relay_open{target, 0}));
    if (!answer) {
        co_return fail(answer.error());
    }
    const auto opened = codec::decode<wire::relay_open>(*answer);
    if (!opened || opened->pipe == 0) {
        co_return fail(errc::malformed, "the rendezvous answers relay_open with something else");
    }
    co_return make({rendezvous, opened->pipe});
}

task<result<bytes>> relay_client::on_open(const peer& from, wire::relay_open what) {
    if ((from.roles & wire::role::rendezvous) == 0 || what.pipe == 0 ||
        pipes_.contains({from.device, what.pipe})) {
        co_return fail(errc::forbidden, "only a rendezvous opens a relayed pipe to another device");
    }
    pool_->accept_pipe(make({from.device, what.pipe}), from.device);
    co_return codec::encode(what);
}

void relay_client::on_data(const peer& from, wire::relay_data what) {
    if (const auto found = pipes_.find({from.device, what.pipe}); found != pipes_.end()) {
        found->second->receive(what.data);
    }
}

void relay_client::on_close(const peer& from, const wire::relay_close& what) {
    if (const auto found = pipes_.find({from.device, what.pipe}); found != pipes_.end()) {
        found->second->end();
    }
}

void relay_client::on_peer_gone(const device_id& device) {
    for (const auto& [key, pipe] : pipes_) {
        if (key.first == device) {
            pipe->end();
        }
    }
}

std::size_t relay_service::pipes_of(const device_id& device) const {
    return static_cast<std::size_t>(std::ranges::count_if(pipes_, [&](const auto& entry) {
        return entry.second.opener == device || entry.second.target == device;
    }));
}

task<result<bytes>> relay_service::on_open(device_id from, wire::relay_open what) {
    if (pool_.open_to(what.target) == nullptr) {
        co_return fail(errc::unavailable, "the device is not connected to this rendezvous");
    }
    if (pipes_of(from) >= wire::limits::relays_per_device ||
        pipes_of(what.target) >= wire::limits::relays_per_device) {
        co_return fail(errc::queue_full, "the device has as many relayed pipes as it may have");
    }
    const std::uint64_t pipe = env_.entropy.next() | 1;
    pipes_[pipe] = {from, what.target};
    const auto taken = co_await pool_.request(what.target, wire::message_type::relay_open,
                                              codec::encode(wire::relay_open{from, pipe}));
    if (!taken) {
        pipes_.erase(pipe);
        co_return fail(taken.error());
    }
    co_return codec::encode(wire::relay_open{what.target, pipe});
}

bool relay_service::carries(const device_id& from, std::uint64_t pipe) const {
    const auto found = pipes_.find(pipe);
    return found != pipes_.end() && (found->second.opener == from || found->second.target == from);
}

task<void> relay_service::on_data(device_id from, wire::relay_data what) {
    if (!carries(from, what.pipe)) {
        co_return;
    }
    const device_id to = pipes_[what.pipe].other(from);
    const bool slow = pool_.queued_bytes(to) > forwarded_max;
    if (slow || !pool_.send_open(to, wire::message_type::relay_data, codec::encode(what))) {
        co_await on_close(from, {what.pipe});
        (void)pool_.send_open(from, wire::message_type::relay_close,
                              codec::encode(wire::relay_close{what.pipe}));
    }
}

task<void> relay_service::on_close(device_id from, wire::relay_close what) {
    if (carries(from, what.pipe)) {
        const device_id to = pipes_[what.pipe].other(from);
        pipes_.erase(what.pipe);
        (void)pool_.send_open(to, wire::message_type::relay_close, codec::encode(what));
    }
    co_return;
}

void relay_service::on_peer_gone(const device_id& device) {
    for (auto at = pipes_.begin(); at != pipes_.end();) {
        const auto [pipe, both] = *at;
        if (both.opener == device || both.target == device) {
            at = pipes_.erase(at);
            (void)pool_.send_open(both.other(device), wire::message_type::relay_close,
                                  codec::encode(wire::relay_close{pipe}));
        } else {
            ++at;
        }
    }
}

}  // namespace calbox::net
