// Numbers of streams, in few bytes: a stream is named by 24 bits of a keyed hash, and its numbers
// are written as runs and gaps. A stream without holes takes about six bytes, a hole two more.
// Values.
#pragma once

#include <map>

#include <calbox/recovery.hpp>

#include "sketch.hpp"

namespace calbox::recovery {

/// Under the key of one exchange. Two streams may have one name: what is overlooked by that is
/// found when the fingerprints are compared at the end.
using stream_name = std::uint32_t;
stream_name name_of(const stream_id& stream, const item_hash& hash) noexcept;

struct numbered {
    stream_name stream = 0;
    std::uint64_t number = 0;
    friend auto operator<=>(const numbered&, const numbered&) = default;
};

class number_set {
public:
    /// Of two streams with one name nothing is kept, so that both come again.
    void put(stream_name stream, number_ranges numbers);
    void add(const numbered& one) { add_number(streams_[one.stream], one.number); }
    bool has(const numbered& one) const noexcept;
    /// Of one stream; nothing where none of its numbers is in the set.
    const number_ranges* find(stream_name stream) const noexcept;
    bool empty() const noexcept { return streams_.empty(); }
    /// Until `visit` says false.
    template <class Visit>
    void each(Visit&& visit) const {
        for (const auto& [stream, ranges] : streams_) {
            for (const auto& [first, last] : ranges) {
                for (std::uint64_t number = first; number <= last; ++number) {
                    if (!visit(numbered{stream, number})) {
                        return;
                    }
                }
            }
        }
    }

    bytes pack() const;
    static result<number_set> unpack(byte_view packed);

private:
    std::map<stream_name, number_ranges> streams_;
};

}  // namespace calbox::recovery
