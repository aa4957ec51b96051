#include "net/pool.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "wire/limits.hpp"

namespace calbox::net {

pool::~pool() = default;
pool_mediator::~pool_mediator() = default;

namespace {

constexpr std::size_t handshakes_max = 256;
/// So long a direct dial has the way to itself, before the relay is used beside it (RFC 8305, 5).
constexpr duration direct_head_start = std::chrono::milliseconds(250);
constexpr duration inspect_again = std::chrono::hours(1);
/// A dial that reaches this device so long after a session came about may have been begun by the
/// other side before it knew of that session.
constexpr duration crossing_time = std::chrono::seconds(2);
/// How long the one of two crossing sessions that is not kept is still read: the other side may
/// have written to it before it knew.
constexpr duration crossed_read_time = std::chrono::seconds(5);

using namespace asio::experimental::awaitable_operators;

class device_pool final : public pool {
public:
    device_pool(const environment& env, const credentials& mine, pool_mediator& mediator,
                message_handler& handler, relay_dialler& relays, pool_settings settings)
        : env_(env),
          mine_(mine),
          self_(crypto::device_of(mine.device_key.public_key)),
          mediator_(mediator),
          handler_(handler),
          relays_(relays),
          settings_(std::move(settings)),
          tasks_(env, "pool"),
          sessions_tasks_(env, "sessions") {}

    result<void> start() override {
        if (settings_.listen.empty()) {
            return {};
        }
        result<std::unique_ptr<acceptor>> listening =
            fail(errc::unavailable, "no address from before");
        if (!settings_.listen_rather.empty()) {
            listening = env_.network.listen(settings_.listen_rather);
        }
        if (!listening) {
            listening = env_.network.listen(settings_.listen);
        }
        if (!listening) {
            return fail(std::move(listening.error()));
        }
        acceptor_ = std::move(*listening);
        tasks_.spawn("accept", accept_all());
        return {};
    }

    void request_stop() noexcept override {
        stopping_ = true;
        if (acceptor_) {
            acceptor_->close();
        }
        tasks_.request_stop();
        close_all();
    }

    task<void> join() override {
        co_await tasks_.join();
        close_all();
        co_await sessions_tasks_.join();
    }

    std::vector<std::string> addresses() const override {
        return acceptor_ ? std::vector{acceptor_->address()} : std::vector<std::string>{};
    }

    task<result<peer>> connect(device_id device) override {
        if (session* const one = find(device)) {
            co_return one->other();
        }
        if (const auto begun = dials_.find(device); begun != dials_.end()) {
            co_return co_await await_dial(device, begun->second);
        }
        co_return co_await end_dial(device, begin_dial(device));
    }

    task<result<peer>> connect_address(std::string address, expectation expected) override {
        co_return co_await dial_address(std::move(address), std::move(expected));
    }

    const peer* open_to(const device_id& device) const noexcept override {
        const auto found = sessions_.find(device);
        return found != sessions_.end() && found->second->open() ? &found->second->other()
                                                                 : nullptr;
    }

    std::vector<peer> peers() const override {
        std::vector<peer> all;
        for (const auto& [device, one] : sessions_) {
            if (one->open()) {
                all.push_back(one->other());
            }
        }
        return all;
    }

    std::size_t queued_bytes(const device_id& device) const noexcept override {
        const auto found = sessions_.find(device);
        return found == sessions_.end() ? 0 : found->second->queued_bytes();
    }

    void disconnect(const device_id& device) noexcept override {
        if (session* const one = find(device)) {
            one->close();
        }
    }

    task<result<bytes>> request(device_id device, wire::message_type type, bytes payload,
                                duration limit) override {
        if (device == self_) {
            const peer me = self_peer();
            co_return co_await handler_.on_request(me, type, std::move(payload));
        }
        auto reached = co_await connect(device);
        if (!reached) {
            co_return fail(std::move(reached.error()));
        }
        const auto first = shared(device);
        if (!first) {
            co_return fail(errc::closed, "the session has ended");
        }
        auto answer = co_await first->request(type, payload, limit);
        const auto now = shared(device);
        if (!answer && answer.error().code == errc::closed && now && now != first && now->open()) {
            // Both sides had dialled at once and the other session was kept: ask there.
            answer = co_await now->request(type, std::move(payload), limit);
        }
        co_return answer;
    }

