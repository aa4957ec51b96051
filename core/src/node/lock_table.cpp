#include "node/lock_table.hpp"

#include <algorithm>

namespace calbox::node {

bool lock_table::put(const event_id& which, lock_entry what, instant now) {
    what.ends = std::min(what.ends, now + lease_max);
    const lock_entry* const before = find(which, now);
    if (before != nullptr && what.token < before->token) {
        return false;  // late: somebody has the lock who got it after this one
    }
    const bool news =
        before == nullptr || before->token != what.token || before->holder != what.holder;
    entries_.insert_or_assign(which, what);
    return news;
}

bool lock_table::remove(const event_id& which, const device_id& holder, consensus::token token) {
    const auto found = entries_.find(which);
    if (found == entries_.end() || found->second.holder != holder || token < found->second.token) {
        return false;
    }
    entries_.erase(found);
    return true;
}

bool lock_table::remove_until(const event_id& which, const device_id& holder, timestamp then) {
    const auto found = entries_.find(which);
    return found != entries_.end() && found->second.since <= then &&
           remove(which, holder, found->second.token);
}

std::vector<event_id> lock_table::expire(instant now) {
    std::vector<event_id> gone;
    for (auto at = entries_.begin(); at != entries_.end();) {
        if (at->second.ends <= now) {
            gone.push_back(at->first);
            at = entries_.erase(at);
        } else {
            ++at;
        }
    }
    return gone;
}

std::optional<instant> lock_table::next_end() const {
    const auto first =
        std::ranges::min_element(entries_, {}, [](const auto& entry) { return entry.second.ends; });
    return first == entries_.end() ? std::nullopt : std::optional(first->second.ends);
}

const lock_entry* lock_table::find(const event_id& which, instant now) const {
    const auto found = entries_.find(which);
    return found == entries_.end() || found->second.ends <= now ? nullptr : &found->second;
}

}  // namespace calbox::node
