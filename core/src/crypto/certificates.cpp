#include "crypto/certificates.hpp"

#include <map>
#include <memory>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "wire/messages.hpp"

namespace calbox::crypto {

namespace {

struct deleter {
    void operator()(X509* p) const noexcept { X509_free(p); }
    void operator()(EVP_PKEY* p) const noexcept { EVP_PKEY_free(p); }
    void operator()(X509_EXTENSION* p) const noexcept { X509_EXTENSION_free(p); }
    void operator()(GENERAL_NAMES* p) const noexcept { GENERAL_NAMES_free(p); }
    void operator()(ASN1_TIME* p) const noexcept { ASN1_TIME_free(p); }
};
template <class T>
using owned = std::unique_ptr<T, deleter>;

constexpr std::int64_t day_seconds = 24 * 3600;
constexpr std::int64_t tolerance_ms = day_seconds * 1000;
constexpr std::string_view device_prefix = "calbox://device/";
constexpr std::string_view role_prefix = "calbox://role/";

struct named_role {
    std::uint32_t bit;
    std::string_view name;
};
constexpr named_role role_names[] = {{wire::role::edge, "edge"},
                                     {wire::role::rendezvous, "rendezvous"},
                                     {wire::role::backup, "backup"},
                                     {wire::role::registry, "registry"}};

owned<EVP_PKEY> private_key(const signing_key& key) {
    const byte_view seed = key.seed.view();
    return owned<EVP_PKEY>(
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
}
owned<EVP_PKEY> public_key(byte_view key) {
    return owned<EVP_PKEY>(
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()));
}

bytes key_in(X509* certificate) {
    EVP_PKEY* const key = X509_get0_pubkey(certificate);
    bytes raw(32);
    std::size_t length = raw.size();
    if (key == nullptr || EVP_PKEY_get_id(key) != EVP_PKEY_ED25519 ||
        EVP_PKEY_get_raw_public_key(key, raw.data(), &length) != 1 || length != raw.size()) {
        return {};
    }
    return raw;
}

bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const owned<X509_EXTENSION> extension(
        X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
    return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool set_times(X509* certificate, timestamp now, std::int64_t days) {
    const std::int64_t seconds = now.ms / 1000;
    return ASN1_TIME_set(X509_getm_notBefore(certificate), seconds) != nullptr &&
           ASN1_TIME_set(X509_getm_notAfter(certificate), seconds + days * day_seconds) != nullptr;
}

bool set_serial(X509* certificate, random& entropy) {
    std::uint8_t serial[16];
    entropy.fill(serial);
    serial[0] =
        static_cast<std::uint8_t>((serial[0] & 0x7f) | 0x40);  // positive, and of full length
    BIGNUM* const number = BN_bin2bn(serial, sizeof serial, nullptr);
    const bool done = number != nullptr &&
                      BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr;
    BN_free(number);
    return done;
}

bool set_name(X509_NAME* name, const std::string& text) {
    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(text.data()),
                                      static_cast<int>(text.size()), -1, 0) == 1;
}

result<bytes> to_der(X509* certificate) {
    unsigned char* data = nullptr;
    const int length = i2d_X509(certificate, &data);
    if (length <= 0) {
        return fail(errc::internal, "a certificate cannot be written");
    }
    bytes der(data, data + length);
    OPENSSL_free(data);
    return der;
}

owned<X509> from_der(byte_view der) {
    const unsigned char* at = der.data();
    owned<X509> certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
    if (certificate && at != der.data() + der.size()) {
        return nullptr;
    }
    return certificate;
}

tl::unexpected<error> cannot_make() { return fail(errc::internal, "a certificate cannot be made"); }

/// A certificate for `subject_key`, signed by `signer`; `issuer`: null for a self-signed one.
result<bytes> make(const signing_key& signer, X509* issuer, byte_view subject_key,
                   const std::string& common_name, const std::string& alternative_names,
                   bool authority, std::int64_t days, timestamp now, random& entropy) {
    const owned<X509> certificate(X509_new());
    const auto key = public_key(subject_key);
    const auto signer_key = private_key(signer);
    if (!certificate || !key || !signer_key) {
        return cannot_make();
    }
    X509* const c = certificate.get();
    bool good = X509_set_version(c, X509_VERSION_3) == 1 && set_serial(c, entropy) &&
                set_times(c, now, days) && X509_set_pubkey(c, key.get()) == 1 &&
                set_name(X509_get_subject_name(c), common_name);
    X509* const parent = issuer != nullptr ? issuer : c;
    good = good && X509_set_issuer_name(c, X509_get_subject_name(parent)) == 1;
    good = good && add_extension(c, parent, NID_basic_constraints,
                                 authority ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE");
    good = good && add_extension(c, parent, NID_key_usage,
                                 authority ? "critical,keyCertSign" : "critical,digitalSignature");
    if (!alternative_names.empty()) {
        good = good && add_extension(c, parent, NID_subject_alt_name, alternative_names);
    }
    // Ed25519 signs the whole message: no digest is named.
    if (!good || X509_sign(c, signer_key.get(), nullptr) <= 0) {
        return cannot_make();
    }
    return to_der(c);
}

std::string alternative_names(const device_id& device, std::uint32_t roles) {
    std::string names = "URI:" + std::string(device_prefix) + device.hex();
    for (const auto& [bit, name] : role_names) {
        if ((roles & bit) != 0) {
            names += ",URI:" + std::string(role_prefix) + std::string(name);
        }
    }
    return names;
}

timestamp time_of(const ASN1_TIME* at) {
    const owned<ASN1_TIME> epoch(ASN1_TIME_set(nullptr, 0));
    int days = 0;
    int seconds = 0;
    if (!epoch || ASN1_TIME_diff(&days, &seconds, epoch.get(), at) != 1) {
        return {0};
    }
    return {(std::int64_t{days} * day_seconds + seconds) * 1000};
}

/// Reads the names of a certificate into `facts`; the device that they name.
std::optional<device_id> read_names(X509* certificate, certificate_facts& facts) {
    const owned<GENERAL_NAMES> names(static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    std::optional<device_id> named;
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
        if (name->type != GEN_URI) {
            continue;
        }
        const std::string_view text(
            reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.ia5)),
            static_cast<std::size_t>(ASN1_STRING_length(name->d.ia5)));
        if (text.starts_with(device_prefix)) {
            named = device_id::from_hex(text.substr(device_prefix.size()));
        } else if (text.starts_with(role_prefix)) {
            for (const auto& [bit, role] : role_names) {
                facts.roles |= text.substr(role_prefix.size()) == role ? bit : 0;
            }
        }
    }
    return named;
}

}  // namespace

