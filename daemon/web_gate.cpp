#include "web_gate.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v6.hpp>

#include "api_calls.hpp"
#include "web_files.hpp"

namespace calbox::daemon {

namespace {

constexpr std::size_t tries_per_minute = 20;        // of passwords, on this machine
constexpr std::size_t others_tries_per_minute = 6;  // of passwords, from one place
// A try is two questions to the registry, which takes 60 in a minute from one device.
constexpr std::size_t all_tries_per_minute = 25;  // from all of them
constexpr std::string_view session_path = "/web/session";
constexpr std::string_view password_path = "/v1/account/password";
constexpr std::string_view page_header = "calbox-page";

bool is_safe(std::string_view method) { return method == "GET" || method == "HEAD"; }

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

/// Whom a try counts for: who has one IPv6 address has 2^64 of them.
std::string place_of(const std::string& host) {
    boost::system::error_code none;
    const auto address = asio::ip::make_address(host, none);
    return !none && address.is_v6() ? asio::ip::make_network_v6(address.to_v6(), 64).to_string()
                                    : host;
}

/// What a browser must keep to with every answer. Styles are set by the page's scripts alone, one
/// property at a time, which style-src does not forbid.
const std::array<http::field, 5> guards{{
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
     "connect-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
     "form-action 'none'"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Referrer-Policy", "no-referrer"},
    {"X-Frame-Options", "DENY"},
}};

http::fields with_guards(http::fields head) {
    for (const http::field& one : guards) {
        const bool there = std::any_of(head.begin(), head.end(),
                                       [&](const auto& own) { return own.name == one.name; });
        if (!there) {
            head.push_back(one);
        }
    }
    return head;
}

constexpr std::string_view stop_path = "/v1/stop";

/// What the page's users do with calboxctl only: the network and its strategies are the device's,
/// and not one user's.
bool is_for_page(std::string_view method, std::string_view path) {
    static constexpr std::array<std::string_view, 5> shown{
        "/v1/network", "/v1/plugins", "/v1/discovery", "/v1/recovery", "/v1/store"};
    if (std::ranges::any_of(shown, [&](auto prefix) { return path.starts_with(prefix); })) {
        return is_safe(method);
    }
    return path != "/v1/web" && path != stop_path && path != "/v1/account/restore" &&
           (path != "/v1/session" || method == "DELETE");
}

/// What a browser of nobody's may see. Who was let in as nobody came by calboxctl on this machine
/// and runs the device: he may stop it, and a user whom it serves may not.
bool is_for_nobody(std::string_view method, std::string_view path) {
    static constexpr std::array<std::string_view, 4> seen{"/v1/status", "/v1/peers", "/v1/doctor",
                                                          "/v1/network"};
    return path == stop_path ||
           (is_safe(method) && std::find(seen.begin(), seen.end(), path) != seen.end());
}

}  // namespace

/// The exchange as the API sees it: another head, and answers with the guards.
class web_gate::guarded final : public http::exchange {
public:
    explicit guarded(http::exchange& inner) : inner_(inner), asked_(inner.asked()) {}

