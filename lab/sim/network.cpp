#include "lab/sim/network.hpp"

#include <algorithm>
#include <deque>

namespace calbox::lab {

namespace {

constexpr std::size_t opening_bytes = 60;  // a packet that only opens a connection
constexpr duration punched_again = std::chrono::milliseconds(250);
constexpr std::size_t doors_wait = 4096;  // connections that nobody has accepted yet

std::string host_part(const std::string& address) { return address.substr(0, address.rfind(':')); }

std::string with_port(const std::string& host, std::uint16_t port) {
    return host + ":" + std::to_string(port);
}

void notify(event& what) {
    what.set();
    what.reset();
}

}  // namespace

struct line_card::attempt {
    std::string inside, outside, target;
    std::shared_ptr<network::connection> made;
    int end = 0;
    event changed;
    explicit attempt(const environment& env) : changed(env) {}
};

/// Both ends of one stream, and what is on its way between them.
struct network::connection {
    struct segment {
        bytes data;
        bool last = false;
        instant due;
    };
    struct side {
        std::string host;
        std::string address;  // as the other end knows it
        std::string own;      // as its host does
        bool open = true;     // the program holds it
        bool gone = false;    // the program has ended, and left it to its kernel
        bool ended = false;   // nothing more will come
        std::deque<bytes> unread;
        std::size_t unread_bytes = 0;
        std::deque<segment> sent;  // not there yet
        std::size_t sent_bytes = 0;
        instant last_due{}, stuck_since{};
        unsigned tries = 0;
        event changed;
        side(const environment& env, std::string known_as, std::string own_in)
            : host(host_part(own_in)),
              address(std::move(known_as)),
              own(std::move(own_in)),
              changed(env) {}
        void break_off() {
            ended = true;
            open = false;
            sent.clear();
            sent_bytes = 0;
            unread.clear();
            unread_bytes = 0;
            notify(changed);
        }
    };
    side sides[2];
    bool cut = false;  // a box between them has forgotten it
    connection(const environment& env, const line_card::attempt& dialled, const std::string& to)
        : sides{side(env, dialled.outside, dialled.inside), side(env, dialled.target, to)} {}
};

struct line_card::door {
    std::string address;
    std::deque<std::unique_ptr<net::byte_stream>> waiting;
    bool closed = false;
    event changed;
    door(const environment& env, std::string at) : address(std::move(at)), changed(env) {}
};

namespace {

class sim_stream final : public net::byte_stream {
public:
    using send_function = std::function<void(int end, bytes data, bool last)>;
    sim_stream(std::shared_ptr<network::connection> on, int end, send_function send)
        : on_(std::move(on)), end_(end), send_(std::move(send)) {}
    ~sim_stream() override { close(); }

    task<result<std::size_t>> read_some(std::span<std::uint8_t> into) override {
        const auto on = on_;
        auto& mine = on->sides[end_];
        while (mine.unread.empty()) {
            if (mine.ended || !mine.open) {
                co_return fail(errc::closed, "the stream ended");
            }
            co_await mine.changed.wait();
        }
        bytes& first = mine.unread.front();
        const std::size_t size = std::min(into.size(), first.size());
        std::copy_n(first.begin(), size, into.begin());
        first.erase(first.begin(), first.begin() + static_cast<std::ptrdiff_t>(size));
        if (first.empty()) {
            mine.unread.pop_front();
        }
        mine.unread_bytes -= size;
        notify(on->sides[1 - end_].changed);
        co_return size;
    }

    task<result<void>> write(byte_view data) override {
        const auto on = on_;
        auto& mine = on->sides[end_];
        while (!data.empty()) {
            if (!mine.open) {
                co_return fail(errc::closed, "the stream ended");
            }
            const std::size_t waiting = mine.sent_bytes + on->sides[1 - end_].unread_bytes;
            if (waiting >= network::window) {
                co_await mine.changed.wait();
                continue;
            }
            const byte_view now = data.first(std::min(network::window - waiting, data.size()));
            send_(end_, to_bytes(now), false);
            data = data.subspan(now.size());
        }
        co_return result<void>();
    }

    void close() noexcept override {
        auto& mine = on_->sides[end_];
        if (std::exchange(mine.open, false)) {
            if (!mine.gone) {
                send_(end_, {}, true);
            }
            notify(mine.changed);
        }
    }

