// Who is signed in on the page: browsers by their cookies, and links that are good once. Owned by
// the composition root, before the API and the page's gate; core thread only. Only hashes of the
// secrets are kept. Sessions outlive a restart by a text that the root keeps on the disk.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "node/services.hpp"

namespace calbox::daemon {

/// The page's door for other machines, to be told to people.
struct door_view {
    std::string address;           // "https://calendar.example.org:8443/"
    std::string fingerprint;       // SHA-256 of its certificate, "AB:CD:.."
    timestamp until;               // the certificate's end
    bool own_certificate = false;  // it vouches for itself
};

class web_sessions {
public:
    explicit web_sessions(const environment& env) : env_(env) {}

    static constexpr duration link_time = std::chrono::minutes(1);
    static constexpr duration idle_time = std::chrono::days(30);
    static constexpr std::size_t sessions_max = 1'024;
    static constexpr std::size_t links_max = 16;

    /// "127.0.0.1:4000": the page is served there from now on; on its default port without it.
    void serve_at(std::string authority, std::uint16_t port) {
        authority_ = std::move(authority);
        port_ = port;
    }
    /// Empty while the page is not served.
    const std::string& authority() const noexcept { return authority_; }
    /// The door for other machines, which has sessions of its own.
    void tell_door(door_view door) { door_ = std::move(door); }
    const std::optional<door_view>& door() const noexcept { return door_; }
    /// Of the cookie. With the port, since cookies of one host are shared by all of its ports.
    std::string cookie_name() const;

    /// Whose browser it is. Nobody's: it may look at how the device is doing, and no more.
    using owner = std::optional<user_id>;

    /// A secret that open_by_link() takes once, within link_time.
    std::string make_link(owner who);
    /// The secret of a new session. unauthorised: the link is unknown, used or too old.
    result<std::string> open_by_link(std::string_view secret);
    /// The secret of a new session. Of too many, the one that was used least recently goes.
    std::string open(owner who);
    /// Whose session it is; nothing when it is none. Counts as a use.
    std::optional<owner> find(std::string_view secret);
    void close(std::string_view secret);
    /// All of a user who has signed out on this device, here and at the door.
    void close_all(const user_id& who);
    /// Whose sessions end with these.
    void lead(web_sessions& others) { led_ = &others; }

    /// All sessions, a line for each; load() reads it and leaves out what it does not understand.
    std::string text() const;
    void load(const std::string& text);
    /// Called after each open and close.
    void on_change(std::function<void()> tell) { changed_ = std::move(tell); }

private:
    struct entry {
        owner who;
        timestamp last;  // use
    };
    /// By the hash of their secrets, so that looking one up tells nothing about the others.
    using entries = std::map<std::string, entry>;

    bool is_over(const entry& one, duration life) const;
    std::string keep(entries& into, std::size_t most, duration life, owner who);

    const environment& env_;
    std::string authority_;
    std::uint16_t port_ = 0;
    std::optional<door_view> door_;
    entries sessions_, links_;
    web_sessions* led_ = nullptr;
    std::function<void()> changed_ = [] {};
};

}  // namespace calbox::daemon
