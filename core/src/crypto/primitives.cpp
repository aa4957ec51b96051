#include "crypto/primitives.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <memory>
#include <unordered_set>

#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <sodium.h>

namespace calbox::crypto {

secret_bytes::~secret_bytes() {
    if (!value_.empty()) {
        sodium_memzero(value_.data(), value_.size());
    }
}

secret_bytes& secret_bytes::operator=(secret_bytes&& other) noexcept {
    if (this != &other) {
        if (!value_.empty()) {
            sodium_memzero(value_.data(), value_.size());
        }
        value_ = std::exchange(other.value_, {});
    }
    return *this;
}

result<void> initialise() {
    if (sodium_init() < 0) {
        return fail(errc::internal, "libsodium cannot start");
    }
    // FIPS 180-4's example: a configuration of OpenSSL may leave algorithms out.
    constexpr std::string_view known =
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    if (sha256(to_bytes("abc")).hex() != known) {
        return fail(errc::internal, "OpenSSL has no SHA-256");
    }
    return {};
}

digest sha256(std::initializer_list<byte_view> parts) {
    struct deleter {
        void operator()(EVP_MD_CTX* p) const noexcept { EVP_MD_CTX_free(p); }
    };
    // OpenSSL's uses the processor's SHA instructions, libsodium's does not. Looking the algorithm
    // up each time would cost more than the hash of a few bytes.
    static EVP_MD* const sha = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    thread_local const std::unique_ptr<EVP_MD_CTX, deleter> context(EVP_MD_CTX_new());
    digest out;
    unsigned int length = 0;
    EVP_DigestInit_ex(context.get(), sha, nullptr);
    for (const byte_view part : parts) {
        EVP_DigestUpdate(context.get(), part.data(), part.size());
    }
    EVP_DigestFinal_ex(context.get(), out.value.data(), &length);
    return out;
}

digest sha256(byte_view data) { return sha256({data}); }

namespace {

bytes in_domain(std::string_view domain, byte_view message) {
    bytes whole = to_bytes(domain);
    whole.push_back(0);
    whole.insert(whole.end(), message.begin(), message.end());
    return whole;
}

constexpr std::size_t signatures_remembered = 8192;

struct first_bytes {
    std::size_t operator()(const digest& of) const noexcept {
        std::size_t hash = 0;
        std::memcpy(&hash, of.value.data(), sizeof hash);
        return hash;
    }
};

}  // namespace

signing_key signing_key::generate(random& entropy) {
    bytes seed(crypto_sign_SEEDBYTES);
    entropy.fill(seed);
    auto key = from_seed(seed);
    sodium_memzero(seed.data(), seed.size());
    return std::move(*key);
}

result<signing_key> signing_key::from_seed(byte_view seed) {
    if (seed.size() != crypto_sign_SEEDBYTES) {
        return fail(errc::malformed, "a signing key of the wrong length");
    }
    signing_key key;
    key.seed = secret_bytes(to_bytes(seed));
    key.public_key.resize(crypto_sign_PUBLICKEYBYTES);
    unsigned char secret[crypto_sign_SECRETKEYBYTES];
    crypto_sign_seed_keypair(key.public_key.data(), secret, seed.data());
    sodium_memzero(secret, sizeof secret);
    return key;
}

bytes signing_key::sign(std::string_view domain, byte_view message) const {
    assert(seed.view().size() == crypto_sign_SEEDBYTES);
    assert(public_key.size() == crypto_sign_PUBLICKEYBYTES);
    // libsodium's secret key is the seed and what it would make of it anew each time.
    unsigned char secret[crypto_sign_SECRETKEYBYTES] = {};
    static_assert(sizeof secret == crypto_sign_SEEDBYTES + crypto_sign_PUBLICKEYBYTES);
    std::ranges::copy(public_key, std::ranges::copy(seed.view(), secret).out);
    const bytes whole = in_domain(domain, message);
    bytes signature(crypto_sign_BYTES);
    crypto_sign_detached(signature.data(), nullptr, whole.data(), whole.size(), secret);
    sodium_memzero(secret, sizeof secret);
    return signature;
}

signing_key signing_key::clone() const { return {seed.clone(), public_key}; }

bool verify(byte_view public_key, std::string_view domain, byte_view message,
            byte_view signature) noexcept {
    if (public_key.size() != crypto_sign_PUBLICKEYBYTES || signature.size() != crypto_sign_BYTES) {
        return false;
    }
    const bytes whole = in_domain(domain, message);
    // An author's certificate comes with each of his envelopes, and an envelope on several ways.
    thread_local std::unordered_set<digest, first_bytes> good;
    const digest all = sha256({public_key, signature, whole});
    if (good.contains(all)) {
        return true;
    }
    if (crypto_sign_verify_detached(signature.data(), whole.data(), whole.size(),
                                    public_key.data()) != 0) {
        return false;
    }
    if (good.size() == signatures_remembered) {
        good.clear();
    }
    good.insert(all);
    return true;
}

box_key box_key::generate(random& entropy) {
    bytes secret(crypto_box_SECRETKEYBYTES);
    entropy.fill(secret);
    auto key = from_secret(secret);
    sodium_memzero(secret.data(), secret.size());
    return std::move(*key);
}

result<box_key> box_key::from_secret(byte_view secret) {
    if (secret.size() != crypto_box_SECRETKEYBYTES) {
        return fail(errc::malformed, "a box key of the wrong length");
    }
    box_key key;
    key.secret = secret_bytes(to_bytes(secret));
    key.public_key.resize(crypto_box_PUBLICKEYBYTES);
    crypto_scalarmult_base(key.public_key.data(), secret.data());
    return key;
}

box_key box_key::clone() const { return {secret.clone(), public_key}; }

result<bytes> seal_for(byte_view box_public_key, byte_view message) {
    if (box_public_key.size() != crypto_box_PUBLICKEYBYTES) {
        return fail(errc::malformed, "a box key of the wrong length");
    }
    bytes sealed(message.size() + crypto_box_SEALBYTES);
    if (crypto_box_seal(sealed.data(), message.data(), message.size(), box_public_key.data()) !=
        0) {
        return fail(errc::malformed, "a box key that is not a point of the curve");
    }
    return sealed;
}

result<secret_bytes> open_sealed(const box_key& key, byte_view sealed) {
    if (sealed.size() < crypto_box_SEALBYTES) {
        return fail(errc::malformed, "a sealed box that is too short");
    }
    bytes message(sealed.size() - crypto_box_SEALBYTES);
    if (crypto_box_seal_open(message.data(), sealed.data(), sealed.size(), key.public_key.data(),
                             key.secret.view().data()) != 0) {
        return fail(errc::mismatch, "a sealed box that was not made for this key");
    }
    return secret_bytes(std::move(message));
}

bytes seal(byte_view key, byte_view plaintext, byte_view associated, random& entropy) {
    constexpr std::size_t nonce_bytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
    bytes sealed(nonce_bytes + plaintext.size() + crypto_aead_xchacha20poly1305_ietf_ABYTES);
    entropy.fill(std::span(sealed).first(nonce_bytes));
    crypto_aead_xchacha20poly1305_ietf_encrypt(
        sealed.data() + nonce_bytes, nullptr, plaintext.data(), plaintext.size(), associated.data(),
        associated.size(), nullptr, sealed.data(), key.data());
    return sealed;
}

result<bytes> open(byte_view key, byte_view sealed, byte_view associated) {
    constexpr std::size_t nonce_bytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
    constexpr std::size_t overhead = nonce_bytes + crypto_aead_xchacha20poly1305_ietf_ABYTES;
    if (key.size() != crypto_aead_xchacha20poly1305_ietf_KEYBYTES || sealed.size() < overhead) {
        return fail(errc::malformed, "sealed data that is too short");
    }
    bytes plaintext(sealed.size() - overhead);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            plaintext.data(), nullptr, nullptr, sealed.data() + nonce_bytes,
            sealed.size() - nonce_bytes, associated.data(), associated.size(), sealed.data(),
            key.data()) != 0) {
        return fail(errc::mismatch, "sealed data that does not open with this key");
    }
    return plaintext;
}

