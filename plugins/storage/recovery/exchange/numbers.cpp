#include "numbers.hpp"

namespace calbox::recovery {
namespace {

constexpr std::uint64_t name_mask = 0xFF'FFFF;
constexpr std::uint64_t number_max = std::uint64_t{1} << 48;

// Of a run: how long it is, whether one more follows it, and whether the gap before that is 1.
constexpr std::uint64_t more = 1, gap_of_one = 2;
constexpr unsigned length_shift = 2;

error broken_numbers() { return error{errc::malformed, "numbers of streams that cannot be read"}; }

void pack_ranges(bytes& out, const number_ranges& ranges) {
    std::uint64_t end = 0;  // the last number of the run before
    bool open = false;      // a run has been written that another one follows
    if (ranges.empty() || ranges.front().first != 1) {
        // A run of none, so that a gap can be the first thing.
        const bool one = !ranges.empty() && ranges.front().first == 2;
        put_varint(out, (ranges.empty() ? 0 : more) | (one ? gap_of_one : 0));
        open = true;
    }
    for (auto at = ranges.begin(); at != ranges.end(); ++at) {
        if (const std::uint64_t gap = at->first - end - 1; open && gap != 1) {
            put_varint(out, gap);
        }
        const auto next = at + 1;
        const bool follows = next != ranges.end();
        const bool one = follows && next->first == at->second + 2;
        put_varint(out, (at->second - at->first + 1) << length_shift | (follows ? more : 0) |
                            (one ? gap_of_one : 0));
        end = at->second;
        open = true;
    }
}

bool unpack_ranges(packed_reader& in, number_ranges& ranges) {
    std::uint64_t end = 0;
    bool first = true;
    for (std::uint64_t gap = 0;;) {
        const auto run = in.varint();
        const std::uint64_t length = run.value_or(0) >> length_shift;
        if (!run || (length == 0 && !first) || length > number_max || end + gap > number_max) {
            return false;
        }
        end += gap;
        if (length > 0) {
            ranges.emplace_back(end + 1, end + length);
            end += length;
        }
        first = false;
        if ((*run & more) == 0) {
            return true;
        }
        const auto told = (*run & gap_of_one) != 0 ? std::optional<std::uint64_t>(1) : in.varint();
        if (!told || *told == 0 || *told > number_max) {
            return false;
        }
        gap = *told;
    }
}

}  // namespace

stream_name name_of(const stream_id& stream, const item_hash& hash) noexcept {
    return static_cast<stream_name>(hash.of(stream) & name_mask);
}

void number_set::put(stream_name stream, number_ranges numbers) {
    const auto [found, fresh] = streams_.try_emplace(stream, std::move(numbers));
    if (!fresh) {
        found->second.clear();
    }
}

bool number_set::has(const numbered& one) const noexcept {
    const number_ranges* const found = find(one.stream);
    return found != nullptr && has_number(*found, one.number);
}

const number_ranges* number_set::find(stream_name stream) const noexcept {
    const auto found = streams_.find(stream);
    return found == streams_.end() ? nullptr : &found->second;
}

bytes number_set::pack() const {
    bytes out;
    stream_name before = 0;
    for (const auto& [stream, ranges] : streams_) {
        put_varint(out, stream - before);
        before = stream;
        pack_ranges(out, ranges);
    }
    return out;
}

result<number_set> number_set::unpack(byte_view packed) {
    packed_reader in(packed);
    number_set all;
    std::uint64_t stream = 0;
    while (in.remaining() > 0) {
        const auto step = in.varint();
        if (!step || *step > name_mask || (*step == 0 && !all.empty()) ||
            stream + *step > name_mask) {
            return fail(broken_numbers());
        }
        stream += *step;
        if (!unpack_ranges(in, all.streams_[static_cast<stream_name>(stream)])) {
            return fail(broken_numbers());
        }
    }
    return all;
}

}  // namespace calbox::recovery
