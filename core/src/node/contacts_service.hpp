// Friends and groups. Both are events of a kind of their own: a friendship is shared by two people,
// a group is its owner's alone; they are signed, sealed, delivered and recovered as calendar events
// are. Owned by the node; core thread only.
#pragma once

#include "node/calendar_service.hpp"

namespace calbox::node {

/// Plaintext body of an event of kind contact: the organizer asks, the one participant accepts.
struct friendship {
    bool accepted = false;
    bytes request = {};  // the whole envelope of what was accepted: who asked has signed it
    static constexpr auto fields =
        std::tuple(codec::field<1>(&friendship::accepted), codec::field<2>(&friendship::request));
};
/// Plaintext body of an event of kind group.
struct group_body {
    std::string name;
    std::vector<std::string> members;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&group_body::name), codec::field<2>(&group_body::members));
};

class contacts_service final : public contacts, public group_source {
public:
    using online_test = std::function<bool(const user_id&)>;
    /// Finds out where these users' devices are, as far as anybody can tell now.
    using look_up = std::function<task<void>(std::vector<user_id>)>;
    contacts_service(replica::replicator& replica, people& who, readiness& ready,
                     online_test online, look_up look)
        : replica_(replica),
          people_(who),
          ready_(ready),
          online_(std::move(online)),
          look_(std::move(look)) {}

    task<result<std::vector<user_view>>> users(user_id as) override;
    task<std::vector<friend_view>> friends(user_id as) const override;
    task<result<friend_view>> ask(user_id as, std::string name) override;
    task<result<friend_view>> accept(user_id as, std::string name) override;
    task<result<void>> unfriend(user_id as, std::string name) override;
    std::vector<group_view> groups(user_id as) const override;
    task<result<group_view>> set_group(user_id as, group_view group) override;
    task<result<void>> remove_group(user_id as, std::string name) override;
    /// Has `as` himself asked the other one, who accepted, or accepted him? What the other one
    /// writes into his own request does not count.
    task<bool> befriended(user_id as, user_id other) const;
    std::optional<std::vector<std::string>> members(const user_id& of,
                                                    const std::string& group) const override;

private:
    struct bond {
        event_id id;
        user_id other;
        bool asked_by_me = false;
        bool accepted = false;  // by both: nobody's word for what the other one did counts
    };
    task<std::vector<bond>> bonds(user_id as) const;
    task<bool> wanted_by(user_id who, envelope_header latest, bytes request) const;
    static std::optional<bond> best_with(const std::vector<bond>& all, const user_id& other);
    task<std::optional<bond>> bond_with(user_id as, user_id other) const;
    std::vector<std::pair<event_id, group_body>> owned_groups(const user_id& as) const;
    friend_view view_of(const bond& one) const;
    task<result<user_id>> known_other(user_id as, std::string name);
    task<result<friend_view>> accept_bond(user_id as, bond asked);
    task<result<void>> end(user_id as, event_id which);

    replica::replicator& replica_;
    people& people_;
    readiness& ready_;
    online_test online_;
    look_up look_;
};

}  // namespace calbox::node