    void ask_as(const std::optional<std::string>& user) {
        std::erase_if(asked_.head, [](const http::field& one) {
            return one.name == "calbox-user" || one.name == "cookie";
        });
        if (user) {
            asked_.head.push_back({"calbox-user", *user});
        }
    }
    const http::request& asked() const noexcept override { return asked_; }
    const std::string& from() const noexcept override { return inner_.from(); }
    node::byte_source& body() noexcept override { return inner_.body(); }
    task<result<std::string>> read_all(std::size_t limit) override {
        return inner_.read_all(limit);
    }
    task<result<void>> answer(http::response what) override {
        what.head = with_guards(std::move(what.head));
        return inner_.answer(std::move(what));
    }
    task<result<void>> begin(int status, http::fields head,
                             std::optional<std::uint64_t> length) override {
        return inner_.begin(status, with_guards(std::move(head)), length);
    }
    node::byte_sink& out() noexcept override { return inner_.out(); }
    void broken() noexcept override { inner_.broken(); }
    bool answered() const noexcept override { return inner_.answered(); }
    task<void> gone() override { return inner_.gone(); }

private:
    http::exchange& inner_;
    http::request asked_;
};

task<void> web_gate::serve(http::exchange& outer) {
    guarded line(outer);
    const std::string path(path_of(line.asked().target));
    const bool is_api = path.starts_with("/v1/") || path == session_path;
    result<http::response> made = fail(errc::internal);
    if (auto trusted = comes_from_page(line.asked(), is_api); !trusted) {
        made = fail(std::move(trusted.error()));
    } else {
        made = co_await dispatch(line);
    }
    if (!line.answered()) {
        co_await line.answer(made ? std::move(*made) : http::problem(made.error()));
    }
}

/// A name that another site has made to stand for this machine (DNS rebinding) is refused by its
/// Host; a request that another site has made a browser send, by where it says it comes from, and
/// by a header that a browser lets no other site set.
result<void> web_gate::comes_from_page(const http::request& asked, bool is_api) const {
    const std::string* const host = asked.find("host");
    const bool ours = host != nullptr && asked.count("host") == 1 &&
                      std::ranges::find(place_.hosts, *host) != place_.hosts.end();
    if (!ours) {
        return fail(errc::forbidden, "this is " + scheme() + place_.hosts.front() + "/, and " +
                                         (place_.for_others ? "web.door.names knows no such name"
                                                            : "under no other name"));
    }
    const std::string* const origin = asked.find("origin");
    const std::string* const site = asked.find("sec-fetch-site");
    const bool from_here = (origin == nullptr || *origin == scheme() + *host) &&
                           (site == nullptr || *site == "same-origin" || *site == "none");
    if ((is_api || !is_safe(asked.method)) && !from_here) {
        return fail(errc::forbidden, "another site may not ask this");
    }
    if (!is_safe(asked.method) && asked.find(page_header) == nullptr) {
        return fail(errc::forbidden, "a change needs the header Calbox-Page");
    }
    return {};
}

task<result<http::response>> web_gate::dispatch(guarded& line) {
    const http::request& asked = line.asked();
    const std::string path(path_of(asked.target));
    if (path == session_path) {
        co_return co_await session(line);
    }
    if (path.starts_with("/v1/")) {
        const auto owner = owner_of(asked);
        if (!owner) {
            co_return fail(errc::unauthorised, "sign in on the page first, or by calboxctl web");
        }
        const bool fitting =
            *owner ? is_for_page(asked.method, path) : is_for_nobody(asked.method, path);
        if (!fitting) {
            co_return fail(errc::forbidden, "this is not done on the page: use calboxctl");
        }
        if (path == password_path) {
            if (auto allowed = may_try_passwords(line.from()); !allowed) {
                co_return fail(std::move(allowed.error()));
            }
        }
        std::optional<std::string> name;
        for (const auto& one : on_.account.signed_in()) {
            if (*owner && one.id == **owner) {
                name = one.name;
            }
        }
        line.ask_as(name);
        co_await api_.serve(line);
        co_return http::response();
    }
    if (!is_safe(asked.method)) {
        co_return fail(errc::not_found, "there is no such path");
    }
    if (path == "/" && !page_is_built()) {
        http::response none;
        none.head.push_back({"Content-Type", "text/plain; charset=utf-8"});
        none.body = "This build has no page. calboxctl does everything that it would do.\n";
        co_return none;
    }
    const page_file* const file = find_page_file(path);
    if (file == nullptr) {
        co_return fail(errc::not_found, "the page has no such file");
    }
    http::response made;
    made.head.push_back({"Content-Type", std::string(file->media_type)});
    made.head.push_back({"Content-Encoding", "gzip"});
    made.body = std::string(file->gzip);
    co_return made;
}

// Sessions ---------------------------------------------------------------------------------------

std::string web_gate::secret_in(const http::request& asked) const {
    const std::string wanted = cookie_name() + "=";
    for (const http::field& one : asked.head) {
        if (one.name != "cookie") {
            continue;
        }
        std::string_view left = one.value;
        while (!left.empty()) {
            auto pair = left.substr(0, left.find(';'));
            left.remove_prefix(std::min(left.size(), pair.size() + 1));
            pair.remove_prefix(std::min(pair.size(), pair.find_first_not_of(' ')));
            if (pair.starts_with(wanted)) {
                return std::string(pair.substr(wanted.size()));
            }
        }
    }
    return {};
}

/// Nothing: the request has no session. One of a user who has signed out meanwhile is over.
std::optional<web_sessions::owner> web_gate::owner_of(const http::request& asked) {
    const std::string secret = secret_in(asked);
    const auto owner = secret.empty() ? std::nullopt : sessions_.find(secret);
    if (owner && *owner) {
        const auto users = on_.account.signed_in();
        const bool here = std::any_of(users.begin(), users.end(),
                                      [&](const auto& one) { return one.id == **owner; });
        if (!here) {
            sessions_.close(secret);
            return std::nullopt;
        }
    }
    return owner;
}

http::response web_gate::who_response(int status, const web_sessions::owner& who) const {
    json user;
    for (const auto& one : on_.account.signed_in()) {
        if (who && one.id == *who) {
            user = to_json(one);
        }
    }
    return json_response(status, {{"user", user}, {"version", CALBOX_VERSION}});
}

/// Over TLS with the prefix by which a browser lets no other host or scheme set it (RFC 6265bis).
std::string web_gate::cookie_name() const {
    return (place_.for_others ? "__Host-" : "") + sessions_.cookie_name();
}

std::string web_gate::cookie(std::string_view secret, std::int64_t seconds) const {
    return cookie_name() + "=" + std::string(secret) + "; Path=/; HttpOnly; SameSite=Strict" +
           (place_.for_others ? "; Secure" : "") + "; Max-Age=" + std::to_string(seconds);
}

task<result<http::response>> web_gate::session(guarded& line) {
    const http::request& asked = line.asked();
    if (asked.method == "POST") {
        co_return co_await sign_in(line);
    }
    if (asked.method == "DELETE") {
        sessions_.close(secret_in(asked));
        http::response made = empty_response();
        made.head.push_back({"Set-Cookie", cookie("", 0)});
        co_return made;
    }
    const auto owner = owner_of(asked);
    if (!is_safe(asked.method) || !owner) {
        co_return fail(errc::unauthorised, "no session");
    }
    co_return who_response(200, *owner);
}

/// Whoever may use this address may try passwords, and each try costs the registry and this
/// machine something. Somebody who tries all day keeps nobody else out, unless he is many.
result<void> web_gate::may_try_passwords(const std::string& from) {
    const instant now = env_.time.now();
    std::erase_if(tries_,
                  [&](const auto& one) { return now - one.when > std::chrono::minutes(1); });
    std::string place = place_of(from);
    const auto his = std::ranges::count(tries_, place, &try_of_password::from);
    const std::size_t most = place_.for_others ? others_tries_per_minute : tries_per_minute;
    if (std::cmp_greater_equal(his, most) || tries_.size() >= all_tries_per_minute) {
        return fail(errc::queue_full, place_.for_others
                                          ? "too many tries: wait a minute"
                                          : "too many tries: wait a minute, or use calboxctl web");
    }
    tries_.push_back({now, std::move(place)});
    return {};
}

/// By what somebody signs in: a link, or a name and a password.
struct web_gate::entry {
    std::optional<std::string> link, name, password;
    std::optional<bool> create;
};

task<result<std::string>> web_gate::open_session(entry by, std::string from) {
    if (by.link) {
        co_return sessions_.open_by_link(*by.link);
    }
    if (!by.name || !by.password) {
        co_return fail(errc::invalid_argument, "name and password are needed, or a link");
    }
    const bool create = by.create.value_or(false);
    if (create && !place_.registers) {
        co_return fail(errc::forbidden,
                       "no accounts are made here: register on a device of your own, or ask "
                       "whoever runs this host");
    }
    if (auto allowed = may_try_passwords(from); !allowed) {
        co_return fail(std::move(allowed.error()));
    }
    const auto account =
        co_await on_.account.sign_in(std::move(*by.name), std::move(*by.password), create);
    if (!account) {
        co_return fail(account.error());
    }
    co_return sessions_.open(account->id);
}

task<result<http::response>> web_gate::sign_in(guarded& line) {
    const auto body = co_await document_of(line);
    if (!body) {
        co_return fail(body.error());
    }
    entry by;
    object_reader from(*body);
    from.text("link", by.link);
    from.text("name", by.name);
    from.text("password", by.password);
    from.truth("register", by.create);
    if (auto whole = from.finish(); !whole) {
        co_return fail(std::move(whole.error()));
    }
    const auto secret = co_await open_session(std::move(by), line.from());
    if (!secret) {
        co_return fail(secret.error());
    }
    constexpr std::int64_t seconds =
        std::chrono::duration_cast<std::chrono::seconds>(web_sessions::idle_time).count();
    http::response made = who_response(201, *sessions_.find(*secret));
    made.head.push_back({"Set-Cookie", cookie(*secret, seconds)});
    co_return made;
}

}  // namespace calbox::daemon
