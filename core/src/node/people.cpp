#include "node/people.hpp"

namespace calbox::node {

std::string people::name_of(const user_id& user) const {
    const user_info* const known = directory_.known(user);
    return known != nullptr ? known->card.name : user.hex().substr(0, 12);
}

std::vector<std::string> people::names_of(const std::vector<user_id>& users) const {
    std::vector<std::string> names;
    for (const user_id& user : users) {
        names.push_back(name_of(user));
    }
    return names;
}

std::string people::id_text(const event_id& which) const {
    return name_of(which.organizer) + "/" + which.seq_text();
}

task<result<std::vector<user_id>>> people::resolve(std::vector<std::string> names) {
    std::vector<user_id> ids;
    for (const std::string& name : names) {
        if (!is_user_name(name)) {
            co_return fail(errc::invalid_argument, "not a user name: \"" + name + "\"");
        }
        const auto found = co_await directory_.by_name(name);
        if (!found) {
            if (found.error().code == errc::not_found) {
                co_return fail(errc::not_found,
                               "no user of this network is called \"" + name + "\"");
            }
            co_return fail(found.error());
        }
        ids.push_back(found->id);
    }
    co_return ids;
}

result<event_id> people::event_named(const user_id& as, const std::string& id_text) const {
    const std::size_t slash = id_text.find('/');
    const std::string seq = slash == std::string::npos ? id_text : id_text.substr(slash + 1);
    const auto number = event_id::seq_from_text(seq);
    if (!number) {
        return fail(errc::invalid_argument,
                    "not an event id: \"" + id_text + "\" (they look like alice/1.7)");
    }
    user_id organizer = as;
    if (slash != std::string::npos) {
        const std::string name = id_text.substr(0, slash);
        const user_info* const known = users().known_name(name);
        if (known == nullptr) {
            return fail(errc::not_found, "there is no event " + id_text + " in this calendar");
        }
        organizer = known->id;
    }
    return event_id{organizer, *number};
}

}  // namespace calbox::node
