// Which servers are believed to be who they say, and who this machine is to them: for servers that
// are no devices of CalendarBox, such as an engine that decides. Read from files once. Core thread.
#pragma once

#include <filesystem>
#include <memory>

#include <boost/asio/ssl/context.hpp>
#include <calbox/error.hpp>

namespace calbox::net {

/// PEM files (RFC 7468).
struct server_trust_files {
    std::filesystem::path ca;                // whose servers are believed; empty: the system's
    std::filesystem::path certificate, key;  // of this machine, for servers that ask; both, or none
};

using server_trust = std::shared_ptr<asio::ssl::context>;

/// TLS 1.2 and later. invalid_argument with a sentence that names the file: it cannot be read, is
/// no certificate, or the key is none or another's.
result<server_trust> read_server_trust(const server_trust_files& from);

}  // namespace calbox::net
