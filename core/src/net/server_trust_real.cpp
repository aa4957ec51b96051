#include "net/server_trust_real.hpp"

#include <openssl/err.h>

namespace calbox::net {

result<server_trust> read_server_trust(const server_trust_files& from) {
    auto made = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
    boost::system::error_code problem;
    SSL_CTX_set_min_proto_version(made->native_handle(), TLS1_2_VERSION);
    made->set_verify_mode(asio::ssl::verify_peer, problem);
    // Nobody is there to be asked for one: a key that needs it is refused.
    made->set_password_callback([](auto...) { return std::string(); }, problem);
    const auto refuse = [&](const std::string& what) {
        ERR_clear_error();
        return fail(errc::invalid_argument, "cannot use " + what + ": " + problem.message());
    };
    if (from.ca.empty()) {
        made->set_default_verify_paths(problem);
    } else {
        made->load_verify_file(from.ca.string(), problem);
    }
    if (problem) {
        return refuse(from.ca.empty() ? "the system's authorities" : from.ca.string());
    }
    if (!from.certificate.empty()) {
        made->use_certificate_chain_file(from.certificate.string(), problem);
        if (problem) {
            return refuse(from.certificate.string());
        }
        made->use_private_key_file(from.key.string(), asio::ssl::context::pem, problem);
        if (problem) {
            return refuse(from.key.string());
        }
    }
    return made;
}

}  // namespace calbox::net
