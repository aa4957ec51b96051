// Hashes, signatures, sealing and key derivation, over libsodium and OpenSSL. Pure functions;
// randomness is passed in. Every function may be called from any thread. Secrets live in
// secret_bytes, which erases itself.
#pragma once

#include <initializer_list>
#include <string_view>
#include <utility>

#include <calbox/bytes.hpp>
#include <calbox/environment.hpp>
#include <calbox/error.hpp>
#include <calbox/ids.hpp>

namespace calbox::crypto {

/// Bytes that are wiped when they go. Movable, not copyable but by clone().
class secret_bytes {
public:
    secret_bytes() = default;
    explicit secret_bytes(bytes value) : value_(std::move(value)) {}
    ~secret_bytes();
    secret_bytes(secret_bytes&& other) noexcept : value_(std::exchange(other.value_, {})) {}
    secret_bytes& operator=(secret_bytes&& other) noexcept;
    secret_bytes clone() const { return secret_bytes(value_); }
    byte_view view() const noexcept { return value_; }
    bool empty() const noexcept { return value_.empty(); }

private:
    bytes value_;
};

/// Once, before anything else of this room, on one thread. Fails only where libsodium does.
result<void> initialise();

digest sha256(byte_view data);
digest sha256(std::initializer_list<byte_view> parts);

/// Ed25519 (RFC 8032).
struct signing_key {
    secret_bytes seed;  // 32 bytes
    bytes public_key;   // 32 bytes

    static signing_key generate(random& entropy);
    static result<signing_key> from_seed(byte_view seed);
    /// Signature over domain + 0x00 + message: one key never signs the same bytes with two
    /// meanings.
    bytes sign(std::string_view domain, byte_view message) const;
    signing_key clone() const;
};
bool verify(byte_view public_key, std::string_view domain, byte_view message,
            byte_view signature) noexcept;

/// X25519 sealed boxes (libsodium crypto_box_seal).
struct box_key {
    secret_bytes secret;  // 32 bytes
    bytes public_key;     // 32 bytes
    static box_key generate(random& entropy);
    static result<box_key> from_secret(byte_view secret);
    box_key clone() const;
};
result<bytes> seal_for(byte_view box_public_key, byte_view message);
result<secret_bytes> open_sealed(const box_key& key, byte_view sealed);

/// XChaCha20-Poly1305: 24-byte random nonce, then ciphertext and tag. `key` is 32 bytes.
bytes seal(byte_view key, byte_view plaintext, byte_view associated, random& entropy);
result<bytes> open(byte_view key, byte_view sealed, byte_view associated);

/// Argon2id (RFC 9106), 32 bytes out. Takes memory and time: call it on the compute worker.
result<secret_bytes> derive_from_password(std::string_view password, byte_view salt16,
                                          std::uint64_t memory_bytes, std::uint32_t passes);
/// HKDF-SHA-256 (RFC 5869) without salt, 32 bytes out.
secret_bytes derive(byte_view root, std::string_view purpose);

/// Names of keys.
user_id user_of(byte_view identity_key);
device_id device_of(byte_view device_key);

}  // namespace calbox::crypto
