// An invitation into a network, as text that people pass on:
//     calbox://join/host:port[,host:port...]?network=<hex>&token=<hex>&roles=edge+backup
// It names where the registry answers, the hash of the CA key that it must prove, and a token that
// admits the roles.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <calbox/error.hpp>
#include <calbox/ids.hpp>

namespace calbox::node {

struct invitation {
    std::vector<std::string> addresses;
    network_id network;
    bytes token;
    std::uint32_t roles = 0;  // bits of wire::role
};

std::string to_text(const invitation& what);
/// invalid_argument says which part is wrong.
result<invitation> parse_invitation(std::string_view text);

/// "edge", "rendezvous", "backup", "registry".
result<std::uint32_t> role_bit(std::string_view name);
std::vector<std::string> role_names(std::uint32_t roles);

}  // namespace calbox::node
