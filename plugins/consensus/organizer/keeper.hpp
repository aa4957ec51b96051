// The organizer's side: the one copy of each event that this device has created, its lock, and the
// edits that made its latest versions. Durable before anything of it is answered. Owned by the
// strategy.
#pragma once

#include <map>

#include "messages.hpp"

namespace calbox::consensus {

/// Who edits an event of this device.
struct guest_lock {
    device_id holder;
    operation_id operation;
    token held = 0;
    timestamp since;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&guest_lock::holder), codec::field<2>(&guest_lock::operation),
                   codec::field<3>(&guest_lock::held), codec::field<4>(&guest_lock::since));
};

class keeper {
public:
    explicit keeper(duration ttl) : ttl_(ttl) {}

    void restore(const restored& from, const context& where);
    /// An event that another strategy has decided about until now.
    void inherit_copy(const inherit& from, const context& where, std::vector<effect>& effects);
    bool keeps(const event_id& event) const { return copies_.contains(event); }
    /// Does what is asked; writes and decides into `effects`.
    reply handle(const device_id& from, const request& asked, const context& where,
                 std::vector<effect>& effects);
    /// A new event of this device, of which nothing is kept before its first commit.
    reply create(const request& asked, const context& where, std::vector<effect>& effects);

    /// The lock that is held now, if any.
    const guest_lock* lock_of(const event_id& event, const instant& now) const;
    version_number version_of(const event_id& event) const;

private:
    struct copy {
        version_number version;
        token last_token = 0;
        std::optional<guest_lock> lock;
        std::vector<std::pair<operation_id, version_number>> recent;  // oldest first
        bytes body;
        generation_number generation{1};
        instant until;  // of the lock; not written
        static constexpr auto fields =
            std::tuple(codec::field<1>(&copy::version), codec::field<2>(&copy::last_token),
                       codec::field<3>(&copy::lock), codec::field<4>(&copy::recent),
                       codec::field<5>(&copy::body), codec::field<6>(&copy::generation));
    };
    static constexpr std::size_t recent_max = 16;
    using effects_type = std::vector<effect>;

    reply acquire(const device_id& from, const request& asked, const context& where,
                  effects_type& effects);
    reply renew(const device_id& from, const request& asked, const context& where);
    reply commit(const device_id& from, const request& asked, const context& where,
                 effects_type& effects);
    reply fate(const request& asked, const context& where, effects_type& effects);
    void release(const request& asked, effects_type& effects);
    reply answer(const request& asked, errc code, const context& where) const;
    void write(const event_id& event, bool with_body, effects_type& effects) const;

    duration ttl_;
    std::map<event_id, copy> copies_;
};

}  // namespace calbox::consensus
