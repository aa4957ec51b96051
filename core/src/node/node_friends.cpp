// What the services about busy times and open events are given of the other parts.
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
    made.events_of = [this](const user_id& user, const model::interval& when) {
        return opened->between(user, when.start, when.end);
    };
    made.present = [this](const user_id& user) { return present(user); };
    made.request = [this](device_id to, bytes question) {
        return connections->request(to, wire::message_type::free_busy, std::move(question));
    };
    made.caught_up = [this] { return caught_up(); };
    made.tells = with.tells_free_busy;
    return made;
}

open_event_service::parts node_parts::opening_parts() {
    return {*replica,
            *opened,
            *sets,
            *names,
            *this,
            me.self(),
            [this] { return me.mine().network; },
            [this](user_id user, user_id other) { return contacts->befriended(user, other); },
            [this](const user_id& user) { return present(user); },
            [this](device_id to, bytes question) {
                return connections->request(to, wire::message_type::open_events,
                                            std::move(question));
            }};
}

join_service::parts node_parts::joining_parts() {
    return {*opened,
            *names,
            [this] { return me.mine().network; },
            [this](std::vector<user_id> who) { return edge->care_about(std::move(who)); },
            [this](const user_id& user) { return present(user); },
            [this](const user_id& user) { return accounts->identity_of(user) != nullptr; },
            [this](device_id to, bytes question) {
                return connections->request(to, wire::message_type::join_event,
                                            std::move(question));
            },
            [this](wire::join_event what) {
                return opening->on_join(me.self(), {what.by}, std::move(what));
            },
            [this](const user_id& who, const std::string& id_text, std::string text) {
                change what;
                what.what = "refused";
                what.id = id_text;
                what.text = std::move(text);
                watching.tell({who}, std::move(what));
            }};
}

}  // namespace calbox::node
