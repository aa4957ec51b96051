#include "node/opened_events.hpp"

#include <algorithm>

#include <calbox/mutant.hpp>

namespace calbox::node {

namespace {

constexpr std::int64_t day_ms = 86'400'000;
constexpr std::int64_t kept_back = 31 * day_ms;
constexpr std::int64_t kept_ahead = 366 * day_ms;
constexpr std::int64_t again_after = 7 * day_ms;
constexpr model::expansion_limits at_most = {20'000, 1'000};

}  // namespace

model::occurrence next_time(const opened_event& event, timestamp then) {
    const model::interval ahead{then, {then.ms + kept_ahead}};
    if (model::is_series(event.content)) {
        auto next = model::expand(event.content, ahead, {50'000, 1}).occurrences;
        if (!next.empty()) {
            return std::move(next.front());
        }
    }
    return {event.content.time.start, event.content.time, event.utc, false};
}

bool overlap(const opened_event& one, const opened_event& other) noexcept {
    auto a = one.times.begin(), b = other.times.begin();
    while (a != one.times.end() && b != other.times.end()) {
        if (a->overlaps(*b)) {
            return true;
        }
        if (a->end <= b->start) {
            ++a;
        } else {
            ++b;
        }
    }
    return false;
}

/// A single event has its one time, wherever that is.
void opened_events::expand(opened_event& event) const {
    event.expanded = env_.time.wall();
    event.times.clear();
    if (!model::is_series(event.content)) {
        event.times.push_back(event.utc);
        return;
    }
    const model::interval kept{{event.expanded.ms - kept_back}, {event.expanded.ms + kept_ahead}};
    for (const auto& one : model::expand(event.content, kept, at_most).occurrences) {
        event.times.push_back(one.utc);
    }
}

result<const opened_event*> opened_events::open(const event_id& which, const user_id& as) {
    const replica::held_event* const held = replica_.events().find(which);
    const bool readable = held != nullptr && held->header.kind == envelope_kind::put &&
                          held->header.type == event_kind::calendar && held->header.involves(as);
    if (!readable) {
        return fail(errc::not_found, "there is no such event in this calendar");
    }
    if (people_.accounts().identity_of(as) == nullptr) {
        return fail(errc::unauthorised, "this user is not signed in on this device");
    }
    const auto known = opened_.find(which);
    if (known != opened_.end() &&
        (known->second.order == held->order || mutant("opened_events.keeps_old"))) {
        if (env_.time.wall().ms - known->second.expanded.ms > again_after) {
            expand(known->second);
        }
        return &known->second;
    }
    auto opened = read(*held, as);
    if (!opened) {
        return fail(std::move(opened.error()));
    }
    expand(*opened);
    return &opened_.insert_or_assign(which, std::move(*opened)).first->second;
}

result<opened_event> opened_events::read(const replica::held_event& held, const user_id& as) const {
    auto body = replica_.body_of(held, as);
    if (!body) {
        return fail(std::move(body.error()));
    }
    auto content = model::parse_body(*body);
    if (!content) {
        return fail(std::move(content.error()));
    }
    const auto utc = model::interval_of(content->time);
    if (!utc) {
        return fail(utc.error());
    }
    // The envelope is the truth of who takes part; the body repeats it for other calendars.
    content->organizer = people_.name_of(held.header.event.organizer);
    content->participants = people_.names_of(held.header.participants);
    const auto takes_part = [&](const std::string& name) {
        return std::ranges::find(content->participants, name) != content->participants.end();
    };
    for (const std::string& name : content->declined) {
        if (takes_part(name)) {
            content->answers[name] = model::participation::declined;
        }
    }
    std::erase_if(content->declined, takes_part);
    std::erase_if(content->answers, [&](const auto& one) { return !takes_part(one.first); });
    return opened_event{held.header, held.order, std::move(*content), std::move(*body), *utc};
}

task<result<opened_event>> opened_events::open_earlier(event_id which, user_id as,
                                                       version_number version) const {
    const auto absent = [] {
        return fail(errc::not_found, "that version of the event is not on this device");
    };
    const replica::held_event* const held = replica_.events().find(which);
    if (held == nullptr) {
        co_return absent();
    }
    const auto earlier =
        co_await replica_.events().earlier(which, held->header.generation, version);
    if (!earlier) {
        co_return fail(earlier.error());
    }
    if (!*earlier || (*earlier)->header.kind != envelope_kind::put ||
        !(*earlier)->header.involves(as)) {
        co_return absent();
    }
    co_return read(**earlier, as);
}

const opened_event* opened_events::opened_last(const event_id& which) const {
    const auto found = opened_.find(which);
    return found == opened_.end() ? nullptr : &found->second;
}

void opened_events::forget(const event_id& which) {
    if (!mutant("opened_events.keeps_old")) {
        opened_.erase(which);
    }
    glances_.erase(which);
    if (looked_through_) {
        unseen_.insert(which);
    }
    if (forgotten) {
        forgotten(which);
    }
}

void opened_events::forget_all() {
    opened_.clear();
    glances_.forget_all();
    unseen_.clear();
    looked_through_ = false;
    if (forgotten) {
        forgotten(std::nullopt);
    }
}

namespace {

bool is_calendar_event(const replica::held_event& held) {
    return held.header.type == event_kind::calendar && held.header.kind == envelope_kind::put;
}

}  // namespace

/// Afterwards there is a glance of every event that somebody here can open.
void opened_events::look_through() {
    if (!std::exchange(looked_through_, true)) {
        for (const auto& [id, held] : replica_.events().all()) {
            if (!is_calendar_event(held)) {
                continue;
            }
            const auto saved = glances_.take_saved(id);
            if (saved && saved->version == held.order.hash) {
                glances_.put(id, *saved, true);
            } else {
                unseen_.insert(unseen_.end(), id);
            }
        }
        if (!glances_.unchecked(1).empty()) {
            tasks_.spawn("open events", open_the_rest());
        }
    }
    for (const event_id& id : std::exchange(unseen_, {})) {
        look_at(id);
    }
}

void opened_events::look_at(const event_id& which) {
    const replica::held_event* const held = replica_.events().find(which);
    if (held == nullptr || !is_calendar_event(*held)) {
        return;
    }
    for (const account_view& user : people_.accounts().signed_in()) {
        if (!held->header.involves(user.id)) {
            continue;
        }
        const auto opened = open(which, user.id);
        if (!opened) {
            env_.log.write(log_level::warn, "calendar",
                           "cannot open an event: " + opened.error().message());
            continue;
        }
        const opened_event& event = **opened;
        const glance* const before = glances_.find(which);
        const glance now{event.order.hash,
                         user.id,
                         event.utc,
                         uid_mark(event.content.uid),
                         model::is_series(event.content),
                         !event.content.files.empty(),
                         true};
        const bool same = before != nullptr && before->version == now.version &&
                          before->by == now.by && before->utc.start == now.utc.start &&
                          before->utc.end == now.utc.end && before->uid == now.uid &&
                          before->series == now.series && before->has_files == now.has_files;
        if (same) {
            glances_.confirm(which);
        } else {
            glances_.put(which, now, false);
        }
        return;
    }
}

/// A few at a time, so that others have their turn: a list of them is quicker then, and what came
/// from the disk is known to be right.
task<void> opened_events::open_the_rest() {
    constexpr std::size_t at_once = 20;
    while (true) {
        const auto some = glances_.unchecked(at_once);
        if (some.empty()) {
            co_return;
        }
        for (const event_id& id : some) {
            look_at(id);
            if (const glance* const now = glances_.find(id); now != nullptr && !now->checked) {
                glances_.erase(id);  // it opens for nobody any more
            }
        }
        co_await offload(env_, env_.compute, [] { return true; });
    }
}

std::vector<const opened_event*> opened_events::open_some(const user_id& as,
                                                          const std::vector<event_id>& which) {
    std::vector<const opened_event*> found;
    for (const event_id& id : which) {
        if (const auto opened = open(id, as)) {
            found.push_back(*opened);
        }
    }
    std::ranges::sort(found, [](const opened_event* a, const opened_event* b) {
        return std::tuple(a->utc.start, a->utc.end, a->header.event) <
               std::tuple(b->utc.start, b->utc.end, b->header.event);
    });
    return found;
}

std::vector<const opened_event*> opened_events::between(const user_id& as,
                                                        std::optional<timestamp> from,
                                                        std::optional<timestamp> to) {
    look_through();
    return open_some(as, glances_.between(from, to));
}

std::vector<const opened_event*> opened_events::meeting(const user_id& as) {
    look_through();
    return open_some(as, glances_.meeting());
}

std::vector<const opened_event*> opened_events::with_files(const user_id& as) {
    look_through();
    return open_some(as, {glances_.with_files().begin(), glances_.with_files().end()});
}

const opened_event* opened_events::with_uid(const user_id& as, const std::string& uid) {
    look_through();
    for (const opened_event* const one : open_some(as, glances_.with_uid(uid))) {
        if (one->content.uid == uid) {
            return one;
        }
    }
    return nullptr;
}

}  // namespace calbox::node
