#include "http_server.hpp"

#include <algorithm>
#include <cstring>
#include <list>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/task_scope.hpp"
#include "directories.hpp"
#include "http_connection.hpp"

namespace calbox::http {

namespace {

using asio::local::stream_protocol;
using boost::system::error_code;

/// Whether somebody answers on the socket at `path`.
result<bool> answers(const std::string& path) {
    asio::io_context context;
    stream_protocol::socket probe(context);
    error_code problem;
    probe.open(stream_protocol(), problem);
    probe.non_blocking(true, problem);
    probe.connect(stream_protocol::endpoint(path), problem);
    if (!problem || problem == asio::error::try_again || problem == asio::error::would_block) {
        return true;
    }
    if (problem == asio::error::connection_refused) {
        return false;
    }
    return fail(errc::io_failed, "cannot use the socket " + path + ": " + problem.message());
}

result<void> make_room_at(const std::filesystem::path& path) {
    struct stat found{};
    if (::lstat(path.c_str(), &found) != 0) {
        return {};
    }
    if (!S_ISSOCK(found.st_mode)) {
        return fail(errc::io_failed, "cannot listen on " + path.string() +
                                         ": there is something that is not a socket");
    }
    const auto used = answers(path.string());
    if (!used) {
        return fail(used.error());
    }
    if (*used) {
        return fail(errc::already_exists,
                    "another calboxd answers on " + path.string() + " already");
    }
    if (::unlink(path.c_str()) != 0) {
        return fail(errc::io_failed,
                    "cannot remove the socket that an earlier calboxd left at " + path.string());
    }
    return {};
}

}  // namespace

struct server::impl {
    impl(const environment& env_in, server_settings settings_in, handler& who_in)
        : env(env_in),
          settings(std::move(settings_in)),
          who(who_in),
          scope(env_in, "http"),
          acceptor(env_in.executor) {}

    result<void> listen();
    result<void> listen_on_socket();
    result<void> listen_on_address();
    error_code try_address(const asio::ip::tcp::endpoint& where);
    task<void> accept_all();
    task<void> converse(connection* one);
    bool is_owner(plain_socket& from) const;
    void take(plain_socket from);
    void forget(connection* one) noexcept;
    void remove_socket() noexcept;

