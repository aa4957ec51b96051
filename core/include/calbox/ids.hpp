// Identifiers: a strong type each, so that none can stand in another's place. Values, ordered,
// hashable. User id = first 160 bits of SHA-256(identity key); device id = SHA-256(device key);
// network id = SHA-256(CA key).
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <calbox/bytes.hpp>

namespace calbox {

template <std::size_t Size, class Tag>
struct fixed_id {
    static constexpr std::size_t size = Size;
    std::array<std::uint8_t, Size> value{};

    byte_view view() const noexcept { return value; }
    std::string hex() const { return to_hex(value); }
    bool is_zero() const noexcept { return *this == fixed_id{}; }

    /// Nothing when the length is not exactly Size.
    static std::optional<fixed_id> from_bytes(byte_view data) noexcept {
        if (data.size() != Size) {
            return std::nullopt;
        }
        fixed_id id;
        std::copy_n(data.begin(), Size, id.value.begin());
        return id;
    }
    static std::optional<fixed_id> from_hex(std::string_view text) {
        const auto data = calbox::from_hex(text);
        return data ? from_bytes(*data) : std::nullopt;
    }
    friend auto operator<=>(const fixed_id&, const fixed_id&) = default;
};

using user_id = fixed_id<20, struct user_tag>;
using device_id = fixed_id<32, struct device_tag>;
using network_id = fixed_id<32, struct network_tag>;
using file_root = fixed_id<32, struct file_tag>;  // Merkle root of a file's ciphertext
using digest = fixed_id<32, struct digest_tag>;   // SHA-256 of something else
using operation_id = fixed_id<16, struct operation_tag>;

template <class Tag>
struct number {
    std::uint64_t value = 0;
    constexpr number() = default;
    constexpr explicit number(std::uint64_t initial) : value(initial) {}
    constexpr number next() const noexcept { return number(value + 1); }
    friend constexpr auto operator<=>(const number&, const number&) = default;
};

using version_number =
    number<struct version_tag>;  // 1 for a new event, +1 for every committed edit
/// A line of versions of one event: 1, or what taken_over() makes of it. The higher one wins.
using generation_number = number<struct generation_tag>;
using stream_number = number<struct stream_tag>;  // dense per stream, from 1
using key_epoch = number<struct epoch_tag>;       // of an event's key, from 1
/// Of a network, from 1: which consensus strategy it has chosen (docs/architecture.md, "Epochs").
using network_epoch = number<struct network_epoch_tag>;
using incarnation =
    number<struct incarnation_tag>;  // of a device's store, assigned by the registry
using device_number = number<struct device_no_tag>;  // of a user's device, from 1, never reused

/// How many take-overs led to this line of versions.
constexpr std::uint64_t takeovers_of(generation_number line) noexcept { return line.value >> 32; }
/// The line that `taker` begins with a version of `from`: takeovers * 2^32 + the first 32 bits of
/// its id. So whoever takes over the same event at the same time begins another line, and all
/// devices prefer the same one.
constexpr generation_number taken_over(generation_number from, const device_id& taker) noexcept {
    std::uint64_t first = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        first = (first << 8) | taker.value[i];
    }
    return generation_number(((takeovers_of(from) + 1) << 32) | first);
}

/// <organizer, seq>, seq = device number * 2^32 + n. Written "alice/1.7" for people.
struct event_id {
    user_id organizer;
    std::uint64_t seq = 0;

    static constexpr std::uint64_t make_seq(device_number device, std::uint32_t n) noexcept {
        return (device.value << 32) | n;
    }
    device_number device() const noexcept { return device_number(seq >> 32); }
    std::uint32_t n() const noexcept { return static_cast<std::uint32_t>(seq); }
    /// "1.7": the part after the organizer's name.
    std::string seq_text() const;
    /// Reads "1.7".
    static std::optional<std::uint64_t> seq_from_text(std::string_view text);

    friend auto operator<=>(const event_id&, const event_id&) = default;
};

/// Grammar of user names: [a-z0-9][a-z0-9._-]{1,31}.
bool is_user_name(std::string_view text) noexcept;

}  // namespace calbox

template <std::size_t Size, class Tag>
struct std::hash<calbox::fixed_id<Size, Tag>> {
    std::size_t operator()(const calbox::fixed_id<Size, Tag>& id) const noexcept {
        std::size_t value = 0;  // ids are hashes already: their first bytes are as good as any mix
        for (std::size_t i = 0; i < sizeof value; ++i) {
            value = (value << 8) | id.value[i];
        }
        return value;
    }
};
