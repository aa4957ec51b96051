// How a world is judged when all is at rest, and what is missing until then.
#include <algorithm>

#include "lab/check/world_watcher.hpp"

namespace calbox::lab::claims {

/// Whoever was not told that his event was created does not know which it is. Each that there is,
/// and that nobody else made, may be one of those: they are taken in the order of their calls, for
/// the events in the order in which something was done to them.
void world_watcher::settle_creations() {
    std::map<std::string, std::int64_t> known_since;
    std::set<std::string> created;
    for (const operation& one : claims.noted()) {
        if (one.op == operation_kind::create) {
            created.insert(one.key);
        }
        const auto [first, fresh] = known_since.try_emplace(one.key, one.call);
        first->second = std::min(first->second, one.call);
    }
    std::vector<std::pair<std::int64_t, std::string>> made_by_somebody;
    for (const auto& [key, since] : known_since) {
        if (!created.contains(key)) {
            made_by_somebody.emplace_back(since, key);
        }
    }
    std::ranges::sort(made_by_somebody);
    for (auto& [author, his] : unknown_creations_) {
        std::ranges::sort(his, {}, &operation::call);
    }
    for (const auto& [since, key] : made_by_somebody) {
        auto& his = unknown_creations_[key.substr(0, key.find('/'))];
        if (!his.empty()) {
            operation made = his.front();
            his.erase(his.begin());
            made.key = key;
            claims.note(std::move(made));
        }
    }
}

std::string world_watcher::unshown(const std::vector<const person*>& everyone) {
    everybody_has_it as_of_now = claims.ending;
    for (const auto& one : world_.devices()) {
        if (!one->up()) {
            as_of_now.observe_absent(id_of(one->name()));
        }
    }
    for (const person* who : everyone) {
        if (who->up()) {
            std::vector<version_of> shown;
            for (const node::event_view& view : who->sees_all()) {
                shown.push_back(shown_version(view));
            }
            as_of_now.observe_end({who->id(), id_of(who->at().name())}, shown, world_.now());
        }
    }
    const auto missing = as_of_now.violations();
    if (missing.empty()) {
        return {};
    }
    return missing.front().event + ": " + missing.front().where + ": " + missing.front().text;
}

std::set<user_id> world_watcher::with_all_devices(
    const std::vector<const person*>& everyone) const {
    std::set<user_id> present;
    for (const person* who : everyone) {
        present.insert(who->id());
    }
    for (const auto& one : world_.devices()) {
        if (!one->up()) {
            if (const auto his = users_.find(one->name()); his != users_.end()) {
                for (const user_id& who : his->second) {
                    present.erase(who);
                }
            }
        }
    }
    return present;
}

/// The newest version of each event that somebody is shown.
static std::map<event_id, node::event_view> newest_of(const std::vector<const person*>& everyone) {
    std::map<event_id, node::event_view> newest;
    for (const person* who : everyone) {
        for (node::event_view& view : who->sees_all()) {
            const auto place = shown_version(view).place();
            auto& last = newest.try_emplace(view.id, view).first->second;
            if (shown_version(last).place() < place) {
                last = std::move(view);
            }
        }
    }
    return newest;
}

/// Whoever has lost a device, or has one that stays away, may have lost with it what he would keep.
void world_watcher::judge_branches(const std::vector<const person*>& everyone,
                                   kept_branches& by) const {
    const auto present = with_all_devices(everyone);
    for (const auto& [event, last] : newest_of(everyone)) {
        by.observe_end(shown_version(last), present, world_.now());
    }
}

/// An organizer may have lost with a device what it had begun.
void world_watcher::judge_series(const std::vector<const person*>& everyone,
                                 whole_splits& by) const {
    std::map<event_id, model::event_content> shown;
    for (auto& [event, last] : newest_of(everyone)) {
        shown.emplace(event, std::move(last.content));
    }
    by.observe_end(shown, with_all_devices(everyone), world_.now());
}

std::string world_watcher::unkept(const std::vector<const person*>& everyone) const {
    kept_branches as_of_now = claims.branches;
    judge_branches(everyone, as_of_now);
    const auto missing = as_of_now.violations();
    return missing.empty() ? std::string() : missing.front().event + ": " + missing.front().text;
}

std::string world_watcher::half_split(const std::vector<const person*>& everyone) const {
    whole_splits as_of_now = claims.series;
    judge_series(everyone, as_of_now);
    const auto missing = as_of_now.violations();
    return missing.empty() ? std::string() : missing.front().event + " " + missing.front().text;
}

void world_watcher::end(const std::vector<const person*>& everyone) {
    settle_creations();
    for (const auto& one : world_.devices()) {
        search_disk(*one);
        if (!one->up()) {
            claims.ending.observe_absent(id_of(one->name()));
        }
    }
    judge_branches(everyone, claims.branches);
    judge_series(everyone, claims.series);
    for (const person* who : everyone) {
        if (who->up()) {
            claims.ended(viewer_of(who->at().name(), who->id()), who->sees_all(), world_.now());
        }
    }
}

}  // namespace calbox::lab::claims