    const environment& env;
    const server_settings settings;
    handler& who;
    task_scope scope;
    asio::basic_socket_acceptor<asio::generic::stream_protocol> acceptor;
    std::uint16_t port = 0;                       // of the address
    std::list<std::unique_ptr<connection>> open;  // the oldest first
    struct stat ours{};                           // the socket file, once it is there
    bool stopping = false;
    std::optional<timer_queue::id> grace;
};

result<void> server::impl::listen() {
    auto listening = settings.addresses.empty() ? listen_on_socket() : listen_on_address();
    if (listening) {
        scope.spawn("accept", accept_all());
    }
    return listening;
}

result<void> server::impl::listen_on_address() {
    error_code problem;
    for (const auto& where : settings.addresses) {
        problem = try_address(where);
        if (!problem) {
            return {};
        }
    }
    const auto& first = settings.addresses.front();
    return fail(errc::io_failed, "cannot listen on " + first.address().to_string() + ":" +
                                     std::to_string(first.port()) + ": " + problem.message());
}

error_code server::impl::try_address(const asio::ip::tcp::endpoint& where) {
    error_code problem;
    error_code ignored;
    acceptor.open(where.protocol(), problem);
    if (!problem) {
        // The port of a run before may be taken again at once.
        acceptor.set_option(asio::socket_base::reuse_address(true), problem);
    }
    if (!problem) {
        acceptor.bind(where, problem);
    }
    if (!problem) {
        acceptor.listen(asio::socket_base::max_listen_connections, problem);
    }
    asio::generic::stream_protocol::endpoint bound;
    if (!problem) {
        bound = acceptor.local_endpoint(problem);
    }
    if (problem) {
        acceptor.close(ignored);
        return problem;
    }
    asio::ip::tcp::endpoint here;
    here.resize(bound.size());
    std::memcpy(here.data(), bound.data(), bound.size());
    port = here.port();
    return {};
}

result<void> server::impl::listen_on_socket() {
    const std::string path = settings.socket.string();
    if (path.size() >= sizeof(sockaddr_un::sun_path)) {
        return fail(errc::invalid_argument, "the path of the socket is longer than " +
                                                std::to_string(sizeof(sockaddr_un::sun_path) - 1) +
                                                " bytes: " + path);
    }
    if (auto made = daemon::make_private_directory(settings.socket.parent_path()); !made) {
        return made;
    }
    if (auto room = make_room_at(settings.socket); !room) {
        return room;
    }
    error_code problem;
    acceptor.open(stream_protocol(), problem);
    // Nobody else may connect, not even in the moment between bind and chmod.
    const mode_t before = ::umask(0177);
    if (!problem) {
        acceptor.bind(stream_protocol::endpoint(path), problem);
    }
    ::umask(before);
    if (!problem && ::stat(path.c_str(), &ours) != 0) {
        problem = error_code(errno, boost::system::system_category());
    }
    if (!problem) {
        acceptor.listen(asio::socket_base::max_listen_connections, problem);
    }
    if (problem) {
        return fail(errc::io_failed, "cannot listen on " + path + ": " + problem.message());
    }
    return {};
}

task<void> server::impl::accept_all() {
    while (!stopping) {
        plain_socket from(env.executor);
        error_code problem;
        co_await acceptor.async_accept(from, asio::redirect_error(asio::use_awaitable, problem));
        if (stopping) {
            co_return;
        }
        if (problem) {
            // Most likely no file descriptors are left: they come back when connections end.
            env.log.write(log_level::warn, "http",
                          "cannot accept a connection: " + problem.message());
            co_await sleep_for(env, std::chrono::milliseconds(200));
            continue;
        }
        if (!settings.addresses.empty()) {
            // Small answers do not wait for one another.
            from.set_option(asio::ip::tcp::no_delay(true), problem);
        }
        if (is_owner(from)) {
            take(std::move(from));
        }
    }
}

bool server::impl::is_owner(plain_socket& from) const {
    if (!settings.addresses.empty()) {
        return true;
    }
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(from.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
        return false;
    }
    return peer.uid == settings.owner || peer.uid == 0;
}

void server::impl::take(plain_socket from) {
    const std::string host = host_of(from);
    const auto his =
        std::ranges::count_if(open, [&](const auto& one) { return one->from() == host; });
    if (settings.tls && std::cmp_greater_equal(his, settings.connections_of_host)) {
        return;
    }
    if (open.size() >= settings.connections) {
        const auto spare =
            std::find_if(open.begin(), open.end(), [](const auto& one) { return one->idle(); });
        if (spare == open.end() && settings.tls) {
            return;  // a refusal would have to wait for a handshake
        }
        if (spare == open.end()) {
            const response busy =
                problem(503, error(errc::unavailable, "too many connections are open"));
            const std::string text =
                "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n"
                "Retry-After: 1\r\nConnection: close\r\nContent-Length: " +
                std::to_string(busy.body.size()) + "\r\n\r\n" + busy.body;
            // It fits the socket's empty buffer; who does not get it has at least been closed.
            [[maybe_unused]] const auto sent =
                ::send(from.native_handle(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
            return;
        }
        (*spare)->close();
    }
    auto socket = settings.tls ? secured(std::move(from), settings.tls()) : plain(std::move(from));
    open.push_back(std::make_unique<connection>(env, settings, std::move(socket), host));
    scope.spawn("connection", converse(open.back().get()));
}

task<void> server::impl::converse(connection* one) {
    struct forgetting {
        server::impl& owner;
        connection* one;
        ~forgetting() { owner.forget(one); }
    };
    const forgetting at_the_end{*this, one};
    co_await one->run(who);
}

void server::impl::forget(connection* one) noexcept {
    const auto found = std::find_if(open.begin(), open.end(),
                                    [&](const auto& owned) { return owned.get() == one; });
    open.erase(found);
}

void server::impl::remove_socket() noexcept {
    struct stat found{};
    const bool same = ours.st_ino != 0 && ::lstat(settings.socket.c_str(), &found) == 0 &&
                      found.st_ino == ours.st_ino && found.st_dev == ours.st_dev;
    if (same) {
        ::unlink(settings.socket.c_str());
    }
    ours = {};
}

server::server(const environment& env, server_settings settings, handler& who)
    : impl_(std::make_unique<impl>(env, std::move(settings), who)) {}
server::~server() = default;

result<void> server::start() { return impl_->listen(); }

void server::request_stop() noexcept {
    impl& self = *impl_;
    if (std::exchange(self.stopping, true)) {
        return;
    }
    error_code ignored;
    self.acceptor.close(ignored);
    self.remove_socket();
    for (const auto& one : self.open) {
        one->stop();
    }
    self.grace = self.env.timers.schedule(self.env.time.now() + self.settings.grace_time, [&self] {
        self.grace.reset();
        self.scope.request_stop();
    });
}

task<void> server::join() {
    co_await impl_->scope.join();
    if (impl_->grace) {
        impl_->env.timers.cancel(*impl_->grace);
        impl_->grace.reset();
    }
}

std::size_t server::connections() const noexcept { return impl_->open.size(); }

std::uint16_t server::port() const noexcept { return impl_->port; }

}  // namespace calbox::http
