// Which devices are given up, and when a new one stands in the place of another.
#include <algorithm>

#include "node/parts.hpp"

namespace calbox::node {

namespace {
constexpr duration look_for_lost = std::chrono::minutes(10);
}  // namespace

bool node_parts::is_lost(const device_id& device) const {
    return lost.contains(device) && !edge->is_online(device);
}

void node_parts::give_up(const device_id& device) {
    env.log.write(log_level::info, "node",
                  "nothing is owed to the device " + device.hex().substr(0, 8) +
                      " any more: it will not come back, or ask for what it has missed");
    replica->give_up(device);
}

/// A backup that is where another one was, or somebody's device where another one of his was,
/// stands in its place: that one has lost its store, and its key with it.
void node_parts::take_the_place(const wire::location& newcomer) {
    lost.came(newcomer.device);
    const auto same_place = [&](const wire::location& other) {
        return other.device != newcomer.device && !edge->is_online(other.device) &&
               std::ranges::any_of(other.addresses, [&](const std::string& address) {
                   return std::ranges::count(newcomer.addresses, address) > 0;
               });
    };
    std::vector<wire::location> before = known.of_users(newcomer.users);
    if ((newcomer.roles & wire::role::backup) != 0) {
        const auto backups = known.with_roles(wire::role::backup);
        before.insert(before.end(), backups.begin(), backups.end());
    }
    for (const wire::location& other : before) {
        if (same_place(other) && lost.replaced(other.device)) {
            give_up(other.device);
        }
    }
    if (lost.is_changed()) {
        tasks.spawn("note who is lost", store_lost());
    }
}

task<void> node_parts::store_lost() {
    const auto stored = co_await lost.store();
    if (!stored) {
        env.log.write(log_level::warn, "node",
                      "cannot note which devices are given up: " + stored.error().message());
    }
}

task<void> node_parts::look_for_lost_devices() {
    while (true) {
        co_await sleep_for(env, look_for_lost);
        for (const device_id& device : replica->owed()) {
            const auto where = known.find(device);
            if (edge->is_online(device)) {
                lost.came(device);
            } else if (lost.missed(device, where && (where->roles & wire::role::backup) != 0)) {
                give_up(device);
            }
        }
        co_await store_lost();
    }
}

}  // namespace calbox::node
