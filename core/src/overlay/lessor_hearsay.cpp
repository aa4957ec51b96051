// The lessor's half that weighs what other rendezvous have said: whose word counts, and when it is
// over.
#include <algorithm>

#include "overlay/lessor.hpp"

namespace calbox::overlay {

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
        const bool others_say = near_ && near_->has_informant(rendezvous);
        for (const device_id& device :
             others_say ? std::vector<device_id>() : book_.leased_from(rendezvous)) {
            if (!leases_.contains(device) && !about.said_again.contains(device) &&
                !rely_on_another(device) && book_.note_offline(device)) {
                over.push_back(device);
            }
        }
        one = doubts_.erase(one);
    }
    if (!over.empty()) {
        all.push_back(heard{over});
        spread(over, all);
        tell_watching(over, false, all);
    }
}

}  // namespace calbox::overlay
