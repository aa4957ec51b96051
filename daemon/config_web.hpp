// The keys of [web] and [web.door]: where the page is served, on this machine and for others. For
// config.cpp alone.
#pragma once

#include "config.hpp"
#include "config_values.hpp"

namespace calbox::daemon {

/// Readers, as config.cpp has them: invalid_argument with what is wrong and what fits.
result<void> read_web(const toml::node& value, config& into);
result<void> read_door_listen(const toml::node& value, config& into);
result<void> read_door_names(const toml::node& value, config& into);
result<void> read_door_certificate(const toml::node& value, config& into);
result<void> read_door_key(const toml::node& value, config& into);
result<void> read_door_register(const toml::node& value, config& into);

/// Once everything is read: do the keys fit each other? A door on one address has that name, too.
result<void> complete_door(web_door& door);

}  // namespace calbox::daemon
