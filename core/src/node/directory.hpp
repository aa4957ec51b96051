// Who is who: cards of users, checked against the network's CA, with the devices that each has
// certified himself. Kept in the store, so that known people stay known while the registry is down.
// A name whose identity key changes is refused. Owned by the node; core thread only.
#pragma once

#include <functional>
#include <map>
#include <set>

#include "base/task_scope.hpp"
#include "replica/database.hpp"
#include "wire/messages.hpp"

namespace calbox::node {

struct user_info {
    wire::user_card card;
    user_id id;
    std::vector<author> devices;
};

/// Reaches the registry of the network, which may be this very node.
class registry_link {
public:
    virtual ~registry_link();
    /// Opens a session; its channel binding (empty when the registry is here).
    virtual task<result<bytes>> connect() = 0;
    virtual task<result<bytes>> ask(wire::message_type type, bytes payload) = 0;
    virtual task<result<void>> tell(wire::message_type type, bytes payload) = 0;
};

class directory {
public:
    directory(const environment& env, replica::database& db, registry_link& registry);

    task<result<void>> load();
    void set_ca(byte_view ca_certificate);
    void request_stop() noexcept { tasks_.request_stop(); }
    task<void> join() { return tasks_.join(); }

    /// From the cache; null when not known. Valid until the next suspension.
    const user_info* known(const user_id& id) const noexcept;
    const user_info* known_name(const std::string& name) const noexcept;
    /// Those of the known who have certified one of these devices, which are in order.
    std::vector<user_id> users_of(const std::vector<device_id>& devices) const;
    /// As the registry gave it; null when not known.
    const wire::user_entry* entry_of(const user_id& id) const noexcept;
    /// From the cache, else from the registry. not_found, unavailable.
    task<result<user_info>> by_name(std::string name);
    task<result<user_info>> by_id(user_id id);
    /// Everybody, by name. What is cached when the registry cannot be reached.
    task<result<std::vector<user_info>>> all();

    /// Makes those of these users known that are not, if the registry can be reached; a failure is
    /// not repeated for a while.
    task<void> meet(std::vector<user_id> strangers);
    /// The same in the background, again and again until the registry has answered. Those whom it
    /// does not know are forgotten.
    void seek(const std::vector<user_id>& strangers);
    /// Somebody is known now who was not.
    std::function<void(const user_id&)> met;

    /// A device that its user has certified and that was seen in a session.
    void learn(const author& seen);
    /// Asks the registry again about users whose entries are older than ten minutes, in the
    /// background.
    void refresh(const std::vector<user_id>& users);
    task<result<user_info>> take(wire::user_entry entry);
    /// Somebody whom an archive of this device's user knows: as take(), and where this network does
    /// not know him, until it names somebody else so.
    task<void> remember(wire::user_entry entry);

private:
    task<result<std::vector<wire::user_entry>>> ask(wire::lookup what, bool& more);
    task<result<user_info>> ask_for_one(wire::lookup what);
    task<void> refresh_now(std::vector<user_id> users);
    task<bool> ask_for_strangers(std::vector<user_id> strangers);
    task<void> seek_all();
    task<void> store(user_id id);
    task<void> forget(user_id id);

    const environment& env_;
    replica::database& db_;
    registry_link& registry_;
    task_scope tasks_;
    bytes ca_key_;
    struct entry {
        wire::user_entry raw;
        user_info info;
        std::optional<instant> asked;
    };
    std::map<user_id, entry> users_;
    std::map<std::string, user_id> names_;
    std::optional<instant> not_met_;  // when the registry could last not be asked for strangers
    std::set<user_id> sought_;
    bool seeking_ = false;
};

}  // namespace calbox::node
