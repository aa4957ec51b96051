#include "overlay/object_index.hpp"

#include <algorithm>

#include "wire/limits.hpp"

namespace calbox::overlay {

bool object_index::put(const object_id& object, const device_id& holder, instant until) {
    const auto known = objects_.find(object);
    if (known != objects_.end()) {
        if (const auto one = known->second.find(holder); one != known->second.end()) {
            one->second = std::max(one->second, until);
            return true;
        }
    }
    const auto its = of_device_.find(holder);
    if (entries_ >= most || (known != objects_.end() && known->second.size() >= holders_most) ||
        (its != of_device_.end() && its->second >= wire::limits::objects_per_device)) {
        return false;
    }
    objects_[object].emplace(holder, until);
    ++of_device_[holder];
    ++entries_;
    return true;
}

void object_index::forget(const device_id& holder) {
    const auto its = of_device_.find(holder);
    if (--its->second == 0) {
        of_device_.erase(its);
    }
    --entries_;
}

void object_index::erase(const object_id& object, const device_id& holder) {
    const auto known = objects_.find(object);
    if (known == objects_.end() || known->second.erase(holder) == 0) {
        return;
    }
    forget(holder);
    if (known->second.empty()) {
        objects_.erase(known);
    }
}

std::vector<device_id> object_index::holders(const object_id& object, instant now) const {
    std::vector<device_id> found;
    if (const auto known = objects_.find(object); known != objects_.end()) {
        for (const auto& [holder, until] : known->second) {
            if (until > now) {
                found.push_back(holder);
            }
        }
    }
    return found;
}

void object_index::sweep(instant now) {
    for (auto one = objects_.begin(); one != objects_.end();) {
        std::erase_if(one->second, [&](const auto& entry) {
            if (entry.second > now) {
                return false;
            }
            forget(entry.first);
            return true;
        });
        one = one->second.empty() ? objects_.erase(one) : std::next(one);
    }
}

std::map<device_id, std::vector<object_index::entry>> object_index::moved(
    const device_id& self, const std::vector<keeper>& before, const std::vector<keeper>& now) {
    const auto is_there = [&](const device_id& one) {
        return std::ranges::find(now, one, &keeper::device) != now.end();
    };
    std::map<device_id, std::vector<entry>> tell;
    for (auto one = objects_.begin(); one != objects_.end();) {
        const auto owned_by = owners_of(one->first, before, copies);
        const auto owned_now_by = owners_of(one->first, now, copies);
        const auto teller = std::ranges::find_if(owned_by, is_there);
        const bool mine = teller == owned_by.end() || *teller == self;
        for (const device_id& owner : owned_now_by) {
            if (mine && owner != self && std::ranges::count(owned_by, owner) == 0) {
                for (const auto& [holder, until] : one->second) {
                    tell[owner].push_back({one->first, holder, until});
                }
            }
        }
        if (std::ranges::count(owned_now_by, self) == 0) {
            for (const auto& [holder, until] : one->second) {
                forget(holder);
            }
            one = objects_.erase(one);
        } else {
            ++one;
        }
    }
    return tell;
}

}  // namespace calbox::overlay
