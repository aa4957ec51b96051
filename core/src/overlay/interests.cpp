#include "overlay/interests.hpp"

namespace calbox::overlay {

/// With shares, all together can become twice as much as without, and no more.
template <class Id>
bool interests_in<Id>::has_room(std::size_t of_this_one) const noexcept {
    return of_this_one < of_one_ && size_ < 2 * in_all_ &&
           (size_ < in_all_ || (fair_ && of_this_one < in_all_ / of_device_.size()));
}

template <class Id>
bool interests_in<Id>::add(const device_id& who, const std::vector<Id>& what) {
    if (what.empty()) {
        return true;
    }
    std::set<Id>& mine = of_device_[who];
    bool all = true;
    for (const Id& one : what) {
        if (mine.contains(one)) {
            continue;
        }
        if (!has_room(mine.size())) {
            all = false;
            break;
        }
        mine.insert(one);
        wanting_[one].insert(who);
        ++size_;
    }
    if (mine.empty()) {
        of_device_.erase(who);
    }
    return all;
}

template <class Id>
void interests_in<Id>::drop(const device_id& who) {
    const auto mine = of_device_.find(who);
    if (mine == of_device_.end()) {
        return;
    }
    for (const Id& one : mine->second) {
        const auto wanted = wanting_.find(one);
        wanted->second.erase(who);
        if (wanted->second.empty()) {
            wanting_.erase(wanted);
        }
    }
    size_ -= mine->second.size();
    of_device_.erase(mine);
}

template <class Id>
const std::set<device_id>* interests_in<Id>::in(const Id& what) const noexcept {
    const auto found = wanting_.find(what);
    return found == wanting_.end() ? nullptr : &found->second;
}

template <class Id>
std::vector<Id> interests_in<Id>::all() const {
    std::vector<Id> found;
    found.reserve(wanting_.size());
    for (const auto& [one, who] : wanting_) {
        found.push_back(one);
    }
    return found;
}

template class interests_in<user_id>;
template class interests_in<device_id>;

}  // namespace calbox::overlay