result<bytes> make_ca_certificate(const signing_key& ca, timestamp now, random& entropy) {
    const std::string name = "CalendarBox network " + sha256(ca.public_key).hex().substr(0, 16);
    return make(ca, nullptr, ca.public_key, name, {}, true, 20 * 365, now, entropy);
}

result<bytes> make_device_certificate(const signing_key& ca, byte_view ca_certificate,
                                      byte_view device_key, std::uint32_t roles, timestamp now,
                                      random& entropy) {
    const auto issuer = from_der(ca_certificate);
    if (!issuer || device_key.size() != 32) {
        return fail(errc::malformed, "a CA certificate or a device key that cannot be read");
    }
    const device_id device = device_of(device_key);
    return make(ca, issuer.get(), device_key, device.hex().substr(0, 16),
                alternative_names(device, roles), false, certificate_days, now, entropy);
}

result<bytes> make_self_signed_certificate(const signing_key& device, timestamp now,
                                           random& entropy) {
    const device_id id = device_of(device.public_key);
    return make(device, nullptr, device.public_key, id.hex().substr(0, 16),
                alternative_names(id, 0), false, 20 * 365, now, entropy);
}

bytes certificate_key(byte_view certificate) {
    // It is always the network's that is asked for, and OpenSSL takes long to read it.
    thread_local std::map<digest, bytes> remembered;
    const digest of = sha256(certificate);
    auto found = remembered.find(of);
    if (found == remembered.end()) {
        constexpr std::size_t most = 256;  // a simulator has many networks
        if (remembered.size() == most) {
            remembered.clear();
        }
        const auto read = from_der(certificate);
        found = remembered.emplace(of, read ? key_in(read.get()) : bytes{}).first;
    }
    return found->second;
}

network_id network_of_ca(byte_view ca_certificate_or_empty) {
    const bytes key = certificate_key(ca_certificate_or_empty);
    return key.empty() ? network_id{} : *network_id::from_bytes(sha256(byte_view(key)).view());
}

namespace {

/// What a certificate says whenever it is read; of_network: the CA signed it.
result<certificate_facts> read_facts(byte_view certificate, byte_view ca_certificate) {
    const auto read = from_der(certificate);
    if (!read) {
        return fail(errc::malformed, "not a certificate");
    }
    certificate_facts facts;
    facts.device_key = key_in(read.get());
    if (facts.device_key.empty()) {
        return fail(errc::malformed, "a certificate without an Ed25519 key");
    }
    facts.device = device_of(facts.device_key);
    const auto named = read_names(read.get(), facts);
    if (!named) {
        return fail(errc::malformed, "a certificate that names no device");
    }
    if (*named != facts.device) {
        return fail(errc::mismatch, "a certificate that names another device than its key");
    }
    facts.not_before = time_of(X509_get0_notBefore(read.get()));
    facts.not_after = time_of(X509_get0_notAfter(read.get()));
    const bytes ca_key = certificate_key(ca_certificate);
    const auto verifier = ca_key.empty() ? nullptr : public_key(ca_key);
    facts.of_network = verifier && X509_verify(read.get(), verifier.get()) == 1;
    return facts;
}

/// Both certificates' hash, so that whoever sends large ones fills no memory.
using certificate_pair = digest;
constexpr std::size_t pairs_remembered = 1024;

}  // namespace

result<certificate_facts> inspect_certificate(byte_view certificate, byte_view ca_certificate,
                                              timestamp now) {
    // The same devices come again and again, and OpenSSL takes long to read what they show.
    thread_local std::map<certificate_pair, certificate_facts> remembered;
    const certificate_pair both = sha256({sha256(certificate).view(), ca_certificate});
    auto found = remembered.find(both);
    if (found == remembered.end()) {
        auto read = read_facts(certificate, ca_certificate);
        if (!read) {
            return read;
        }
        if (remembered.size() == pairs_remembered) {
            remembered.clear();
        }
        found = remembered.emplace(both, std::move(*read)).first;
    }
    certificate_facts facts = found->second;
    facts.of_network = facts.of_network && now.ms >= facts.not_before.ms - tolerance_ms &&
                       now.ms <= facts.not_after.ms + tolerance_ms;
    if (!facts.of_network) {
        facts.roles = 0;  // what nobody vouches for does not count
    }
    return facts;
}

}  // namespace calbox::crypto
