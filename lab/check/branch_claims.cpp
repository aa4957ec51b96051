#include "lab/check/branch_claims.hpp"

#include <algorithm>

namespace calbox::lab::claims {

void kept_branches::observe_version(const envelope_header& what, const user_id& author) {
    const version_of::order place{what.generation, what.version};
    const auto [known, fresh] = events_[what.event].of.try_emplace(what.generation);
    line& of = known->second;
    if (fresh) {
        of.left = what.left;
    }
    of.changed = of.changed || what.left.empty() || what.left.back().hash != what.previous;
    if (of.last <= place) {
        of.last = place;
        of.is_put = what.kind == envelope_kind::put;
        of.author = author;
    }
}

void kept_branches::observe_shown(const version_of& what, const std::string& title) {
    events_[what.event].titles.try_emplace(what.place(), title);
}

void kept_branches::observe_end(const version_of& what, const std::set<user_id>& present,
                                instant at) {
    const lines& all = events_[what.event];
    const auto stays = all.of.find(what.generation);
    if (stays == all.of.end()) {
        return;
    }
    const auto has_in_it = [](const line& later, const version_of::order& place) {
        return std::ranges::any_of(later.left, [&](const envelope_order& made_from) {
            return made_from.generation == place.first && place.second <= made_from.version;
        });
    };
    const auto is_in_it = [&](const version_of::order& place) {
        return place.first == what.generation || has_in_it(stays->second, place);
    };
    const auto is_changed_elsewhere = [&](const version_of::order& place) {
        return std::ranges::any_of(all.of, [&](const auto& other) {
            return other.second.changed && has_in_it(other.second, place);
        });
    };
    std::set<std::string> said;
    for (const auto& [place, title] : all.titles) {
        if (is_in_it(place)) {
            said.insert(title);
        }
    }
    for (const auto& [generation, one] : all.of) {
        const auto title = all.titles.find(one.last);
        if (is_in_it(one.last) || is_changed_elsewhere(one.last) || !one.changed || !one.is_put ||
            title == all.titles.end() || said.contains(title->second) ||
            refused_.contains(title->second) ||
            copies_.contains({people_.of(what.event), title->second}) ||
            !present.contains(one.author)) {
            continue;
        }
        found_.add({claim::kept, people_.of(what.event), people_.of(one.author), at,
                    names::of({what.event, one.last.first, one.last.second, {}}) + ", \"" +
                        title->second + "\", was left out by the line that stays, " +
                        std::to_string(what.generation.value) + ", and nothing keeps it"});
    }
}

}  // namespace calbox::lab::claims