    task<result<bytes>> request_first(device_id device, wire::message_type type, bytes payload,
                                      duration limit) override {
        const auto begun = dials_.find(device);
        const bool waits = begun != dials_.end();
        const bool too_late = waits && begun->second->greeting;
        if (device == self_ || find(device) != nullptr || too_late) {
            co_return co_await request(device, type, std::move(payload), limit);
        }
        const shared_dial under_way = waits ? begun->second : begin_dial(device);
        const std::size_t which = under_way->first.size();
        under_way->first.push_back({type, payload, limit});
        task<result<peer>> reaching =
            waits ? await_dial(device, under_way) : end_dial(device, under_way);
        auto reached = co_await std::move(reaching);
        if (!reached) {
            co_return fail(std::move(reached.error()));
        }
        if (const auto on = under_way->asked_on) {
            auto answer = co_await on->first_answer(which);
            if (answer || answer.error().code != errc::closed) {
                co_return answer;
            }
        }
        co_return co_await request(device, type, std::move(payload), limit);
    }

    task<result<void>> send(device_id device, wire::message_type type, bytes payload) override {
        if (device == self_) {
            const peer me = self_peer();
            co_await handler_.on_message(me, type, std::move(payload));
            co_return result<void>();
        }
        auto reached = co_await connect(device);
        if (!reached) {
            co_return fail(std::move(reached.error()));
        }
        const auto one = shared(device);
        co_return one ? one->send(type, payload) : fail(errc::closed, "the session has ended");
    }

    bool send_open(const device_id& device, wire::message_type type, byte_view payload) override {
        session* const one = find(device);
        return one != nullptr && one->send(type, payload).has_value();
    }

    void announce_users() override {
        ++announced_;
        const bytes payload = codec::encode(wire::bindings{mediator_.hello().users});
        for (const auto& [device, one] : sessions_) {
            (void)one->send(wire::message_type::bindings, payload);
        }
    }

    void accept_pipe(std::unique_ptr<byte_stream> pipe, device_id relay) override {
        accept_stream(std::move(pipe), {relay, false});
    }

    task<result<void>> punch(device_id device, std::string own, std::string address,
                             bool client) override {
        tasks_.spawn("direct", dial_beside(device));
        auto stream = co_await with_deadline<std::unique_ptr<byte_stream>>(
            env_, punch_time, env_.network.punch(std::move(own), std::move(address)));
        if (!stream) {
            co_return fail(errc::unavailable, stream.error().message());
        }
        if (session* const one = find(device); one == nullptr || !one->other().relayed) {
            co_return fail(errc::unavailable, "there is no relayed session any more");
        }
        constexpr way punched{std::nullopt, true};
        if (client) {
            const auto reached =
                co_await greet_outgoing(std::move(*stream), expect_device(device), punched);
            co_return reached ? result<void>() : fail(reached.error());
        }
        co_return co_await greet_as_server(std::move(*stream), punched, device);
    }

private:
    /// A dial that everybody waits for who wants the device meanwhile.
    struct dialling {
        event over;
        std::vector<first_request> first;   // go out with hello
        bool greeting = false;              // it is too late for more of them
        std::shared_ptr<session> asked_on;  // the session that they went out on
        explicit dialling(const environment& env) : over(env) {}
    };
    using shared_dial = std::shared_ptr<dialling>;  // of the dial and of all that wait for it

    shared_dial begin_dial(const device_id& device) {
        return dials_[device] = std::make_shared<dialling>(env_);
    }
    task<result<peer>> end_dial(device_id device, shared_dial mine) {
        const struct guard {
            device_pool& owner;
            device_id device;
            ~guard() {
                const auto done = owner.dials_.extract(device).mapped();
                done->over.set();
            }
        } ending{*this, device};
        co_return co_await dial(device, std::move(mine));
    }
    task<result<peer>> await_dial(device_id device, shared_dial same) {
        co_await same->over.wait();
        session* const one = find(device);
        if (one == nullptr) {
            co_return fail(errc::unavailable, "the device cannot be reached");
        }
        co_return one->other();
    }

    /// How the bytes of a session get to the other side.
    struct way {
        std::optional<device_id> relay;
        bool punched = false;
    };

    void accept_stream(std::unique_ptr<byte_stream> stream, const way& by) {
        if (handshakes_ < handshakes_max && sessions_.size() < wire::limits::sessions) {
            ++handshakes_;
            tasks_.spawn("handshake", greet_incoming(std::move(stream), by));
        }
    }

