#include "lab/check/ending_claims.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace calbox::lab::claims {

void everybody_has_it::observe_newest(const version_of& what, bool deleted,
                                      std::set<user_id> participants, const device_id& where) {
    newest& known = newest_[what.event][where];
    if (known.what.version.value == 0 || known.what.place() < what.place()) {
        known = {what, {}};
    }
    if (known.what.place() == what.place() && !participants.empty()) {
        known.outcomes.insert({deleted, std::move(participants)});
    } else if (known.what.place() == what.place() && deleted) {
        known.outcomes.insert({true, {}});
    }
}

everybody_has_it::newest everybody_has_it::of_those_present(const at_devices& all) const {
    newest made;
    for (const auto& [where, one] : all) {
        if (absent_.contains(where) || one.what.place() < made.what.place()) {
            continue;
        }
        if (made.what.place() < one.what.place()) {
            made = one;
        } else {
            made.outcomes.insert(one.outcomes.begin(), one.outcomes.end());
        }
    }
    return made;
}

void everybody_has_it::observe_settled(const event_id& event) {
    const auto found = unknown_.find(event);
    if (found != unknown_.end() && --found->second == 0) {
        unknown_.erase(found);
    }
}

void everybody_has_it::observe_end(const viewer& whose, const std::vector<version_of>& shown,
                                   instant at) {
    last_list& list = ends_[whose];
    list = {{}, at};
    for (const version_of& one : shown) {
        list.shown.insert_or_assign(one.event, one);
    }
}

/// Whether an operation of unknown outcome may be why somebody is not shown the event: then nobody
/// may be shown the version before it.
bool everybody_has_it::excused(const newest& of) const {
    return unknown_.contains(of.what.event) && std::ranges::none_of(ends_, [&](const auto& end) {
               const auto found = end.second.shown.find(of.what.event);
               return found != end.second.shown.end() && found->second.place() <= of.what.place();
           });
}

/// Whether he takes no part any more, by a version that he may never hear of.
bool everybody_has_it::may_not_know(const newest& of, const user_id& who) const {
    return !absent_.empty() && std::ranges::none_of(of.outcomes, [&](const outcome& one) {
        return !one.deleted && one.participants.contains(who);
    });
}

/// Whether somebody who stays away has a later version in which he takes no part: then he may have
/// been told that, and nobody who is there has that version.
bool everybody_has_it::may_have_been_removed(const newest& of, const user_id& who) const {
    const auto known = newest_.find(of.what.event);
    return known != newest_.end() && std::ranges::any_of(known->second, [&](const auto& one) {
               return absent_.contains(one.first) && of.what.place() < one.second.what.place() &&
                      std::ranges::none_of(
                          one.second.outcomes,
                          [&](const outcome& made) {
                              return !made.deleted && made.participants.contains(who);
                          });
           });
}

void everybody_has_it::delivered(const newest& of, findings& into) const {
    const std::string event = people_.of(of.what.event);
    const std::string wanted = names::of(of.what);
    const bool deleted =
        std::ranges::all_of(of.outcomes, &outcome::deleted) && !of.outcomes.empty();
    for (const auto& [whose, end] : ends_) {
        const auto add = [&, at = end.at](const std::string& text) {
            into.add({claim::delivered, event, people_.of(whose), at, text});
        };
        const bool takes_part =
            !of.outcomes.empty() && std::ranges::all_of(of.outcomes, [&](const outcome& one) {
                return !one.deleted && one.participants.contains(whose.who);
            });
        const auto found = end.shown.find(of.what.event);
        if (found == end.shown.end()) {
            if (takes_part && !excused(of) && !may_have_been_removed(of, whose.who)) {
                add("is not shown in the end, though " + wanted + " is the newest");
            }
            continue;
        }
        const std::string shown = names::of(found->second);
        if (of.what.place() < found->second.place() || may_not_know(of, whose.who)) {
            continue;
        }
        if (deleted) {
            add(shown + " is shown in the end, though " + wanted + " deleted the event");
        } else if (found->second.place() < of.what.place()) {
            add(takes_part
                    ? shown + " is shown in the end, though " + wanted + " is the newest"
                    : shown + " is shown in the end to somebody whom " + wanted + " removed");
        }
    }
}

