// Questions to an HTTP server, one answer each (HTTP/1.1, RFC 9112), over the environment's
// transport, with TLS where the URL says https (RFC 9110, 4.2.2); no redirections. Connections are
// kept for the next question, a few for each server. Owned by whoever asks; core thread only.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "net/stream.hpp"

namespace calbox::net {

struct http_question {
    std::string method;  // "POST"
    std::string url;     // "https://127.0.0.1:2379/v3/kv/txn": the port is needed
    bytes body;          // application/json
};
struct http_answer {
    int status = 0;
    bytes body;
};

class http_client {
public:
    explicit http_client(const environment& env) : env_(env) {}

    /// The answer, of at most 4 MiB. After invalid_argument (a URL of another kind), mismatch (the
    /// server's certificate) and unsupported (no TLS here) nothing was asked. After unavailable (no
    /// connection), closed, malformed and timed_out (none within
    /// `most`) it is not known whether the question had its effect: a kept connection may be one
    /// that the server has ended, and nothing is ever asked twice.
    task<result<http_answer>> ask(http_question what, duration most);

private:
    using stream = std::unique_ptr<byte_stream>;
    task<result<http_answer>> ask_now(http_question what);

    const environment& env_;
    std::map<std::string, std::vector<stream>> kept_;  // by "https://host:port"
};

}  // namespace calbox::net
