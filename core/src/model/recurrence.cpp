#include "model/recurrence.hpp"

#include <algorithm>
#include <iterator>
#include <set>

#include "model/rule_walk.hpp"
#include "model/zones.hpp"

namespace calbox::model {

namespace {

constexpr std::int64_t one_day = 86'400;

std::int64_t seconds_of(timestamp at) noexcept { return at.ms / 1000 - (at.ms % 1000 < 0 ? 1 : 0); }

bool touches(const interval& one, const interval& range) noexcept {
    return one.start < range.end && (one.end > range.start || one.start >= range.start);
}

/// A series on the clock of its zone.
class series {
public:
    explicit series(const event_content& content)
        : content_(content),
          zone_(find_zone(content.time.zone)),
          start_(wall_seconds(content.time.start)) {
        if (const auto first = interval_of(content.time)) {
            length_ = (first->end.ms - first->start.ms) / 1000;
        }
        if (!content.recurrence.empty()) {
            if (auto rule = parse_recurrence_rule(content.recurrence)) {
                rule_ = std::move(*rule);
            }
        }
    }

    std::int64_t utc_of(std::int64_t wall) const {
        return zone_ == nullptr ? wall : zone_->from_wall(wall);
    }
    std::int64_t length() const noexcept { return length_; }
    /// A wall time that is certainly before a moment, and not much where the rule counts hours or
    /// less.
    std::int64_t wall_before(std::int64_t moment) const {
        const std::int64_t offset = zone_ == nullptr ? 0 : zone_->at_utc(moment).offset;
        const bool often = rule_ && rule_->every <= frequency::hourly;
        return moment + offset - (often ? 3 * 3600 : 2 * one_day);
    }

    /// The time that begins at a wall time. An event with a time of day always takes as long
    /// (RFC 5545, 3.8.5.3), whole days are as many.
    std::optional<occurrence> at(std::int64_t wall) const {
        occurrence made;
        made.id = from_wall_seconds(wall);
        made.time = content_.time;
        made.time.start = made.id;
        if (content_.time.all_day) {
            made.time.end = from_wall_seconds(wall + wall_seconds(content_.time.end) - start_);
        } else {
            made.time.end = to_local({(utc_of(wall) + length_) * 1000}, content_.time.zone);
            made.time.end = std::max(made.time.end, made.time.start);
        }
        const auto utc = interval_of(made.time);
        if (!utc) {
            return std::nullopt;
        }
        made.utc = *utc;
        if (!content_.time.all_day) {  // its end may be a time that occurs twice
            made.utc.end.ms = made.utc.start.ms + length_ * 1000;
        }
        return made;
    }

    /// Calls `each` with the wall times that the rule makes, from `from` or a little before, until
    /// `last` or until it returns false. False when the steps did not suffice.
    template <class Each>
    bool walk(std::int64_t from, std::int64_t last, std::size_t steps, Each each) const {
        if (!rule_) {
            each(start_);
            return true;
        }
        rule_walk times(*rule_, start_);
        const bool counts = rule_->count.has_value();
        const bool from_start = counts || from <= start_;
        std::optional<std::int64_t> before;  // the moment of the one before
        std::int64_t counted = 0;
        const auto take = [&](std::int64_t wall) {
            const std::int64_t moment = utc_of(wall);
            if (is_over(wall, moment) || (counts && counted == *rule_->count)) {
                return false;
            }
            if (before != moment) {
                before = moment;
                ++counted;
                return static_cast<bool>(each(wall));
            }
            return true;
        };
        if (from_start) {
            if (!each(start_)) {
                return true;
            }
            before = utc_of(start_);
            counted = 1;
        } else {
            times.skip_to(from);
        }
        while (const auto wall = times.next(last, steps)) {
            if (*wall != start_ && !take(*wall)) {
                return true;
            }
        }
        return steps > 0;
    }

private:
    bool is_over(std::int64_t wall, std::int64_t moment) const {
        if (!rule_->until) {
            return false;
        }
        const compact_time& until = *rule_->until;
        const std::int64_t end = wall_seconds(until.at);
        if (until.date) {  // that day is one of them
            return wall >= end + one_day;
        }
        if (content_.time.all_day) {
            return wall > end;
        }
        return until.utc ? moment > end : wall > end;
    }

