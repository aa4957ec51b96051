// Can others dial this device? A rendezvous that is asked dials back where it sees the asker, and
// nowhere else. Values and a small machine; core thread only.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/environment.hpp"
#include "wire/messages.hpp"

namespace calbox::overlay {

/// The question of the handler "dial_back": is the asker reached at this port of the address from
/// which it asks?
struct dial_back {
    std::uint32_t port = 0;
    static constexpr auto fields = std::tuple(codec::field<1>(&dial_back::port));
};
struct dialled_back {
    bool reached = false;
    std::string address;  // that was dialled
    static constexpr auto fields = std::tuple(codec::field<1>(&dialled_back::reached),
                                              codec::field<2>(&dialled_back::address));
};

/// "host:port" with the host of `seen_at`, as a stream describes where its other end is; nothing
/// when there is no host in it, or the port is none.
std::optional<std::string> address_to_dial(std::string_view seen_at, std::uint32_t port);
/// The port of "host:port".
std::optional<std::uint32_t> port_of(std::string_view address);

/// Dials are dear, and whoever asks for them may mean harm: each pair of asker and dialled has one
/// in a while, and all together so many in a second.
class dial_limit {
public:
    bool admit(const device_id& asker, const device_id& dialled, instant now);

    static constexpr duration for_one = std::chrono::seconds(20);
    static constexpr std::size_t at_once = 10;
    static constexpr duration window = std::chrono::seconds(1);
    static constexpr std::size_t remembered = 10'000;

private:
    std::map<std::pair<device_id, device_id>, instant> asked_;
    std::size_t in_window_ = 0;
    instant window_began_{};
};

enum class reachability { unknown, reachable, unreachable };

/// What this device believes of itself. Yes at the first yes; no only when two in a row say so.
class reach_belief {
public:
    void hear(bool reached) noexcept;
    /// Another address, or another network.
    void forget() noexcept { *this = {}; }
    reachability now() const noexcept { return now_; }

private:
    reachability now_ = reachability::unknown;
    unsigned refusals_ = 0;  // in a row
};

}  // namespace calbox::overlay