    void close_all() noexcept {
        for (const auto* const several : {&sessions_, &crossed_}) {
            for (const auto& [device, one] : *several) {
                one->close();
            }
        }
    }
    session* find(const device_id& device) const noexcept {
        const auto found = sessions_.find(device);
        return found != sessions_.end() && found->second->open() ? found->second.get() : nullptr;
    }
    /// A session that stays alive while somebody waits on it, even after it has ended.
    std::shared_ptr<session> shared(const device_id& device) const {
        const auto found = sessions_.find(device);
        return found == sessions_.end() ? nullptr : found->second;
    }

    /// As this device's certificate names them; read again now and then, since it may have ended.
    std::uint32_t own_roles() {
        const instant now = env_.time.now();
        if (!inspected_at_ || now - *inspected_at_ > inspect_again ||
            inspected_ != mine_.certificate) {
            const auto facts = crypto::inspect_certificate(mine_.certificate, mine_.ca_certificate,
                                                           env_.time.wall());
            own_roles_ = facts ? facts->roles : 0;
            inspected_ = mine_.certificate;
            inspected_at_ = now;
        }
        return own_roles_;
    }

    peer self_peer() {
        peer me;
        me.device = self_;
        me.device_key = mine_.device_key.public_key;
        me.member = !mine_.ca_certificate.empty();
        me.roles = own_roles();
        me.users = mediator_.hello().users;
        for (const author& user : me.users) {
            const auto hash = crypto::user_of(user.identity_key);
            me.user_ids.push_back(hash);
        }
        me.addresses = mediator_.hello().addresses;
        me.description = "this device";
        return me;
    }

    session_settings settings_for(bool dialled, const way& by) {
        session_settings with;
        with.mine = mediator_.hello();
        with.dialled = dialled;
        with.relay = by.relay;
        with.punched = by.punched;
        with.verify_users = [this](const device_id& device, const std::vector<author>& users) {
            return mediator_.verify_users(device, users);
        };
        return with;
    }

    task<void> accept_all() {
        while (!stopping_) {
            auto stream = co_await acceptor_->accept();
            if (stream) {
                accept_stream(std::move(*stream), {});
            } else if (stream.error().code == errc::closed) {
                co_return;
            } else {
                env_.log.write(log_level::warn, "pool",
                               "cannot accept: " + stream.error().message());
                co_await sleep_for(
                    env_, std::chrono::milliseconds(100));  // out of descriptors: let some end
            }
        }
    }

    task<void> greet_incoming(std::unique_ptr<byte_stream> stream, way by) {
        const std::string where = stream->description();
        const struct guard {
            std::size_t& count;
            ~guard() { --count; }
        } ending{handshakes_};
        const auto greeted = co_await greet_as_server(std::move(stream), by, std::nullopt);
        if (!greeted) {
            env_.log.write(log_level::debug, "pool", where + ": " + greeted.error().message());
        }
    }

    /// `only`: nobody else will do.
    task<result<void>> greet_as_server(std::unique_ptr<byte_stream> stream, way by,
                                       std::optional<device_id> only) {
        const instant begun = env_.time.now();
        auto channel = co_await secure_server(env_, std::move(stream), mine_);
        if (!channel) {
            co_return fail(std::move(channel.error()));
        }
        if (only && (*channel)->peer().device != *only) {
            co_return fail(errc::mismatch, "another device answers");
        }
        const std::uint64_t announced = announced_;
        auto opened = co_await open_session(env_, std::move(*channel), settings_for(false, by));
        if (!opened) {
            co_return fail(std::move(opened.error()));
        }
        adopt(std::move(*opened), {false, begun, {}, announced});
        co_return result<void>();
    }

    expectation expect_device(const device_id& device) const {
        expectation expected;
        expected.device = device;
        return expected;
    }