void everybody_has_it::converged(const event_id& event, findings& into) const {
    const auto known = newest_.find(event);
    const newest of = known == newest_.end() ? newest() : of_those_present(known->second);
    const std::pair<const viewer, last_list>* first = nullptr;
    for (const auto& end : ends_) {
        const auto found = end.second.shown.find(event);
        if (found == end.second.shown.end() || may_not_know(of, end.first.who)) {
            continue;
        }
        if (first == nullptr) {
            first = &end;
            continue;
        }
        const version_of& other = first->second.shown.at(event);
        const bool same_place = other.place() == found->second.place();
        if (same_place && other.content == found->second.content) {
            continue;
        }
        const std::string text =
            same_place ? names::of(other) + " has another content there in the end than with "
                       : names::of(found->second) + " is there in the end, and " +
                             names::of(other) + " with ";
        into.add({claim::convergence, people_.of(event), people_.of(end.first), end.second.at,
                  text + people_.of(first->first)});
        return;  // one of each event says it
    }
}

std::vector<violation> everybody_has_it::violations() const {
    findings found;
    std::set<event_id> events;
    for (const auto& [event, at] : newest_) {
        if (const newest of = of_those_present(at); of.what.version.value != 0) {
            delivered(of, found);
        }
        events.insert(event);
    }
    for (const auto& [whose, end] : ends_) {
        for (const auto& [event, what] : end.shown) {
            events.insert(event);
        }
    }
    for (const event_id& event : events) {
        converged(event, found);
    }
    return found.first();
}

void known_fate::observe_begun(const operation_id& what, const viewer& author, instant at) {
    open_.insert_or_assign(what, open_operation{author, at});
}

void known_fate::observe_outcome(const operation_id& what, outcome how, instant at) {
    const auto found = open_.find(what);
    if (found == open_.end() || found->second.unknown) {
        const std::string where = found == open_.end() ? "" : people_.of(found->second.author);
        found_.add({claim::known_fate, "", where, at,
                    "operation " + what.hex().substr(0, 8) +
                        " got an outcome, and it had one or was never begun"});
        return;
    }
    if (how == outcome::unknown) {
        found->second.unknown = true;
    } else {
        open_.erase(found);
    }
}

void known_fate::observe_settled(const operation_id& what, instant at) {
    const auto found = open_.find(what);
    if (found == open_.end() || !found->second.unknown) {
        found_.add({claim::known_fate, "", "", at,
                    "operation " + what.hex().substr(0, 8) + " was settled, and was not unknown"});
        return;
    }
    open_.erase(found);
}

std::vector<violation> known_fate::violations() const {
    findings all = found_;
    for (const auto& [what, of] : open_) {
        all.add({claim::known_fate, "", people_.of(of.author), of.at,
                 "operation " + what.hex().substr(0, 8) + ", begun then, " +
                     (of.unknown ? "is unknown and was never settled" : "was never answered")});
    }
    return all.first();
}

void growth::observe(const device_id& where, const std::string& counter, std::uint64_t value,
                     instant at) {
    last_.insert_or_assign(std::pair(where, counter), reading{value, at});
    std::uint64_t& peak = highest_[counter];
    peak = std::max(peak, value);
}

void growth::forget(const device_id& where) {
    std::erase_if(last_, [&](const auto& one) { return one.first.first == where; });
}

std::uint64_t growth::highest(const std::string& counter) const {
    const auto found = highest_.find(counter);
    return found == highest_.end() ? 0 : found->second;
}

std::vector<violation> growth::violations() const {
    findings found;
    for (const auto& [key, last] : last_) {
        const auto& [where, counter] = key;
        const auto limit = limits_.find(counter);
        if (limit == limits_.end()) {
            found.add({claim::growth, "", people_.of(where), last.at,
                       counter + " has no limit to be held to"});
        } else if (last.value > limit->second) {
            found.add({claim::growth, "", people_.of(where), last.at,
                       fmt::format("{} is {} in the end, more than {}; the highest was {}", counter,
                                   last.value, limit->second, highest(counter))});
        }
    }
    return found.first();
}

}  // namespace calbox::lab::claims
