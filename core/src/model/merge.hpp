// Where two people's changes of one event meet: field by field, with people and files as sets. And
// the name of a file that somebody else has changed meanwhile. Pure.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "model/event.hpp"

namespace calbox::model {

/// What one version says: its body, and what its header says that people may change.
struct version_text {
    event_content content;
    std::uint32_t guests_may = 0;  // guest_right bits
    friend bool operator==(const version_text&, const version_text&) = default;
};

struct merged_text {
    version_text text;  // theirs, where `both` changed a field
    /// Names of fields as in the API, and "time" for start, end, zone and all_day together. What
    /// both changed to the same is in `mine` and in `theirs`.
    std::vector<std::string_view> mine, theirs;
    std::vector<std::string_view> both;  // changed by both, and not to the same
    bool fits() const noexcept { return both.empty(); }
};

/// Three-way merge of two versions that were made from `base`. Categories, participants, those who
/// declined, answers, files and single times of a series are sets: what either added is there, what
/// either removed is not; one time that both changed is in `both`, and so are categories of which
/// there would be more than an event may have. A file that both changed is there twice: mine under
/// the name that kept_beside() gives it, with the name of who added it and the day.
merged_text merge(const version_text& base, const version_text& mine, const version_text& theirs);

/// The set of what either added to `base`, without what either removed; in the order of `theirs`,
/// then `mine`. `same` says which members are one.
template <class Member, class Same = std::equal_to<>>
std::vector<Member> merge_sets(const std::vector<Member>& base, const std::vector<Member>& mine,
                               const std::vector<Member>& theirs, Same same = {}) {
    const auto has = [same](const std::vector<Member>& all, const Member& one) {
        return std::ranges::any_of(all, [&](const Member& other) { return same(one, other); });
    };
    std::vector<Member> merged;
    for (const Member& one : theirs) {
        if (has(mine, one) || !has(base, one)) {
            merged.push_back(one);
        }
    }
    for (const Member& one : mine) {
        if (!has(theirs, one) && !has(base, one)) {
            merged.push_back(one);
        }
    }
    return merged;
}

/// A name for a file beside another one of the same name: "plan (bob, 2026-05-03).pdf", with a
/// number after the day until it is free. Always a file label; long names are cut.
std::string kept_beside(const std::string& name, const std::string& by, timestamp day,
                        const std::function<bool(const std::string&)>& is_taken);

}  // namespace calbox::model
