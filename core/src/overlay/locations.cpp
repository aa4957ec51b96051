#include "overlay/locations.hpp"

#include <algorithm>

#include "wire/limits.hpp"

namespace calbox::overlay {
namespace {
constexpr duration save_after = std::chrono::milliseconds(200);  // changes come in crowds
/// Promoted rendezvous have an index of their own.
constexpr std::uint32_t promoted_bit = 1u << 31;
}  // namespace

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
        const device_id device = what->device;
        const auto said = std::exchange(what->said, std::nullopt);
        const bool was_one = (what->roles & wire::role::rendezvous) != 0;
        if (was_one) {
            strip(*what);
        }
        known_[device] = std::move(*what);
        if (said) {
            (void)take_in(device, *said);
        } else if (was_one) {
            dropped_.count(refusal::unsigned_claim);
        }
        index(known_[device], true);
    }
    co_return result<void>();
}

void locations::strip(wire::location& known) {
    known.roles &= ~wire::role::rendezvous;
    known.addresses.clear();
}

/// Of a device in known_. True when it is newer than what was known; its place is as it says then.
bool locations::take_in(const device_id& device, const wire::signed_advertisement& said) {
    wire::location& known = known_.at(device);
    if (known.said == said || mine_.network.is_zero()) {
        return false;
    }
    auto found = examine(said, mine_.network, mine_.ca_certificate, env_.time.wall());
    if (!found || found->device != device) {
        dropped_.count(found ? refusal::forged : found.error());
        return false;
    }
    const auto before = said_.find(device);
    if (before != said_.end() && found->order() <= before->second.order()) {
        dropped_.count(refusal::older);
        return false;
    }
    strip(known);
    known.roles |= found->what.roles;
    known.addresses = found->what.addresses;
    known.said = said;
    said_[device] = std::move(*found);
    return true;
}

bool locations::hear(const device_id& from, const wire::signed_advertisement& said) {
    if (!known_.contains(from)) {
        wire::location fresh;
        fresh.device = from;
        fresh.online = false;
        (void)note(std::move(fresh));
    }
    const auto known = known_.find(from);
    if (known == known_.end()) {
        return false;
    }
    index(known->second, false);
    const bool news = take_in(from, said);
    index(known->second, true);
    if (news) {
        save_soon(from);
    }
    return news;
}

std::optional<device_id> locations::hear(const wire::signed_advertisement& said) {
    const auto found = examine(said, mine_.network, mine_.ca_certificate, env_.time.wall());
    if (!found) {
        dropped_.count(found.error());
        return std::nullopt;
    }
    (void)hear(found->device, said);
    return found->device;
}

void locations::save_soon(const device_id& device) {
    if (unsaved_.empty()) {
        tasks_.spawn("store", store_soon());
    }
    unsaved_.insert(device);
}

bool locations::note(wire::location what) {
    if (what.addresses.size() > wire::limits::addresses_per_device ||
        what.users.size() > wire::limits::users_per_device ||
        (!known_.contains(what.device) && known_.size() >= kept)) {
        return false;
    }
    const device_id device = what.device;
    wire::location& known = known_[device];
    known.device = device;
    const bool turned = known.online != what.online;
    known.online = what.online;
    bool worth_saving = false;
    index(known, false);
    if (what.said) {
        worth_saving = take_in(device, *what.said);
    }
    const bool leases = is_rendezvous(device);
    if ((what.roles & wire::role::rendezvous) != 0 && !leases) {
        if (!what.said && !mine_.network.is_zero()) {
            dropped_.count(refusal::unsigned_claim);
        }
        what.addresses.clear();
    }
    if (leases) {
        what.roles |= what.roles == 0 ? 0 : wire::role::rendezvous;
        what.addresses.clear();  // it has said where it is
    } else {
        what.roles &= ~wire::role::rendezvous;
    }
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
        save_soon(device);
    }
    return turned;
}

void locations::drop_expired() {
    const timestamp now = env_.time.wall();
    for (auto one = said_.begin(); one != said_.end();) {
        if (!has_expired(one->second.what, now)) {
            ++one;
            continue;
        }
        wire::location& known = known_.at(one->first);
        index(known, false);
        if (one->second.leases) {
            strip(known);
        }
        known.said.reset();
        const device_id device = one->first;
        one = said_.erase(one);
        index(known, true);
        dropped_.count(refusal::expired);
        save_soon(device);
    }
}

bool locations::is_rendezvous(const device_id& device) const noexcept {
    const auto found = said_.find(device);
    return found != said_.end() && found->second.leases;
}

bool locations::is_promoted(const device_id& device) const noexcept {
    const auto found = said_.find(device);
    return found != said_.end() && found->second.promoted;
}

std::vector<device_id> locations::leased_from(const device_id& rendezvous) const {
    std::vector<device_id> found;
    for (const auto& [device, where] : known_) {
        if (where.online && where.relay == rendezvous && device != rendezvous) {
            found.push_back(device);
        }
    }
    return found;
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

void locations::write_unsaved(replica::batch& writes, const std::vector<device_id>& devices) const {
    for (const device_id& device : devices) {
        if (unsaved_.contains(device)) {
            writes.put(replica::record_kind::overlay, to_bytes(device.view()),
                       codec::encode(known_.at(device)));
        }
    }
}

task<void> locations::store_changes() {
    if (unsaved_.empty()) {
        co_return;
    }
    replica::batch writes;
    write_unsaved(writes, {unsaved_.begin(), unsaved_.end()});
    unsaved_.clear();
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
    const bool promoted = is_promoted(what.device);
    for (std::uint32_t role = wire::role::edge << 1; role != promoted_bit; role <<= 1) {
        if ((what.roles & role) != 0) {
            keep(with_role_, promoted && role == wire::role::rendezvous ? promoted_bit : role);
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
        if ((roles & role) != 0 && role != promoted_bit) {
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
    const auto promoted = with_role_.find(promoted_bit);
    if ((roles & wire::role::rendezvous) != 0 && promoted != with_role_.end()) {
        for (const device_id& device : promoted->second) {
            found.push_back(known_.at(device));
        }
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
