// Names and ids of people, for the services: the directory's users, and the users of this device.
// Owned by the node.
#pragma once

#include <string>
#include <vector>

#include "node/account_service.hpp"
#include "node/directory.hpp"

namespace calbox::node {

class people {
public:
    people(directory& known, account_service& accounts) : directory_(known), accounts_(accounts) {}

    /// The user's name; the first digits of his id when his card is not known here.
    std::string name_of(const user_id& user) const;
    std::vector<std::string> names_of(const std::vector<user_id>& users) const;
    /// "alice/1.7", as event_named() reads it.
    std::string id_text(const event_id& which) const;
    /// Exact names, each of a user of the network; not_found names the one that is not.
    task<result<std::vector<user_id>>> resolve(std::vector<std::string> names);
    /// Reads "alice/1.7", whether there is such an event or not; "1.7" means one of `as`.
    /// invalid_argument, or not_found for an organizer who is not known here.
    result<event_id> event_named(const user_id& as, const std::string& id_text) const;
    account_service& accounts() const noexcept { return accounts_; }
    directory& users() const noexcept { return directory_; }

private:
    directory& directory_;
    account_service& accounts_;
};

}  // namespace calbox::node
