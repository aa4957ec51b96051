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
    /// Exact names, each of a user of the network; not_found names the one that is not.
    task<result<std::vector<user_id>>> resolve(std::vector<std::string> names);
    account_service& accounts() const noexcept { return accounts_; }
    directory& users() const noexcept { return directory_; }

private:
    directory& directory_;
    account_service& accounts_;
};

}  // namespace calbox::node