    /// Directly at first, and through the relay as soon as that takes long: what waits to be sent
    /// waits for neither. A direct session that comes about later takes the place of the relayed
    /// one.
    task<result<peer>> dial(device_id device, shared_dial mine) {
        const auto where = co_await mediator_.find(device);
        if (!where) {
            co_return fail(errc::unavailable, "nobody knows where the device is");
        }
        const auto direct = std::make_shared<direct_dial>(env_);
        // Those who relay and introduce must be dialled by everybody.
        const bool meeting_point =
            (where->roles & (wire::role::rendezvous | wire::role::registry)) != 0;
        if (settings_.how != reach::relay_only || meeting_point) {
            tasks_.spawn("direct", dial_directly(device, where->addresses, direct, mine));
            co_await (direct->changed.wait() || sleep_for(env_, direct_head_start));
        } else {
            direct->finish();
        }
        if (settings_.how == reach::direct_only || !where->relay || *where->relay == self_ ||
            *where->relay == device) {
            co_await direct->ended.wait();
            co_return direct->outcome;
        }
        if (direct->connected) {
            co_await direct->ended.wait();
        }
        if (direct->outcome) {
            co_return direct->outcome;
        }
        auto pipe = co_await with_deadline<std::unique_ptr<byte_stream>>(
            env_, settings_.dial_time, relays_.dial(*where->relay, device));
        if (pipe) {
            auto reached = co_await greet_outgoing(std::move(*pipe), expect_device(device),
                                                   {where->relay, false});
            if (reached) {
                co_return reached;
            }
        }
        co_await direct->ended.wait();
        if (!direct->outcome && !pipe) {
            co_return fail(errc::unavailable, pipe.error().message());
        }
        co_return direct->outcome;
    }

    /// All addresses of a device, one after another, in the background of whoever waits for it.
    struct direct_dial {
        event changed, ended;
        bool connected = false;  // to somebody: who it is, is being proved
        result<peer> outcome =
            fail(errc::unavailable, "the device has no address that may be dialled, and no relay");
        explicit direct_dial(const environment& env) : changed(env), ended(env) {}
        void finish() noexcept {
            connected = false;
            changed.set();
            ended.set();
        }
    };

    /// The other side may be one that can be dialled, while this one cannot, and has been told of
    /// no address when it was dialled (connection reversal: RFC 5128, 3.3).
    task<void> dial_beside(device_id device) {
        const auto where = co_await mediator_.find(device);
        const session* const one = find(device);
        if (where && one != nullptr && one->other().relayed) {
            co_await dial_directly(device, where->addresses, std::make_shared<direct_dial>(env_),
                                   nullptr);
        }
    }

    task<void> dial_directly(device_id device, std::vector<std::string> addresses,
                             std::shared_ptr<direct_dial> into, shared_dial of) {
        const struct guard {
            direct_dial& of;
            ~guard() { of.finish(); }
        } ending{*into};
        for (const std::string& address : addresses) {
            auto stream = co_await with_deadline<std::unique_ptr<byte_stream>>(
                env_, settings_.dial_time, env_.network.dial(address));
            if (!stream) {
                into->outcome = fail(errc::unavailable, stream.error().message());
                continue;
            }
            into->connected = true;
            into->changed.set();
            auto reached =
                co_await greet_outgoing(std::move(*stream), expect_device(device), {}, of);
            into->connected = false;
            into->outcome =
                reached ? std::move(reached) : fail(errc::unavailable, reached.error().message());
            if (into->outcome) {
                co_return;
            }
        }
    }

    task<result<peer>> dial_address(std::string address, expectation expected) {
        auto stream = co_await with_deadline<std::unique_ptr<byte_stream>>(
            env_, settings_.dial_time, env_.network.dial(address));
        if (!stream) {
            co_return fail(std::move(stream.error()));
        }
        co_return co_await greet_outgoing(std::move(*stream), std::move(expected), {});
    }

    task<result<peer>> greet_outgoing(std::unique_ptr<byte_stream> stream, expectation expected,
                                      way by, shared_dial of = nullptr) {
        const instant begun = env_.time.now();
        auto channel = co_await secure_client(env_, std::move(stream), mine_, std::move(expected));
        if (!channel) {
            co_return fail(std::move(channel.error()));
        }
        const std::uint64_t announced = announced_;
        session_settings with = settings_for(true, by);
        if (of) {
            of->greeting = true;
            with.first = of->first;
        }
        auto opened = co_await open_session(env_, std::move(*channel), std::move(with));
        if (!opened) {
            co_return fail(std::move(opened.error()));
        }
        const peer who = (*opened)->other();
        const auto kept = adopt(std::move(*opened), {true, begun, {}, announced});
        if (of) {
            of->asked_on = kept;
        }
        co_return who;
    }

    struct origin {
        bool dialled = false;         // by this side
        instant begun{};              // its handshake
        instant since{};              // a session
        std::uint64_t announced = 0;  // of this node's users, in its hello
    };

