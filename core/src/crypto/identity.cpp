#include "crypto/identity.hpp"

namespace calbox::crypto {

namespace {

constexpr std::string_view binding_domain = "calbox binding 1";

bytes binding_message(const author& who) {
    cbor::writer out;
    out.array(4);
    out.byte_string(user_of(who.identity_key).view());
    out.byte_string(device_of(who.device_key).view());
    out.unsigned_integer(who.number.value);
    out.unsigned_integer(who.life.value);
    return out.take();
}

}  // namespace

identity identity::generate(random& entropy) {
    return {signing_key::generate(entropy), box_key::generate(entropy)};
}

secret_bytes serialise(const identity& keys) {
    bytes data = to_bytes(keys.sign.seed.view());
    const byte_view box = keys.box.secret.view();
    data.insert(data.end(), box.begin(), box.end());
    return secret_bytes(std::move(data));
}

result<identity> parse_identity(byte_view data) {
    if (data.size() != 64) {
        return fail(errc::malformed, "an identity of the wrong length");
    }
    auto sign = signing_key::from_seed(data.first(32));
    auto box = box_key::from_secret(data.last(32));
    if (!sign || !box) {
        return fail(errc::malformed, "an identity that cannot be read");
    }
    return identity{std::move(*sign), std::move(*box)};
}

bytes seal_identity(const identity& keys, byte_view key32, std::string_view name, random& entropy) {
    return seal(key32, serialise(keys).view(), as_bytes(name), entropy);
}

result<identity> open_identity(byte_view sealed, byte_view key32, std::string_view name) {
    auto plain = open(key32, sealed, as_bytes(name));
    if (!plain) {
        return fail(std::move(plain.error()));
    }
    const secret_bytes wiped(std::move(*plain));
    return parse_identity(wiped.view());
}

author make_author(const identity& keys, byte_view device_public_key, device_number number,
                   incarnation life) {
    author who{keys.sign.public_key, to_bytes(device_public_key), number, life, {}};
    who.binding = keys.sign.sign(binding_domain, binding_message(who));
    return who;
}

bool verify_author(const author& who) {
    return author_user(who) &&
           verify(who.identity_key, binding_domain, binding_message(who), who.binding);
}

std::optional<user_id> author_user(const author& who) {
    if (who.identity_key.size() != 32 || who.device_key.size() != 32) {
        return std::nullopt;
    }
    return user_of(who.identity_key);
}

}  // namespace calbox::crypto
