// What a crowd is made of: its rendezvous, what each has heard, and its edges. For crowd's own
// sources. One thread.
#pragma once

#include <algorithm>
#include <map>

#include "lab/policy/crowd.hpp"

namespace calbox::lab::policy {

/// What one rendezvous has heard; that the others are rendezvous, everybody knows.
class crowd::notes final : public overlay::address_book {
public:
    explicit notes(const std::vector<device_id>& rendezvous) : rendezvous_(rendezvous) {}

    std::optional<wire::location> find(const device_id& device) const override {
        if (const auto known = known_.find(device); known != known_.end()) {
            return known->second;
        }
        if (std::ranges::binary_search(rendezvous_, device)) {
            return wire::location{device, wire::role::rendezvous, {}, device, true, {}};
        }
        return std::nullopt;
    }
    std::vector<device_id> holders(std::uint32_t roles) const override {
        return (roles & wire::role::rendezvous) != 0 ? rendezvous_ : std::vector<device_id>();
    }
    std::vector<device_id> leased_from(const device_id& rendezvous) const override {
        std::vector<device_id> found;
        for (const auto& [device, where] : known_) {
            if (where.online && where.relay == rendezvous && device != rendezvous) {
                found.push_back(device);
            }
        }
        return found;
    }
    std::vector<wire::location> of_users(const std::vector<user_id>& users) const override {
        std::vector<wire::location> found;
        for (const user_id& user : users) {
            if (const auto has = of_user_.find(user); has != of_user_.end()) {
                found.push_back(known_.at(has->second));
            }
        }
        return found;
    }
    bool note(wire::location what) override {
        wire::location& known = known_[what.device];
        const bool turned = known.online != what.online;
        for (const user_id& user : what.users) {
            of_user_[user] = what.device;  // everybody has one device
        }
        known = std::move(what);
        return turned;
    }
    bool note_offline(const device_id& device) override {
        const auto known = known_.find(device);
        return known != known_.end() && std::exchange(known->second.online, false);
    }
    /// As after a restart: who was known is known, and nobody is online.
    void forget_online() {
        for (auto& [device, where] : known_) {
            where.online = false;
        }
    }
    bool is_online(const device_id& device) const {
        const auto known = known_.find(device);
        return known != known_.end() && known->second.online;
    }

private:
    const std::vector<device_id>& rendezvous_;
    std::map<device_id, wire::location> known_;
    std::map<user_id, device_id> of_user_;
};

struct crowd::meeting_point {
    explicit meeting_point(const std::vector<device_id>& all) : book(all) {}
    notes book;
    place where;
    std::optional<overlay::lessor> leases;  // while it runs
    std::optional<overlay::membership> watches;
    std::map<std::uint32_t, instant> sessions;  // and when something was asked last
    std::uint64_t near = 0;                     // version of the neighbours that are kept to
    instant lessor_armed{}, member_armed{};
};

struct crowd::edge {
    std::vector<std::uint32_t> friends;
    std::optional<std::uint32_t> at;  // its rendezvous
    std::uint32_t serial = 0;         // of its turns
    bool online = false;
    instant turned{}, leased{};
};

}  // namespace calbox::lab::policy
