#include "overlay/advertisements.hpp"

#include <boost/asio/ip/address.hpp>

#include "crypto/certificates.hpp"
#include "net/secure_channel.hpp"
#include "wire/limits.hpp"

namespace calbox::overlay {

namespace {

constexpr std::string_view signed_as = "calbox advertisement 1";
constexpr std::size_t address_bytes = 255;
constexpr std::int64_t clock_tolerance_ms = 24 * 3600 * 1000;
constexpr std::int64_t longest_life_s = advertisement_life.count();

bool within_limits(const wire::advertisement& what) {
    if (what.addresses.size() > wire::limits::addresses_per_device ||
        what.lives_s > longest_life_s) {
        return false;
    }
    for (const std::string& address : what.addresses) {
        if (address.size() > address_bytes) {
            return false;
        }
    }
    return true;
}

/// Nobody comes from so far away in time that this overflows.
bool is_time(timestamp at) { return at.ms >= 0 && at.ms < std::int64_t{1} << 52; }

}  // namespace

void refusals::count(refusal why) noexcept {
    switch (why) {
        case refusal::unsigned_claim:
            ++unsigned_claims;
            break;
        case refusal::forged:
            ++forged;
            break;
        case refusal::other_network:
            ++other_network;
            break;
        case refusal::expired:
            ++expired;
            break;
        case refusal::older:
            ++older;
            break;
    }
}

bool has_expired(const wire::advertisement& what, timestamp now) noexcept {
    return now.ms > what.not_before.ms + std::int64_t{what.lives_s} * 1000 + clock_tolerance_ms;
}

wire::signed_advertisement sign(const crypto::signing_key& key, const wire::advertisement& what) {
    wire::signed_advertisement made;
    made.advertisement = codec::encode(what);
    made.signature = key.sign(signed_as, made.advertisement);
    return made;
}

tl::expected<advertised, refusal> examine(const wire::signed_advertisement& one,
                                          const network_id& network, byte_view ca_certificate,
                                          timestamp now) {
    const auto refuse = [](refusal why) { return tl::make_unexpected(why); };
    if (one.advertisement.empty() || one.signature.empty()) {
        return refuse(refusal::unsigned_claim);
    }
    if (one.advertisement.size() > wire::limits::advertisement_bytes) {
        return refuse(refusal::forged);
    }
    auto what = codec::decode<wire::advertisement>(one.advertisement);
    if (!what || !within_limits(*what) || !is_time(what->not_before)) {
        return refuse(refusal::forged);
    }
    if (what->network != network) {
        return refuse(refusal::other_network);
    }
    // What costs most is asked last.
    if (has_expired(*what, now) || what->not_before.ms > now.ms + clock_tolerance_ms) {
        return refuse(refusal::expired);
    }
    const auto facts = crypto::inspect_certificate(what->certificate, ca_certificate, now);
    if (!facts || !facts->of_network ||
        (what->roles & ~(facts->roles | wire::role::rendezvous)) != 0 ||
        !crypto::verify(facts->device_key, signed_as, one.advertisement, one.signature)) {
        return refuse(refusal::forged);
    }
    advertised found;
    found.device = facts->device;
    found.leases = (what->roles & wire::role::rendezvous) != 0;
    found.promoted = found.leases && (facts->roles & wire::role::rendezvous) == 0;
    found.what = std::move(*what);
    return found;
}

std::optional<std::uint64_t> prefix_of(std::string_view address) {
    const std::size_t colon = address.rfind(':');
    if (colon == std::string_view::npos) {
        return std::nullopt;
    }
    std::string_view host = address.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    }
    boost::system::error_code problem;
    const auto read = asio::ip::make_address(std::string(host), problem);
    if (problem || read.is_loopback() || read.is_unspecified()) {
        return std::nullopt;
    }
    if (read.is_v4()) {
        const std::uint32_t number = read.to_v4().to_uint();
        const bool is_private = number >> 24 == 10 || number >> 20 == 0xac1 ||
                                number >> 16 == 0xc0a8 || number >> 16 == 0xa9fe;
        return is_private ? std::nullopt : std::optional<std::uint64_t>(number >> 8);
    }
    const auto parts = read.to_v6().to_bytes();
    if (read.to_v6().is_link_local() || (parts[0] & 0xfe) == 0xfc) {
        return std::nullopt;
    }
    std::uint64_t number = 1;  // above every IPv4 one
    for (std::size_t i = 0; i < 6; ++i) {
        number = number << 8 | parts[i];
    }
    return number;
}

const wire::signed_advertisement& announcer::say(std::uint32_t roles,
                                                 std::vector<std::string> addresses,
                                                 timestamp now) {
    const bool changed = !said_ || what_.roles != roles || what_.addresses != addresses ||
                         what_.certificate != mine_.certificate || what_.network != mine_.network;
    const std::int64_t age_ms = now.ms - what_.not_before.ms;
    if (changed || age_ms > again_after_ms || age_ms < -clock_tolerance_ms) {
        what_ = {
            mine_.network, mine_.certificate, roles, std::move(addresses),
            epoch_,        ++sequence_,       now,   static_cast<std::uint32_t>(longest_life_s)};
        said_ = sign(mine_.device_key, what_);
    }
    return *said_;
}

}  // namespace calbox::overlay
