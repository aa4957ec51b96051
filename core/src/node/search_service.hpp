// Finds events for their users. The index is made at the first search, and before each later one
// brought to what the events are by then, so that nothing is found that is not so. Owned by the
// node; core thread only.
#pragma once

#include <set>

#include "node/opened_events.hpp"
#include "node/search_index.hpp"

namespace calbox::node {

class search_service final : public searches {
public:
    search_service(const environment& env, const replica::replicator& replica,
                   opened_events& opened, const people& names);

    task<result<std::vector<found_view>>> find(user_id as, std::string words,
                                               std::size_t most) override;

private:
    /// Nothing: everything has changed, since who is signed in has.
    void changed(const std::optional<event_id>& which);
    task<void> catch_up();
    std::optional<indexed_text> text_of(const event_id& which);

    const environment& env_;
    const replica::replicator& replica_;
    opened_events& opened_;
    const people& people_;
    std::optional<search_index> index_;  // once somebody has searched
    std::set<event_id> behind_;
};

}  // namespace calbox::node
