// The lists of events that recovery compares, kept from one exchange to the next: whom something
// is shown to is decided once, and again only for what has changed since. Owned by the event store;
// core thread only. What is kept is bounded; what was dropped is made anew.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include <calbox/recovery.hpp>

#include "replica/stream_numbers.hpp"

namespace calbox::replica {

struct held_event;

class shown_lists {
public:
    /// Lists have at most so many entries together for each event that is held.
    static constexpr std::size_t entries_for_each_event = 4;
    static constexpr std::size_t lists_most = 256;
    /// So many changes are remembered; a list that is older than they are is made anew.
    static constexpr std::size_t changes_kept = 16'384;

    /// What is on a list: no notices of removal, and what some of `users` and some of `others` take
    /// part in. Without users: whoever it is.
    struct choice {
        std::optional<std::vector<user_id>> users, others;
        bool numbered = false;  // with the numbers in the streams to `users`
        friend auto operator<=>(const choice&, const choice&) = default;
    };
    static bool shows(const choice& what, const envelope_header& header) noexcept;

    using events = std::map<event_id, held_event>;
    recovery::listing_ptr of(choice what, const events& all, const stream_numbers& numbers);
    /// Another version of it is held, or none any more.
    void changed(const event_id& event);

    /// How often a list was made from all events.
    std::uint64_t made() const noexcept { return made_; }
    std::size_t size() const noexcept { return lists_.size(); }
    std::size_t entries() const noexcept { return entries_; }  // of all of them

private:
    struct kept {
        std::shared_ptr<recovery::listing> list;
        std::uint64_t changes = 0;  // that it has seen
        std::uint64_t used = 0;
    };
    class writer;
    void make(const choice& what, kept& one, const events& all, const stream_numbers& numbers);
    void refresh(const choice& what, kept& one, const events& all, const stream_numbers& numbers);
    void drop_others(const choice& but, std::size_t most);

    std::map<choice, kept> lists_;
    std::vector<event_id> changes_;  // the last ones
    std::uint64_t forgotten_ = 0;    // changes before those
    std::uint64_t uses_ = 0, states_ = 0, made_ = 0;
    std::size_t entries_ = 0;
};

}  // namespace calbox::replica
