// Which users each edge wants to hear of: what a rendezvous was told, and nothing that it works out
// itself. Bounded for each edge and in all. Owned by the lessor; core thread only.
#pragma once

#include <map>
#include <set>
#include <vector>

#include <calbox/ids.hpp>

namespace calbox::overlay {

class interests {
public:
    /// Adds to what the edge wants. What exceeds a bound is left out: of those users the edge hears
    /// when it asks.
    void add(const device_id& edge, const std::vector<user_id>& users);
    void drop(const device_id& edge);
    /// The edges that want to hear of this user, ascending; null when there is none.
    const std::set<device_id>* in(const user_id& user) const noexcept;
    std::size_t size() const noexcept { return size_; }

    static constexpr std::size_t most_of_one = 2'000;
    static constexpr std::size_t most = 500'000;

private:
    std::map<device_id, std::set<user_id>> of_edge_;
    std::map<user_id, std::set<device_id>> in_user_;
    std::size_t size_ = 0;  // pairs of edge and user
};

}  // namespace calbox::overlay
