#include "web_certificate.hpp"

#include <array>
#include <chrono>
#include <fstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>
#include <boost/asio/ip/address.hpp>

namespace calbox::daemon {

namespace {

namespace fs = std::filesystem;

constexpr std::chrono::days lifetime{825};  // the most that Apple's browsers take
constexpr std::chrono::days renewed_before{30};
constexpr std::size_t file_bytes_max = 1 << 20;

struct deleter {
    void operator()(X509* p) const noexcept { X509_free(p); }
    void operator()(EVP_PKEY* p) const noexcept { EVP_PKEY_free(p); }
    void operator()(BIO* p) const noexcept { BIO_free(p); }
    void operator()(X509_EXTENSION* p) const noexcept { X509_EXTENSION_free(p); }
    void operator()(ASN1_TIME* p) const noexcept { ASN1_TIME_free(p); }
};
template <class T>
using owned = std::unique_ptr<T, deleter>;

std::int64_t seconds_of(timestamp when) { return when.ms / 1000; }

owned<BIO> reading(const std::string& text) {
    return owned<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

owned<X509> certificate_in(const std::string& text) {
    const auto from = reading(text);
    owned<X509> found(PEM_read_bio_X509(from.get(), nullptr, nullptr, nullptr));
    ERR_clear_error();
    return found;
}

timestamp end_of(const X509* certificate) {
    const owned<ASN1_TIME> epoch(ASN1_TIME_set(nullptr, 0));
    int days = 0, seconds = 0;
    ASN1_TIME_diff(&days, &seconds, epoch.get(), X509_get0_notAfter(certificate));
    return {(std::int64_t{days} * 86'400 + seconds) * 1000};
}

std::string fingerprint_of(const X509* certificate) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
    unsigned int size = 0;
    X509_digest(certificate, EVP_sha256(), hash.data(), &size);
    std::string text;
    for (unsigned int i = 0; i < size; ++i) {
        text += fmt::format("{}{:02X}", i == 0 ? "" : ":", hash[i]);
    }
    return text;
}

/// "DNS:calendar.example.org,IP:192.0.2.7"
std::string alternative_names(const std::vector<std::string>& names) {
    std::string all;
    for (const std::string& name : names) {
        boost::system::error_code no_address;
        asio::ip::make_address(name, no_address);
        all += (all.empty() ? "" : ",") + std::string(no_address ? "DNS:" : "IP:") + name;
    }
    return all;
}

bool add_extension(X509* to, int which, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, to, to, nullptr, nullptr, 0);
    const owned<X509_EXTENSION> made(X509V3_EXT_conf_nid(nullptr, &context, which, value.c_str()));
    return made && X509_add_ext(to, made.get(), -1) == 1;
}

bool describe(X509* made, EVP_PKEY* key, const std::vector<std::string>& names, timestamp now) {
    // One for each key: what is made of it is random enough (RFC 5280, 4.1.2.2).
    std::array<unsigned char, EVP_MAX_MD_SIZE> serial{};
    unsigned int size = 0;
    if (X509_set_pubkey(made, key) != 1 ||
        X509_pubkey_digest(made, EVP_sha256(), serial.data(), &size) != 1) {
        return false;
    }
    serial[0] &= 0x7f;  // it is a positive number
    BIGNUM* const number = BN_bin2bn(serial.data(), 16, nullptr);
    BN_to_ASN1_INTEGER(number, X509_get_serialNumber(made));
    BN_free(number);
    X509_NAME* const who = X509_get_subject_name(made);
    const std::string called = "CalendarBox at " + names.front().substr(0, 40);
    return X509_set_version(made, X509_VERSION_3) == 1 &&
           X509_NAME_add_entry_by_NID(who, NID_commonName, MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(called.data()),
                                      static_cast<int>(called.size()), -1, 0) == 1 &&
           X509_set_issuer_name(made, who) == 1 &&
           // a day earlier, for clocks that are behind
           ASN1_TIME_set(X509_getm_notBefore(made), seconds_of(now) - 86'400) != nullptr &&
           ASN1_TIME_set(X509_getm_notAfter(made),
                         seconds_of(now) - 86'400 + std::chrono::seconds(lifetime).count()) !=
               nullptr &&
           add_extension(made, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(made, NID_key_usage, "critical,digitalSignature") &&
           add_extension(made, NID_ext_key_usage, "serverAuth") &&
           add_extension(made, NID_subject_alt_name, alternative_names(names)) &&
           X509_sign(made, key, EVP_sha256()) != 0;
}

std::string text_in(BIO* from) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(from, &data);
    return {data, static_cast<std::size_t>(size)};
}

/// For all of the names, and not over soon.
bool is_good(const std::string& text, const std::vector<std::string>& names, timestamp now) {
    const auto certificate = certificate_in(text);
    if (!certificate ||
        end_of(certificate.get()).ms < now.ms + std::chrono::milliseconds(renewed_before).count()) {
        return false;
    }
    for (const std::string& name : names) {
        if (X509_check_host(certificate.get(), name.data(), name.size(), 0, nullptr) != 1 &&
            X509_check_ip_asc(certificate.get(), name.c_str(), 0) != 1) {
            ERR_clear_error();
            return false;
        }
    }
    return true;
}

result<std::string> text_of_file(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::string text(file_bytes_max, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
    if (text.empty()) {
        return fail(errc::invalid_argument, "cannot read " + path.string());
    }
    return text;
}

/// Nobody else may read it, not even in the moment before it is complete.
result<void> keep(const fs::path& at, const std::string& text) {
    const std::string fresh = at.string() + ".new";
    ::unlink(fresh.c_str());
    const int file = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    const bool written =
        file >= 0 && ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
        ::fsync(file) == 0;
    if (file >= 0) {
        ::close(file);
    }
    if (!written || ::rename(fresh.c_str(), at.c_str()) != 0) {
        return fail(errc::io_failed, "cannot write " + at.string());
    }
    return {};
}

}  // namespace

result<void> web_certificate::use(certificate_text text) {
    const auto certificate = certificate_in(text.certificate);
    if (!certificate) {
        return fail(errc::invalid_argument, "there is no certificate in PEM in it");
    }
    auto made = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
    SSL_CTX_set_min_proto_version(made->native_handle(), TLS1_2_VERSION);
    boost::system::error_code problem;
    // Nobody is there to be asked for one: a key that needs it is refused.
    made->set_password_callback([](auto...) { return std::string(); }, problem);
    made->use_certificate_chain(asio::buffer(text.certificate), problem);
    if (!problem) {
        made->use_private_key(asio::buffer(text.key), asio::ssl::context::pem, problem);
    }
    if (problem || SSL_CTX_check_private_key(made->native_handle()) != 1) {
        ERR_clear_error();
        return fail(errc::invalid_argument, "the key is not this certificate's, or is no key");
    }
    context_ = std::move(made);
    fingerprint_ = fingerprint_of(certificate.get());
    until_ = end_of(certificate.get());
    text_ = std::move(text);
    return {};
}

result<certificate_text> web_certificate::read(const certificate_files& from) {
    auto certificate = text_of_file(from.certificate);
    auto key = text_of_file(from.key);
    if (!certificate || !key) {
        return fail(certificate ? key.error() : certificate.error());
    }
    return certificate_text{std::move(*certificate), std::move(*key)};
}

result<certificate_text> web_certificate::make(const std::vector<std::string>& names,
                                               timestamp now) {
    const owned<EVP_PKEY> key(EVP_EC_gen("P-256"));
    const owned<X509> made(X509_new());
    const owned<BIO> certificate(BIO_new(BIO_s_mem())), secret(BIO_new(BIO_s_mem()));
    const bool good =
        key && made && certificate && secret && describe(made.get(), key.get(), names, now) &&
        PEM_write_bio_X509(certificate.get(), made.get()) == 1 &&
        PEM_write_bio_PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) ==
            1;
    if (!good) {
        ERR_clear_error();
        return fail(errc::internal, "no certificate can be made for these names");
    }
    return certificate_text{text_in(certificate.get()), text_in(secret.get())};
}

result<certificate_text> web_certificate::read_or_make(const fs::path& at,
                                                       const std::vector<std::string>& names,
                                                       timestamp now) {
    // Both in one file, so that they are renewed together.
    const auto kept = text_of_file(at);
    if (kept && is_good(*kept, names, now)) {
        return certificate_text{*kept, *kept};
    }
    auto made = make(names, now);
    if (!made) {
        return made;
    }
    const std::string both = made->certificate + made->key;
    if (auto done = keep(at, both); !done) {
        return fail(std::move(done.error()));
    }
    return certificate_text{both, both};
}

}  // namespace calbox::daemon
