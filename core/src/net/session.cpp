#include "net/session.hpp"

#include <algorithm>
#include <deque>

#include "crypto/identity.hpp"
#include "net/framing.hpp"

namespace calbox::net {

session::~session() = default;
message_handler::~message_handler() = default;

bool peer::has_user(const user_id& user) const noexcept {
    return std::ranges::count(user_ids, user) > 0;
}

namespace {

using wire::message_type;
constexpr std::size_t one_way_waiting_max = 4096;
// Answers that wait for somebody who does not read: twice what an honest one may have asked for.
constexpr std::size_t unread_most = 4 * wire::limits::send_queue_bytes;
constexpr duration ping_every = std::chrono::seconds(20);
constexpr duration ping_time = std::chrono::seconds(10);

void set_users(peer& who, std::vector<author> users) {
    who.user_ids.clear();
    for (const author& user : users) {
        who.user_ids.push_back(crypto::author_user(user).value_or(user_id{}));
    }
    who.users = std::move(users);
}

error error_of(byte_view payload) {
    const auto what = codec::decode<wire::problem>(payload);
    if (!what || what->code == 0 || what->code > static_cast<std::uint32_t>(errc::internal)) {
        return error(errc::internal, "the other side reports an error that cannot be read");
    }
    return error(static_cast<errc>(what->code), what->detail.substr(0, 500));
}

bytes problem_payload(const error& why) {
    return codec::encode(wire::problem{static_cast<std::uint32_t>(why.code), why.message()});
}

class tls_session final : public session {
public:
    tls_session(const environment& env, std::unique_ptr<secure_channel> channel,
                session_settings settings)
        : env_(env),
          channel_(std::move(channel)),
          settings_(std::move(settings)),
          tasks_(env, "session"),
          outgoing_(env),
          arrived_(env),
          next_stream_(settings_.dialled ? 1 : 2) {}

    ~tls_session() override { forget_timers(); }

    const peer& other() const noexcept override { return peer_; }
    std::size_t queued_bytes() const noexcept override {
        return out_.size() + files_bytes_ + writing_;
    }
    bool open() const noexcept override { return open_; }
    /// What new messages stand behind: parts of files wait for them, and not they for those.
    std::size_t waiting_bytes() const noexcept { return out_.size() + writing_; }

    task<result<bytes>> request(message_type type, bytes payload, duration limit) override {
        if (!open_) {
            co_return fail(errc::closed, "the session has ended");
        }
        if (pending_.size() >= wire::limits::requests_in_flight ||
            waiting_bytes() > wire::limits::send_queue_bytes) {
            co_return fail(errc::queue_full, "too many requests wait for this device");
        }
        if (payload.size() > wire::limits::message_bytes) {
            co_return fail(errc::too_large, "a message above the limit");
        }
        const auto [stream, mine] = await_reply(limit);
        queue(static_cast<std::uint8_t>(type), 0, stream, payload);
        co_await mine->answered.wait();
        co_return std::move(mine->answer);
    }

    result<void> send(message_type type, byte_view payload) override {
        if (!open_) {
            return fail(errc::closed, "the session has ended");
        }
        if (waiting_bytes() > wire::limits::send_queue_bytes) {
            return fail(errc::queue_full, "too much waits to be sent to this device");
        }
        if (payload.size() > wire::limits::message_bytes) {
            return fail(errc::too_large, "a message above the limit");
        }
        queue(static_cast<std::uint8_t>(type), 0, 0, payload);
        return {};
    }

    task<result<bytes>> first_answer(std::size_t which) override {
        const auto mine = first_.at(which);
        co_await mine->answered.wait();
        co_return std::move(mine->answer);
    }

    void close() noexcept override {
        if (open_) {
            open_ = false;
            channel_->close();
            outgoing_.set();
            arrived_.set();
        }
    }