    const event_content& content_;
    const zone_data* zone_;
    std::int64_t start_, length_ = 0;
    std::optional<recurrence_rule> rule_;
};

std::optional<occurrence> changed_at(const local_time& id, const changed_occurrence& what) {
    const auto utc = interval_of(what.time);
    return utc ? std::optional(occurrence{id, what.time, *utc, true}) : std::nullopt;
}

std::int64_t day_of(const local_time& at) noexcept {
    return wall_seconds({at.year, at.month, at.day, 0, 0, 0}) / one_day;
}

/// Where the rule of a series that is moved ends: as much later. The end of a day stays one.
std::string until_moved(const compact_time& until, const when& before, const when& now) {
    const std::int64_t days = day_of(now.start) - day_of(before.start);
    const local_time local =
        until.utc ? to_local({wall_seconds(until.at) * 1000}, before.zone) : until.at;
    const bool by_days = until.date || (local.hour == 23 && local.minute == 59);
    const std::int64_t moved =
        by_days ? days * one_day : wall_seconds(now.start) - wall_seconds(before.start);
    local_time later = from_wall_seconds(wall_seconds(local) + moved);
    later = is_real(later) ? later : local;
    if (!until.utc) {
        return until.date ? compact_text(later).substr(0, 8) : compact_text(later);
    }
    const auto utc = to_utc(later, now.zone);
    return compact_utc_text(utc.value_or(timestamp{wall_seconds(later) * 1000}));
}

/// The rule of a series that is moved: on other days of the week, and with another end.
std::string rule_moved(const event_content& before, const event_content& now) {
    const auto rule = parse_recurrence_rule(before.recurrence);
    if (!rule || before.time == now.time) {
        return before.recurrence;
    }
    const std::int64_t days = day_of(now.time.start) - day_of(before.time.start);
    std::string made = with_weekdays_moved(before.recurrence, days);
    return rule->until
               ? with_end(made, std::nullopt, until_moved(*rule->until, before.time, now.time))
               : made;
}

}  // namespace

bool is_series(const event_content& content) noexcept {
    return !content.recurrence.empty() || !content.added_times.empty() || !content.changed.empty();
}

expansion expand(const event_content& content, const interval& range, expansion_limits limits) {
    expansion made;
    const series all(content);
    const std::int64_t from = all.wall_before(seconds_of(range.start) - all.length());
    const std::int64_t last = seconds_of(range.end) + 2 * one_day;
    const auto take = [&](std::int64_t wall) {
        if (content.changed.contains(from_wall_seconds(wall))) {
            return true;
        }
        auto one = all.at(wall);
        if (one && touches(one->utc, range)) {
            if (made.occurrences.size() >= limits.occurrences) {
                made.complete = false;
                return false;
            }
            made.occurrences.push_back(std::move(*one));
        }
        return true;
    };
    made.complete = all.walk(from, last, limits.steps, take) && made.complete;
    for (const local_time& added : content.added_times) {
        take(wall_seconds(added));
    }
    for (const auto& [id, what] : content.changed) {
        auto one = what ? changed_at(id, *what) : std::nullopt;
        if (one && touches(one->utc, range)) {
            made.occurrences.push_back(std::move(*one));
        }
    }
    const auto order = [](const occurrence& one) {
        return std::tuple(one.utc.start, one.utc.end, one.id);
    };
    std::ranges::sort(made.occurrences, {}, order);
    const auto twice = std::ranges::unique(made.occurrences, {}, &occurrence::id);
    made.occurrences.erase(twice.begin(), twice.end());
    return made;
}

result<occurrence> find_occurrence(const event_content& content, const std::string& named) {
    bool day_only = false;
    const auto id = parse_local_time(named, day_only);
    if (!id) {
        return fail(errc::invalid_argument, "occurrence: " + id.error().message());
    }
    const std::int64_t wall = wall_seconds(*id);
    const std::int64_t length = day_only ? one_day : 1;
    const series all(content);
    std::vector<occurrence> found;
    for (const auto& [at, what] : content.changed) {
        const std::int64_t its = wall_seconds(at);
        auto one =
            what && its >= wall && its < wall + length ? changed_at(at, *what) : std::nullopt;
        if (one) {
            found.push_back(std::move(*one));
        }
    }
    const auto take = [&](std::int64_t its) {
        auto one =
            its >= wall && its < wall + length && !content.changed.contains(from_wall_seconds(its))
                ? all.at(its)
                : std::nullopt;
        if (one && std::ranges::find(found, one->id, &occurrence::id) == found.end()) {
            found.push_back(std::move(*one));
        }
        return its < wall + length && found.size() < 2;
    };
    all.walk(wall - one_day, wall + length, expansion_limits().steps, take);
    for (const local_time& added : content.added_times) {
        take(wall_seconds(added));
    }
    if (found.empty()) {  // perhaps it is named by the time that it was moved to
        for (const auto& [at, what] : content.changed) {
            auto one = what ? changed_at(at, *what) : std::nullopt;
            const std::int64_t its =
                one ? wall_seconds(to_local(one->utc.start, content.time.zone)) : 0;
            if (one && its >= wall && its < wall + length) {
                found.push_back(std::move(*one));
            }
        }
    }
    if (found.empty()) {
        return fail(errc::not_found, "the event does not take place at " +
                                         (day_only ? id->date_text() : id->text()));
    }
    if (found.size() > 1) {
        return fail(errc::invalid_argument, "the event takes place more than once on " +
                                                id->date_text() + ": name the time of day, too");
    }
    return std::move(found.front());
}

event_content content_at(const event_content& series, const occurrence& at) {
    event_content made = series;
    made.time = at.time;
    const auto found = series.changed.find(at.id);
    if (found != series.changed.end() && found->second) {
        made.title = found->second->title;
        made.info = found->second->info;
        made.place = found->second->place;
        made.categories = found->second->categories;
        made.color = found->second->color;
    }
    return made;
}

void keep_files_of(event_content& content, const local_time& time) {
    std::erase_if(content.files,
                  [&](const attachment& file) { return file.of_time && *file.of_time != time; });
}

result<std::int64_t> count_before(const event_content& content, const local_time& at) {
    const std::int64_t last = wall_seconds(at);
    std::int64_t count = 0;
    const bool complete = series(content).walk(wall_seconds(content.time.start), last,
                                               expansion_limits().steps, [&](std::int64_t wall) {
                                                   count += wall < last ? 1 : 0;
                                                   return wall < last;
                                               });
    if (!complete) {
        return fail(errc::too_large, "the event repeats too often to be counted up to there");
    }
    return count;
}

result<std::optional<local_time>> first_from(const event_content& content, const local_time& at) {
    const std::int64_t from = wall_seconds(at);
    std::optional<local_time> first;
    const auto take = [&](std::int64_t wall) {
        const local_time id = from_wall_seconds(wall);
        const auto said = content.changed.find(id);
        const bool taken_out = said != content.changed.end() && !said->second;
        if (wall >= from && !taken_out) {
            first = first ? std::min(*first, id) : id;
        }
        return !first;
    };
    const std::int64_t last = wall_seconds(local_time{9999, 12, 31, 23, 59, 59});
    const bool complete =
        series(content).walk(from - one_day, last, expansion_limits().steps, take);
    if (!complete && !first) {
        return fail(errc::too_large, "the event repeats too often to be followed up to there");
    }
    for (const local_time& added : content.added_times) {
        take(wall_seconds(added));
    }
    for (const auto& [id, what] : content.changed) {
        take(wall_seconds(id));
    }
    return first;
}

bool starts_by_rule(const event_content& content) {
    const auto rule = parse_recurrence_rule(content.recurrence);
    if (!rule) {
        return true;
    }
    const std::int64_t start = wall_seconds(content.time.start);
    std::size_t steps = expansion_limits().steps;
    return rule_walk(*rule, start).next(start, steps) == start;
}

namespace {

/// Files of times that do not take place any more are the whole event's from now on; of a name that
/// it has already, they are still found by their time.
template <class TakesPlace>
void gather_files(event_content& of, TakesPlace takes_place) {
    for (attachment& file : of.files) {
        const auto other = [&](const attachment& one) { return one.is_at(file.name, {}); };
        if (file.of_time && !takes_place(*file.of_time) && std::ranges::none_of(of.files, other)) {
            file.of_time.reset();
        }
    }
}

}  // namespace

void carry_over(const event_content& before, event_content& now) {
    if (now.recurrence.empty() && !before.recurrence.empty()) {
        now.changed.clear();
        now.added_times.clear();
        gather_files(now, [](const local_time&) { return false; });
        return;
    }
    const std::int64_t moved = wall_seconds(now.time.start) - wall_seconds(before.time.start);
    const bool other_time = now.time != before.time;
    const series was(before);
    exceptions kept;
    for (auto& [id, what] : now.changed) {
        const std::int64_t wall = wall_seconds(id);
        const local_time next = from_wall_seconds(wall + moved);
        if (!is_real(next)) {
            continue;
        }
        if (what) {
            const auto set = [](const auto& old, const auto& fresh, auto& own) {
                own = own == old ? fresh : own;
            };
            set(before.title, now.title, what->title);
            set(before.info, now.info, what->info);
            set(before.place, now.place, what->place);
            set(before.categories, now.categories, what->categories);
            set(before.color, now.color, what->color);
            const auto plain = other_time ? was.at(wall) : std::nullopt;
            if (plain && plain->time == what->time) {
                if (const auto fresh = series(now).at(wall_seconds(next))) {
                    what->time = fresh->time;
                }
            }
        }
        kept.emplace(next, std::move(what));
    }
    now.changed = std::move(kept);
    for (local_time& added : now.added_times) {
        added = from_wall_seconds(wall_seconds(added) + moved);
    }
    for (attachment& file : now.files) {
        const auto next =
            file.of_time ? std::optional(from_wall_seconds(wall_seconds(*file.of_time) + moved))
                         : std::nullopt;
        if (next && is_real(*next)) {
            file.of_time = next;
        }
    }
    if (now.recurrence == before.recurrence) {
        now.recurrence = rule_moved(before, now);
    } else {
        event_content plain = now;
        plain.changed.clear();
        std::erase_if(now.changed,
                      [&](const auto& one) { return !find_occurrence(plain, one.first.text()); });
        gather_files(now, [&](const local_time& id) {
            return now.changed.contains(id) || find_occurrence(plain, id.text());
        });
    }
}

}  // namespace calbox::model
