#include "lab/check/branch_claims.hpp"

#include <algorithm>

namespace calbox::lab::claims {

void kept_branches::observe_version(const envelope_header& what, const user_id& author) {
    const version_of::order place{what.generation, what.version};
    const auto [known, fresh] = events_[what.event].of.try_emplace(what.generation);
    line& of = known->second;
    if (fresh) {
        of.left = what.left;
        of.first = place;
    }
    of.first = std::min(of.first, place);
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
    const auto is_in_it = [&](const version_of::order& place) {
        return place.first == what.generation ||
               std::ranges::any_of(stays->second.left, [&](const envelope_order& made_from) {
                   return made_from.generation == place.first && place.second <= made_from.version;
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
        const bool only_begun = !one.left.empty() && one.last == one.first;
        if (is_in_it(one.last) || only_begun || !one.is_put || title == all.titles.end() ||
            said.contains(title->second) || copies_.contains(title->second) ||
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
