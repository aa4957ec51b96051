#include "lab/check/version_claims.hpp"

#include <algorithm>

namespace calbox::lab::claims {

namespace {

/// A content that was not told may be any.
bool may_equal(const digest& left, const digest& right) {
    return left == right || left.is_zero() || right.is_zero();
}

version_of at_place(const event_id& event, const version_of::order& place) {
    return {event, place.first, place.second, {}};
}

}  // namespace

void durable::observe_decided(const version_of& what) {
    if (auto* contents = decided_[what.event].at(what.place())) {
        if (std::ranges::find(*contents, what.content) == contents->end()) {
            contents->push_back(what.content);
        }
    }
}

void durable::observe_acknowledged(const version_of& what, const viewer& author, instant at) {
    auto& of_event = decided_[what.event];
    if (of_event.forgotten(what.place())) {
        return;
    }
    const auto* contents = of_event.find(what.place());
    if (contents != nullptr && std::ranges::any_of(*contents, [&](const digest& one) {
            return may_equal(one, what.content);
        })) {
        return;
    }
    const std::string why = contents == nullptr
                                ? " was acknowledged before it was durable at a decision point"
                                : " was acknowledged, and another content of it was decided";
    found_.add(
        {claim::durable, people_.of(what.event), people_.of(author), at, names::of(what) + why});
}

void durable::observe_created(const event_id& event, const viewer& author, instant at) {
    const auto [first, fresh] = created_.try_emplace(event, at);
    if (!fresh) {
        found_.add({claim::durable, people_.of(event), people_.of(author), at,
                    "it was created, and had been at " + names::of(first->second)});
    }
}

void decided_only::observe_decided(const version_of& what, instant at) {
    account* of = events_[what.event].at(what.place());
    if (of == nullptr) {
        return;
    }
    of->decided = true;
    of->sealed = of->sealed || what.content.is_zero();
    if (!what.content.is_zero() &&
        std::ranges::find(of->contents, what.content) == of->contents.end()) {
        of->contents.push_back(what.content);
    }
    for (auto one = of->shown.begin(); one != of->shown.end();) {
        const auto& [whose, when] = one->second;
        if (!explains(*of, one->first)) {
            ++one;
            continue;
        }
        if (told_ == decisions::in_time) {
            found_.add({claim::decided_only, people_.of(what.event), people_.of(whose), when,
                        names::of(what) + " was shown before it was decided at " + names::of(at)});
        }
        one = of->shown.erase(one);
    }
}

void decided_only::observe_unknown(const version_of& what) {
    if (account* of = events_[what.event].at(what.place())) {
        ++of->unknown;
    }
}

void decided_only::observe_never(const version_of& what) {
    account* of = events_[what.event].find(what.place());
    if (of != nullptr && of->unknown > 0) {
        --of->unknown;
    }
}

void decided_only::observe_never_created(const user_id& author) {
    const auto found = creations_.find(author);
    if (found != creations_.end() && found->second > 0) {
        --found->second;
    }
}

bool decided_only::explains(const account& of, const digest& content) const {
    return of.decided && (of.sealed || content.is_zero() ||
                          std::ranges::find(of.contents, content) != of.contents.end());
}

void decided_only::observe_shown(const viewer& whose, const version_of& what, instant at) {
    account* of = events_[what.event].at(what.place());
    if (of != nullptr && !explains(*of, what.content) && of->shown.size() < contents_kept) {
        of->shown.try_emplace(what.content, whose, at);
    }
}

/// By an operation that nobody knows the outcome of. Each creation excuses one event.
bool decided_only::excused(const event_id& event, const version_of::order& place, const account& of,
                           std::map<user_id, std::uint64_t>& creations) const {
    if (told_ == decisions::in_time || of.unknown > 0) {
        return told_ == decisions::late;
    }
    const version_of::order first{generation_number(1), version_number(1)};
    const auto author = creations.find(event.organizer);
    if (of.decided || place != first || author == creations.end() || author->second == 0) {
        return false;
    }
    --author->second;
    return true;
}

std::vector<violation> decided_only::violations() const {
    std::vector<violation> all = found_.first();
    std::map<user_id, std::uint64_t> creations = creations_;
    for (const auto& [event, accounts] : events_) {
        for (const auto& [place, of] : accounts.all()) {
            if (of.shown.empty() || excused(event, place, of, creations)) {
                continue;
            }
            const std::string why = of.decided
                                        ? " was shown with a content that was never decided"
                                        : " was shown, and no operation that happened made it";
            for (const auto& [content, sight] : of.shown) {
                if (all.size() < findings::kept) {
                    all.push_back({claim::decided_only, people_.of(event), people_.of(sight.first),
                                   sight.second, names::of(at_place(event, place)) + why});
                }
            }
        }
    }
    return all;
}

void same_content::observe_shown(const viewer& whose, const version_of& what, instant at) {
    if (what.content.is_zero()) {
        return;
    }
    first_sight* first = seen_[what.event].at(what.place());
    if (first == nullptr) {
        return;
    }
    if (first->content.is_zero()) {
        *first = {what.content, whose, at};
    } else if (first->content != what.content) {
        found_.add({claim::same_content, people_.of(what.event), people_.of(whose), at,
                    names::of(what) + " was shown with another content than to " +
                        people_.of(first->whose) + " at " + names::of(first->at)});
    }
}

void forward::observe_shown(const viewer& whose, const version_of& what, instant at) {
    auto& of_viewer = last_[whose];
    const auto found = of_viewer.find(what.event);
    if (found == of_viewer.end()) {
        of_viewer.emplace(what.event, last_sight{what.place()});
        return;
    }
    last_sight& last = found->second;
    const bool back = what.place() < last.place || (last.gone && what.place() == last.place);
    if (!back) {
        last = {what.place()};
        return;
    }
    if (!last.reported) {
        const std::string before = names::of(at_place(what.event, last.place));
        found_.add({claim::forward, people_.of(what.event), people_.of(whose), at,
                    names::of(what) + " was shown after " + before +
                        (last.gone ? " had gone away" : " had been shown")});
        last.reported = true;  // until it has come forward again
    }
}

void forward::observe_gone(const viewer& whose, const event_id& event) {
    auto& of_viewer = last_[whose];
    const auto found = of_viewer.find(event);
    if (found != of_viewer.end()) {
        found->second.gone = true;
    }
}

void forward::forget(const device_id& where) {
    std::erase_if(last_, [&](const auto& one) { return one.first.where == where; });
}

}  // namespace calbox::lab::claims
