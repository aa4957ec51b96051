// An envelope: one signed, sealed version of an event. The header is clear, the body is ciphertext
// to everyone but the participants. The author signs the header's bytes, and those bytes are what
// is stored and forwarded, never a re-encoding. Lock, view and ballot are not in here: others
// rewrite those (docs/wire.md, "Envelopes").
#pragma once

#include <cstdint>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include <calbox/codec.hpp>
#include <calbox/ids.hpp>

namespace calbox {

/// What an envelope says happened to its event.
enum class envelope_kind : std::uint8_t {
    put = 1,          // a version with a body
    tombstone = 2,    // deleted: no body, kept for ever
    void_number = 3,  // a refused operation: only fills the stream numbers that it had reserved
    removed_you = 4,  // the last envelope that a removed participant gets: no body
};

/// What the event is. Contacts, groups, reminders and what opens an event to whoever has its link
/// travel as events do and obey the same rules.
enum class event_kind : std::uint8_t {
    calendar = 1,
    contact = 2,
    group = 3,
    reminder = 4,
    opening = 5,
};

/// Bits of envelope_header::guests_may.
namespace guest_right {
inline constexpr std::uint32_t modify = 1, attach = 2, invite = 4, remove = 8;
inline constexpr std::uint32_t standard = modify | attach;
}  // namespace guest_right

/// Who signed: self-certifying, so that it can be verified years later and without the registry.
/// user = first 160 bits of SHA-256(identity_key); device = SHA-256(device_key); `binding` is the
/// identity key's signature over <user, device, number, incarnation> (crypto/identity.hpp).
struct author {
    bytes identity_key;  // Ed25519, 32 bytes
    bytes device_key;    // Ed25519, 32 bytes
    device_number number;
    incarnation life;
    bytes binding;  // 64 bytes

    static constexpr auto fields =
        std::tuple(codec::field<1>(&author::identity_key), codec::field<2>(&author::device_key),
                   codec::field<3>(&author::number), codec::field<4>(&author::life),
                   codec::field<5>(&author::binding));
    friend bool operator==(const author&, const author&) = default;
};

/// A stream runs from one author device in one incarnation to one recipient user.
struct stream_id {
    device_id device;
    incarnation life;
    user_id recipient;

    static constexpr auto fields =
        std::tuple(codec::field<1>(&stream_id::device), codec::field<2>(&stream_id::life),
                   codec::field<3>(&stream_id::recipient));
    friend auto operator<=>(const stream_id&, const stream_id&) = default;
};

/// The order of versions of one event: a higher generation wins, then a higher version, then the
/// greater hash, so that every node settles on the same one whatever order they arrive in.
struct envelope_order {
    generation_number generation;
    version_number version;
    digest hash;

    static constexpr auto fields = std::tuple(codec::field<1>(&envelope_order::generation),
                                              codec::field<2>(&envelope_order::version),
                                              codec::field<3>(&envelope_order::hash));
    friend auto operator<=>(const envelope_order&, const envelope_order&) = default;
};

/// Said by the version that brings an event into another epoch.
struct handover {
    bytes begins;            // what that epoch's strategy begins with: opaque, its own choice
    bool only_that = false;  // nothing else changes in this version
    static constexpr auto fields =
        std::tuple(codec::field<1>(&handover::begins), codec::field<2>(&handover::only_that));
};

struct envelope_header {
    std::uint8_t algorithm = 1;  // 1 = SHA-256, Ed25519, X25519 sealed box, XChaCha20-Poly1305
    envelope_kind kind = envelope_kind::put;
    event_kind type = event_kind::calendar;
    event_id event;
    generation_number generation{1};
    version_number version{1};
    author by;
    timestamp written;
    std::vector<user_id> participants;  // sorted, without the organizer
    std::uint32_t guests_may = guest_right::standard;
    key_epoch epoch{1};
    std::vector<std::pair<user_id, stream_number>>
        streams;        // this envelope's number in the stream to each recipient
    digest previous;    // envelope_hash of the version before; zero for the first
    digest wraps_hash;  // SHA-256 of envelope::wraps
    digest body_hash;   // SHA-256 of envelope::body
    operation_id operation;
    /// Of every take-over that led to this generation, oldest first: the version taken over.
    std::vector<envelope_order> left;
    /// Whose strategy decides the version after this one; the one before decided about this one.
    network_epoch next_in{1};
    std::optional<handover> moved;  // where the version before has another `next_in`

    static constexpr auto fields = std::tuple(
        codec::field<1>(&envelope_header::algorithm), codec::field<2>(&envelope_header::kind),
        codec::field<3>(&envelope_header::type), codec::field<4>(&envelope_header::event),
        codec::field<5>(&envelope_header::generation), codec::field<6>(&envelope_header::version),
        codec::field<7>(&envelope_header::by), codec::field<8>(&envelope_header::written),
        codec::field<9>(&envelope_header::participants),
        codec::field<10>(&envelope_header::guests_may), codec::field<11>(&envelope_header::epoch),
        codec::field<12>(&envelope_header::streams), codec::field<13>(&envelope_header::previous),
        codec::field<14>(&envelope_header::wraps_hash),
        codec::field<15>(&envelope_header::body_hash),
        codec::field<16>(&envelope_header::operation), codec::field<17>(&envelope_header::left),
        codec::field<18>(&envelope_header::next_in), codec::field<19>(&envelope_header::moved));

    /// The organizer or one of the participants.
    bool involves(const user_id& user) const noexcept;
};

/// As stored and sent. `header` is an encoded envelope_header; `wraps` holds the event key of this
/// epoch, sealed for the organizer and every participant (codec of std::vector<std::pair<user_id,
/// bytes>>); `body` is nonce + ciphertext.
struct envelope {
    bytes header;
    bytes signature;  // Ed25519 by author::device_key over "calbox envelope 1" + header
    bytes wraps;
    bytes body;

    static constexpr auto fields =
        std::tuple(codec::field<1>(&envelope::header), codec::field<2>(&envelope::signature),
                   codec::field<3>(&envelope::wraps), codec::field<4>(&envelope::body));
    friend bool operator==(const envelope&, const envelope&) = default;
};

}  // namespace calbox
