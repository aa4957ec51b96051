// A user's keys, and the signed statement that a device is his. Values; any thread.
#pragma once

#include <optional>

#include <calbox/envelope.hpp>

#include "crypto/primitives.hpp"

namespace calbox::crypto {

/// Ed25519 to sign with and X25519 to receive event keys. The user's id is the hash of the first.
struct identity {
    signing_key sign;
    box_key box;

    static identity generate(random& entropy);
    identity clone() const { return {sign.clone(), box.clone()}; }
    user_id id() const { return user_of(sign.public_key); }
};

secret_bytes serialise(const identity& keys);
result<identity> parse_identity(byte_view data);

/// The identity under a 32-byte key, bound to the user's name. mismatch when it does not open.
bytes seal_identity(const identity& keys, byte_view key32, std::string_view name, random& entropy);
result<identity> open_identity(byte_view sealed, byte_view key32, std::string_view name);

/// The identity key's statement that `device_public_key` is this user's device `number`, in this
/// incarnation.
author make_author(const identity& keys, byte_view device_public_key, device_number number,
                   incarnation life);
/// Is the statement signed by the key that it names?
bool verify_author(const author& who);
/// Nothing when the keys do not have the right length. Says nothing about the signature.
std::optional<user_id> author_user(const author& who);

}  // namespace calbox::crypto
