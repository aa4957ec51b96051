#include "node/calendar_service.hpp"

#include <algorithm>
#include <cctype>

#include "wire/limits.hpp"

namespace calbox::node {

group_source::~group_source() = default;

namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
    return out;
}

model::local_time plus_an_hour(const model::local_time& start, const std::string& zone) {
    const auto utc = model::to_utc(start, zone);
    return utc ? model::to_local({utc->ms + 3'600'000}, zone) : start;
}

/// Days later. All-day ends are exclusive inside, and the last day for people.
model::local_time shift_days(const model::local_time& day, int days) {
    const auto utc = model::to_utc(day, "UTC");
    return utc ? model::to_local({utc->ms + std::int64_t{days} * 86'400'000}, "UTC") : day;
}

struct times_given {
    bool start = false, end = false, date_only = false;
};

result<void> read_times(const event_draft& draft, model::when& time, times_given& given) {
    bool date_only = false;
    if (draft.start) {
        const auto start = model::parse_local_time(*draft.start, date_only);
        if (!start) {
            return fail(errc::invalid_argument, "start: " + start.error().message());
        }
        time.start = *start;
        given.start = true;
        given.date_only = date_only;
    }
    if (draft.end) {
        bool end_is_date = false;
        const auto end = model::parse_local_time(*draft.end, end_is_date);
        if (!end) {
            return fail(errc::invalid_argument, "end: " + end.error().message());
        }
        if (draft.start && end_is_date != date_only) {
            return fail(errc::invalid_argument,
                        "start and end must both be dates, or both have a time");
        }
        time.end = *end;
        given.end = true;
        given.date_only = given.date_only || end_is_date;
    }
    return {};
}

/// Brings the draft's times into `content`; `fresh`: the event is new.
result<void> apply_times(const event_draft& draft, model::event_content& content, bool fresh) {
    model::when time = content.time;
    if (draft.zone) {
        if (!model::is_zone(*draft.zone)) {
            return fail(errc::invalid_argument,
                        "no such time zone: \"" + *draft.zone + "\" (try Europe/Lisbon)");
        }
        time.zone = *draft.zone;
    }
    times_given given;
    const model::when before = time;
    if (auto read = read_times(draft, time, given); !read) {
        return read;
    }
    if (fresh && !given.start) {
        return fail(errc::invalid_argument, "an event needs a start");
    }
    const bool all_day = draft.all_day.value_or(given.start ? given.date_only : time.all_day);
    if (given.end && given.date_only && !all_day) {
        return fail(errc::invalid_argument,
                    "an event with a time of day needs an end with a time of day");
    }
    time.all_day = all_day;
    if (all_day) {
        time.start.hour = time.start.minute = time.start.second = 0;
        time.end.hour = time.end.minute = time.end.second = 0;
        if (given.end || (!fresh && !before.all_day && !given.start)) {
            time.end = shift_days(time.end, 1);  // people name the last day
        } else if (given.start) {
            time.end = shift_days(time.start, 1);
        }
    } else if (given.start && !given.end) {
        const auto old =
            fresh ? result<model::interval>(fail(errc::not_found)) : model::interval_of(before);
        const auto start = model::to_utc(time.start, time.zone);
        if (old && start && !before.all_day) {  // moving an event keeps its length
            time.end = model::to_local({start->ms + old->end.ms - old->start.ms}, time.zone);
        } else {
            time.end = plus_an_hour(time.start, time.zone);
        }
    }
    content.time = time;
    return {};
}

result<void> apply_draft(const event_draft& draft, model::event_content& content, bool fresh) {
    const auto set = [](const std::optional<std::string>& from, std::string& to) {
        if (from) {
            to = *from;
        }
    };
    set(draft.title, content.title);
    set(draft.info, content.info);
    set(draft.place, content.place);
    set(draft.recurrence, content.recurrence);
    if (auto times = apply_times(draft, content, fresh); !times) {
        return times;
    }
    return model::validate(content);
}

