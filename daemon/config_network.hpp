// The keys that say how this daemon meets others: its roles and addresses, the network, rendezvous
// and their discovery. For config.cpp alone.
#pragma once

#include "config.hpp"
#include "config_values.hpp"

namespace calbox::daemon {

/// Readers, as config.cpp has them: invalid_argument with what is wrong and what fits.
result<void> read_listen(const toml::node& value, config& into);
result<void> read_advertise(const toml::node& value, config& into);
result<void> read_roles(const toml::node& value, config& into);
result<void> read_join(const toml::node& value, config& into);
result<void> read_lan_search(const toml::node& value, config& into);
result<void> read_port_mapping(const toml::node& value, config& into);
result<void> read_enrolment(const toml::node& value, config& into);
result<void> read_reach(const toml::node& value, config& into);
result<void> read_profile(const toml::node& value, config& into);
result<void> read_without_rendezvous(const toml::node& value, config& into);
result<void> read_resolver_policy(const toml::node& value, config& into);
result<void> read_edges_max(const toml::node& value, config& into);
result<void> read_rendezvous_min(const toml::node& value, config& into);
result<void> read_open_command(const toml::node& value, config& into);
result<void> read_heartbeat(const toml::node& value, config& into);

}  // namespace calbox::daemon
