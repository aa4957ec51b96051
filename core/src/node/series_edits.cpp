#include "node/series_edits.hpp"

#include <algorithm>

#include "model/recurrence_rule.hpp"
#include "model/times.hpp"
#include "node/drafts.hpp"

namespace calbox::node {

namespace {

using model::event_content;
using model::local_time;
using model::occurrence;
using model::wall_seconds;

result<occurrence> chosen(const chosen_times& times, const event_content& from) {
    if (!model::is_series(from)) {
        return fail(errc::invalid_argument,
                    "the event does not repeat: leave out recurrence_id and scope");
    }
    if (times.occurrence.empty()) {
        return fail(errc::invalid_argument,
                    "say which time of the series is meant: recurrence_id, as in "
                    "2026-05-03T14:00:00");
    }
    return model::find_occurrence(from, times.occurrence);
}

/// The series at one of its times, as if nothing had been said of that time alone.
event_content plain_at(const event_content& series, const local_time& id) {
    event_content plain = series;
    plain.changed.erase(id);
    const auto at = model::find_occurrence(plain, id.text());
    return at ? model::content_at(plain, *at) : plain;
}

model::changed_occurrence said(const event_content& content) {
    return {content.title, content.info,       content.place,
            content.time,  content.categories, content.color};
}

result<event_content> change_one(const event_draft& change, const event_content& from) {
    if (change.participants || change.guests_may || change.recurrence) {
        return fail(errc::invalid_argument,
                    "participants, guests_may and recurrence are the whole series': change them "
                    "for all, or for those that follow");
    }
    const auto at = chosen(change.times, from);
    if (!at) {
        return fail(at.error());
    }
    event_content one = model::content_at(from, *at);
    if (auto fits = apply_draft(change, one, false); !fits) {
        return fail(std::move(fits.error()));
    }
    event_content made = from;
    if (said(one) == said(plain_at(from, at->id))) {
        made.changed.erase(at->id);
    } else {
        made.changed[at->id] = said(one);
    }
    return made;
}

/// A start that the rule does not make would be a time besides those of the rule.
result<void> check_start(const event_draft& change, const event_content& from,
                         const event_content& made) {
    if (change.recurrence || from.time.start == made.time.start || !model::starts_by_rule(from) ||
        model::starts_by_rule(made)) {
        return {};
    }
    const auto rule = model::parse_recurrence_rule(made.recurrence);
    return fail(errc::invalid_argument,
                "moved to " + model::start_text(made.time) +
                    ", its first time is none that its repetition makes (" +
                    (rule ? model::words_of(*rule, made.time.zone) : made.recurrence) +
                    "): change the repetition, too");
}

result<event_content> change_all(const event_draft& change, const event_content& from) {
    event_content made = from;
    if (change.times.occurrence.empty()) {
        if (auto fits = apply_draft(change, made, false); !fits) {
            return fail(std::move(fits.error()));
        }
    } else {
        const auto at = chosen(change.times, from);
        if (!at) {
            return fail(at.error());
        }
        made = plain_at(from, at->id);
        if (auto fits = apply_draft(change, made, false); !fits) {
            return fail(std::move(fits.error()));
        }
        const std::int64_t back = wall_seconds(at->id) - wall_seconds(from.time.start);
        made.time.start = model::from_wall_seconds(wall_seconds(made.time.start) - back);
        made.time.end = model::from_wall_seconds(wall_seconds(made.time.end) - back);
        if (!change.start && !change.end && !change.all_day) {  // as it is written, to the second
            made.time.start = from.time.start;
            made.time.end = from.time.end;
        }
        if (auto fits = model::validate(made); !fits) {
            return fail(std::move(fits.error()));
        }
    }
    model::carry_over(from, made);
    if (auto fits = check_start(change, from, made); !fits) {
        return fail(std::move(fits.error()));
    }
    return made;
}

struct cut {
    std::int64_t before = 0;  // so many times its rule has made until then
    event_content rest;       // what takes place before
};

/// At one of its times.
result<cut> cut_at(const local_time& id, const event_content& from) {
    const auto count = model::count_before(from, id);
    if (!count) {
        return fail(count.error());
    }
    cut made{*count, from};
    const auto rule = model::parse_recurrence_rule(from.recurrence);
    if (rule && rule->count) {
        made.rest.recurrence =
            model::with_end(from.recurrence, std::min(*rule->count, *count), std::nullopt);
    } else if (rule) {
        const std::int64_t last = wall_seconds(id) - (from.time.all_day ? 86'400 : 1);
        std::string until = model::compact_text(model::from_wall_seconds(last)).substr(0, 8);
        if (!from.time.all_day) {
            const auto utc = model::to_utc(id, from.time.zone);
            if (!utc) {
                return fail(utc.error());
            }
            until = model::compact_utc_text({utc->ms - 1'000});
        }
        made.rest.recurrence = model::with_end(from.recurrence, std::nullopt, until);
    }
    const auto is_later = [&](const local_time& one) { return one >= id; };
    std::erase_if(made.rest.changed, [&](const auto& one) { return is_later(one.first); });
    std::erase_if(made.rest.added_times, is_later);
    std::erase_if(made.rest.files, [&](const model::attachment& file) {
        return file.of_time && is_later(*file.of_time);
    });
    return made;
}

/// Of a rule without an end the first times are enough.
bool takes_place(const event_content& content) {
    constexpr std::int64_t begin_of_all = -62'135'596'800'000, end_of_all = 253'402'300'799'000;
    const auto made = model::expand(content, {{begin_of_all}, {end_of_all}}, {50'000, 1});
    return !made.occurrences.empty() || !made.complete;
}

result<std::optional<event_content>> if_it_takes_place(event_content made) {
    if (auto fits = model::validate(made); !fits) {
        return fail(std::move(fits.error()));
    }
    return takes_place(made) ? std::optional(std::move(made)) : std::nullopt;
}

result<std::optional<event_content>> rest_before(const local_time& id, const event_content& from) {
    auto parts = cut_at(id, from);
    if (!parts) {
        return fail(std::move(parts.error()));
    }
    return parts->before == 0 ? std::optional<event_content>()
                              : if_it_takes_place(std::move(parts->rest));
}

}  // namespace

result<event_content> apply_change(const event_draft& change, const event_content& from) {
    switch (change.times.scope) {
        case edit_scope::one:
            return change_one(change, from);
        case edit_scope::following: {
            auto made = split_at(change, from);
            if (!made) {
                return fail(std::move(made.error()));
            }
            if (*made) {
                return std::move((*made)->before);
            }
            break;
        }
        case edit_scope::all:
            break;
    }
    return change_all(change, from);
}

result<std::optional<event_content>> without(const chosen_times& times, const event_content& from) {
    const auto at = chosen(times, from);
    if (!at) {
        return fail(at.error());
    }
    if (times.scope != edit_scope::one) {
        return rest_before(at->id, from);
    }
    event_content made = from;
    made.changed[at->id].reset();
    std::erase_if(made.files,
                  [&](const model::attachment& file) { return file.of_time == at->id; });
    return if_it_takes_place(std::move(made));
}

result<std::optional<event_content>> until(const local_time& then, const event_content& from) {
    const auto first = model::first_from(from, then);
    if (!first) {
        return fail(first.error());
    }
    return *first ? rest_before(**first, from) : std::optional(from);
}

result<std::optional<split_series>> split_at(const event_draft& change, const event_content& from) {
    const auto at = chosen(change.times, from);
    if (!at) {
        return fail(at.error());
    }
    const local_time first = at->id;
    auto parts = cut_at(first, from);
    if (!parts) {
        return fail(std::move(parts.error()));
    }
    if (parts->before == 0) {
        return std::optional<split_series>();
    }
    event_content after = from;
    after.time = plain_at(from, first).time;
    const auto rule = model::parse_recurrence_rule(from.recurrence);
    if (rule && rule->count) {
        after.recurrence = model::with_end(
            from.recurrence, std::max<std::int64_t>(1, *rule->count - parts->before), std::nullopt);
    }
    if (!model::starts_by_rule(after)) {
        return fail(errc::invalid_argument,
                    first.text() +
                        " was added to the series by itself: split it at a time that "
                        "its repetition makes");
    }
    std::erase_if(after.changed, [&](const auto& one) { return one.first < first; });
    std::erase_if(after.added_times, [&](const local_time& one) { return one <= first; });
    std::erase_if(after.files, [&](const model::attachment& file) {
        return file.of_time && *file.of_time < first;
    });
    event_draft rest = change;
    rest.times = {model::is_series(after) ? first.text() : std::string(), edit_scope::all};
    auto changed = change_all(rest, after);
    if (!changed) {
        return fail(std::move(changed.error()));
    }
    changed->related.push_back(from.uid);
    return std::optional(split_series{std::move(parts->rest), std::move(*changed)});
}

}  // namespace calbox::node
