// Which devices are given up, and when a new one stands in the place of another.
#include <algorithm>

#include "node/parts.hpp"

namespace calbox::node {

namespace {
constexpr duration look_for_lost = std::chrono::minutes(1);

bool share_an_address(const wire::location& one, const wire::location& other) {
    return one.device != other.device &&
           std::ranges::any_of(one.addresses, [&](const std::string& address) {
               return std::ranges::count(other.addresses, address) > 0;
           });
}
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

/// Those of the same users, or backups too, that are known at an address of this one.
std::vector<wire::location> node_parts::in_place_of(const wire::location& one) const {
    std::vector<wire::location> others = known.of_users(one.users);
    if ((one.roles & wire::role::backup) != 0) {
        const auto backups = known.with_roles(wire::role::backup);
        others.insert(others.end(), backups.begin(), backups.end());
    }
    std::erase_if(others,
                  [&](const wire::location& other) { return !share_an_address(one, other); });
    return others;
}

/// A backup that is where another one was, or somebody's device where another one of his was,
/// stands in its place: that one has lost its store, and its key with it.
void node_parts::take_the_place(const wire::location& newcomer) {
    lost.came(newcomer.device);
    for (const wire::location& other : in_place_of(newcomer)) {
        if (!edge->is_online(other.device) && lost.replaced(other.device)) {
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
            const auto others = where ? in_place_of(*where) : std::vector<wire::location>();
            const bool replaced = std::ranges::any_of(others, [this](const wire::location& other) {
                return edge->is_online(other.device);
            });
            if (edge->is_online(device)) {
                lost.came(device);
            } else if (replaced && lost.replaced(device)) {
                give_up(device);
            } else if (lost.missed(device, where && (where->roles & wire::role::backup) != 0)) {
                give_up(device);
            }
        }
        co_await store_lost();
    }
}

}  // namespace calbox::node
