#include "net/secure_channel.hpp"

#include <array>
#include <cstring>
#include <map>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "wire/limits.hpp"

namespace calbox::net {

secure_channel::~secure_channel() = default;

namespace {

struct deleter {
    void operator()(SSL* p) const noexcept { SSL_free(p); }
    void operator()(SSL_CTX* p) const noexcept { SSL_CTX_free(p); }
    void operator()(X509* p) const noexcept { X509_free(p); }
    void operator()(EVP_PKEY* p) const noexcept { EVP_PKEY_free(p); }
};
template <class T>
using owned = std::unique_ptr<T, deleter>;

constexpr unsigned char alpn[] = {8, 'c', 'a', 'l', 'b', 'o', 'x', '/', '1'};
constexpr std::size_t plain_bytes = 16 * 1024;         // the most in a TLS record
constexpr std::size_t record_bytes = 16 * 1024 + 512;  // a TLS record with its overhead
constexpr std::size_t read_bytes_most = 8 * record_bytes;

/// What OpenSSL has written or is to read; it gives its memory back when it is empty.
class byte_queue {
public:
    void append(byte_view data) { data_.insert(data_.end(), data.begin(), data.end()); }
    /// Room for so much, so that it need not be moved while it grows.
    void expect(std::size_t size) {
        if (empty()) {
            data_.reserve(size);
        }
    }
    std::size_t take(unsigned char* out, std::size_t most) {
        const std::size_t size = std::min(most, data_.size() - begin_);
        std::memcpy(out, data_.data() + begin_, size);
        begin_ += size;
        if (begin_ == data_.size()) {
            data_ = bytes();
            begin_ = 0;
        }
        return size;
    }
    bytes take_all() {
        begin_ = 0;
        return std::exchange(data_, bytes());
    }
    bool empty() const noexcept { return begin_ == data_.size(); }

private:
    bytes data_;
    std::size_t begin_ = 0;
};

int queue_write(BIO* bio, const char* data, std::size_t size, std::size_t* written) {
    static_cast<byte_queue*>(BIO_get_data(bio))
        ->append({reinterpret_cast<const std::uint8_t*>(data), size});
    *written = size;
    return 1;
}
int queue_read(BIO* bio, char* data, std::size_t size, std::size_t* read) {
    auto* const queue = static_cast<byte_queue*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    if (queue->empty()) {
        BIO_set_retry_read(bio);
        return 0;
    }
    *read = queue->take(reinterpret_cast<unsigned char*>(data), size);
    return 1;
}
long queue_control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

BIO_METHOD* queue_method() {
    static BIO_METHOD* const method = [] {
        BIO_METHOD* const made =
            BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "calbox queue");
        BIO_meth_set_write_ex(made, queue_write);
        BIO_meth_set_read_ex(made, queue_read);
        BIO_meth_set_ctrl(made, queue_control);
        return made;
    }();
    return method;
}
BIO* make_queue_bio(byte_queue& queue) {
    BIO* const bio = BIO_new(queue_method());
    BIO_set_data(bio, &queue);
    BIO_set_init(bio, 1);
    return bio;
}

/// The chain is judged after the handshake, by inspect_certificate: OpenSSL only proves possession
/// of the key.
int accept_for_now(X509_STORE_CTX*, void*) { return 1; }

int choose_alpn(SSL*, const unsigned char** out, unsigned char* length,
                const unsigned char* offered, unsigned int size, void*) {
    unsigned char* chosen = nullptr;
    if (SSL_select_next_proto(&chosen, length, alpn, sizeof alpn, offered, size) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/// One of this side's own, which is read once and shown in every handshake. Null when it cannot be
/// read; valid until the next call.
X509* own_certificate(const bytes& der) {
    thread_local std::map<bytes, owned<X509>> read;
    auto found = read.find(der);
    if (found == read.end()) {
        constexpr std::size_t most = 256;  // a simulator has many devices
        if (read.size() == most) {
            read.clear();
        }
        const unsigned char* at = der.data();
        owned<X509> fresh(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
        found = read.emplace(der, std::move(fresh)).first;
    }
    return found->second.get();
}

bytes der_of(X509* certificate) {
    unsigned char* data = nullptr;
    const int length = i2d_X509(certificate, &data);
    bytes der(data, data + std::max(length, 0));
    OPENSSL_free(data);
    return der;
}

/// What all channels of one side share: OpenSSL looks up every algorithm to make one. Null when
/// there is no memory for it.
SSL_CTX* shared_context(bool server) {
    static const auto make = [](bool for_server) {
        owned<SSL_CTX> made(SSL_CTX_new(for_server ? TLS_server_method() : TLS_client_method()));
        SSL_CTX* const context = made.get();
        if (context == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1) {
            return owned<SSL_CTX>();
        }
        SSL_CTX_set_cert_verify_callback(context, accept_for_now, nullptr);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
        SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_NO_AUTO_CHAIN);
        SSL_CTX_set_num_tickets(context, 0);
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
        if (for_server) {
            SSL_CTX_set_alpn_select_cb(context, choose_alpn, nullptr);
        } else {
            SSL_CTX_set_alpn_protos(context, alpn, sizeof alpn);
        }
        return made;
    };
    static const owned<SSL_CTX> of_servers = make(true), of_clients = make(false);
    return (server ? of_servers : of_clients).get();
}

result<owned<SSL>> make_ssl(const credentials& mine, bool server) {
    SSL_CTX* const context = shared_context(server);
    owned<SSL> made(context == nullptr ? nullptr : SSL_new(context));
    const byte_view seed = mine.device_key.seed.view();
    const owned<EVP_PKEY> key(
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
    X509* const certificate = own_certificate(mine.certificate);
    bool good = made && key && certificate != nullptr &&
                SSL_use_certificate(made.get(), certificate) == 1 &&
                SSL_use_PrivateKey(made.get(), key.get()) == 1;
    // Who dials may not know the network yet; who is dialled has its own, and would only keep it.
    if (good && server && !mine.ca_certificate.empty()) {
        X509* const ca = own_certificate(mine.ca_certificate);
        good = ca != nullptr && SSL_add1_chain_cert(made.get(), ca) == 1;
    }
    if (!good) {
        ERR_clear_error();
        return fail(errc::internal, "this device's certificate or key cannot be used");
    }
    if (server) {
        SSL_set_accept_state(made.get());
    } else {
        SSL_set_connect_state(made.get());
    }
    return made;
}

class tls_channel final : public secure_channel {
public:
    tls_channel(const environment& env, std::unique_ptr<byte_stream> stream, owned<SSL> ssl)
        : env_(env), stream_(std::move(stream)), ssl_(std::move(ssl)), flushed_(env) {
        SSL_set_bio(ssl_.get(), make_queue_bio(in_), make_queue_bio(out_));
    }

    task<result<void>> handshake(const credentials& mine, const expectation& expected) {
        while (true) {
            ERR_clear_error();
            const int done = SSL_do_handshake(ssl_.get());
            const int why = SSL_get_error(ssl_.get(), done);
            auto sent = co_await flush();
            if (!sent) {
                co_return sent;
            }
            if (done == 1) {
                break;
            }
            if (why != SSL_ERROR_WANT_READ) {
                co_return fail(errc::mismatch,
                               "no TLS session with " + description() + ": " + reason());
            }
            auto more = co_await receive();
            if (!more) {
                co_return more;
            }
        }
        co_return judge(mine, expected);
    }

    task<result<bytes>> read() override {
        while (true) {
            bytes data;
            const int why = decrypt(data);
            if (!out_.empty()) {
                auto sent = co_await flush();
                if (!sent) {
                    co_return fail(std::move(sent.error()));
                }
            }
            if (!data.empty()) {
                co_return data;
            }
            if (why != SSL_ERROR_WANT_READ) {
                co_return fail(errc::closed, "the session with " + description() + " ended");
            }
            auto more = co_await receive();
            if (!more) {
                co_return fail(std::move(more.error()));
            }
        }
    }

    task<result<void>> write(byte_view data) override {
        constexpr std::size_t records_most = 16;  // 256 KiB at a time keep the queue short
        while (!data.empty()) {
            if (unflushed_ == 0) {
                out_.expect(
                    std::min(data.size() + data.size() / 64 + 64, records_most * record_bytes));
            }
            std::size_t size = 0;
            ERR_clear_error();
            if (SSL_write_ex(ssl_.get(), data.data(), data.size(), &size) != 1) {
                co_return fail(errc::closed, "the session with " + description() + " ended");
            }
            data = data.subspan(size);
            if (data.empty() || ++unflushed_ >= static_cast<int>(records_most)) {
                unflushed_ = 0;
                auto sent = co_await flush();
                if (!sent) {
                    co_return sent;
                }
            }
        }
        co_return result<void>();
    }

    void close() noexcept override { stream_->close(); }
    const crypto::certificate_facts& peer() const noexcept override { return peer_; }
    byte_view channel_binding() const noexcept override { return binding_; }
    std::string description() const override { return stream_->description(); }
    std::string own_address() const override { return stream_->own_address(); }

private:
    static std::string reason() {
        char text[256];
        ERR_error_string_n(ERR_peek_error(), text, sizeof text);
        ERR_clear_error();
        return text;
    }

    /// The next of what has arrived; empty, with OpenSSL's reason, when there is nothing whole.
    int decrypt(bytes& into) {
        std::array<std::uint8_t, plain_bytes> room;
        std::size_t size = 0;
        ERR_clear_error();
        const int done = SSL_read_ex(ssl_.get(), room.data(), room.size(), &size);
        const int why = SSL_get_error(ssl_.get(), done);
        if (done == 1) {
            into.assign(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(size));
        }
        return why;
    }

    task<result<void>> receive() {
        if (!more_waits_) {
            auto arrived = co_await stream_->readable();
            if (!arrived) {
                co_return arrived;
            }
        }
        bytes buffer(read_bytes_);
        const auto size = co_await stream_->read_some(buffer);
        if (!size) {
            co_return fail(size.error());
        }
        more_waits_ = *size == buffer.size();
        // More at once while much comes.
        read_bytes_ = more_waits_                 ? std::min(2 * read_bytes_, read_bytes_most)
                      : *size < buffer.size() / 4 ? record_bytes
                                                  : read_bytes_;
        in_.append(byte_view(buffer).first(*size));
        co_return result<void>();
    }

    /// Everything that OpenSSL has produced goes to the stream, in order, by one coroutine at a
    /// time.
    task<result<void>> flush() {
        while (flushing_) {
            co_await flushed_.wait();
        }
        if (out_.empty()) {
            co_return result<void>();
        }
        const struct guard {
            tls_channel& owner;
            explicit guard(tls_channel& channel) : owner(channel) { owner.flushing_ = true; }
            ~guard() {
                owner.flushing_ = false;
                owner.flushed_.set();
                owner.flushed_.reset();
            }
        } busy(*this);
        while (!out_.empty()) {
            const bytes data = out_.take_all();
            auto sent = co_await stream_->write(data);
            if (!sent) {
                co_return sent;
            }
        }
        co_return result<void>();
    }

    result<void> judge(const credentials& mine, const expectation& expected) {
        const unsigned char* protocol = nullptr;
        unsigned int length = 0;
        SSL_get0_alpn_selected(ssl_.get(), &protocol, &length);
        if (length != alpn[0] || std::memcmp(protocol, alpn + 1, length) != 0) {
            return fail(errc::mismatch, description() + " does not speak calbox/1");
        }
        const owned<X509> certificate(SSL_get1_peer_certificate(ssl_.get()));
        STACK_OF(X509)* const chain = SSL_get_peer_cert_chain(ssl_.get());
        bytes sent_ca;
        for (int i = 0; chain != nullptr && i < sk_X509_num(chain); ++i) {
            X509* const one = sk_X509_value(chain, i);
            if (X509_check_ca(one) > 0 && X509_cmp(one, certificate.get()) != 0) {
                sent_ca = der_of(one);
            }
        }
        const bool by_network = expected.network && mine.ca_certificate.empty();
        const bytes& ca = by_network ? sent_ca : mine.ca_certificate;
        auto facts = crypto::inspect_certificate(der_of(certificate.get()), ca, env_.time.wall());
        if (!facts) {
            return fail(std::move(facts.error()));
        }
        peer_ = std::move(*facts);
        binding_.resize(32);
        static constexpr char label[] = "EXPORTER-Channel-Binding";
        SSL_export_keying_material(ssl_.get(), binding_.data(), binding_.size(), label,
                                   sizeof label - 1, nullptr, 0, 0);
        if (expected.network &&
            (!peer_.of_network || crypto::network_of_ca(ca) != *expected.network)) {
            return fail(
                errc::mismatch,
                description() + " does not belong to the network that the invitation names");
        }
        if (expected.device && peer_.device != *expected.device) {
            return fail(errc::mismatch, "another device answers at " + description());
        }
        if ((peer_.roles & expected.roles) != expected.roles) {
            return fail(errc::mismatch, description() + " does not play the role that is needed");
        }
        return {};
    }

    const environment& env_;
    std::unique_ptr<byte_stream> stream_;
    byte_queue in_, out_;  // before ssl_, which refers to them
    owned<SSL> ssl_;
    event flushed_;
    bool flushing_ = false;
    bool more_waits_ = false;  // in the stream, very likely
    int unflushed_ = 0;
    std::size_t read_bytes_ = record_bytes;
    crypto::certificate_facts peer_;
    bytes binding_;
};

task<result<std::unique_ptr<secure_channel>>> secure(const environment& env,
                                                     std::unique_ptr<byte_stream> stream,
                                                     const credentials& mine, expectation expected,
                                                     bool server) {
    auto ssl = make_ssl(mine, server);
    if (!ssl) {
        co_return fail(std::move(ssl.error()));
    }
    auto channel = std::make_unique<tls_channel>(env, std::move(stream), std::move(*ssl));
    auto done = co_await with_deadline<void>(env, wire::limits::handshake_time,
                                             channel->handshake(mine, expected));
    if (!done) {
        channel->close();
        co_return fail(std::move(done.error()));
    }
    co_return channel;
}

}  // namespace

void prepare_channels() { (void)shared_context(true); }

task<result<std::unique_ptr<secure_channel>>> secure_client(const environment& env,
                                                            std::unique_ptr<byte_stream> stream,
                                                            const credentials& mine,
                                                            expectation expected) {
    co_return co_await secure(env, std::move(stream), mine, std::move(expected), false);
}

task<result<std::unique_ptr<secure_channel>>> secure_server(const environment& env,
                                                            std::unique_ptr<byte_stream> stream,
                                                            const credentials& mine) {
    co_return co_await secure(env, std::move(stream), mine, {}, true);
}

}  // namespace calbox::net
