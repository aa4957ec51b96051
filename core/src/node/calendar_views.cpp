// What a user sees of his events: lists, single times of a series, and what overlaps.
#include <algorithm>
#include <cctype>
#include <map>

#include "model/categories.hpp"
#include "model/recurrence.hpp"
#include "node/calendar_service.hpp"
#include "node/device_label.hpp"
#include "node/overlaps.hpp"

namespace calbox::node {

namespace {

constexpr timestamp end_of_all{253'402'300'799'000};
constexpr std::size_t next_steps = 20'000;
constexpr std::size_t listed_most = 10'000;

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
    return out;
}

/// `wanted` in small letters.
bool says(const model::event_content& content, const event_query& query,
          const std::string& wanted) {
    const auto same = [&](const std::string& one) {
        return model::is_same_category(one, query.category);
    };
    if (!query.category.empty() && std::ranges::none_of(content.categories, same)) {
        return false;
    }
    const auto has = [&](const std::string& text) {
        return lower(text).find(wanted) != std::string::npos;
    };
    return wanted.empty() || has(content.title) || has(content.info) || has(content.place);
}

/// The times of a single event are its own, wherever they are.
std::vector<model::occurrence> times_in(const opened_event& event, const event_query& query) {
    if (!model::is_series(event.content)) {
        return is_within(event, query)
                   ? std::vector{model::occurrence{event.content.time.start, event.content.time,
                                                   event.utc, false}}
                   : std::vector<model::occurrence>();
    }
    const model::interval range{query.from.value_or(event.utc.start), *query.to};
    return model::expand(event.content, range, {50'000, listed_most + 1}).occurrences;
}

}  // namespace

bool is_within(const opened_event& event, const event_query& query) {
    if (!model::is_series(event.content) || (!query.from && !query.to)) {
        return (!query.from || event.utc.end >= *query.from) &&
               (!query.to || event.utc.start < *query.to);
    }
    const model::interval range{query.from.value_or(event.utc.start),
                                query.to.value_or(end_of_all)};
    const auto made = model::expand(event.content, range, {50'000, 1});
    return !made.occurrences.empty() || !made.complete;  // rather too many than one lost
}

event_view calendar_service::view_of(const opened_event& opened,
                                     std::vector<std::string> conflicts) const {
    event_view view;
    view.id = opened.header.event;
    view.organizer = people_.name_of(view.id.organizer);
    view.id_text = people_.id_text(view.id);
    view.generation = opened.header.generation;
    view.version = opened.header.version;
    view.content = opened.content;
    view.guests_may = opened.header.guests_may;
    if (const auto author = crypto::author_user(opened.header.by)) {
        view.written_by = people_.name_of(*author);
    }
    view.written = opened.header.written;
    view.lock = locks_.who_edits(view.id);
    const device_labels labels(people_.users(), opened.header, backups_());
    const auto* const lacks = replica_.lacks_quorum(view.id);
    view.state = !ready_.caught_up()             ? event_state::behind
                 : replica_.is_doubtful(view.id) ? event_state::unknown
                 : view.lock                     ? event_state::locked
                 : replica_.is_forked(view.id)   ? event_state::forked
                 : lacks != nullptr              ? event_state::no_quorum
                                                 : event_state::confirmed;
    if (view.state == event_state::no_quorum) {
        view.lacks.emplace().needed = lacks->needed;
        for (const device_id& device : lacks->missing) {
            view.lacks->missing.push_back(labels.of(device));
        }
    }
    view.utc = opened.utc;
    view.conflicts = std::move(conflicts);
    view.series = model::is_series(opened.content);
    if (view.series) {
        const model::interval ahead{env_.time.wall(), end_of_all};
        auto times = model::expand(opened.content, ahead, {next_steps, 1}).occurrences;
        if (!times.empty()) {
            view.next = std::move(times.front());
        }
    }
    const auto owed = replica_.owed(view.id);
    for (const device_id& device : replica_.recipients_of(opened.header)) {
        auto& where = std::ranges::count(owed, device) > 0 ? view.owed : view.stored_on;
        where.push_back(labels.of(device));
    }
    return view;
}

event_view calendar_service::view_at(const opened_event& opened, const model::occurrence& at,
                                     std::vector<std::string> conflicts) const {
    event_view view = view_of(opened, std::move(conflicts));
    if (view.series) {
        view.content = model::content_at(opened.content, at);
        model::keep_files_of(view.content, at.id);
        view.occurrence = at.id;
        view.next.reset();
    }
    view.utc = at.utc;
    return view;
}

std::vector<std::string> calendar_service::conflicts_at(const user_id& as, const event_id& which,
                                                        const model::interval& utc) const {
    std::vector<std::string> names;
    const event_query meanwhile{utc.start, timestamp{utc.end.ms + 1}, {}};
    for (const opened_event* other : opened_.between(as, meanwhile.from, meanwhile.to)) {
        const bool meets = other->header.event != which &&
                           std::ranges::any_of(times_in(*other, meanwhile), [&](const auto& one) {
                               return one.utc.overlaps(utc);
                           });
        if (meets) {
            names.push_back(people_.id_text(other->header.event));
        }
    }
    return names;
}

std::vector<std::string> calendar_service::conflicts_of(const user_id& as,
                                                        const opened_event& opened) const {
    if (!model::is_series(opened.content)) {
        return conflicts_at(as, opened.header.event, opened.utc);
    }
    std::vector<std::string> names;
    for (const opened_event* other : around(as, {&opened})) {
        if (other->header.event != opened.header.event && overlap(*other, opened)) {
            names.push_back(people_.id_text(other->header.event));
        }
    }
    return names;
}

/// Those that they may overlap with, by time: who is far from all of them is not opened for it.
std::vector<const opened_event*> calendar_service::around(
    const user_id& as, const std::vector<const opened_event*>& events) const {
    constexpr std::int64_t near_ms = 86'400'000;
    std::vector<model::interval> times;
    for (const opened_event* const event : events) {
        times.insert(times.end(), event->times.begin(), event->times.end());
    }
    std::ranges::sort(times, {}, &model::interval::start);
    std::set<const opened_event*> found;
    for (std::size_t i = 0; i < times.size();) {
        model::interval span = times[i];
        for (++i; i < times.size() && times[i].start.ms <= span.end.ms + near_ms; ++i) {
            span.end = std::max(span.end, times[i].end);
        }
        const auto some = opened_.between(as, span.start, timestamp{span.end.ms + 1});
        found.insert(some.begin(), some.end());
    }
    std::vector<const opened_event*> sorted(found.begin(), found.end());
    std::ranges::sort(sorted, {}, [](const opened_event* one) {
        return std::tuple(one->utc.start, one->utc.end, one->header.event);
    });
    return sorted;
}

std::vector<event_view> calendar_service::list(user_id as, const event_query& query) const {
    const std::string wanted = lower(query.text);
    std::vector<const opened_event*> found;
    for (const opened_event* const one : opened_.between(as, query.from, query.to)) {
        if (is_within(*one, query) && says(one->content, query, wanted)) {
            found.push_back(one);
        }
    }
    const auto others = around(as, found);
    std::vector<taken_time> times;
    for (std::size_t i = 0; i < others.size(); ++i) {
        for (const model::interval& one : others[i]->times) {
            times.push_back({one, i});
        }
    }
    std::vector<std::set<std::size_t>> meets(others.size());
    find_overlaps(std::move(times), [&](const taken_time& one, const taken_time& other) {
        meets[one.owner].insert(other.owner);
        meets[other.owner].insert(one.owner);
    });
    std::map<event_id, std::vector<std::string>> conflicts;
    for (std::size_t i = 0; i < others.size(); ++i) {
        for (const std::size_t other : meets[i]) {
            conflicts[others[i]->header.event].push_back(
                people_.id_text(others[other]->header.event));
        }
    }
    std::vector<event_view> views;
    for (const opened_event* const one : found) {
        views.push_back(view_of(*one, std::move(conflicts[one->header.event])));
    }
    return views;
}

result<std::vector<event_view>> calendar_service::occurrences(user_id as,
                                                              const event_query& query) const {
    if (!query.to) {
        return fail(errc::invalid_argument, "expand needs to: an event that repeats may never end");
    }
    struct listed {
        const opened_event* of = nullptr;
        model::occurrence at;
        std::set<std::size_t> meets = {};
    };
    const std::string wanted = lower(query.text);
    std::vector<listed> found;
    event_query around{query.from, query.to, {}};  // what may overlap one of them
    for (const opened_event* one : opened_.between(as, query.from, query.to)) {
        for (model::occurrence& at : times_in(*one, query)) {
            if (!says(model::content_at(one->content, at), query, wanted)) {
                continue;
            }
            if (found.size() == listed_most) {
                return fail(errc::too_large,
                            "there is too much in that range: ask for a shorter one");
            }
            around.from = around.from ? std::min(*around.from, at.utc.start) : around.from;
            around.to = std::max(*around.to, at.utc.end);
            found.push_back({one, std::move(at)});
        }
    }
    std::ranges::sort(found, {}, [](const listed& one) {
        return std::tuple(one.at.utc.start, one.at.utc.end, one.of->header.event, one.at.id);
    });
    // Listed times have their own owners; what they are compared with has those behind these.
    const auto all = opened_.between(as, around.from, around.to);
    std::vector<taken_time> times;
    for (std::size_t i = 0; i < found.size(); ++i) {
        times.push_back({found[i].at.utc, i});
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
        for (const model::occurrence& at : times_in(*all[i], around)) {
            times.push_back({at.utc, found.size() + i});
        }
    }
    const auto note = [&](std::size_t one, std::size_t other) {
        if (one < found.size() && other >= found.size() &&
            all[other - found.size()] != found[one].of) {
            found[one].meets.insert(other - found.size());
        }
    };
    find_overlaps(std::move(times), [&](const taken_time& one, const taken_time& other) {
        note(one.owner, other.owner);
        note(other.owner, one.owner);
    });
    std::vector<event_view> views;
    for (const listed& one : found) {
        std::vector<std::string> conflicts;
        for (const std::size_t other : one.meets) {
            conflicts.push_back(people_.id_text(all[other]->header.event));
        }
        views.push_back(view_at(*one.of, one.at, std::move(conflicts)));
    }
    return views;
}

result<event_view> calendar_service::show(user_id as, event_id which) const {
    const auto opened = opened_.open(which, as);
    if (!opened) {
        return fail(opened.error());
    }
    const opened_event* const one = *opened;
    return view_of(*one, conflicts_of(as, *one));
}

result<event_view> calendar_service::show_at(user_id as, event_id which,
                                             const std::string& occurrence) const {
    const auto opened = opened_.open(which, as);
    if (!opened) {
        return fail(opened.error());
    }
    const auto at = model::find_occurrence((*opened)->content, occurrence);
    if (!at) {
        return fail(at.error());
    }
    return view_at(**opened, *at, conflicts_at(as, which, at->utc));
}

task<result<event_view>> calendar_service::show_saved(user_id as, event_id which,
                                                      std::string occurrence) const {
    if (!occurrence.empty()) {
        if (auto seen = show_at(as, which, occurrence)) {
            co_return seen;
        }
    }
    if (people_.accounts().identity_of(as) == nullptr) {
        co_return fail(errc::timed_out,
                       "the change was saved, and you have signed out on this device since");
    }
    auto seen = show(as, which);
    if (seen || seen.error().code != errc::not_found) {
        co_return seen;
    }
    const auto kept = co_await replica_.earlier().kept(which);
    if (!kept) {
        co_return fail(kept.error());
    }
    for (auto one = kept->rbegin(); one != kept->rend(); ++one) {
        const auto past = co_await replica_.earlier().read(which, one->what.order);
        if (!past || past->header.kind != envelope_kind::put || !past->header.involves(as)) {
            continue;
        }
        if (const auto last = opened_.read(*past, as)) {
            event_view view = view_of(*last, {});
            view.stored_on.clear();  // they have the newest
            view.owed.clear();
            co_return view;
        }
    }
    co_return fail(errc::timed_out, "the change was saved, and the event has been deleted since");
}

std::vector<std::pair<event_view, event_view>> calendar_service::conflicts(user_id as) const {
    // Of ten years, only what meets something is opened.
    auto all = opened_.meeting(as);
    auto series = all;
    std::erase_if(series, [](const opened_event* one) { return !model::is_series(one->content); });
    const auto beside = around(as, series);
    all.insert(all.end(), beside.begin(), beside.end());
    std::ranges::sort(all, {}, [](const opened_event* one) {
        return std::tuple(one->utc.start, one->utc.end, one->header.event);
    });
    all.erase(std::unique(all.begin(), all.end()), all.end());
    std::vector<taken_time> times;
    for (std::size_t i = 0; i < all.size(); ++i) {
        for (const model::interval& one : all[i]->times) {
            times.push_back({one, i});
        }
    }
    using meeting = std::pair<taken_time, taken_time>;
    std::map<std::pair<std::size_t, std::size_t>, meeting> meetings;
    const timestamp now = env_.time.wall();
    find_overlaps(std::move(times), [&](const taken_time& one, const taken_time& other) {
        const auto key = std::minmax(one.owner, other.owner);
        const auto [known, fresh] = meetings.try_emplace(key, one, other);
        const auto& [first, second] = known->second;
        if (!fresh && std::min(first.utc.end, second.utc.end) <= now) {
            known->second = {one, other};
        }
    });
    const auto view = [&](const taken_time& time, std::size_t other) {
        const opened_event& event = *all[time.owner];
        std::vector<std::string> names{people_.id_text(all[other]->header.event)};
        const model::interval range{time.utc.start, {time.utc.end.ms + 1}};
        for (const model::occurrence& at : model::expand(event.content, range).occurrences) {
            if (at.utc.start == time.utc.start && at.utc.end == time.utc.end) {
                return view_at(event, at, std::move(names));
            }
        }
        return view_of(event, std::move(names));
    };
    std::vector<meeting> sorted;
    for (const auto& [ignored, one] : meetings) {
        sorted.push_back(one);
    }
    std::ranges::sort(sorted, {}, [](const meeting& one) {
        return std::tuple(one.first.utc.start, one.first.owner, one.second.owner);
    });
    std::vector<std::pair<event_view, event_view>> pairs;
    for (const auto& [one, other] : sorted) {
        pairs.emplace_back(view(one, other.owner), view(other, one.owner));
    }
    return pairs;
}

}  // namespace calbox::node
