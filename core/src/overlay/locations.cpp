#include "overlay/locations.hpp"

#include <algorithm>

#include "wire/limits.hpp"

namespace calbox::overlay {
namespace {
constexpr duration save_after = std::chrono::milliseconds(200);  // changes come in crowds
}

task<result<void>> locations::load() {
    const auto rows = co_await db_.scan(replica::record_kind::overlay);
    if (!rows) {
        co_return fail(rows.error());
    }
    for (const auto& [key, value] : *rows) {
        auto what = codec::decode<wire::location>(value);
        if (!what) {
            co_return fail(errc::malformed,
                           "the store holds a device's location that cannot be read");
        }
        what->online = false;
        index(*what, true);
        known_[what->device] = std::move(*what);
    }
    co_return result<void>();
}

bool locations::note(wire::location what) {
    if (what.addresses.size() > wire::limits::addresses_per_device ||
        what.users.size() > wire::limits::users_per_device ||
        (!known_.contains(what.device) && known_.size() >= kept)) {
        return false;
    }
    wire::location& known = known_[what.device];
    known.device = what.device;
    const bool turned = known.online != what.online;
    known.online = what.online;
    bool worth_saving = false;
    index(known, false);
    const auto replace = [&](auto& old, auto& fresh, bool said) {
        if (said && old != fresh) {
            old = std::move(fresh);
            worth_saving = true;
        }
    };
    replace(known.roles, what.roles, what.roles != 0);
    replace(known.addresses, what.addresses, !what.addresses.empty());
    replace(known.users, what.users, !what.users.empty());
    replace(known.relay, what.relay, what.relay.has_value());
    index(known, true);
    if (worth_saving) {
        if (unsaved_.empty()) {
            tasks_.spawn("store", store_soon());
        }
        unsaved_.insert(what.device);
    }
    return turned;
}

bool locations::note_offline(const device_id& device) {
    const auto found = known_.find(device);
    return found != known_.end() && std::exchange(found->second.online, false);
}

task<void> locations::join() {
    co_await tasks_.join();
    co_await store_changes();
}

task<void> locations::store_soon() {
    co_await sleep_for(env_, save_after);
    co_await store_changes();
}

task<void> locations::store_changes() {
    if (unsaved_.empty()) {
        co_return;
    }
    replica::batch writes;
    for (const device_id& device : std::exchange(unsaved_, {})) {
        writes.put(replica::record_kind::overlay, to_bytes(device.view()),
                   codec::encode(known_.at(device)));
    }
    const auto stored = co_await db_.apply(std::move(writes));
    if (!stored) {
        env_.log.write(log_level::warn, "overlay",
                       "cannot store where devices are: " + stored.error().message());
    }
}

std::optional<wire::location> locations::find(const device_id& device) const {
    const auto found = known_.find(device);
    return found == known_.end() ? std::nullopt : std::optional(found->second);
}

void locations::index(const wire::location& what, bool in) {
    const auto keep = [&](auto& where, const auto& key) {
        if (in) {
            where[key].insert(what.device);
        } else if (const auto found = where.find(key); found != where.end()) {
            found->second.erase(what.device);
            if (found->second.empty()) {
                where.erase(found);
            }
        }
    };
    for (std::uint32_t role = wire::role::edge << 1; role != 0; role <<= 1) {
        if ((what.roles & role) != 0) {
            keep(with_role_, role);
        }
    }
    for (const user_id& user : what.users) {
        keep(of_user_, user);
    }
}

std::vector<device_id> locations::holders(std::uint32_t roles) const {
    std::set<device_id> found;
    if ((roles & wire::role::edge) != 0) {
        for (const auto& [device, where] : known_) {
            if ((where.roles & wire::role::edge) != 0) {
                found.insert(device);
            }
        }
    }
    for (const auto& [role, devices] : with_role_) {
        if ((roles & role) != 0) {
            found.insert(devices.begin(), devices.end());
        }
    }
    return {found.begin(), found.end()};
}

std::vector<wire::location> locations::with_roles(std::uint32_t roles) const {
    std::vector<wire::location> found;
    for (const device_id& device : holders(roles)) {
        found.push_back(known_.at(device));
    }
    return found;
}

std::vector<wire::location> locations::of_users(const std::vector<user_id>& users) const {
    std::set<device_id> devices;
    for (const user_id& user : users) {
        if (const auto of = of_user_.find(user); of != of_user_.end()) {
            devices.insert(of->second.begin(), of->second.end());
        }
    }
    std::vector<wire::location> found;
    for (const device_id& device : devices) {
        found.push_back(known_.at(device));
    }
    return found;
}

bool locations::is_online(const device_id& device) const noexcept {
    const auto found = known_.find(device);
    return found != known_.end() && found->second.online;
}

}  // namespace calbox::overlay
