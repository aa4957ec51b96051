// Who has what, of what this side lacks: gathered from everybody's answers, then shared out so that
// each version is fetched from one of those who have it, and from another when that one fails.
// Values; owned by an initiator.
#pragma once

#include <map>
#include <set>
#include <unordered_map>

#include <calbox/recovery.hpp>

#include "numbers.hpp"

namespace calbox::recovery {

/// Of what is offered by its numbers.
class numbered_offers {
public:
    /// Of one peer, more are not looked at.
    static constexpr std::size_t offers_max = 262'144;

    void add(const device_id& by, const number_set& what, const number_set& held);
    /// Shares out what is still lacking among those who have offered it and were not asked for it.
    std::map<device_id, number_set> assign(const number_set& held, const std::set<device_id>& lost);

private:
    std::map<numbered, std::vector<device_id>> offers_;  // who was not asked for it yet
    std::map<device_id, std::size_t> counts_;
};

/// What one peer is to send. Those of which only the hash is known stand in `hashes`.
struct wants {
    std::vector<known> events;  // in event order
    std::vector<std::uint64_t> hashes;
    std::size_t size() const noexcept { return events.size() + hashes.size(); }
};

class offer_book {
public:
    /// Of one peer, more are not believed.
    static constexpr std::size_t offers_max = 262'144;

    void add(const device_id& by, std::uint64_t hash, const std::optional<known>& what);
    /// An envelope has come that is said to be this.
    void came(std::uint64_t hash, const known& what);
    /// Shares out what is still lacking among those who have offered it and were not asked for it.
    std::map<device_id, wants> assign(const view& mine, const std::set<device_id>& lost);
    /// What has been assigned and is still lacking: whoever had it did not send it, or lied.
    bool is_broken(const view& mine) const;
    /// Calls visit(hash, known or nothing) for what has been assigned and is still lacking.
    template <class Visit>
    void each_assigned(const view& mine, Visit&& visit) const {
        for (const auto& [hash, one] : offers_) {
            if (one.assigned && is_lacking(one, mine)) {
                visit(hash, one.what);
            }
        }
    }

private:
    struct offer {
        std::optional<known> what;
        std::vector<device_id> by;  // who was not asked for it yet
        bool assigned = false;
    };
    static bool is_lacking(const offer& one, const view& mine);

    std::map<std::uint64_t, offer> offers_;
    std::map<device_id, std::size_t> counts_;
};

}  // namespace calbox::recovery
