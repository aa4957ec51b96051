// What the service about busy times is given of the other parts.
#include "node/parts.hpp"

namespace calbox::node {

free_busy_service::parts node_parts::busy_parts() {
    free_busy_service::parts made;
    made.named = [this](std::vector<std::string> all) { return names->resolve(std::move(all)); };
    made.name_of = [this](const user_id& user) { return names->name_of(user); };
    made.is_here = [this](const user_id& user) { return accounts->identity_of(user) != nullptr; };
    made.befriended = [this](user_id user, user_id other) {
        return contacts->befriended(user, other);
    };
    made.events_of = [this](const user_id& user) { return opened->all(user); };
    made.present = [this](const user_id& user) { return present(user); };
    made.request = [this](device_id to, bytes question) {
        return connections->request(to, wire::message_type::free_busy, std::move(question));
    };
    made.caught_up = [this] { return caught_up(); };
    made.tells = with.tells_free_busy;
    return made;
}

}  // namespace calbox::node