    task<result<void>> greet() {
        bytes hello;
        write_frames(hello, static_cast<std::uint8_t>(message_type::hello), 0, 0,
                     codec::encode(settings_.mine));
        for (const first_request& one : settings_.first) {
            const auto [stream, mine] = await_reply(one.limit);
            first_.push_back(mine);
            write_frames(hello, static_cast<std::uint8_t>(one.type), 0, stream, one.payload);
        }
        auto sent = co_await channel_->write(hello);
        if (!sent) {
            co_return sent;
        }
        std::optional<message_frame> first = reader_.next();
        while (!first) {
            const auto data = co_await channel_->read();
            if (!data) {
                co_return fail(data.error());
            }
            auto fed = reader_.feed(*data);
            if (!fed) {
                co_return fed;
            }
            first = reader_.next();
        }
        if (first->type != static_cast<std::uint8_t>(message_type::hello)) {
            co_return fail(errc::malformed, "the first message is not hello");
        }
        if ((first->flags & frame_flag::error) != 0) {
            co_return fail(error_of(first->payload));
        }
        auto welcome = take_hello(first->payload);
        if (!welcome) {
            bytes refusal;
            write_frames(refusal, static_cast<std::uint8_t>(message_type::hello), frame_flag::error,
                         0, problem_payload(welcome.error()));
            (void)co_await channel_->write(refusal);
        }
        co_return welcome;
    }

    task<void> run(message_handler& handler) {
        // Ends by the channel's end, never by cancellation: what it has started is always joined.
        co_await asio::this_coro::throw_if_cancelled(false);
        tasks_.spawn("write", write_out());
        tasks_.spawn("one-way", take_one_way(handler));
        last_heard_ = env_.time.now();
        look_again();
        const auto why = co_await read_in(handler);
        if (!why && why.error().code != errc::closed) {
            env_.log.write(log_level::debug, "session",
                           channel_->description() + ": " + why.error().message());
        }
        close();
        env_.timers.cancel(look_);
        while (!pending_.empty()) {
            settle(pending_.begin()->first, fail(errc::closed, "the session has ended"));
        }
        tasks_.request_stop();
        co_await tasks_.join();
    }

private:
    struct waiting {
        event answered;
        result<bytes> answer;
        timer_queue::id timer = 0;
        explicit waiting(const environment& env) : answered(env) {}
    };

    result<void> take_hello(byte_view payload) {
        auto theirs = codec::decode<wire::hello>(payload);
        if (!theirs) {
            return fail(errc::malformed, "a hello that cannot be read");
        }
        const wire::hello& mine = settings_.mine;
        if (theirs->protocol_min > mine.protocol_max || theirs->protocol_max < mine.protocol_min) {
            return fail(errc::unsupported, "no common protocol version: this device speaks " +
                                               std::to_string(mine.protocol_min) + " to " +
                                               std::to_string(mine.protocol_max) +
                                               "; update the older one");
        }
        const auto& facts = channel_->peer();
        const bool both = !mine.network.is_zero() && !theirs->network.is_zero();
        if (both && mine.network != theirs->network) {
            return fail(errc::mismatch, "the device belongs to another network");
        }
        const bool changed = mine.known && !mine.known->known.empty();
        if (both && changed && !theirs->known) {
            return fail(errc::mismatch,
                        "the network has changed its consensus strategy, which the software of "
                        "one of the two devices cannot follow: update calboxd there");
        }
        const bool says_more = theirs->known && !theirs->known->known.empty();
        if (both && !changed && !says_more &&
            (mine.consensus != theirs->consensus ||
             mine.consensus_settings != theirs->consensus_settings)) {
            return fail(errc::mismatch,
                        "the network's consensus strategy is " + mine.consensus + " here and " +
                            theirs->consensus.substr(0, 64) +
                            " there, or its settings differ: give both daemons the same "
                            "[consensus] in their configuration");
        }
        if (theirs->users.size() > wire::limits::users_per_device ||
            theirs->addresses.size() > wire::limits::addresses_per_device ||
            (theirs->known && theirs->known->known.size() > wire::limits::strategy_epochs)) {
            return fail(errc::too_large, "a hello above the limits");
        }
        peer_.device = facts.device;
        peer_.device_key = facts.device_key;
        peer_.member = facts.of_network;
        peer_.roles = facts.roles;
        peer_.channel_binding = to_bytes(channel_->channel_binding());
        peer_.description = channel_->description();
        peer_.own_address = channel_->own_address();
        peer_.relayed = settings_.relay.has_value();
        peer_.relay = settings_.relay.value_or(device_id());
        peer_.punched = settings_.punched;
        peer_.addresses = std::move(theirs->addresses);
        if (theirs->known) {
            peer_.strategies = std::move(*theirs->known);
        }
        peer_.said = std::move(theirs->said);
        set_users(peer_, settings_.verify_users(peer_.device, theirs->users));
        // Not needed any more, and an idle session is to be small.
        settings_.mine = {};
        settings_.first = {};
        open_ = true;
        return {};
    }

