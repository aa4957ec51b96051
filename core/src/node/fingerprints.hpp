// Finds what was lost while both sides were online: two devices with a session tell each other how
// many versions of shared events they hold, and the sum of those versions' hashes. Where that
// differs twice, one asks the other what it lacks. Owned by the node; core thread only.
#pragma once

#include <functional>
#include <map>

#include "net/session.hpp"
#include "replica/event_store.hpp"

namespace calbox::node {

class fingerprints {
public:
    /// In place of a strategy's name in a `recovery` message.
    static constexpr std::string_view name = "fingerprint";

    struct parts {
        bool is_backup = false;                         // holds all events
        std::function<std::vector<net::peer>()> peers;  // with whom a session is open
        std::function<std::vector<user_id>()> ours;     // signed in here
        std::function<void(const device_id&, wire::recovery_message)> send;
        /// It may have what is lacking here, or not know of what was decided here.
        std::function<void(const device_id&)> differs;
    };
    fingerprints(const environment& env, const replica::event_store& events, parts with)
        : env_(env), events_(events), with_(std::move(with)) {}

    /// Until it is cancelled.
    task<void> keep_comparing();
    task<void> on_message(const net::peer& from, wire::recovery_message what);
    /// What is held is about to be replaced; one may be null.
    void changing(const replica::held_event* before, const replica::held_event* next);
    void on_peer_gone(const device_id& who) { peers_.erase(who); }

private:
    struct print {
        std::uint64_t count = 0, sum = 0;
        static constexpr auto fields =
            std::tuple(codec::field<1>(&print::count), codec::field<2>(&print::sum));
        friend bool operator==(const print&, const print&) = default;
    };
    struct peer_state {
        // What is summed up, and of what; changes go into it as they come.
        std::optional<replica::shown_lists::choice> summed_up;
        print sum;
        std::optional<print> asked, agreed;
        instant agreed_at, not_before;  // when it is asked what is lacking here, again
        duration wait{};
        unsigned differed = 0;    // comparisons, one after the other
        bool knows_none = false;  // an older program
    };
    const print& print_with(const net::peer& who, peer_state& state) const;
    void compare(const net::peer& who);
    void answered(const device_id& who, peer_state& state, bool same);

    const environment& env_;
    const replica::event_store& events_;
    const parts with_;
    std::map<device_id, peer_state> peers_;
};

}  // namespace calbox::node
