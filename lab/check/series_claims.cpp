#include "lab/check/series_claims.hpp"

#include <algorithm>

#include "model/recurrence.hpp"
#include "model/times.hpp"

namespace calbox::lab::claims {

namespace {

constexpr std::int64_t seconds_of_day = 86'400;

bool takes_place(const model::event_content& series, const model::local_time& when) {
    return model::find_occurrence(series, when.text()).has_value();
}

/// The day from which on it does not take place any more.
std::optional<model::local_time> cut_at(const model::event_content& series) {
    const std::int64_t first = model::wall_seconds(series.time.start);
    for (int day = 1; day < whole_splits::days; ++day) {
        const auto then = model::from_wall_seconds(first + day * seconds_of_day);
        if (!takes_place(series, then)) {
            return then;
        }
    }
    return std::nullopt;
}

}  // namespace

void whole_splits::observe_shown(const event_id& event, const model::event_content& what) {
    if (!what.related.empty() && known_.insert(event).second) {
        made_[{event.organizer, what.related.back()}].push_back({event, what.time.start});
    }
}

const std::vector<whole_splits::rest>& whole_splits::rests_of(const user_id& organizer,
                                                              const std::string& uid) const {
    static const std::vector<rest> nothing;
    const auto known = made_.find({organizer, uid});
    return known == made_.end() ? nothing : known->second;
}

void whole_splits::judge(const event_id& event, const model::event_content& series,
                         const std::map<event_id, model::event_content>& shown, instant at) {
    const auto tell = [&](std::string text) {
        found_.add({claim::splits, people_.of(event), {}, at, std::move(text)});
    };
    for (const rest& one : rests_of(event.organizer, series.uid)) {
        if (shown.contains(one.event) && takes_place(series, one.from)) {
            tell("takes place at " + one.from.text() + ", and so does " + people_.of(one.event) +
                 ", which it was split into");
        }
    }
    const auto end = cut_at(series);
    const auto goes_on_after = [&](const std::string& uid) {
        return std::ranges::any_of(rests_of(event.organizer, uid), [&](const rest& one) {
            return one.from == *end && (shown.contains(one.event) || undone_.contains(one.event));
        });
    };
    // What was split off ends where the series did that it is of.
    const bool goes_on =
        !end || goes_on_after(series.uid) || std::ranges::any_of(series.related, goes_on_after);
    if (!goes_on) {
        tell("takes place no more from " + end->text() + " on, and no event does in its place");
    }
}

void whole_splits::observe_end(const std::map<event_id, model::event_content>& shown,
                               const std::set<user_id>& present, instant at) {
    for (const auto& [event, content] : shown) {
        const bool judged = present.contains(event.organizer) && !undone_.contains(event);
        if (model::is_series(content) && judged) {
            judge(event, content, shown, at);
        }
    }
}

}  // namespace calbox::lab::claims
