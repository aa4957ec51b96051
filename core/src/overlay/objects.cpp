#include "overlay/objects.hpp"

#include <algorithm>
#include <bit>

#include "crypto/primitives.hpp"

namespace calbox::overlay {

namespace {

constexpr std::string_view hashed_as = "calbox object 1";

object_id id_of(std::string_view kind, byte_view id) {
    bytes all = to_bytes(hashed_as);
    const bytes kind_bytes = to_bytes(kind);
    all.insert(all.end(), kind_bytes.begin(), kind_bytes.end());
    all.insert(all.end(), id.begin(), id.end());
    return *object_id::from_bytes(crypto::sha256(all).view().first(object_id::size));
}

}  // namespace

std::uint64_t mixed(std::uint64_t word) noexcept {
    word ^= word >> 33;
    word *= 0xff51afd7ed558ccdull;
    word ^= word >> 33;
    word *= 0xc4ceb9fe1a85ec53ull;
    return word ^ word >> 33;
}

std::uint64_t first_word(byte_view id) noexcept {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < 8; ++i) {
        word = word << 8 | id[i];
    }
    return word;
}

object_id object_of(const event_id& which, const digest& version) {
    bytes id = to_bytes(which.organizer.view());
    for (int shift = 56; shift >= 0; shift -= 8) {
        id.push_back(static_cast<std::uint8_t>(which.seq >> shift));
    }
    id.insert(id.end(), version.value.begin(), version.value.end());
    return id_of("event", id);
}

object_id object_of(const file_root& which) { return id_of("file", which.view()); }

std::uint64_t minus_log2(std::uint64_t hash) noexcept {
    if (hash == UINT64_MAX) {
        return 0;
    }
    const std::uint64_t value = hash + 1;
    const int zeros = std::countl_zero(value);
    // The mantissa in [1, 2), with 31 bits after the point; each squaring gives one bit of its
    // logarithm.
    std::uint64_t mantissa = value << zeros >> 32;
    std::uint64_t log = 0;
    for (int bit = 0; bit < 32; ++bit) {
        mantissa = mantissa * mantissa >> 31;
        log <<= 1;
        if (mantissa >> 32 != 0) {
            mantissa >>= 1;
            log |= 1;
        }
    }
    return (static_cast<std::uint64_t>(zeros + 1) << 32) - log;
}

std::vector<device_id> owners_of(const object_id& object, const std::vector<keeper>& among,
                                 std::size_t most) {
    struct ranked {
        std::uint64_t cost;
        const keeper* who;
    };
    const std::uint64_t seed = mixed(first_word(object.view()));
    std::vector<ranked> all;
    all.reserve(among.size());
    for (const keeper& one : among) {
        all.push_back({minus_log2(mixed(seed + first_word(one.device.view()))), &one});
    }
    const auto better = [](const ranked& a, const ranked& b) {
        // cost / weight, the smaller one first. A cost has 39 bits and a weight is kept below 2^24.
        const std::uint64_t left = a.cost * std::clamp(b.who->weight, 1u, 1u << 24);
        const std::uint64_t right = b.cost * std::clamp(a.who->weight, 1u, 1u << 24);
        return left != right ? left < right : a.who->device < b.who->device;
    };
    const std::size_t count = std::min(most, all.size());
    std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count), all.end(),
                      better);
    std::vector<device_id> owners;
    for (std::size_t i = 0; i < count; ++i) {
        owners.push_back(all[i].who->device);
    }
    return owners;
}

}  // namespace calbox::overlay