    /// Keeps one session per device. A direct one takes the place of a relayed one, which is read
    /// for a while, since the other side may still write to it. When both sides dialled at once,
    /// both keep the direct one, or else the one that the smaller device dialled, and read the
    /// other for a while; otherwise the newer replaces the older, which the other side must have
    /// given up: it is half-open, and this side has only not noticed yet.
    /// Null when it is not even read.
    std::shared_ptr<session> adopt(std::unique_ptr<session> fresh, origin from) {
        const device_id device = fresh->other().device;
        if (stopping_ || device == self_) {
            fresh->close();
            return nullptr;
        }
        const std::shared_ptr<session> one = std::move(fresh);
        const auto known = sessions_.find(device);
        if (known != sessions_.end() && known->second->open()) {
            const std::shared_ptr<session> older = known->second;
            const origin& before = origins_.at(older.get());
            const bool at_once =
                before.dialled != from.dialled && from.begun < before.since + crossing_time;
            const bool alike = older->other().relayed == one->other().relayed;
            if (older->other().relayed && !alike) {
                read_out(device, older);
            } else if (!at_once) {
                older->close();
                leave(device);
            } else if (alike && (self_ < device) == from.dialled) {
                read_out(device, older);
            } else {
                read_out(device, one);
                sessions_tasks_.spawn("crossed session", run_crossed(one));
                return one;
            }
        } else {
            leave(device);
        }
        if (from.announced != announced_) {  // they have changed during the handshake
            (void)one->send(wire::message_type::bindings,
                            codec::encode(wire::bindings{mediator_.hello().users}));
        }
        sessions_[device] = one;
        from.since = env_.time.now();
        origins_[one.get()] = from;
        sessions_tasks_.spawn("session", run_one(device, one));
        return one;
    }

    void read_out(const device_id& device, const std::shared_ptr<session>& one) {
        if (const auto before = std::exchange(crossed_[device], one)) {
            before->close();
        }
        tasks_.spawn("read out", close_later(device, one));
    }

    task<void> close_later(device_id device, std::shared_ptr<session> one) {
        co_await sleep_for(env_, crossed_read_time);
        one->close();
        if (const auto found = crossed_.find(device);
            found != crossed_.end() && found->second == one) {
            crossed_.erase(found);
        }
    }

    task<void> run_crossed(std::shared_ptr<session> one) {
        co_await run_session(env_, *one, handler_);
    }

    task<void> run_one(device_id device, std::shared_ptr<session> one) {
        const auto is_current = [&] {
            const auto current = sessions_.find(device);
            return current != sessions_.end() && current->second == one;
        };
        if (is_current()) {
            met_.insert(device);
            mediator_.came(one->other());
        }
        co_await run_session(env_, *one, handler_);
        origins_.erase(one.get());
        if (is_current()) {
            sessions_.erase(device);
            leave(device);
        }
    }

    /// Whoever came goes once, before he comes again in a session that has nothing of the one
    /// before.
    void leave(const device_id& device) {
        if (met_.erase(device) > 0) {
            mediator_.went(device);
        }
    }

    const environment& env_;
    const credentials& mine_;
    device_id self_;
    pool_mediator& mediator_;
    message_handler& handler_;
    relay_dialler& relays_;
    pool_settings settings_;
    task_scope tasks_;           // accepting and handshakes: cancelled on stop
    task_scope sessions_tasks_;  // sessions: closed, and then awaited
    std::unique_ptr<acceptor> acceptor_;
    std::map<device_id, std::shared_ptr<session>>
        sessions_;  // shared with those who wait for an answer
    std::map<device_id, std::shared_ptr<session>> crossed_;  // not kept, and still read
    std::map<const session*, origin> origins_;
    std::set<device_id> met_;  // the mediator has been told that they came
    std::map<device_id, shared_dial> dials_;
    std::size_t handshakes_ = 0;
    bytes inspected_;  // the certificate that own_roles_ is from
    std::optional<instant> inspected_at_;
    std::uint32_t own_roles_ = 0;
    std::uint64_t announced_ = 0;  // how often this node's users have changed
    bool stopping_ = false;
};

}  // namespace

std::unique_ptr<pool> make_pool(const environment& env, const credentials& mine,
                                pool_mediator& mediator, message_handler& handler,
                                relay_dialler& relays, pool_settings settings) {
    return std::make_unique<device_pool>(env, mine, mediator, handler, relays, std::move(settings));
}

}  // namespace calbox::net