    static bool is_of_files(message_type type, std::uint16_t flags) noexcept {
        return (flags & frame_flag::reply) != 0 &&
               (type == message_type::file_leaf || type == message_type::small_files);
    }

    void queue(std::uint8_t type, std::uint16_t flags, std::uint32_t stream, byte_view payload) {
        if (is_of_files(static_cast<message_type>(type), flags)) {
            queue_pieces(type, flags, stream, payload);
        } else {
            write_frames(out_, type, flags, stream, payload);
        }
        outgoing_.set();
    }

    /// So that what is more urgent never waits for more than about one part.
    void queue_pieces(std::uint8_t type, std::uint16_t flags, std::uint32_t stream,
                      byte_view payload) {
        constexpr std::size_t most = wire::limits::leaf_bytes + 1024;
        static_assert(most <= wire::limits::frame_bytes);
        do {
            const std::size_t size = std::min(payload.size(), most);
            const bool last = size == payload.size();
            bytes piece;
            piece.reserve(frame_head_bytes + size);
            write_frames(piece, type,
                         static_cast<std::uint16_t>(flags | (last ? 0 : frame_flag::more)), stream,
                         payload.first(size));
            files_bytes_ += piece.size();
            files_.push_back(std::move(piece));
            payload = payload.subspan(size);
        } while (!payload.empty());
    }

    std::pair<std::uint32_t, std::shared_ptr<waiting>> await_reply(duration limit) {
        const std::uint32_t stream = next_stream_;
        next_stream_ += 2;
        const auto mine = std::make_shared<waiting>(env_);
        pending_[stream] = mine;
        mine->timer = env_.timers.schedule(env_.time.now() + limit, [this, stream] {
            settle(stream, fail(errc::timed_out, "no answer in time"));
        });
        return {stream, mine};
    }

    void settle(std::uint32_t stream, result<bytes> answer) {
        const auto found = pending_.find(stream);
        if (found == pending_.end()) {
            return;
        }
        const auto one = found->second;
        pending_.erase(found);
        env_.timers.cancel(one->timer);
        one->answer = std::move(answer);
        one->answered.set();
    }

    void forget_timers() noexcept {
        for (const auto& [stream, one] : pending_) {
            env_.timers.cancel(one->timer);
        }
    }

    /// Parts of files wait, one by one, until there is nothing else.
    bytes next_out() {
        if (!out_.empty()) {
            return std::exchange(out_, bytes());
        }
        bytes part = std::move(files_.front());
        files_.pop_front();
        files_bytes_ -= part.size();
        return part;
    }

    /// Everything that was queued in one turn goes out in one write.
    task<void> write_out() {
        while (open_) {
            co_await outgoing_.wait();
            outgoing_.reset();
            while (open_ && !(out_.empty() && files_.empty())) {
                const bytes data = next_out();
                writing_ = data.size();
                const auto sent = co_await channel_->write(data);
                writing_ = 0;
                if (!sent) {
                    close();
                }
            }
        }
    }

    task<result<void>> read_in(message_handler& handler) {
        while (true) {
            for (auto message = reader_.next(); message; message = reader_.next()) {
                auto taken = dispatch(std::move(*message), handler);
                if (!taken) {
                    co_return taken;
                }
            }
            const auto data = co_await channel_->read();
            if (!data) {
                co_return fail(data.error());
            }
            last_heard_ = env_.time.now();
            auto fed = reader_.feed(*data);
            if (!fed) {
                co_return fed;
            }
            if (!open_) {
                co_return fail(errc::closed);
            }
        }
    }

