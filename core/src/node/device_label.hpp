// What a device that has a copy is called: by the names of who takes part.
#pragma once

#include <string>

#include <calbox/envelope.hpp>

#include "node/directory.hpp"

namespace calbox::node {

/// "bob"; "bob, device 2" where he has several; "backup ab12cd34" for one of nobody who takes part.
std::string device_label(const directory& users, const device_id& device,
                         const envelope_header& of);

}  // namespace calbox::node
