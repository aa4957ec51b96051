// What a large world is made of: its edges, its rendezvous, and the address book that all of them
// share. For world's own sources. One thread.
#pragma once

#include "lab/policy/made_up.hpp"
#include "lab/policy/world.hpp"
#include "overlay/opener.hpp"

namespace calbox::lab::policy {

struct world::edge {
    std::unique_ptr<strategy_instance> own;  // unless it is shared
    std::optional<overlay::bootstrap> machine;
    std::optional<instant> lost_at;  // its rendezvous, and no lease since
    instant arrived{};
    instant armed{};  // zero: not
    place where;
    std::uint32_t serial = 0;
    std::uint32_t session_life = 0;  // of the rendezvous, when its lease was granted
    bool had_lease = false;
    std::optional<instant> moved_at;
};

struct world::meeting_point {
    std::unique_ptr<strategy_instance> own;
    std::optional<overlay::lessor> machine;  // while it runs
    std::optional<overlay::opener> opens;    // where others can be opened
    place where;
    bool refuses = false;  // its process is gone, its machine is not
    std::uint32_t life = 0;
    instant stalled_until{}, ended{};
    instant armed{};  // zero: not
    std::int64_t second = 0;
    std::uint32_t in_second = 0, most_in_second = 0;
};

/// Numbers are in the ids, behind bytes that spread them as hashes would. Everybody knows of the
/// same rendezvous; nobody's book says of an edge that it was online before.
class world::town final : public overlay::address_book {
public:
    town(std::uint64_t seed, std::uint32_t rendezvous) : seed_(seed) {
        for (std::uint32_t i = 0; i < rendezvous; ++i) {
            ids_.push_back(id_of(i, wire::role::rendezvous));
        }
        sorted_ = ids_;
        std::sort(sorted_.begin(), sorted_.end());
    }
    void add_rendezvous() {
        const device_id fresh =
            id_of(static_cast<std::uint32_t>(ids_.size()), wire::role::rendezvous);
        ids_.push_back(fresh);
        sorted_.insert(std::lower_bound(sorted_.begin(), sorted_.end(), fresh), fresh);
    }
    const device_id& rendezvous(std::uint32_t number) const { return ids_.at(number); }
    device_id edge(std::uint32_t serial) const { return id_of(serial, wire::role::edge); }

    std::optional<wire::location> find(const device_id& device) const override {
        const std::uint32_t role = device.value[27];
        const bool serves = role == wire::role::rendezvous;
        return wire::location{device, role, {}, {}, serves, {}};
    }
    std::vector<device_id> holders(std::uint32_t roles) const override {
        return (roles & wire::role::rendezvous) != 0 ? sorted_ : std::vector<device_id>();
    }
    std::vector<device_id> leased_from(const device_id&) const override { return {}; }
    std::vector<wire::location> of_users(const std::vector<user_id>&) const override { return {}; }
    bool note(wire::location) override { return false; }
    bool note_offline(const device_id&) override { return false; }

private:
    device_id id_of(std::uint32_t number, std::uint32_t role) const {
        device_id id;
        seeded spread(seed_ ^ (std::uint64_t{role} << 32 | number));
        spread.fill(std::span(id.value).first(27));
        id.value[27] = static_cast<std::uint8_t>(role);
        for (int i = 0; i < 4; ++i) {
            id.value[28 + static_cast<std::size_t>(i)] =
                static_cast<std::uint8_t>(number >> (24 - 8 * i));
        }
        return id;
    }
    std::uint64_t seed_;
    std::vector<device_id> ids_, sorted_;
};

}  // namespace calbox::lab::policy
