#include "overlay/interests.hpp"

namespace calbox::overlay {

void interests::add(const device_id& edge, const std::vector<user_id>& users) {
    if (users.empty()) {
        return;
    }
    std::set<user_id>& mine = of_edge_[edge];
    for (const user_id& user : users) {
        if (size_ >= most || mine.size() >= most_of_one) {
            break;
        }
        if (mine.insert(user).second) {
            in_user_[user].insert(edge);
            ++size_;
        }
    }
    if (mine.empty()) {
        of_edge_.erase(edge);
    }
}

void interests::drop(const device_id& edge) {
    const auto mine = of_edge_.find(edge);
    if (mine == of_edge_.end()) {
        return;
    }
    for (const user_id& user : mine->second) {
        const auto wanted = in_user_.find(user);
        wanted->second.erase(edge);
        if (wanted->second.empty()) {
            in_user_.erase(wanted);
        }
    }
    size_ -= mine->second.size();
    of_edge_.erase(mine);
}

const std::set<device_id>* interests::in(const user_id& user) const noexcept {
    const auto found = in_user_.find(user);
    return found == in_user_.end() ? nullptr : &found->second;
}

}  // namespace calbox::overlay
