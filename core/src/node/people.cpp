#include "node/people.hpp"

namespace calbox::node {

std::string people::name_of(const user_id& user) const {
    const user_info* const known = directory_.known(user);
    return known != nullptr ? known->card.name : user.hex().substr(0, 12);
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

}  // namespace calbox::node
