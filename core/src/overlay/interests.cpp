#include "overlay/interests.hpp"

namespace calbox::overlay {

template <class Id>
void interests_in<Id>::add(const device_id& who, const std::vector<Id>& what) {
    if (what.empty()) {
        return;
    }
    std::set<Id>& mine = of_device_[who];
    for (const Id& one : what) {
        if (size_ >= most || mine.size() >= of_one_) {
            break;
        }
        if (mine.insert(one).second) {
            wanting_[one].insert(who);
            ++size_;
        }
    }
    if (mine.empty()) {
        of_device_.erase(who);
    }
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
