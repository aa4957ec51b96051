// Who of an event's devices should vote, by what this device has seen of them. Owned by the
// strategy.
#pragma once

#include "register.hpp"

namespace calbox::consensus {

class membership {
public:
    membership(duration absent_after, std::size_t view_max)
        : absent_after_(absent_after), view_max_(view_max) {}

    void asked(const device_id& device, const instant& now);
    void heard(const device_id& device, incarnation life, const instant& now);
    void connected(const device_id& device, bool up);
    bool is_connected(const device_id& device) const { return up_.contains(device); }
    incarnation life_of(const device_id& device) const;
    bool is_absent(const device_id& device, const instant& now) const;

    /// Whom to ask about an event, besides its voters: backups, the organizer's device, those who
    /// are connected, the rest; few.
    std::vector<device_id> candidates(const group& who, const device_id& self) const;
    /// The first voters of an event: `able` have answered. All candidates, when those who answered
    /// are a quorum of them; otherwise the able ones.
    view first(const group& who, const device_id& self, const voices& able, bool in_time,
               bool& complete) const;
    /// The set that should follow `now`; equal to it where nothing is to change. `answered`: who
    /// did so in this attempt.
    member_set wanted(const member_set& now, const group& who, const context& where,
                      const voices& answered) const;
    /// The set that goes on without `self`: those who answered, or `now` where nobody did.
    member_set without(const device_id& self, const member_set& now, const voices& answered) const;

private:
    member made(const device_id& device, const group& who) const;
    void choose_tie(member_set& of, const member_set& before, const group& who) const;

    struct acquaintance {
        incarnation life{1};
        std::optional<instant> heard;
        std::optional<instant> silent_since;  // asked, and not heard since
    };
    duration absent_after_;
    std::size_t view_max_;
    std::map<device_id, acquaintance> known_;
    std::set<device_id> up_;
};

}  // namespace calbox::consensus