/// The next version of an event, with all that a header shows as it is; without `expect`, of the
/// version that was read.
replica::change change_of(const envelope_header& from, const user_id& as,
                          std::optional<version_number> expect) {
    replica::change what;
    what.as = as;
    what.event = from.event;
    what.expect = expect ? expect : std::optional(from.version);
    what.guests_may = from.guests_may;
    what.participants = from.participants;
    return what;
}

/// A guest needs the right to modify for everything but the people, whom `permitted` of the event
/// store looks at.
result<void> may_modify(const user_id& as, const envelope_header& of, const event_draft& change) {
    const bool content = change.title || change.info || change.place || change.zone ||
                         change.recurrence || change.start || change.end || change.all_day;
    if (as != of.event.organizer && content && (of.guests_may & guest_right::modify) == 0) {
        return fail(errc::forbidden, "guests may not change this event");
    }
    return {};
}

}  // namespace

calendar_service::calendar_service(const environment& env, replica::replicator& replica,
                                   opened_events& opened, people& who, readiness& ready,
                                   const group_source& groups, lock_service& locks)
    : env_(env),
      replica_(replica),
      opened_(opened),
      people_(who),
      ready_(ready),
      groups_(groups),
      locks_(locks) {}

task<result<std::vector<user_id>>> calendar_service::participants_of(
    user_id as, std::vector<std::string> names) {
    std::vector<std::string> all;
    for (const std::string& name : names) {
        if (!name.starts_with('@')) {
            all.push_back(name);
            continue;
        }
        const auto members = groups_.members(as, name.substr(1));
        if (!members) {
            co_return fail(errc::not_found, "you have no group called \"" + name.substr(1) + "\"");
        }
        all.insert(all.end(), members->begin(), members->end());
    }
    if (all.size() > wire::limits::participants) {
        co_return fail(errc::too_large, "an event has at most 10,000 participants");
    }
    co_return co_await people_.resolve(std::move(all));
}

task<result<event_view>> calendar_service::create(user_id as, event_draft draft) {
    model::event_content content;
    if (!draft.title) {
        co_return fail(errc::invalid_argument, "an event needs a title");
    }
    if (auto fits = apply_draft(draft, content, true); !fits) {
        co_return fail(std::move(fits.error()));
    }
    auto ready = co_await ready_.wait_until_caught_up();
    if (!ready) {
        co_return fail(std::move(ready.error()));
    }
    auto guests =
        co_await participants_of(as, draft.participants.value_or(std::vector<std::string>{}));
    if (!guests) {
        co_return fail(std::move(guests.error()));
    }
    std::ranges::sort(*guests);
    guests->erase(std::unique(guests->begin(), guests->end()), guests->end());
    std::erase(*guests, as);
    bytes uid(16);
    env_.entropy.fill(uid);
    content.uid = to_hex(uid) + "@calendarbox";
    content.organizer = people_.name_of(as);
    for (const user_id& user : *guests) {
        content.participants.push_back(people_.name_of(user));
    }
    content.created = content.modified = env_.time.wall();
    auto body = model::write_body(content, {});
    if (!body) {
        co_return fail(std::move(body.error()));
    }
    replica::change what;
    what.as = as;
    what.participants = std::move(*guests);
    what.guests_may = draft.guests_may.value_or(guest_right::standard);
    what.body = std::move(*body);
    const auto id = co_await replica_.commit(std::move(what));
    if (!id) {
        co_return fail(id.error());
    }
    co_return show(as, *id);
}

