#include "packed.hpp"

#include <algorithm>

namespace calbox::recovery {
namespace {

constexpr std::size_t least_item_bytes = 1;      // a seq alone
constexpr std::size_t least_ordered_bytes = 11;  // and generation, version, 8 bytes of the hash
constexpr std::size_t user_bytes = user_id::size;

error broken() { return error{errc::malformed, "a list of events that cannot be read"}; }

/// A run: the events of one organizer. False when it cannot be read.
bool unpack_run(packed_reader& in, bool orders, std::vector<known>& items) {
    const auto count = in.varint();
    const auto organizer = in.user();
    if (!count || !organizer || *count == 0 || *count > in.remaining() / least_item_bytes ||
        *count > packed_items_max - items.size()) {
        return false;
    }
    std::uint64_t seq = 0;
    for (std::uint64_t i = 0; i < *count; ++i) {
        const auto step = in.varint();
        if (!step || (i > 0 && *step == 0) || seq + *step < seq) {
            return false;
        }
        seq += *step;
        known one{{*organizer, seq}, {}};
        if (orders) {
            const auto generation = in.varint(), version = in.varint(), hash = in.fixed(8);
            if (!generation || !version || !hash) {
                return false;
            }
            one.order = {*generation, *version, *hash};
        }
        // Within a run the seq grows.
        if (i == 0 && !items.empty() && !(items.back().event < one.event)) {
            return false;
        }
        items.push_back(one);
    }
    return true;
}

}  // namespace

brief_order brief_order::of(const envelope_order& order) noexcept {
    std::uint64_t first = 0;
    for (std::size_t i = 0; i < sizeof first; ++i) {
        first = (first << 8) | order.hash.value[i];
    }
    return {order.generation.value, order.version.value, first};
}

void put_varint(bytes& out, std::uint64_t value) {
    while (value >= 0x80) {
        out.push_back(static_cast<std::uint8_t>(value | 0x80));
        value >>= 7;
    }
    out.push_back(static_cast<std::uint8_t>(value));
}

void put_fixed(bytes& out, std::uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; ++i) {
        out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    }
}

std::optional<std::uint64_t> packed_reader::varint() noexcept {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (at_ == data_.size()) {
            return std::nullopt;
        }
        const std::uint8_t byte = data_[at_++];
        if (shift == 63 && byte > 1) {
            return std::nullopt;
        }
        value |= std::uint64_t{byte & 0x7FU} << shift;
        if (byte < 0x80) {
            return value;
        }
    }
    return std::nullopt;
}

std::optional<std::uint64_t> packed_reader::fixed(unsigned size) noexcept {
    if (remaining() < size) {
        return std::nullopt;
    }
    std::uint64_t value = 0;
    for (unsigned i = 0; i < size; ++i) {
        value |= std::uint64_t{data_[at_++]} << (8 * i);
    }
    return value;
}

std::optional<user_id> packed_reader::user() noexcept {
    if (remaining() < user_bytes) {
        return std::nullopt;
    }
    const auto read = user_id::from_bytes(data_.subspan(at_, user_bytes));
    at_ += user_bytes;
    return read;
}

bytes pack(const std::vector<known>& items, bool orders) {
    bytes out;
    out.push_back(orders ? 1 : 0);
    for (std::size_t begin = 0; begin < items.size();) {
        const user_id& organizer = items[begin].event.organizer;
        std::size_t end = begin;
        while (end < items.size() && items[end].event.organizer == organizer) {
            ++end;
        }
        put_varint(out, end - begin);
        out.insert(out.end(), organizer.value.begin(), organizer.value.end());
        std::uint64_t seq = 0;
        for (; begin < end; ++begin) {
            put_varint(out, items[begin].event.seq - seq);
            seq = items[begin].event.seq;
            if (orders) {
                put_varint(out, items[begin].order.generation);
                put_varint(out, items[begin].order.version);
                put_fixed(out, items[begin].order.hash, 8);
            }
        }
    }
    return out;
}

result<std::vector<known>> unpack(byte_view packed) {
    packed_reader in(packed);
    const auto orders = in.fixed(1);
    if (!orders || *orders > 1) {
        return fail(broken());
    }
    std::vector<known> items;
    items.reserve(
        std::min(packed_items_max, packed.size() / (*orders == 1 ? least_ordered_bytes : 2)));
    while (in.remaining() > 0) {
        if (!unpack_run(in, *orders == 1, items)) {
            return fail(broken());
        }
    }
    return items;
}

}  // namespace calbox::recovery
