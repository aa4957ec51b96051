#include "node/device_label.hpp"

#include "crypto/envelopes.hpp"

namespace calbox::node {

std::string backup_label(const device_id& backup) { return "backup " + backup.hex().substr(0, 8); }

device_labels::device_labels(const directory& users, const envelope_header& in,
                             const std::vector<device_id>& backups) {
    const auto add = [&](const user_id& user) {
        const user_info* const known = users.known(user);
        if (known == nullptr) {
            return;
        }
        for (const author& one : known->devices) {
            // Which of his devices matters to somebody with several.
            all_.emplace(crypto::device_of(one.device_key),
                         known->devices.size() == 1
                             ? known->card.name
                             : known->card.name + ", device " + std::to_string(one.number.value));
        }
    };
    for (const user_id& user : in.participants) {
        add(user);
    }
    add(in.event.organizer);
    for (const device_id& backup : backups) {
        all_.emplace(backup, backup_label(backup));
    }
}

std::string device_labels::of(const device_id& device) const {
    const auto known = all_.find(device);
    return known == all_.end() ? "device " + device.hex().substr(0, 8) : known->second;
}

}  // namespace calbox::node
