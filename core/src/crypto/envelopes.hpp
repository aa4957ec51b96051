// Making, checking and opening envelopes (core/include/calbox/envelope.hpp, docs/wire.md). Pure;
// any thread.
#pragma once

#include <utility>
#include <vector>

#include <calbox/envelope.hpp>

#include "crypto/identity.hpp"

namespace calbox::crypto {

/// SHA-256 over "calbox envelope 1" and the header's bytes: the name of this version.
digest envelope_hash(const envelope& what);

/// Seals `body` (padded to steps of 256 bytes) under the event key, wraps that key for everyone in
/// `box_keys`, fills in the header's hashes and signs it by the device. Kinds other than put have
/// neither body nor wraps. too_large, malformed.
result<envelope> seal_envelope(envelope_header header,
                               const std::vector<std::pair<user_id, bytes>>& box_keys,
                               byte_view event_key32, byte_view body, const signing_key& device,
                               random& entropy);

/// The header, when it is within the limits, of a known algorithm, consistent, and its hashes fit
/// wraps and body. Says nothing about who signed. malformed, too_large, unsupported, mismatch.
result<envelope_header> read_header(const envelope& what);
/// read_header, and: the author certifies himself, and his device signed. Whether he may is the
/// event store's question.
result<envelope_header> verify_envelope(const envelope& what);

/// The event key, for a participant. forbidden when nothing is wrapped for him.
result<secret_bytes> open_event_key(const envelope& what, const user_id& reader,
                                    const box_key& key);
result<bytes> open_body(const envelope& what, const envelope_header& header, byte_view event_key32);

}  // namespace calbox::crypto
