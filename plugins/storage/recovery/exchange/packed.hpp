// Lists of <organizer, seq> with versions, in few bytes: an organizer once for all his events, the
// distance to the seq before, the version, and the first eight bytes of its hash. Values.
#pragma once

#include <optional>
#include <vector>

#include <calbox/recovery.hpp>

namespace calbox::recovery {

/// An envelope_order with the first 8 bytes of the hash: enough to tell and to order two versions,
/// unless their author has spent 2^32 hashes on two that begin alike.
struct brief_order {
    std::uint64_t generation = 0, version = 0, hash = 0;

    static brief_order of(const envelope_order& order) noexcept;
    friend auto operator<=>(const brief_order&, const brief_order&) = default;
};

struct known {
    event_id event;
    brief_order order;

    static known of(const listed& one) noexcept { return {one.event, brief_order::of(one.order)}; }
    friend auto operator<=>(const known&, const known&) = default;
};

/// Little-endian base 128.
void put_varint(bytes& out, std::uint64_t value);
void put_fixed(bytes& out, std::uint64_t value, unsigned size);

/// Reads from a view that must outlive it; nothing when the bytes end too early.
class packed_reader {
public:
    explicit packed_reader(byte_view data) noexcept : data_(data) {}
    std::optional<std::uint64_t> varint() noexcept;
    std::optional<std::uint64_t> fixed(unsigned size) noexcept;
    std::optional<user_id> user() noexcept;
    std::size_t remaining() const noexcept { return data_.size() - at_; }

private:
    byte_view data_;
    std::size_t at_ = 0;
};

/// Of one list; more are refused.
inline constexpr std::size_t packed_items_max = 65'536;
/// Of one item that stands alone, at most.
inline constexpr std::size_t packed_item_bytes = 64;

/// `items` in event order. With `hashes` off the order is left out.
bytes pack(const std::vector<known>& items, bool orders);
/// malformed: not in order, too many, or cut off.
result<std::vector<known>> unpack(byte_view packed);

}  // namespace calbox::recovery
