#include "crypto/envelopes.hpp"

#include <algorithm>

#include <sodium.h>

#include "wire/limits.hpp"

namespace calbox::crypto {

namespace {

constexpr std::string_view envelope_domain = "calbox envelope 1";
constexpr std::size_t padding = 256;
using wrap_list = std::vector<std::pair<user_id, bytes>>;

/// What the body's seal is bound to, so that it cannot be moved to another event, version or set of
/// participants.
bytes associated_data(const envelope_header& header) {
    cbor::writer out;
    out.array(7);
    out.byte_string(header.event.organizer.view());
    out.unsigned_integer(header.event.seq);
    out.unsigned_integer(header.generation.value);
    out.unsigned_integer(header.version.value);
    out.unsigned_integer(header.epoch.value);
    out.byte_string(device_of(header.by.device_key).view());
    out.byte_string(sha256(codec::encode(header.participants)).view());
    return out.take();
}

bool has_body(const envelope_header& header) { return header.kind == envelope_kind::put; }

result<void> check_limits(const envelope_header& header) {
    if (header.participants.size() > wire::limits::participants ||
        header.streams.size() > wire::limits::participants + 1) {
        return fail(errc::too_large, "an event with too many participants");
    }
    const bool counted = std::ranges::all_of(header.streams, [](const auto& one) {
        return one.second.value <= wire::limits::stream_number_most;
    });
    if (!counted) {
        return fail(errc::malformed, "a number of a stream that nobody comes to");
    }
    if (header.left.size() > wire::limits::takeovers) {
        return fail(errc::too_large, "an event that was taken over too often");
    }
    const bool sorted =
        std::ranges::is_sorted(header.participants) &&
        std::ranges::adjacent_find(header.participants) == header.participants.end();
    if (!sorted || std::ranges::binary_search(header.participants, header.event.organizer)) {
        return fail(errc::malformed,
                    "participants out of order, twice, or with the organizer among them");
    }
    const bool known = header.kind >= envelope_kind::put &&
                       header.kind <= envelope_kind::removed_you &&
                       header.type >= event_kind::calendar && header.type <= event_kind::opening;
    if (!known) {
        return fail(errc::unsupported, "a kind of envelope that this version does not know");
    }
    if (header.version.value == 0 || header.generation.value == 0 || header.event.n() == 0) {
        return fail(errc::malformed, "versions, generations and numbers of events start at 1");
    }
    return {};
}

}  // namespace

digest envelope_hash(const envelope& what) {
    return sha256({as_bytes(envelope_domain), what.header});
}

result<envelope> seal_envelope(envelope_header header,
                               const std::vector<std::pair<user_id, bytes>>& box_keys,
                               byte_view event_key32, byte_view body, const signing_key& device,
                               random& entropy) {
    envelope out;
    if (has_body(header)) {
        bytes padded = to_bytes(body);
        padded.resize(body.size() + padding);
        std::size_t length = 0;
        sodium_pad(&length, padded.data(), body.size(), padding, padded.size());
        padded.resize(length);
        if (padded.size() > wire::limits::envelope_body_bytes) {
            return fail(errc::too_large, "the event is larger than 256 KiB");
        }
        out.body = seal(event_key32, padded, associated_data(header), entropy);
        sodium_memzero(padded.data(), padded.size());
        wrap_list wraps;
        for (const auto& [user, key] : box_keys) {
            auto wrapped = seal_for(key, event_key32);
            if (!wrapped) {
                return fail(std::move(wrapped.error()));
            }
            wraps.emplace_back(user, std::move(*wrapped));
        }
        std::ranges::sort(wraps);
        out.wraps = codec::encode(wraps);
    }
    header.wraps_hash = sha256(byte_view(out.wraps));
    header.body_hash = sha256(byte_view(out.body));
    out.header = codec::encode(header);
    out.signature = device.sign(envelope_domain, out.header);
    if (out.header.size() + out.wraps.size() + out.body.size() > wire::limits::envelope_bytes) {
        return fail(errc::too_large,
                    "the event with its participants is larger than an envelope may be");
    }
    return out;
}

result<envelope_header> read_header(const envelope& what) {
    if (what.header.size() + what.wraps.size() + what.body.size() > wire::limits::envelope_bytes) {
        return fail(errc::too_large, "an envelope above the limit");
    }
    auto header = codec::decode<envelope_header>(what.header);
    if (!header) {
        return header;
    }
    if (header->algorithm != 1) {
        return fail(errc::unsupported,
                    "an envelope of an algorithm that this version does not know");
    }
    if (auto fits = check_limits(*header); !fits) {
        return fail(std::move(fits.error()));
    }
    if (has_body(*header) == what.body.empty()) {
        return fail(errc::malformed, "an envelope with a body where none belongs, or without one");
    }
    if (header->wraps_hash != sha256(byte_view(what.wraps)) ||
        header->body_hash != sha256(byte_view(what.body))) {
        return fail(errc::mismatch, "an envelope whose parts do not belong together");
    }
    return header;
}

result<envelope_header> verify_envelope(const envelope& what) {
    auto header = read_header(what);
    if (!header) {
        return header;
    }
    if (!verify_author(header->by)) {
        return fail(errc::mismatch, "an envelope whose author does not certify himself");
    }
    if (!verify(header->by.device_key, envelope_domain, what.header, what.signature)) {
        return fail(errc::mismatch, "an envelope whose signature is wrong");
    }
    // A put that lacks its author is how a guest leaves: the event store checks that he took part
    // before.
    return header;
}

result<secret_bytes> open_event_key(const envelope& what, const user_id& reader,
                                    const box_key& key) {
    const auto wraps = codec::decode<wrap_list>(what.wraps);
    if (!wraps) {
        return fail(wraps.error());
    }
    for (const auto& [user, wrapped] : *wraps) {
        if (user == reader) {
            return open_sealed(key, wrapped);
        }
    }
    return fail(errc::forbidden, "this event is not meant for this user");
}

result<bytes> open_body(const envelope& what, const envelope_header& header,
                        byte_view event_key32) {
    auto padded = open(event_key32, what.body, associated_data(header));
    if (!padded) {
        return padded;
    }
    // As sodium_pad() made it. It was sealed with the body, so that its length need not be hidden
    // from whoever measures how long this takes.
    std::size_t length = padded->size();
    while (length > 0 && padded->size() - length < padding - 1 && (*padded)[length - 1] == 0) {
        --length;
    }
    if (length == 0 || (*padded)[length - 1] != 0x80) {
        return fail(errc::malformed, "a body whose padding is wrong");
    }
    padded->resize(length - 1);
    return padded;
}

}  // namespace calbox::crypto