result<secret_bytes> derive_from_password(std::string_view password, byte_view salt16,
                                          std::uint64_t memory_bytes, std::uint32_t passes) {
    const bool sane = salt16.size() == crypto_pwhash_SALTBYTES &&
                      memory_bytes >= crypto_pwhash_argon2id_MEMLIMIT_MIN &&
                      memory_bytes <= (std::uint64_t{1} << 30) && passes >= 1 && passes <= 16;
    if (!sane) {
        return fail(errc::malformed, "password parameters out of range");
    }
    bytes root(32);
    if (crypto_pwhash(root.data(), root.size(), password.data(), password.size(), salt16.data(),
                      passes, memory_bytes, crypto_pwhash_ALG_ARGON2ID13) != 0) {
        return fail(errc::io_failed, "not enough memory to derive a key from the password");
    }
    return secret_bytes(std::move(root));
}

secret_bytes derive(byte_view root, std::string_view purpose) {
    // RFC 5869 with an empty salt and one block of output.
    unsigned char no_salt[crypto_auth_hmacsha256_KEYBYTES] = {};
    unsigned char extracted[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, no_salt, sizeof no_salt);
    crypto_auth_hmacsha256_update(&state, root.data(), root.size());
    crypto_auth_hmacsha256_final(&state, extracted);
    bytes out(crypto_auth_hmacsha256_BYTES);
    const unsigned char counter = 1;
    crypto_auth_hmacsha256_init(&state, extracted, sizeof extracted);
    crypto_auth_hmacsha256_update(&state, as_bytes(purpose).data(), purpose.size());
    crypto_auth_hmacsha256_update(&state, &counter, 1);
    crypto_auth_hmacsha256_final(&state, out.data());
    sodium_memzero(extracted, sizeof extracted);
    return secret_bytes(std::move(out));
}

user_id user_of(byte_view identity_key) {
    const digest hash = sha256(identity_key);
    return *user_id::from_bytes(byte_view(hash.value).first(user_id::size));
}

device_id device_of(byte_view device_key) {
    return *device_id::from_bytes(sha256(device_key).view());
}

}  // namespace calbox::crypto
