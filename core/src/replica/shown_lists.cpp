#include "replica/shown_lists.hpp"

#include <algorithm>

#include "replica/event_store.hpp"

namespace calbox::replica {

namespace {

/// A list of which a larger part has changed is made anew.
constexpr std::size_t part_refreshed = 4;
constexpr std::size_t entries_least = 4'096;

bool involves_some(const envelope_header& header,
                   const std::optional<std::vector<user_id>>& users) noexcept {
    return !users ||
           std::ranges::any_of(*users, [&](const user_id& user) { return header.involves(user); });
}

}  // namespace

/// Writes entries of one list.
class shown_lists::writer {
public:
    writer(const choice& what, const stream_numbers& numbers, recovery::listing& list)
        : what_(what), numbers_(numbers), list_(list) {
        for (std::uint32_t i = 0; i < list.streams.size(); ++i) {
            streams_.emplace(list.streams[i], i);
        }
    }
    recovery::listed entry(const event_id& event, const held_event& held) {
        recovery::listed one{event, held.order, 0, 0};
        if (!what_.numbered || !what_.users) {
            return one;
        }
        const envelope_header& header = held.header;
        for (const auto& [recipient, number] : header.streams) {
            if (number.value > 0 && std::ranges::binary_search(*what_.users, recipient)) {
                one.stream = place_of(header, recipient);
                one.number = number.value;
                break;
            }
        }
        return one;
    }

private:
    std::uint32_t place_of(const envelope_header& header, const user_id& recipient) {
        const author& by = header.by;
        // Mostly that of the event before, which saves looking for it.
        if (last_key_ != nullptr && *last_key_ == by.device_key && last_.life == by.life &&
            last_.recipient == recipient) {
            return last_place_;
        }
        last_ = {numbers_.author(header), by.life, recipient};
        const auto next = static_cast<std::uint32_t>(list_.streams.size());
        const auto [found, fresh] = streams_.try_emplace(last_, next);
        if (fresh) {
            list_.streams.push_back(last_);
        }
        last_key_ = &by.device_key;
        return last_place_ = found->second;
    }

    const choice& what_;
    const stream_numbers& numbers_;
    recovery::listing& list_;
    std::map<stream_id, std::uint32_t> streams_;
    const bytes* last_key_ = nullptr;  // of a held event, none of which changes meanwhile
    stream_id last_;
    std::uint32_t last_place_ = 0;
};

bool shown_lists::shows(const choice& what, const envelope_header& header) noexcept {
    // A notice is between its author and whom he removed.
    return header.kind != envelope_kind::removed_you && involves_some(header, what.users) &&
           involves_some(header, what.others);
}

void shown_lists::changed(const event_id& event) {
    if (lists_.empty()) {
        return;
    }
    if (changes_.size() == changes_kept) {
        constexpr std::size_t half = changes_kept / 2;
        changes_.erase(changes_.begin(), changes_.begin() + half);
        forgotten_ += half;
    }
    changes_.push_back(event);
}

recovery::listing_ptr shown_lists::of(choice what, const events& all,
                                      const stream_numbers& numbers) {
    for (auto* const users : {&what.users, &what.others}) {
        if (*users) {
            std::ranges::sort(**users);
        }
    }
    const auto [found, fresh] = lists_.try_emplace(std::move(what));
    kept& one = found->second;
    const std::size_t before = fresh ? 0 : one.list->events.size();
    if (fresh || one.changes < forgotten_) {
        make(found->first, one, all, numbers);
    } else {
        refresh(found->first, one, all, numbers);
    }
    one.changes = forgotten_ + changes_.size();
    one.used = ++uses_;
    entries_ += one.list->events.size() - before;
    drop_others(found->first, entries_least + entries_for_each_event * all.size());
    return one.list;
}

void shown_lists::make(const choice& what, kept& one, const events& all,
                       const stream_numbers& numbers) {
    ++made_;
    one.list = std::make_shared<recovery::listing>();
    writer to(what, numbers, *one.list);
    for (const auto& [event, held] : all) {
        if (shows(what, held.header)) {
            one.list->events.push_back(to.entry(event, held));
        }
    }
    one.list->state = ++states_;
}

/// Brings in what has changed since it was last asked for.
void shown_lists::refresh(const choice& what, kept& one, const events& all,
                          const stream_numbers& numbers) {
    std::vector<event_id> touched(
        changes_.begin() + static_cast<std::ptrdiff_t>(one.changes - forgotten_), changes_.end());
    if (touched.empty()) {
        return;
    }
    std::ranges::sort(touched);
    touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
    if (touched.size() > all.size() / part_refreshed + 1) {
        make(what, one, all, numbers);
        return;
    }
    if (one.list.use_count() > 1) {
        one.list = std::make_shared<recovery::listing>(*one.list);
    }
    writer to(what, numbers, *one.list);
    auto& listed = one.list->events;
    std::vector<recovery::listed> fresh;
    std::vector<event_id> gone;
    bool same = true;
    for (const event_id& event : touched) {
        const auto at = std::ranges::lower_bound(listed, event, {}, &recovery::listed::event);
        const bool is_listed = at != listed.end() && at->event == event;
        const auto held = all.find(event);
        if (held != all.end() && shows(what, held->second.header)) {
            auto entry = to.entry(event, held->second);
            if (is_listed) {
                *at = entry;
            } else {
                fresh.push_back(entry);
            }
        } else if (is_listed) {
            gone.push_back(event);
        } else {
            continue;
        }
        same = false;
    }
    if (!gone.empty()) {
        std::erase_if(listed, [&](const recovery::listed& entry) {
            return std::ranges::binary_search(gone, entry.event);
        });
    }
    if (!fresh.empty()) {
        std::vector<recovery::listed> merged;
        merged.reserve(listed.size() + fresh.size());
        std::ranges::merge(listed, fresh, std::back_inserter(merged), {}, &recovery::listed::event,
                           &recovery::listed::event);
        listed = std::move(merged);
    }
    if (!same) {
        one.list->state = ++states_;
    }
}

/// Until they have at most so many entries together; those first that were not asked for longest.
void shown_lists::drop_others(const choice& but, std::size_t most) {
    while ((entries_ > most || lists_.size() > lists_most) && lists_.size() > 1) {
        auto oldest = lists_.end();
        for (auto at = lists_.begin(); at != lists_.end(); ++at) {
            const bool is_older = oldest == lists_.end() || at->second.used < oldest->second.used;
            if (is_older && at->first != but) {
                oldest = at;
            }
        }
        entries_ -= oldest->second.list->events.size();
        lists_.erase(oldest);
    }
}

}  // namespace calbox::replica
