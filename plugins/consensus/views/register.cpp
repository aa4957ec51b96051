#include "register.hpp"

#include <algorithm>

namespace calbox::consensus {

bool member_set::contains(const device_id& device) const noexcept {
    return std::ranges::count(members, device, &member::device) > 0;
}

bool member_set::has_quorum(const voices& who) const noexcept {
    std::size_t count = 0;
    bool with_tie = false;
    for (const member& one : members) {
        const auto found = who.find(one.device);
        if (found != who.end() && found->second == one.life) {
            ++count;
            with_tie = with_tie || one.device == tie;
        }
    }
    return 2 * count > members.size() || (2 * count == members.size() && with_tie);
}

bool view::has_quorum(const voices& who) const noexcept {
    return now.has_quorum(who) && (!next || next->has_quorum(who));
}

std::vector<member> view::everybody() const {
    std::vector<member> all = now.members;
    if (next) {
        all.insert(all.end(), next->members.begin(), next->members.end());
        std::ranges::sort(all);
        const auto same = [](const member& a, const member& b) { return a.device == b.device; };
        all.erase(std::unique(all.begin(), all.end(), same), all.end());
    }
    return all;
}

bool view::contains(const device_id& device) const noexcept {
    return now.contains(device) || (next && next->contains(device));
}

const version_number* value::version_of(const operation_id& operation) const noexcept {
    const auto found =
        std::ranges::find(recent, operation, &std::pair<operation_id, version_number>::first);
    return found == recent.end() ? nullptr : &found->second;
}

}  // namespace calbox::consensus
