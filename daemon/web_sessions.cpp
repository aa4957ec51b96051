#include "web_sessions.hpp"

#include <algorithm>
#include <array>
#include <sstream>

#include <calbox/bytes.hpp>

#include "crypto/primitives.hpp"

namespace calbox::daemon {

namespace {

constexpr std::size_t secret_bytes = 32;

std::string hash_of(std::string_view secret) { return crypto::sha256(to_bytes(secret)).hex(); }

}  // namespace

std::string web_sessions::cookie_name() const { return "calbox_" + std::to_string(port_); }

bool web_sessions::is_over(const entry& one, duration life) const {
    return std::chrono::milliseconds(env_.time.wall().ms - one.last.ms) > life;
}

std::string web_sessions::keep(entries& into, std::size_t most, duration life, owner who) {
    std::erase_if(into, [&](const auto& one) { return is_over(one.second, life); });
    if (into.size() >= most) {
        into.erase(std::min_element(into.begin(), into.end(), [](const auto& a, const auto& b) {
            return a.second.last.ms < b.second.last.ms;
        }));
    }
    std::array<std::uint8_t, secret_bytes> random{};
    env_.entropy.fill(random);
    std::string secret = to_hex(random);
    into.emplace(hash_of(secret), entry{who, env_.time.wall()});
    return secret;
}

std::string web_sessions::make_link(owner who) { return keep(links_, links_max, link_time, who); }

result<std::string> web_sessions::open_by_link(std::string_view secret) {
    const auto found = links_.find(hash_of(secret));
    const bool good = found != links_.end() && !is_over(found->second, link_time);
    if (!good) {
        return fail(errc::unauthorised,
                    "this link was used already, or is older than a minute: calboxctl web makes "
                    "a new one");
    }
    const owner who = found->second.who;
    links_.erase(found);
    return open(who);
}

std::string web_sessions::open(owner who) {
    std::string secret = keep(sessions_, sessions_max, idle_time, who);
    changed_();
    return secret;
}

std::optional<web_sessions::owner> web_sessions::find(std::string_view secret) {
    const auto found = sessions_.find(hash_of(secret));
    if (found == sessions_.end() || is_over(found->second, idle_time)) {
        return std::nullopt;
    }
    found->second.last = env_.time.wall();
    return found->second.who;
}

void web_sessions::close(std::string_view secret) {
    if (sessions_.erase(hash_of(secret)) > 0) {
        changed_();
    }
}

void web_sessions::close_all(const user_id& who) {
    const auto is_his = [&](const auto& one) { return one.second.who == owner(who); };
    std::erase_if(links_, is_his);
    if (std::erase_if(sessions_, is_his) > 0) {
        changed_();
    }
    if (led_ != nullptr) {
        led_->close_all(who);
    }
}

std::string web_sessions::text() const {
    std::string made;
    for (const auto& [hash, one] : sessions_) {
        made += hash + " " + (one.who ? one.who->hex() : "nobody") + " " +
                std::to_string(one.last.ms) + "\n";
    }
    return made;
}

void web_sessions::load(const std::string& text) {
    std::istringstream lines(text);
    std::string hash, who;
    timestamp last;
    while (sessions_.size() < sessions_max && lines >> hash >> who >> last.ms) {
        const auto user = user_id::from_hex(who);
        if (hash.size() == hash_of({}).size() && (user || who == "nobody")) {
            sessions_.emplace(hash, entry{user, last});
        }
    }
}

}  // namespace calbox::daemon
