// When to try for a direct connection to a device that is reached through a relay: soon after the
// relayed session stands, a few times, and then ever more rarely. Sans-IO: what happens goes in,
// whom to try with comes out. Owned by the node; core thread only.
#pragma once

#include <map>
#include <optional>

#include "base/environment.hpp"
#include "wire/messages.hpp"

namespace calbox::overlay {

/// The question of the handler "punch", to the rendezvous that relays: introduce me to `with`. It
/// asks that device by "punch_now", with the address at which it sees the asker.
struct punch_question {
    device_id with;
    std::string at;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&punch_question::with), codec::field<2>(&punch_question::at));
};
/// Where the rendezvous sees the other one, who dials already.
struct punch_answer {
    std::string at;
    static constexpr auto fields = std::tuple(codec::field<1>(&punch_answer::at));
};

class puncher {
public:
    /// A relayed session with `device` stands.
    void relayed(const device_id& device, instant now);
    /// It has ended, or a direct one has taken its place.
    void over(const device_id& device) noexcept;
    /// Whom to try with now; ended() must follow.
    std::optional<device_id> next(instant now);
    void ended(const device_id& device, bool punched, instant now, random& chance);
    /// When next() has somebody; nothing while it depends on what happens.
    std::optional<instant> due() const;

    static constexpr duration first_after = std::chrono::milliseconds(500);
    static constexpr duration soon = std::chrono::seconds(30);   // after the first failures
    static constexpr unsigned tries_soon = 3;                    // with the first one
    static constexpr duration later = std::chrono::minutes(15);  // then, and twice that, and so on
    static constexpr duration latest = std::chrono::hours(4);
    static constexpr std::size_t at_once = 4;
    static constexpr std::size_t remembered = 1'000;

private:
    struct state {
        bool relayed = false, running = false;
        unsigned failures = 0;  // in a row
        instant not_before{};
    };
    std::map<device_id, state> known_;
    std::size_t running_ = 0;
};

}  // namespace calbox::overlay
