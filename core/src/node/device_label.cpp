#include "node/device_label.hpp"

#include "crypto/envelopes.hpp"

namespace calbox::node {

std::string device_label(const directory& users, const device_id& device,
                         const envelope_header& of) {
    std::vector<user_id> all = of.participants;
    all.push_back(of.event.organizer);
    for (const user_id& user : all) {
        const user_info* const known = users.known(user);
        for (const author& one : known != nullptr ? known->devices : std::vector<author>()) {
            if (crypto::device_of(one.device_key) == device) {
                // Which of his devices matters to somebody with several.
                return known->devices.size() == 1
                           ? known->card.name
                           : known->card.name + ", device " + std::to_string(one.number.value);
            }
        }
    }
    return "backup " + device.hex().substr(0, 8);
}

}  // namespace calbox::node