    std::string description() const override { return on_->sides[1 - end_].address; }
    std::string own_address() const override { return on_->sides[end_].own; }

private:
    std::shared_ptr<network::connection> on_;
    int end_;
    send_function send_;
};

class sim_acceptor final : public net::acceptor {
public:
    explicit sim_acceptor(std::shared_ptr<line_card::door> at) : door_(std::move(at)) {}
    ~sim_acceptor() override { close(); }
    task<result<std::unique_ptr<net::byte_stream>>> accept() override {
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
        notify(door_->changed);
    }

private:
    std::shared_ptr<line_card::door> door_;
};

}  // namespace

// The network
// --------------------------------------------------------------------------------------------

network::~network() = default;

void network::add_host(const std::string& name) { hosts_.try_emplace(name); }

void network::put_behind(const std::string& host, const std::string& box, nat_kind kind) {
    hosts_.at(host).box = box;
    boxes_[box].kind = kind;
}

void network::reboot(const std::string& name) {
    std::erase_if(boxes_.at(name).mappings, [](const auto& one) { return !one.second.forwarded; });
    for (const auto& weak : connections_) {
        if (const auto one = weak.lock()) {
            const auto within = [&](int end) {
                return hosts_.at(one->sides[end].host).box == name;
            };
            one->cut = one->cut || within(0) != within(1);
        }
    }
}

std::string network::forward(const std::string& inside) {
    const std::string& name = hosts_.at(host_part(inside)).box;
    box& nat = boxes_.at(name);
    const std::string outside = with_port(name, nat.next_port++);
    nat.mappings[outside] = {inside, {}, {}, true};
    return outside;
}

void network::forward_no_more(const std::string& outside) {
    boxes_.at(host_part(outside)).mappings.erase(outside);
}

path& network::way(const std::string& from, const std::string& to) {
    auto& own = links_[{from, to}].own;
    if (!own) {
        own = usual;
    }
    return *own;
}

const path& network::look(const std::string& from, const std::string& to) const {
    const auto found = links_.find({from, to});
    return found != links_.end() && found->second.own ? *found->second.own : usual;
}

void network::split(const std::vector<std::set<std::string>>& sides) { sides_ = sides; }

void network::heal() {
    sides_.clear();
    for (auto& [ends, one] : links_) {
        if (one.own) {
            one.own->open = true;
        }
    }
    for (auto& [name, one] : hosts_) {
        one.silent = false;
    }
}

void network::silence(const std::string& host, bool silent) { hosts_.at(host).silent = silent; }

bool network::passes(const std::string& from, const std::string& to) const {
    if (from == to) {
        return true;
    }
    if (hosts_.at(from).silent || hosts_.at(to).silent || !look(from, to).open) {
        return false;
    }
    const auto side_of = [&](const std::string& host) {
        return std::ranges::find_if(sides_, [&](const auto& side) { return side.contains(host); });
    };
    const auto first = side_of(from), second = side_of(to);
    return first == sides_.end() || second == sides_.end() || first == second;
}

std::uint64_t network::carried(const std::string& from, const std::string& to) const {
    const auto found = links_.find({from, to});
    return found == links_.end() ? 0 : found->second.carried;
}

std::size_t network::open_streams(const std::set<std::string>& but_of) const {
    std::size_t count = 0;
    for (const auto& weak : connections_) {
        if (const auto one = weak.lock()) {
            for (const auto& side : one->sides) {
                count += side.open && !(one->cut && but_of.contains(side.host)) ? 1u : 0u;
            }
        }
    }
    return count;
}

duration network::transit(const std::string& from, const std::string& to, std::size_t size) {
    const path& way = look(from, to);
    const auto happens = [&](unsigned per_mille) {
        return per_mille > 0 && chance_.below(1000) < per_mille;
    };
    instant leaves = line_.now();
    if (way.bytes_per_second > 0) {
        link& used = links_[{from, to}];
        const std::uint64_t copies = happens(way.repeated_per_mille) ? 2 : 1;
        const auto time =
            static_cast<duration::rep>(size * copies * 1'000'000'000 / way.bytes_per_second);
        leaves = std::max(leaves, used.free_at) + duration(time);
        used.free_at = leaves;
    }
    duration takes = way.latency;
    if (way.jitter > duration()) {
        const auto most = static_cast<std::uint64_t>(way.jitter.count());
        takes += duration(static_cast<duration::rep>(chance_.below(most + 1)));
    }
    duration again = first_retry;
    while (happens(way.lost_per_mille) && again < last_retry) {
        takes += again;
        again *= 2;
    }
    if (happens(way.reordered_per_mille)) {
        takes += way.latency;  // what came after it waits for it
    }
    return leaves - line_.now() + takes;
}

std::string network::seen_as(const std::string& host_name, const std::string& inside,
                             const std::string& to) {
    const std::string& name = hosts_.at(host_name).box;
    const auto target = hosts_.find(host_part(to));
    if (name.empty() || (target != hosts_.end() && target->second.box == name)) {
        return inside;
    }
    box& nat = boxes_.at(name);
    const std::string only_to = nat.kind == nat_kind::symmetric ? to : std::string();
    const auto made = std::ranges::find_if(nat.mappings, [&](const auto& one) {
        return one.second.inside == inside && one.second.only_to == only_to &&
               !one.second.forwarded;
    });
    if (made != nat.mappings.end()) {
        made->second.told.insert(to);
        return made->first;
    }
    const std::string outside = with_port(name, nat.next_port++);
    nat.mappings[outside] = {inside, only_to, {to}, false};
    return outside;
}

std::optional<std::string> network::inside_of(const std::string& outside,
                                              const std::string& source) const {
    const box& nat = boxes_.at(host_part(outside));
    const auto found = nat.mappings.find(outside);
    if (found == nat.mappings.end()) {
        return std::nullopt;
    }
    const auto& told = found->second.told;
    const bool lets_in =
        found->second.forwarded || nat.kind == nat_kind::full_cone ||
        (nat.kind == nat_kind::restricted
             ? std::ranges::any_of(
                   told, [&](const auto& one) { return host_part(one) == host_part(source); })
             : told.contains(source));
    return lets_in ? std::optional(found->second.inside) : std::nullopt;
}

void network::send(const std::shared_ptr<connection>& on, int end, bytes data, bool last) {
    auto& from = on->sides[end];
    if (from.gone) {
        return;
    }
    const std::string& to = on->sides[1 - end].host;
    const instant due =
        std::max(from.last_due, line_.now() + transit(from.host, to, data.size() + opening_bytes));
    from.last_due = due;
    from.sent_bytes += data.size();
    from.sent.push_back({std::move(data), last, due});
    if (from.sent.size() == 1) {
        line_.schedule(due, [this, on, end] { arrive(on, end); });
    }
    if (sending) {
        sending(from.host, to);
    }
}

void network::arrive(const std::shared_ptr<connection>& on, int end) {
    auto& from = on->sides[end];
    auto& to = on->sides[1 - end];
    if (from.sent.empty()) {
        return;
    }
    if (on->cut || !passes(from.host, to.host) || !hosts_.at(to.host).powered) {
        if (from.tries == 0) {
            from.stuck_since = line_.now();
        }
        if (line_.now() - from.stuck_since > gives_up) {
            from.break_off();
            return;
        }
        const duration again = std::min(last_retry, first_retry * (1u << std::min(from.tries, 6u)));
        ++from.tries;
        line_.schedule_in(again, [this, on, end] { arrive(on, end); });
        return;
    }
    from.tries = 0;
    connection::segment what = std::move(from.sent.front());
    from.sent.pop_front();
    from.sent_bytes -= what.data.size();
    if (to.gone || (!to.open && !what.last)) {
        send_reset(on, end);  // nobody there knows this stream
        from.sent.clear();
        from.sent_bytes = 0;
        return;
    }
    links_[{from.host, to.host}].carried += what.data.size();
    if (tap) {
        tap(from.host, to.host, what.data);
    }
    if (!what.data.empty()) {
        to.unread_bytes += what.data.size();
        to.unread.push_back(std::move(what.data));
    }
    to.ended = to.ended || what.last;
    notify(to.changed);
    notify(from.changed);
    if (!from.sent.empty()) {
        line_.schedule(from.sent.front().due, [this, on, end] { arrive(on, end); });
    }
}

void network::send_reset(const std::shared_ptr<connection>& on, int end) {
    const std::string& from = on->sides[1 - end].host;
    const std::string& to = on->sides[end].host;
    line_.schedule_in(transit(from, to, opening_bytes), [this, on, end] {
        if (!on->cut && passes(on->sides[1 - end].host, on->sides[end].host)) {
            on->sides[end].break_off();
        }
    });
}

std::unique_ptr<line_card> network::plug(const std::string& host_name, const environment& env) {
    std::erase_if(connections_, [](const auto& weak) { return weak.expired(); });
    auto card = std::make_unique<line_card>(*this, host_name, env);
    host& one = hosts_.at(host_name);
    one.card = card.get();
    one.powered = true;
    return card;
}

// A daemon's way to it
// ----------------------------------------------------------------------------------

line_card::line_card(network& net, std::string host, const environment& env)
    : net_(net), host_(std::move(host)), env_(env) {}

line_card::~line_card() { pull(ending::process); }

void line_card::pull(ending how) noexcept {
    if (std::exchange(pulled_, true)) {
        return;
    }
    auto& host = net_.hosts_.at(host_);
    if (host.card == this) {
        host.card = nullptr;
        host.powered = how == ending::process;
    }
    for (const auto& weak : mine_) {
        const auto one = weak.lock();
        for (int end = 0; one && end < 2; ++end) {
            auto& side = one->sides[end];
            if (side.host == host_ && !side.gone && (side.open || how == ending::power)) {
                side.gone = true;
                side.break_off();
                if (how == ending::process) {
                    net_.send_reset(one, 1 - end);
                }
            }
        }
    }
    for (const auto& [address, weak] : doors_) {
        if (const auto at = weak.lock()) {
            at->closed = true;
            notify(at->changed);
        }
    }
    for (const auto& weak : attempts_) {
        if (const auto one = weak.lock()) {
            one->changed.set();
        }
    }
}

std::string line_card::outside_of(const std::string& inside, const std::string& to) {
    return net_.seen_as(host_, inside, to);
}

std::unique_ptr<net::byte_stream> line_card::stream_of(
    const std::shared_ptr<network::connection>& made, int end) {
    std::erase_if(mine_, [](const auto& weak) { return weak.expired(); });
    mine_.push_back(made);
    network* const net = &net_;
    auto send = [net, weak = std::weak_ptr(made)](int from, bytes data, bool last) {
        if (const auto on = weak.lock()) {
            net->send(on, from, std::move(data), last);
        }
    };
    return std::make_unique<sim_stream>(made, end, std::move(send));
}

void line_card::connect(attempt& from, line_card& to, const std::string& inside) {
    from.made = std::make_shared<network::connection>(to.env_, from, inside);
    net_.connections_.push_back(from.made);
}

/// An opening packet has arrived where `who` sent it.
line_card::answer line_card::knock(attempt& who) {
    std::string inside = who.target;
    if (net_.boxes_.contains(host_part(who.target))) {
        const auto let_in = net_.inside_of(who.target, who.outside);
        if (!let_in) {
            return answer::none;
        }
        inside = *let_in;
    } else if (const auto& box = net_.hosts_.at(host_part(inside)).box;
               !box.empty() && box != net_.hosts_.at(host_).box) {
        return answer::none;  // an address that means nothing out here
    }
    const auto& there = net_.hosts_.at(host_part(inside));
    if (!net_.passes(host_, host_part(inside)) || !there.powered) {
        return answer::none;
    }
    if (there.card == nullptr) {
        return answer::refused;
    }
    line_card& card = *there.card;
    // A dial to just there comes first, as in a real kernel; then whoever listens.
    for (const auto& weak : card.attempts_) {
        const auto theirs = weak.lock();
        if (theirs && !theirs->made && theirs->inside == inside && theirs->target == who.outside) {
            connect(who, card, inside);
            theirs->made = who.made;
            theirs->end = 1;
            theirs->changed.set();
            return answer::connected;
        }
    }
    const auto found = card.doors_.find(inside);
    if (const auto at = found == card.doors_.end() ? nullptr : found->second.lock();
        at && !at->closed && at->waiting.size() < doors_wait) {
        connect(who, card, inside);
        at->waiting.push_back(card.stream_of(who.made, 1));
        notify(at->changed);
        return answer::connected;
    }
    return answer::refused;
}

task<result<std::unique_ptr<net::byte_stream>>> line_card::dial(std::string address) {
    co_return co_await dial_from(net_.hosts_.at(host_).next_port++, std::move(address));
}

task<result<std::unique_ptr<net::byte_stream>>> line_card::dial_from(std::uint16_t port,
                                                                     std::string address) {
    const std::string target = host_part(address);
    if (pulled_ || (!net_.hosts_.contains(target) && !net_.boxes_.contains(target))) {
        co_return fail(errc::unavailable, "cannot find " + address);
    }
    const auto mine = std::make_shared<attempt>(env_);
    mine->inside = with_port(host_, port);
    mine->target = address;
    mine->outside = net_.seen_as(host_, mine->inside, address);
    std::erase_if(attempts_, [](const auto& weak) { return weak.expired(); });
    attempts_.push_back(mine);
    struct unclaimed {
        line_card& card;
        attempt& who;
        bool claimed = false;
        std::unique_ptr<net::byte_stream> take() {
            claimed = true;
            return card.stream_of(who.made, who.end);
        }
        ~unclaimed() {
            if (who.made && !claimed) {
                card.stream_of(who.made, who.end)->close();  // the caller gave up meanwhile
            }
        }
    } outcome{*this, *mine};
    const auto wake_in = [this, mine](duration time) {
        mine->changed.reset();
        net_.line_.schedule_in(time, [weak = std::weak_ptr(mine)] {
            if (const auto one = weak.lock()) {
                one->changed.set();
            }
        });
    };
    const instant begun = net_.line_.now();
    duration again = std::chrono::seconds(1);
    while (net_.line_.now() - begun < network::gives_up) {
        wake_in(net_.transit(host_, target, opening_bytes));
        co_await mine->changed.wait();
        const answer said = pulled_ || mine->made ? answer::none : knock(*mine);
        if (said != answer::none) {
            wake_in(net_.transit(target, host_, opening_bytes));
            co_await mine->changed.wait();
        }
        if (pulled_) {
            break;
        }
        if (mine->made) {
            co_return outcome.take();
        }
        if (said == answer::refused) {
            co_return fail(errc::unavailable, "cannot reach " + address + ": nobody listens there");
        }
        wake_in(again);
        co_await mine->changed.wait();
        if (mine->made && !pulled_) {
            co_return outcome.take();
        }
        again = std::min(again * 2, network::last_retry);
    }
    co_return fail(errc::unavailable, "cannot reach " + address + ": no answer");
}

task<result<std::unique_ptr<net::byte_stream>>> line_card::punch(std::string own,
                                                                 std::string address) {
    using namespace asio::experimental::awaitable_operators;
    using outcome = std::unique_ptr<net::byte_stream>;
    if (host_part(own) != host_ || own.find(':') == std::string::npos) {
        co_return fail(errc::invalid_argument, own + " is not an address of " + host_);
    }
    auto listening = listen(own);
    if (!listening) {
        co_return fail(std::move(listening.error()));
    }
    const auto dialled = [](line_card& card, std::uint16_t port, std::string to) -> task<outcome> {
        while (true) {
            auto made = co_await card.dial_from(port, to);
            if (made) {
                co_return std::move(*made);
            }
            co_await sleep_for(card.env_, punched_again);
        }
    };
    const auto accepted = [](line_card& card, net::acceptor& at,
                             std::string host) -> task<outcome> {
        while (true) {
            auto made = co_await at.accept();
            if (made && host_part((*made)->description()) == host) {
                co_return std::move(*made);
            }
            co_await sleep_for(card.env_, punched_again);
        }
    };
    const auto port = static_cast<std::uint16_t>(std::stoul(own.substr(own.rfind(':') + 1)));
    auto first = co_await (dialled(*this, port, address) ||
                           accepted(*this, **listening, host_part(address)));
    co_return std::visit([](outcome& made) { return std::move(made); }, first);
}

result<std::unique_ptr<net::acceptor>> line_card::listen(const std::string& address) {
    if (pulled_ || host_part(address) != host_) {
        return fail(errc::invalid_argument,
                    "cannot listen on " + address + ": not an address of " + host_);
    }
    std::string wanted = address;
    if (wanted.ends_with(":0")) {
        wanted = with_port(host_, net_.hosts_.at(host_).next_port++);
    }
    const auto taken = doors_.find(wanted);
    if (const auto at = taken == doors_.end() ? nullptr : taken->second.lock(); at && !at->closed) {
        return fail(errc::unavailable, "cannot listen on " + wanted + ": the address is taken");
    }
    const auto made = std::make_shared<door>(env_, wanted);
    doors_[wanted] = made;
    return std::make_unique<sim_acceptor>(made);
}

}  // namespace calbox::lab
