// The lessor's half that weighs what other rendezvous have said: whose word counts, and when it is
// over.
#include <algorithm>

#include "overlay/lessor.hpp"

namespace calbox::overlay {

namespace {

/// Takes out the first claim about the edge that `which` picks; nothing where there is none.
template <class Claims, class Which>
std::optional<wire::location> take_claim(Claims& claims, const device_id& edge, Which which) {
    const auto known = claims.find(edge);
    if (known == claims.end()) {
        return std::nullopt;
    }
    const auto one = std::ranges::find_if(known->second, which);
    if (one == known->second.end()) {
        return std::nullopt;
    }
    auto taken = std::move(one->second);
    known->second.erase(one);
    if (known->second.empty()) {
        claims.erase(known);
    }
    return taken;
}

}  // namespace

void lessor::in_doubt(const device_id& rendezvous, instant now) {
    (void)book_.note_offline(rendezvous);
    const bool slept = has_slept(rendezvous);  // and its session ends only now
    doubts_[rendezvous] = {now, {}, slept};    // what it said again before is in doubt, too
}

/// Whoever comes back long after it was given up may have slept, and does not know that its edges
/// are elsewhere. True then.
bool lessor::is_back(const device_id& rendezvous, instant now) {
    const bool slept = near_ && has_slept(rendezvous);
    if (gone_.erase(rendezvous) > 0 && slept) {
        doubts_[rendezvous] = {now, {}, true};
    }
    return slept;
}

bool lessor::has_slept(const device_id& rendezvous) const {
    const auto doubt = doubts_.find(rendezvous);
    return doubt != doubts_.end() ? doubt->second.slept : gone_.contains(rendezvous);
}

/// Who tells of which backup, beside whose word counts now.
void lessor::note_backup(const wire::location& what, const device_id& from) {
    const auto known = also_at_.find(what.device);
    if (known != also_at_.end() && what.relay != from) {
        // An informant says it of its whole circle.
        std::erase_if(known->second, [&](const device_id& one) {
            return near_->circle_of(one) == near_->circle_of(from);
        });
    }
    if (!what.online) {
        if (known != also_at_.end() && (known->second.erase(*what.relay) > 0 || near_) &&
            known->second.empty()) {
            also_at_.erase(known);
        }
    } else if ((what.roles & wire::role::backup) != 0) {
        if (known != also_at_.end()) {
            known->second.insert(*what.relay);
        } else if (also_at_.size() < backups_most) {
            also_at_[what.device] = {*what.relay};
        }
    }
}

bool lessor::rely_on_another(const device_id& backup) {
    const auto known = also_at_.find(backup);
    auto where = book_.find(backup);
    if (known == also_at_.end() || !where) {
        return false;
    }
    const auto other = std::ranges::find_if(known->second, [this](const device_id& one) {
        return !doubts_.contains(one) && !gone_.contains(one);
    });
    if (other == known->second.end()) {
        return false;
    }
    where->relay = *other;
    where->online = true;
    (void)book_.note(std::move(*where));
    return true;
}

/// Between circles nothing is repeated, so what is not believed now is kept until whoever said it
/// takes it back: it counts when the word that is believed ends.
void lessor::keep_claim(const wire::location& what) {
    constexpr std::uint32_t of_many = wire::role::rendezvous | wire::role::backup;
    if (!near_ || !what.relay || *what.relay == self_ || (what.roles & of_many) != 0 ||
        (claims_.size() >= doubly_said_most && !claims_.contains(what.device))) {
        return;
    }
    claims_[what.device][claimant_of(*what.relay)] = what;
}

lessor::claimant lessor::claimant_of(const device_id& rendezvous) const {
    return {near_->circle_of(rendezvous), near_->is_mate(rendezvous) ? rendezvous : device_id()};
}

/// True when it was kept. One rendezvous has one claim about an edge.
bool lessor::drop_claim(const device_id& edge, const device_id& rendezvous) {
    return take_claim(claims_, edge,
                      [&](const auto& one) { return one.second.relay == rendezvous; })
        .has_value();
}

/// Its informant says nothing of the edge; but of whoever tells everybody it need not know.
void lessor::drop_claim_of_circle(const device_id& edge, const device_id& rendezvous) {
    (void)take_claim(claims_, edge, [&, its = claimant_of(rendezvous)](const auto& one) {
        return one.first == its && !near_->is_plain(*one.second.relay);
    });
}

/// The edge is believed to lease where it is said now: what was believed counts again when that
/// ends, and what the same one said before is over.
void lessor::take_over(const wire::location& what, const std::optional<wire::location>& before) {
    if (!near_ || !what.online) {
        return;
    }
    const claimant by = claimant_of(*what.relay);
    (void)take_claim(claims_, what.device, [&](const auto& one) { return one.first == by; });
    if (before && before->online && before->relay && claimant_of(*before->relay) != by) {
        keep_claim(*before);
    }
}

/// The word that counted has ended. False when no other circle says that the edge has a lease.
bool lessor::rely_on_claim(const device_id& edge) {
    auto kept = take_claim(claims_, edge, [this](const auto& one) {
        return !gone_.contains(*one.second.relay) && !has_slept(*one.second.relay);
    });
    if (!kept) {
        return false;
    }
    (void)book_.note(std::move(*kept));
    return true;
}

/// Of which edges it is said beside what is believed.
std::vector<device_id> lessor::claimed_at(const device_id& rendezvous) const {
    std::vector<device_id> edges;
    for (const auto& [edge, of_circles] : claims_) {
        if (std::ranges::any_of(of_circles,
                                [&](const auto& one) { return one.second.relay == rendezvous; })) {
            edges.push_back(edge);
        }
    }
    return edges;
}

/// It is not gone any more.
void lessor::rely_on_claims_of(const device_id& rendezvous, effects& all) {
    std::vector<device_id> news;
    for (const device_id& edge : claimed_at(rendezvous)) {
        const auto where = book_.find(edge);
        if (where && !where->online && rely_on_claim(edge)) {
            news.push_back(edge);
        }
    }
    hear(news, all);
    tell_watching(news, false, all);
}

/// What this one's circle says, whatever another one does.
std::optional<wire::location> lessor::said_in_circle(const wire::location& believed) const {
    if (in_circle_of(self_, believed)) {
        return believed;
    }
    if (const auto known = claims_.find(believed.device); known != claims_.end()) {
        if (const auto its = known->second.lower_bound({near_->circle_of(self_), device_id()});
            its != known->second.end() && its->first.first == near_->circle_of(self_)) {
            return its->second;
        }
    }
    return std::nullopt;
}

/// Nobody else takes it back: where a device and its rendezvous end together, all others would say
/// for ever that it is online. Of another circle its informant says it.
void lessor::forget_hearsay(instant now, effects& all) {
    std::vector<device_id> over;
    for (auto one = doubts_.begin(); one != doubts_.end();) {
        const auto& [rendezvous, about] = *one;
        if (now - about.since < hearsay_kept) {
            ++one;
            continue;
        }
        std::vector<device_id> ended;
        const bool others_say = near_ && near_->has_informant(rendezvous);
        for (const device_id& device :
             others_say ? std::vector<device_id>() : book_.leased_from(rendezvous)) {
            if (leases_.contains(device) || about.said_again.contains(device) ||
                rely_on_another(device)) {
                continue;
            }
            if (rely_on_claim(device)) {
                over.push_back(device);
                ended.push_back(device);
            } else if (book_.note_offline(device)) {
                over.push_back(device);
            }
        }
        for (const device_id& device :
             others_say ? std::vector<device_id>() : claimed_at(rendezvous)) {
            if (!about.said_again.contains(device) && drop_claim(device, rendezvous)) {
                ended.push_back(device);
            }
        }
        tell_ended(ended, rendezvous, all);
        one = doubts_.erase(one);
    }
    hear(over, all);
    tell_watching(over, false, all);
}

}  // namespace calbox::overlay
