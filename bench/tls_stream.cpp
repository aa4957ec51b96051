// What the machine itself needs to move bytes over TLS 1.3 (AES-256-GCM) on loopback with
// asio::ssl: the limit that the transfer of files is compared with. One process sends, another one
// receives, into memory. Prints JSON.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <openssl/x509.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#ifdef BOOST_ASIO_SEPARATE_COMPILATION
#include <boost/asio/ssl/impl/src.hpp>  // libcalbox has the rest of Asio alone
#endif
#include <boost/asio/write.hpp>

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr std::size_t piece_bytes = 64 * 1024;

/// Signed by itself, for this run.
void make_certificate(SSL_CTX* into) {
    EVP_PKEY* const key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
    X509* const made = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
    X509_gmtime_adj(X509_getm_notBefore(made), -3600);
    X509_gmtime_adj(X509_getm_notAfter(made), 86'400);
    X509_set_pubkey(made, key);
    X509_sign(made, key, nullptr);
    const bool good =
        SSL_CTX_use_certificate(into, made) == 1 && SSL_CTX_use_PrivateKey(into, key) == 1;
    X509_free(made);
    EVP_PKEY_free(key);
    if (!good) {
        std::fprintf(stderr, "tls_stream: no certificate can be made\n");
        std::exit(1);
    }
}

void send(asio::io_context& context, tcp::acceptor& door, std::uint64_t size) {
    asio::ssl::context terms(asio::ssl::context::tlsv13_server);
    make_certificate(terms.native_handle());
    asio::ssl::stream<tcp::socket> line(door.accept(context), terms);
    line.next_layer().set_option(tcp::no_delay(true));
    line.handshake(asio::ssl::stream_base::server);
    const std::vector<char> piece(piece_bytes, 7);
    while (size > 0) {
        const std::size_t now =
            static_cast<std::size_t>(std::min<std::uint64_t>(size, piece_bytes));
        asio::write(line, asio::buffer(piece.data(), now));
        size -= now;
    }
}

void receive(asio::io_context& context, const tcp::endpoint& from, std::uint64_t size) {
    asio::ssl::context terms(asio::ssl::context::tlsv13_client);
    asio::ssl::stream<tcp::socket> line(context, terms);
    line.next_layer().connect(from);
    line.handshake(asio::ssl::stream_base::client);
    std::vector<char> piece(piece_bytes);
    while (size > 0) {
        size -= line.read_some(asio::buffer(piece));
    }
}

double seconds_of(const rusage& used) {
    const auto one = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return one(used.ru_utime) + one(used.ru_stime);
}

}  // namespace

int main(int count, char** words) {
    const std::uint64_t size = count == 2 ? std::stoull(words[1]) : 0;
    if (size == 0) {
        std::fprintf(stderr, "tls_stream BYTES\n");
        return 2;
    }
    asio::io_context context;
    tcp::acceptor door(context, {asio::ip::address_v4::loopback(), 0});
    const auto begun = std::chrono::steady_clock::now();
    const ::pid_t sender = ::fork();
    if (sender == 0) {
        send(context, door, size);
        ::_exit(0);
    }
    receive(context, door.local_endpoint(), size);
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begun;
    int status = 0;
    ::waitpid(sender, &status, 0);
    rusage mine{}, theirs{};
    ::getrusage(RUSAGE_SELF, &mine);
    ::getrusage(RUSAGE_CHILDREN, &theirs);
    std::printf("{\"seconds\": %.3f, \"receiver_cpu_s\": %.3f, \"sender_cpu_s\": %.3f}\n",
                taken.count(), seconds_of(mine), seconds_of(theirs));
    return status == 0 ? 0 : 1;
}
