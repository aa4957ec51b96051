#include "replica/stream_numbers.hpp"

#include "crypto/identity.hpp"

namespace calbox::replica {

namespace {

/// A record is written with every envelope, and is to stay short: it has the highest ranges. What
/// a restart forgets by that is asked for again, where it is not held.
constexpr std::size_t ranges_written = 128;

struct stream_record {
    stream_id stream;
    stream_number last;  // given
    std::optional<std::vector<std::pair<std::uint64_t, std::uint64_t>>> came;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&stream_record::stream), codec::field<2>(&stream_record::last),
                   codec::field<3>(&stream_record::came));
};

}  // namespace

std::vector<std::pair<user_id, stream_number>> stream_numbers::reserve(
    const device_id& device, incarnation life, const std::vector<user_id>& recipients) {
    std::vector<std::pair<user_id, stream_number>> numbers;
    for (const user_id& recipient : recipients) {
        stream_number& last = given_[{device, life, recipient}];
        last = last.next();
        numbers.emplace_back(recipient, last);
    }
    return numbers;
}

device_id stream_numbers::author(const envelope_header& header) const {
    const auto [found, fresh] = authors_.try_emplace(header.by.device_key);
    if (fresh) {
        found->second = crypto::device_of(header.by.device_key);
    }
    return found->second;
}

void stream_numbers::write(batch& writes, const stream_id& stream, stream_number given,
                           std::optional<std::uint64_t> coming) const {
    stream_record record{stream, given, std::nullopt};
    if (const auto known = given_.find(stream); known != given_.end()) {
        record.last = std::max(given, known->second);
    }
    recovery::number_ranges came;
    if (const auto known = came_.find(stream); known != came_.end()) {
        came = known->second;
    }
    if (coming) {
        recovery::add_number(came, *coming);
    }
    if (came.size() > ranges_written) {
        came.erase(came.begin(), came.end() - ranges_written);
    }
    if (!came.empty()) {
        record.came = std::move(came);
    }
    writes.put(record_kind::stream, codec::encode(stream), codec::encode(record));
}

void stream_numbers::write_given(batch& writes, const envelope_header& header) const {
    const device_id device = author(header);
    for (const auto& [recipient, number] : header.streams) {
        const bool comes = ours && ours(recipient);
        write(writes, {device, header.by.life, recipient}, number,
              comes ? std::optional(number.value) : std::nullopt);
    }
}

void stream_numbers::write_came(batch& writes, const envelope_header& header) const {
    for (const auto& [recipient, number] : header.streams) {
        if (number.value > 0 && ours && ours(recipient)) {
            write(writes, {author(header), header.by.life, recipient}, {}, number.value);
        }
    }
}

void stream_numbers::came(const envelope_header& header) {
    for (const auto& [recipient, number] : header.streams) {
        if (number.value > 0 && ours && ours(recipient)) {
            recovery::add_number(came_[{author(header), header.by.life, recipient}], number.value);
        }
    }
}

result<void> stream_numbers::load(byte_view record, bool believed) {
    auto read = codec::decode<stream_record>(record);
    if (!read) {
        return fail(std::move(read.error()));
    }
    if (read->last.value > 0) {
        given_[read->stream] = read->last;
    }
    if (believed && read->came) {
        recovery::number_ranges came;
        for (const auto& [first, last] : *read->came) {
            if (first == 0 || last < first || (!came.empty() && first <= came.back().second)) {
                came.clear();  // what is not known is asked for again, and that is all
                break;
            }
            came.emplace_back(first, last);
        }
        came_[read->stream] = std::move(came);
    }
    return {};
}

}  // namespace calbox::replica
