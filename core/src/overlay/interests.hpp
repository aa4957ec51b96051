// What each device wants to hear of: what a rendezvous was told, and nothing that it works out
// itself. Bounded for each device and in all. Owned by the lessor; core thread only.
#pragma once

#include <map>
#include <set>
#include <vector>

#include <calbox/ids.hpp>

namespace calbox::overlay {

template <class Id>
class interests_in {
public:
    static constexpr std::size_t most_of_one = 2'000;
    static constexpr std::size_t most = 500'000;

    /// `fair`: where all is full, each device may have its share all the same.
    explicit interests_in(std::size_t of_one = most_of_one, bool fair = false,
                          std::size_t in_all = most)
        : of_one_(of_one), in_all_(in_all), fair_(fair) {}

    /// Adds to what the device wants. What exceeds a bound is left out: of those the device hears
    /// when it asks. False when something was.
    bool add(const device_id& who, const std::vector<Id>& what);
    void drop(const device_id& who);
    /// Those that want to hear of it, ascending; null when there is none.
    const std::set<device_id>* in(const Id& what) const noexcept;
    /// All that somebody wants to hear of, ascending.
    std::vector<Id> all() const;
    std::size_t size() const noexcept { return size_; }

private:
    bool has_room(std::size_t of_this_one) const noexcept;

    std::size_t of_one_, in_all_;
    bool fair_;
    std::map<device_id, std::set<Id>> of_device_;
    std::map<Id, std::set<device_id>> wanting_;
    std::size_t size_ = 0;  // pairs
};

extern template class interests_in<user_id>;
extern template class interests_in<device_id>;
/// Which users an edge wants to hear of.
using interests = interests_in<user_id>;

}  // namespace calbox::overlay
