// The lessor's half that weighs what other rendezvous have said: whose word counts, and when it is
// over.
#include <algorithm>

#include "overlay/lessor.hpp"

namespace calbox::overlay {

void lessor::in_doubt(const device_id& rendezvous, instant now) {
    (void)book_.note_offline(rendezvous);
    doubts_[rendezvous] = {now, {}};  // what it said again since an earlier loss is in doubt, too
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
/// for ever that it is online.
void lessor::forget_hearsay(instant now, effects& all) {
    std::vector<device_id> over;
    for (auto one = doubts_.begin(); one != doubts_.end();) {
        const auto& [rendezvous, about] = *one;
        if (now - about.since < hearsay_kept) {
            ++one;
            continue;
        }
        for (const device_id& device : book_.leased_from(rendezvous)) {
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