task<result<event_view>> calendar_service::modify(user_id as, event_id which, event_draft change,
                                                  edit_terms terms) {
    auto ready = co_await ready_.wait_until_caught_up();
    if (!ready) {
        co_return fail(std::move(ready.error()));
    }
    auto guests =
        co_await participants_of(as, change.participants.value_or(std::vector<std::string>{}));
    if (!guests) {
        co_return fail(std::move(guests.error()));
    }
    const auto opened = opened_.open(which, as);
    if (!opened) {
        co_return fail(opened.error());
    }
    const envelope_header header = (*opened)->header;
    const bytes before = (*opened)->body;
    if (auto allowed = may_modify(as, header, change); !allowed) {
        co_return fail(std::move(allowed.error()));
    }
    model::event_content content = (*opened)->content;
    if (auto fits = apply_draft(change, content, false); !fits) {
        co_return fail(std::move(fits.error()));
    }
    replica::change what = change_of(header, as, terms.expect);
    what.guests_may = change.guests_may.value_or(header.guests_may);
    if (change.participants) {
        std::ranges::sort(*guests);
        guests->erase(std::unique(guests->begin(), guests->end()), guests->end());
        std::erase(*guests, which.organizer);
        what.participants = std::move(*guests);
        content.participants.clear();
        for (const user_id& user : what.participants) {
            content.participants.push_back(people_.name_of(user));
            std::erase(content.declined, content.participants.back());  // he was asked again
        }
    }
    content.modified = env_.time.wall();
    auto body = model::write_body(content, before);
    if (!body) {
        co_return fail(std::move(body.error()));
    }
    what.body = std::move(*body);
    auto done = co_await commit(std::move(what), std::move(terms));
    if (!done) {
        co_return fail(std::move(done.error()));
    }
    co_return show(as, which);
}

task<result<void>> calendar_service::save_content(user_id as, event_id which,
                                                  model::event_content content,
                                                  version_number expect) {
    const auto opened = opened_.open(which, as);
    if (!opened) {
        co_return fail(opened.error());
    }
    if (auto fits = model::validate(content); !fits) {
        co_return fits;
    }
    content.modified = env_.time.wall();
    auto body = model::write_body(content, (*opened)->body);
    if (!body) {
        co_return fail(std::move(body.error()));
    }
    replica::change what = change_of((*opened)->header, as, expect);
    what.body = std::move(*body);
    const auto done = co_await replica_.commit(std::move(what));
    if (!done) {
        co_return fail(done.error());
    }
    co_return result<void>();
}

/// Under the session's lock, where there is one.
task<result<void>> calendar_service::commit(replica::change what, edit_terms terms) {
    if (terms.session.empty()) {
        const auto done = co_await replica_.commit(std::move(what));
        if (!done) {
            co_return fail(done.error());
        }
        co_return result<void>();
    }
    if (!terms.expect) {
        co_return fail(errc::invalid_argument,
                       "an edit under a lock must say which version it was made from: the lock may "
                       "have been lost meanwhile");
    }
    what.held = locks_.use(terms.session, what.as, *what.event);
    const auto done = co_await replica_.commit(std::move(what));
    locks_.used(terms.session, done ? errc::ok : done.error().code);
    if (!done) {
        co_return fail(done.error());
    }
    co_return result<void>();
}

task<result<void>> calendar_service::remove(user_id as, event_id which, edit_terms terms) {
    auto ready = co_await ready_.wait_until_caught_up();
    if (!ready) {
        co_return fail(std::move(ready.error()));
    }
    const auto opened = opened_.open(which, as);
    if (!opened) {
        co_return fail(opened.error());
    }
    const envelope_header header = (*opened)->header;
    replica::change what = change_of(header, as, terms.expect);
    const bool deletes_for_all =
        as == which.organizer || (header.guests_may & guest_right::remove) != 0;
    if (deletes_for_all) {
        what.kind = envelope_kind::tombstone;
    } else {
        // A guest without the right takes the event from his own calendar: he leaves it, and the
        // host sees that.
        std::erase(what.participants, as);
        model::event_content content = (*opened)->content;
        const std::string name = people_.name_of(as);
        std::erase(content.participants, name);
        content.declined.push_back(name);
        content.modified = env_.time.wall();
        auto body = model::write_body(content, (*opened)->body);
        if (!body) {
            co_return fail(std::move(body.error()));
        }
        what.body = std::move(*body);
    }
    co_return co_await commit(std::move(what), std::move(terms));
}

