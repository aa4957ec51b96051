// The configuration of a calboxd: what docs/operations.md lists, read from TOML and checked.
// Values; made at start-up by main, taken over by the composition root. Nothing here opens anything
// but the file itself.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

#include "folder_sync.hpp"
#include "net/server_trust_real.hpp"
#include "node/node.hpp"
#include "web_certificate.hpp"

namespace calbox::daemon {

/// A strategy by its name, with its settings as one JSON object (empty: the plugin's defaults).
struct wanted_plugin {
    std::string name;
    std::string settings;
};

/// The page for browsers of other machines, over TLS.
struct web_door {
    std::optional<asio::ip::tcp::endpoint> listen;  // nothing: there is none
    std::vector<std::string> names;  // by which browsers ask for it: host names and addresses
    certificate_files certificate;   // empty: one that vouches for itself
    bool registers = false;          // people may make new accounts on it
};

struct config {
    std::filesystem::path data_dir, socket;
    /// Where the page is served, on loopback; nothing: nowhere. Port 0: the system chooses one.
    std::optional<asio::ip::tcp::endpoint> web{
        asio::ip::tcp::endpoint{asio::ip::address_v4::loopback(), 0}};
    web_door door;
    node::node_settings node;
    wanted_plugin discovery{"random", {}}, consensus{"views", {}};
    net::server_trust_files consensus_tls;  // with an engine that decides
    wanted_plugin storage{"sqlite", {}}, recovery{"auto", {}};
    /// Run with CALBOX_COUNT in its environment when so many more rendezvous are needed; empty:
    /// none.
    std::vector<std::string> open_command;
    bool lan_search = true;                       // for rendezvous, in the local network
    bool port_mapping = true;                     // asks the router for a port
    folder_settings folder;                       // of coming events
    std::vector<std::string> plugin_directories;  // empty: the installed one
    log_level level = log_level::info;
};

/// The value of an environment variable; empty when it is not set.
using variables = std::function<std::string(const char* name)>;

/// `file` is only named in sentences. invalid_argument: "file:line: key: what is wrong and what
/// fits".
result<config> parse_config(std::string_view text, const std::string& file, const variables& from);

/// Reads `file`, or $XDG_CONFIG_HOME/calbox/calbox.toml when none is given, which may be missing.
result<config> load_config(const std::optional<std::filesystem::path>& file, const variables& from);

}  // namespace calbox::daemon
