#include "replica/file_needs.hpp"

#include <algorithm>

#include "wire/limits.hpp"

namespace calbox::replica {

user_list ordered(std::vector<user_id> users) {
    std::ranges::sort(users);
    users.erase(std::unique(users.begin(), users.end()), users.end());
    return users;
}

user_list without(const user_list& users, const user_list& others) {
    user_list left;
    std::ranges::set_difference(users, others, std::back_inserter(left));
    return left;
}

bool need(file_needs& what, const user_list& users, const user_list& asker) {
    user_list more = without(without(users, what.users), without(what.released, asker));
    if (more.empty()) {
        return false;
    }
    what.released = without(what.released, more);
    what.users.insert(what.users.end(), more.begin(), more.end());
    what.users = ordered(std::move(what.users));
    what.unneeded.reset();
    return true;
}

bool release(file_needs& what, const user_id& user, timestamp now) {
    const auto found = std::ranges::lower_bound(what.users, user);
    if (found == what.users.end() || *found != user) {
        return false;
    }
    what.users.erase(found);
    what.released.push_back(user);
    what.released = ordered(std::move(what.released));
    if (what.users.empty()) {
        what.unneeded = now;
    }
    return true;
}

bool too_many(const file_needs& what) noexcept {
    return what.users.size() + what.released.size() > wire::limits::needs_per_file;
}

bool is_over(const file_needs& what, timestamp now, duration grace) noexcept {
    const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(grace).count();
    return what.users.empty() && what.unneeded && now.ms - what.unneeded->ms >= time &&
           !what.cleared.value_or(false);
}

}  // namespace calbox::replica
