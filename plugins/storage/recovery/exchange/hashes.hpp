// What lists look like under the key of an exchange. The questions of one exchange have one key,
// and the host's list is mostly the one of the question before: so hashes are kept for a few of
// both.
#pragma once

#include <numeric>
#include <vector>

#include <calbox/recovery.hpp>

#include "sketch.hpp"

namespace calbox::recovery {

/// A set of items, as a fingerprint and a sketch see it.
struct hashed_set {
    std::vector<std::uint64_t> items;
    std::uint64_t sum = 0;

    hashed_set() = default;
    explicit hashed_set(std::vector<std::uint64_t> all)
        : items(std::move(all)), sum(std::accumulate(items.begin(), items.end(), std::uint64_t{0})) {}
    void add(std::uint64_t item) {
        items.push_back(item);
        sum += item;
    }
};

/// Owned by a strategy, or by an initiator; core thread.
class hash_cache {
public:
    /// Of each event of the list, in its order. Valid until the next call.
    const hashed_set& of(const listing_ptr& list, const sketch_key& key);

private:
    static constexpr std::size_t sets_kept = 4;
    struct kept {
        std::weak_ptr<const listing> list;
        std::uint64_t state = 0;  // of that list; 0: nothing is kept here
        sketch_key key{};
        hashed_set set;
        std::uint64_t used = 0;
    };
    std::vector<kept> all_;
    std::uint64_t uses_ = 0;
};

/// Few of many: whether a hash is among some, mostly told by one bit.
class hash_selection {
public:
    explicit hash_selection(std::vector<std::uint64_t> some);
    bool has(std::uint64_t hash) const noexcept {
        return bits_[hash & mask_] && std::ranges::binary_search(some_, hash);
    }

private:
    std::vector<std::uint64_t> some_;
    std::vector<bool> bits_;
    std::uint64_t mask_;
};

}  // namespace calbox::recovery
