#include "offers.hpp"

#include <algorithm>

namespace calbox::recovery {

void numbered_offers::add(const device_id& by, const number_set& what, const number_set& held) {
    std::size_t& count = counts_[by];
    what.each([&](const numbered& one) {
        if (!held.has(one)) {
            offers_[one].push_back(by);
        }
        return ++count < offers_max;
    });
}

std::map<device_id, number_set> numbered_offers::assign(const number_set& held,
                                                        const std::set<device_id>& lost) {
    std::map<device_id, number_set> shared;
    std::map<device_id, std::size_t> sizes;
    for (auto at = offers_.begin(); at != offers_.end();) {
        auto& [one, by] = *at;
        std::erase_if(by, [&](const device_id& device) { return lost.contains(device); });
        if (by.empty() || held.has(one)) {
            at = offers_.erase(at);
            continue;
        }
        const auto least = std::ranges::min_element(
            by, {}, [&](const device_id& device) { return std::pair(sizes[device], device); });
        ++sizes[*least];
        shared[*least].add(one);
        by.erase(least);
        ++at;
    }
    return shared;
}

void offer_book::add(const device_id& by, std::uint64_t hash, const std::optional<known>& what) {
    if (std::size_t& count = counts_[by]; count < offers_max) {
        ++count;
        offer& one = offers_[hash];
        if (!one.what) {
            one.what = what;
        }
        if (std::ranges::count(one.by, by) == 0) {
            one.by.push_back(by);
        }
    }
}

void offer_book::came(std::uint64_t hash, const known& what) {
    if (const auto found = offers_.find(hash); found != offers_.end() && !found->second.what) {
        found->second.what = what;
    }
}

bool offer_book::is_lacking(const offer& one, const view& mine) {
    if (!one.what) {
        return true;
    }
    const auto held = mine.find(one.what->event);
    return !held || brief_order::of(*held) < one.what->order;
}

std::map<device_id, wants> offer_book::assign(const view& mine, const std::set<device_id>& lost) {
    std::map<device_id, wants> shared;
    std::map<event_id, std::pair<std::uint64_t, offer*>> best;  // by event: the newest to be had
    const auto give = [&](std::uint64_t hash, offer& one) {
        const auto least = std::ranges::min_element(one.by, {}, [&](const device_id& device) {
            return std::pair(shared[device].size(), device);
        });
        wants& to = shared[*least];
        if (one.what) {
            to.events.push_back(*one.what);
        } else {
            to.hashes.push_back(hash);
        }
        one.by.erase(least);
        one.assigned = true;
    };
    for (auto& [hash, one] : offers_) {
        std::erase_if(one.by, [&](const device_id& device) { return lost.contains(device); });
        if (one.by.empty() || !is_lacking(one, mine)) {
            continue;
        }
        if (!one.what) {
            give(hash, one);
            continue;
        }
        auto& [best_hash, newest] = best[one.what->event];
        if (newest == nullptr || newest->what->order < one.what->order) {
            best_hash = hash;
            newest = &one;
        }
    }
    for (auto& [event, one] : best) {
        give(one.first, *one.second);
    }
    std::erase_if(shared, [](const auto& one) { return one.second.size() == 0; });
    return shared;
}

bool offer_book::is_broken(const view& mine) const {
    return std::ranges::any_of(offers_, [&](const auto& one) {
        return one.second.assigned && is_lacking(one.second, mine);
    });
}

}  // namespace calbox::recovery
