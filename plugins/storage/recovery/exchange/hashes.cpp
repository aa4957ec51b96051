#include "hashes.hpp"

#include <algorithm>
#include <bit>

namespace calbox::recovery {

const hashed_set& hash_cache::of(const listing_ptr& list, const sketch_key& key) {
    const auto is_it = [&](const kept& one) {
        return one.state != 0 && one.state == list->state && one.key == key &&
               !one.list.owner_before(list) && !list.owner_before(one.list);
    };
    auto found = std::ranges::find_if(all_, is_it);
    if (found == all_.end()) {
        // What is made for one look takes the place of what was.
        found = std::ranges::find(all_, std::uint64_t{0}, &kept::state);
        if (found == all_.end() && all_.size() < sets_kept) {
            found = all_.emplace(all_.end());
        } else if (found == all_.end()) {
            found = std::ranges::min_element(all_, {}, &kept::used);
        }
        *found = {list, list->state, key, hashed_set(item_hash(key).of(list->events)), 0};
    }
    found->used = ++uses_;
    return found->set;
}

hash_selection::hash_selection(std::vector<std::uint64_t> some)
    : some_(std::move(some)),
      bits_(std::bit_ceil(16 * some_.size() + 64)),
      mask_(bits_.size() - 1) {
    std::ranges::sort(some_);
    for (const std::uint64_t hash : some_) {
        bits_[hash & mask_] = true;
    }
}

}  // namespace calbox::recovery
