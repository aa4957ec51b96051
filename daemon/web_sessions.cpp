#include "web_sessions.hpp"

#include <algorithm>
#include <array>

#include <calbox/bytes.hpp>

#include "crypto/primitives.hpp"

namespace calbox::daemon {

namespace {

constexpr std::size_t secret_bytes = 32;

std::string hash_of(std::string_view secret) { return crypto::sha256(to_bytes(secret)).hex(); }

}  // namespace

std::string web_sessions::cookie_name() const {
    return "calbox_" + authority_.substr(authority_.rfind(':') + 1);
}

std::string web_sessions::keep(entries& into, std::size_t most, duration life, owner who) {
    const instant now = env_.time.now();
    std::erase_if(into, [&](const auto& one) { return now - one.second.last > life; });
    if (into.size() >= most) {
        into.erase(std::min_element(into.begin(), into.end(), [](const auto& a, const auto& b) {
            return a.second.last < b.second.last;
        }));
    }
    std::array<std::uint8_t, secret_bytes> random{};
    env_.entropy.fill(random);
    std::string secret = to_hex(random);
    into.emplace(hash_of(secret), entry{who, now});
    return secret;
}

std::string web_sessions::make_link(owner who) { return keep(links_, links_max, link_time, who); }

result<std::string> web_sessions::open_by_link(std::string_view secret) {
    const auto found = links_.find(hash_of(secret));
    const bool good = found != links_.end() && env_.time.now() - found->second.last <= link_time;
    if (!good) {
        return fail(errc::unauthorised,
                    "this link was used already, or is older than a minute: calboxctl web makes "
                    "a new one");
    }
    const owner who = found->second.who;
    links_.erase(found);
    return open(who);
}

std::string web_sessions::open(owner who) { return keep(sessions_, sessions_max, idle_time, who); }

std::optional<web_sessions::owner> web_sessions::find(std::string_view secret) {
    const auto found = sessions_.find(hash_of(secret));
    const instant now = env_.time.now();
    if (found == sessions_.end() || now - found->second.last > idle_time) {
        return std::nullopt;
    }
    found->second.last = now;
    return found->second.who;
}

void web_sessions::close(std::string_view secret) { sessions_.erase(hash_of(secret)); }

}  // namespace calbox::daemon
