// What devices that have a copy are called: by the names of who takes part.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <calbox/envelope.hpp>

#include "node/directory.hpp"

namespace calbox::node {

/// "backup ab12cd34"
std::string backup_label(const device_id& backup);

class device_labels {
public:
    device_labels(const directory& users, const envelope_header& in,
                  const std::vector<device_id>& backups);

    /// "bob"; "bob, device 2" where he has several; "backup ab12cd34"; "device ab12cd34" for one
    /// that is known as nobody's who takes part.
    std::string of(const device_id& device) const;

private:
    std::map<device_id, std::string> all_;
};

}  // namespace calbox::node
