// What rendezvous say of themselves: made and signed here, and judged here when it comes from
// elsewhere. Nothing that is not signed, not of this network, or past its time is believed, whoever
// passed it on. Values and pure functions; any thread, but an announcer belongs to its node.
#pragma once

#include <chrono>

#include "crypto/primitives.hpp"
#include "wire/messages.hpp"

namespace calbox::net {
struct credentials;
}

namespace calbox::overlay {

inline constexpr std::chrono::seconds advertisement_life = std::chrono::days(7);

/// Why an advertisement was dropped.
enum class refusal { unsigned_claim, forged, other_network, expired, older };

struct refusals {
    std::uint64_t unsigned_claims = 0, forged = 0, other_network = 0, expired = 0, older = 0;
    std::uint64_t all() const noexcept {
        return unsigned_claims + forged + other_network + expired + older;
    }
    void count(refusal why) noexcept;
};

/// An advertisement whose signature, network and time are good.
struct advertised {
    device_id device;
    wire::advertisement what;
    bool leases = false;    // it is a rendezvous now
    bool promoted = false;  // one by its own choice, not by its certificate
    std::pair<std::uint64_t, std::uint64_t> order() const noexcept {
        return {what.epoch, what.sequence};
    }
};

/// Judges it by the clock with the tolerance that certificates have (24 h). Which of two is newer
/// is the caller's to see.
tl::expected<advertised, refusal> examine(const wire::signed_advertisement& one,
                                          const network_id& network, byte_view ca_certificate,
                                          timestamp now);
/// Is it past its time?
bool has_expired(const wire::advertisement& what, timestamp now) noexcept;

wire::signed_advertisement sign(const crypto::signing_key& key, const wire::advertisement& what);

/// The first 24 bits of a public IPv4 address, or the first 48 of an IPv6 one, told apart; nothing
/// for names and for addresses of the machine, the link or a private network. `address` is
/// "host:port".
std::optional<std::uint64_t> prefix_of(std::string_view address);

/// This device's own advertisement. Owned by the node, on the core thread.
class announcer {
public:
    /// `mine` outlives this.
    explicit announcer(const net::credentials& mine) : mine_(mine) {}
    /// Higher with each start of the device.
    void begin(std::uint64_t epoch) noexcept { epoch_ = epoch; }
    /// Signed anew when what it says has changed, and once a day.
    const wire::signed_advertisement& say(std::uint32_t roles, std::vector<std::string> addresses,
                                          timestamp now);
    /// The same as it was said last; nothing when nothing was.
    const std::optional<wire::signed_advertisement>& said() const noexcept { return said_; }

    static constexpr std::int64_t again_after_ms = 24 * 3600 * 1000;

private:
    const net::credentials& mine_;
    std::uint64_t epoch_ = 1, sequence_ = 0;
    wire::advertisement what_;
    std::optional<wire::signed_advertisement> said_;
};

}  // namespace calbox::overlay