    result<void> dispatch(message_frame message, message_handler& handler) {
        if ((message.flags & frame_flag::reply) != 0) {
            const bool failed = (message.flags & frame_flag::error) != 0;
            settle(message.stream, failed ? result<bytes>(fail(error_of(message.payload)))
                                          : result<bytes>(std::move(message.payload)));
            return {};
        }
        if (message.type == static_cast<std::uint8_t>(message_type::hello)) {
            if ((message.flags & frame_flag::error) != 0) {
                return fail(error_of(message.payload));
            }
            return fail(errc::malformed, "a second hello");
        }
        const auto type = static_cast<message_type>(message.type);
        if (message.stream == 0) {
            if (one_way_.size() >= one_way_waiting_max) {
                return fail(errc::queue_full, "the peer sends faster than this device can follow");
            }
            if (type == message_type::bindings) {
                // At once, not in the queue: a request behind it is meant to be from these users.
                const auto changed = codec::decode<wire::bindings>(message.payload);
                if (changed && changed->users.size() <= wire::limits::users_per_device) {
                    set_users(peer_, settings_.verify_users(peer_.device, changed->users));
                }
            }
            one_way_.emplace_back(type, std::move(message.payload));
            arrived_.set();
            return {};
        }
        if (answering_ >= wire::limits::requests_in_flight) {
            answer(message.type, message.stream,
                   fail(errc::queue_full, "too many requests at once"));
            return {};
        }
        ++answering_;
        tasks_.spawn("request",
                     answer_request(handler, type, message.stream, std::move(message.payload)));
        return {};
    }

    void answer(std::uint8_t type, std::uint32_t stream, const result<bytes>& what) {
        if (what) {
            queue(type, frame_flag::reply, stream, *what);
        } else {
            queue(type, frame_flag::reply | frame_flag::error, stream,
                  problem_payload(what.error()));
        }
    }

    task<void> answer_request(message_handler& handler, message_type type, std::uint32_t stream,
                              bytes payload) {
        const auto outcome = co_await handler.on_request(peer_, type, std::move(payload));
        --answering_;
        if (open_ && queued_bytes() > unread_most) {
            close();  // who asks and asks, and does not read
        } else if (open_) {
            answer(static_cast<std::uint8_t>(type), stream, outcome);
        }
    }

    task<void> take_one_way(message_handler& handler) {
        while (open_) {
            co_await arrived_.wait();
            arrived_.reset();
            while (open_ && !one_way_.empty()) {
                auto [type, payload] = std::move(one_way_.front());
                one_way_.pop_front();
                co_await handler.on_message(peer_, type, std::move(payload));
            }
        }
    }

    /// Looks whether the other side is silent: no coroutine, since most sessions wait most of the
    /// time.
    void look_again() {
        look_ = env_.timers.schedule(env_.time.now() + ping_every, [this] {
            if (env_.time.now() - last_heard_ < ping_every) {
                unanswered_ = 0;
                look_again();
            } else {
                tasks_.spawn("ping", ping());
            }
        });
    }

    task<void> ping() {
        const auto pong =
            co_await request(message_type::ping, codec::encode(wire::nothing{}), ping_time);
        unanswered_ = pong ? 0 : unanswered_ + 1;
        if (unanswered_ == 2) {
            env_.log.write(log_level::debug, "session", channel_->description() + " is silent");
            close();
        }
        if (open_) {
            look_again();
        }
    }

    const environment& env_;
    std::unique_ptr<secure_channel> channel_;
    session_settings settings_;
    task_scope tasks_;
    peer peer_;
    frame_reader reader_;
    bytes out_;
    std::deque<bytes> files_;  // parts of files that are asked for, a message each
    std::size_t files_bytes_ = 0;
    std::size_t writing_ = 0;
    event outgoing_, arrived_;
    std::deque<std::pair<message_type, bytes>> one_way_;
    std::map<std::uint32_t, std::shared_ptr<waiting>> pending_;
    std::vector<std::shared_ptr<waiting>> first_;
    std::uint32_t next_stream_;
    std::size_t answering_ = 0;
    instant last_heard_{};
    timer_queue::id look_ = 0;
    int unanswered_ = 0;  // pings in a row
    bool open_ = false;
};

}  // namespace

task<result<std::unique_ptr<session>>> open_session(const environment& env,
                                                    std::unique_ptr<secure_channel> channel,
                                                    session_settings settings) {
    auto made = std::make_unique<tls_session>(env, std::move(channel), std::move(settings));
    auto greeted = co_await with_deadline<void>(env, wire::limits::handshake_time, made->greet());
    if (!greeted) {
        made->close();
        co_return fail(std::move(greeted.error()));
    }
    co_return made;
}

task<void> run_session(const environment&, session& which, message_handler& handler) {
    co_await static_cast<tls_session&>(which).run(handler);
}

}  // namespace calbox::net
