#include "net/multicast_real.hpp"

#include <array>
#include <cstring>
#include <deque>
#include <set>

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <boost/asio/ip/multicast.hpp>
#include <boost/asio/ip/udp.hpp>

#include "net/tcp_real.hpp"

namespace calbox::net {

namespace {

using udp = asio::ip::udp;
constexpr std::size_t waiting_most = 64;  // what comes meanwhile is lost, as datagrams are

/// Of the interfaces that are up and can do this; of the loopback in any case.
std::set<asio::ip::address_v4> interfaces(bool only_loopback) {
    std::set<asio::ip::address_v4> found{asio::ip::address_v4::loopback()};
    ifaddrs* all = nullptr;
    if (only_loopback || ::getifaddrs(&all) != 0) {
        return found;
    }
    for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
        const bool fits = one->ifa_addr != nullptr && one->ifa_addr->sa_family == AF_INET &&
                          (one->ifa_flags & IFF_UP) != 0 && (one->ifa_flags & IFF_MULTICAST) != 0;
        if (fits) {
            sockaddr_in address{};
            std::memcpy(&address, one->ifa_addr, sizeof address);
            found.insert(asio::ip::address_v4(ntohl(address.sin_addr.s_addr)));
        }
    }
    ::freeifaddrs(all);
    return found;
}

}  // namespace

struct udp_multicast::state {
    struct ear {
        explicit ear(const asio::any_io_executor& executor) : socket(executor) {}
        udp::socket socket;
        udp::endpoint from;
        std::array<std::uint8_t, datagram_bytes> buffer{};
    };

    explicit state(const environment& env)
        : arrived(env), questions(env.executor), answers(env.executor) {}

    /// The read that waits keeps what it reads into.
    static void listen(const std::shared_ptr<state>& mine, ear& on) {
        on.socket.async_receive_from(
            asio::buffer(on.buffer), on.from,
            [mine, &on](boost::system::error_code problem, std::size_t size) {
                if (mine->closed || problem == asio::error::operation_aborted) {
                    return;
                }
                if (!problem && mine->waiting.size() < waiting_most) {
                    const auto end = on.buffer.begin() + static_cast<std::ptrdiff_t>(size);
                    mine->waiting.push_back(
                        {on.from.address().to_string() + ":" + std::to_string(on.from.port()),
                         bytes(on.buffer.begin(), end)});
                    mine->arrived.set();
                }
                listen(mine, on);
            });
    }

    event arrived;
    std::deque<datagram> waiting;
    ear questions;  // at the group's port, which all daemons of a machine share
    ear answers;    // at a port of its own, from which it also asks
    std::set<asio::ip::address_v4> joined;
    bool closed = false;
};

udp_multicast::udp_multicast(const environment& env, bool only_loopback)
    : env_(env), only_loopback_(only_loopback) {}
udp_multicast::~udp_multicast() { udp_multicast::close(); }

result<void> udp_multicast::open() {
    const auto made = std::make_shared<state>(env_);
    const auto to = asio::ip::make_address_v4(group);
    boost::system::error_code problem;
    made->questions.socket.open(udp::v4(), problem);
    if (!problem) {
        made->questions.socket.set_option(asio::socket_base::reuse_address(true), problem);
    }
    if (!problem) {
        made->questions.socket.bind({to, port}, problem);
    }
    if (!problem) {
        made->answers.socket.open(udp::v4(), problem);
    }
    if (!problem) {
        made->answers.socket.bind(
            {only_loopback_ ? asio::ip::address_v4::loopback() : asio::ip::address_v4::any(), 0},
            problem);
    }
    if (problem) {
        return fail(errc::unavailable, problem.message());
    }
    made->answers.socket.non_blocking(true, problem);
    made->answers.socket.set_option(asio::ip::multicast::hops(1), problem);
    for (const auto& one : interfaces(only_loopback_)) {
        boost::system::error_code left_out;
        made->questions.socket.set_option(asio::ip::multicast::join_group(to, one), left_out);
        if (!left_out) {
            made->joined.insert(one);
        } else {
            problem = left_out;
        }
    }
    if (made->joined.empty()) {
        return fail(errc::unavailable, problem.message());
    }
    state_ = made;
    state::listen(state_, state_->questions);
    state::listen(state_, state_->answers);
    return {};
}

task<result<multicast::datagram>> udp_multicast::receive() {
    const auto mine = state_;
    while (mine && !mine->closed && mine->waiting.empty()) {
        mine->arrived.reset();
        co_await mine->arrived.wait();
    }
    if (!mine || mine->closed) {
        co_return fail(errc::closed, "nobody listens any more");
    }
    datagram next = std::move(mine->waiting.front());
    mine->waiting.pop_front();
    co_return next;
}

void udp_multicast::say(byte_view data) {
    if (!state_ || state_->closed) {
        return;
    }
    const udp::endpoint to(asio::ip::make_address_v4(group), port);
    for (const auto& one : state_->joined) {
        boost::system::error_code lost;
        state_->answers.socket.set_option(asio::ip::multicast::outbound_interface(one), lost);
        if (!lost) {
            state_->answers.socket.send_to(asio::buffer(data.data(), data.size()), to, 0, lost);
        }
    }
}

void udp_multicast::answer(const std::string& to, byte_view data) {
    const auto parts = split_address(to);
    if (!state_ || state_->closed || !parts) {
        return;
    }
    boost::system::error_code lost;
    const auto host = asio::ip::make_address(parts->first, lost);
    if (!lost) {
        const udp::endpoint there(host, static_cast<std::uint16_t>(std::stoul(parts->second)));
        state_->answers.socket.send_to(asio::buffer(data.data(), data.size()), there, 0, lost);
    }
}

void udp_multicast::close() noexcept {
    if (state_ && !std::exchange(state_->closed, true)) {
        boost::system::error_code ignored;
        state_->questions.socket.close(ignored);
        state_->answers.socket.close(ignored);
        state_->arrived.set();
    }
}

}  // namespace calbox::net