std::string calendar_service::device_label(const device_id& device,
                                           const envelope_header& of) const {
    std::vector<user_id> all = of.participants;
    all.push_back(of.event.organizer);
    for (const user_id& user : all) {
        const user_info* const known = people_.users().known(user);
        for (const author& one : known != nullptr ? known->devices : std::vector<author>()) {
            if (crypto::device_of(one.device_key) == device) {
                // Which of his devices matters to somebody with several.
                return known->devices.size() == 1
                           ? known->card.name
                           : known->card.name + ", device " + std::to_string(one.number.value);
            }
        }
    }
    return "backup " + device.hex().substr(0, 8);
}

event_view calendar_service::view_of(const opened_event& opened,
                                     const std::vector<const opened_event*>& others) const {
    event_view view;
    view.id = opened.header.event;
    view.organizer = people_.name_of(view.id.organizer);
    view.id_text = view.organizer + "/" + view.id.seq_text();
    view.generation = opened.header.generation;
    view.version = opened.header.version;
    view.content = opened.content;
    view.guests_may = opened.header.guests_may;
    if (const auto author = crypto::author_user(opened.header.by)) {
        view.written_by = people_.name_of(*author);
    }
    view.written = opened.header.written;
    view.lock = locks_.who_edits(view.id);
    view.state = !ready_.caught_up() ? event_state::behind
                 : view.lock         ? event_state::locked
                                     : event_state::confirmed;
    view.utc = opened.utc;
    for (const opened_event* other : others) {
        if (other->header.event != view.id && other->utc.overlaps(opened.utc)) {
            view.conflicts.push_back(people_.name_of(other->header.event.organizer) + "/" +
                                     other->header.event.seq_text());
        }
    }
    const auto owed = replica_.owed(view.id);
    for (const device_id& device : replica_.recipients_of(opened.header)) {
        auto& where = std::ranges::count(owed, device) > 0 ? view.owed : view.stored_on;
        where.push_back(device_label(device, opened.header));
    }
    return view;
}

std::vector<event_view> calendar_service::list(user_id as, const event_query& query) const {
    const auto all = opened_.all(as);
    const std::string wanted = lower(query.text);
    std::vector<event_view> found;
    for (const opened_event* one : all) {
        if ((query.from && one->utc.end < *query.from) ||
            (query.to && one->utc.start >= *query.to)) {
            continue;
        }
        const auto& content = one->content;
        const bool matches = wanted.empty() ||
                             lower(content.title).find(wanted) != std::string::npos ||
                             lower(content.info).find(wanted) != std::string::npos ||
                             lower(content.place).find(wanted) != std::string::npos;
        if (matches) {
            found.push_back(view_of(*one, all));
        }
    }
    return found;
}

result<event_view> calendar_service::show(user_id as, event_id which) const {
    const auto opened = opened_.open(which, as);
    if (!opened) {
        return fail(opened.error());
    }
    const opened_event* const one = *opened;
    return view_of(*one, opened_.all(as));
}

std::vector<std::pair<event_view, event_view>> calendar_service::conflicts(user_id as) const {
    const auto all = opened_.all(as);
    std::vector<std::pair<event_view, event_view>> pairs;
    for (std::size_t i = 0; i < all.size(); ++i) {
        // Sorted by start: once one starts after this one's end, so do all that follow.
        for (std::size_t j = i + 1; j < all.size() && all[j]->utc.start <= all[i]->utc.end; ++j) {
            if (all[i]->utc.overlaps(all[j]->utc)) {
                pairs.emplace_back(view_of(*all[i], all), view_of(*all[j], all));
            }
        }
    }
    return pairs;
}

result<event_id> calendar_service::find(user_id as, const std::string& id_text) const {
    const auto id = people_.event_named(as, id_text);
    if (!id) {
        return id;
    }
    if (const auto held = opened_.open(*id, as); !held) {
        if (held.error().code == errc::not_found) {
            return fail(errc::not_found, "there is no event " + id_text + " in this calendar");
        }
        return fail(held.error());
    }
    return id;
}

}  // namespace calbox::node
