// The numbers of streams: those that this device gives, and those that came to its users. Owned by
// the event store; core thread only.
#pragma once

#include <functional>
#include <map>

#include <calbox/envelope.hpp>
#include <calbox/recovery.hpp>

#include "replica/database.hpp"

namespace calbox::replica {

class stream_numbers {
public:
    /// Whose streams are kept: the users of this device. Nobody's, as long as it is empty.
    std::function<bool(const user_id&)> ours;

    /// Next number of the stream to each recipient.
    std::vector<std::pair<user_id, stream_number>> reserve(const device_id& device,
                                                           incarnation life,
                                                           const std::vector<user_id>& recipients);
    /// What remembers that those of this header are given.
    void write_given(batch& writes, const envelope_header& header) const;

    /// The envelope is held, or one that replaces it.
    void came(const envelope_header& header);
    /// What remembers that, once `came` has been called or will be.
    void write_came(batch& writes, const envelope_header& header) const;
    /// Of streams to users of this device, by author device.
    const std::map<stream_id, recovery::number_ranges>& all() const noexcept { return came_; }
    /// Nothing came, as far as is known: an envelope that had come is lost.
    void forget_came() noexcept { came_.clear(); }

    /// Takes the place of what is known of that stream. `believed`: what it says of numbers that
    /// came.
    result<void> load(byte_view record, bool believed);
    device_id author(const envelope_header& header) const;

private:
    void write(batch& writes, const stream_id& stream, stream_number given,
               std::optional<std::uint64_t> coming) const;
    std::map<stream_id, stream_number> given_;
    std::map<stream_id, recovery::number_ranges> came_;
    mutable std::map<bytes, device_id> authors_;  // by key: hashing it takes longer
};

}  // namespace calbox::replica
