// Changes of a series that are more than one version of one event: leaving out times, and
// splitting.
#include <algorithm>

#include "node/calendar_service.hpp"
#include "node/drafts.hpp"
#include "node/series_edits.hpp"

namespace calbox::node {

namespace {

bool may_have_happened(const error& why) {
    return why.code == errc::timed_out || why.code == errc::cancelled || why.code == errc::closed;
}

}  // namespace

/// The event with another text, by whom and what else as it is.
task<result<void>> calendar_service::write(const opened_event& from, user_id as,
                                           model::event_content content, edit_terms terms) {
    replica::change what = change_of(from.header, as, terms.expect);
    content.modified = env_.time.wall();
    auto body = model::write_body(content, from.body);
    if (!body) {
        co_return fail(std::move(body.error()));
    }
    what.body = std::move(*body);
    co_return co_await commit(std::move(what), std::move(terms));
}

task<result<void>> calendar_service::take_out(user_id as, event_id which, chosen_times times,
                                              edit_terms terms) {
    if (times.scope == edit_scope::all) {
        co_return co_await remove(as, which, std::move(terms));
    }
    const generation_number line = replica_.line_of(which);
    auto ready = co_await ready_.wait_until_caught_up();
    if (!ready) {
        co_return fail(std::move(ready.error()));
    }
    const auto opened = opened_.open(which, as);
    if (!opened) {
        co_return fail(opened.error());
    }
    const opened_event now = **opened;
    if (auto same = is_in_line(now.header, terms.expect, line); !same) {
        co_return same;
    }
    if (!has_right(as, now.header, guest_right::modify)) {
        co_return fail(errc::forbidden, "guests may not change this event");
    }
    auto rest = without(times, now.content);
    if (!rest) {
        co_return fail(std::move(rest.error()));
    }
    if (!*rest) {
        co_return co_await remove(as, which, std::move(terms));
    }
    co_return co_await write(now, as, std::move(**rest), std::move(terms));
}

task<result<event_view>> calendar_service::split(opened_event from, user_id as, event_draft change,
                                                 std::optional<std::vector<user_id>> guests,
                                                 edit_terms terms) {
    if (as != from.header.event.organizer) {
        co_return fail(errc::forbidden,
                       "only its organizer can make two events of a series: change single times, "
                       "or all");
    }
    if (const auto edits = locks_.who_edits(from.header.event);
        edits && terms.session.empty() && !edits->here) {
        co_return fail(errc::busy, edits->by + " is editing the event");
    }
    if (terms.expect && *terms.expect != from.header.version) {
        co_return fail(errc::conflict, "the event was changed since it was read");
    }
    terms.expect = from.header.version;
    terms.merge = false;
    auto parts = split_at(change, from.content);
    if (!parts || !*parts) {
        co_return fail(parts ? error(errc::internal) : std::move(parts.error()));
    }
    proposal made{{std::move((*parts)->after), change.guests_may.value_or(from.header.guests_may)},
                  from.header.participants};
    model::event_content& after = made.text.content;
    after.uid = new_uid(env_.entropy);
    after.created = after.modified = env_.time.wall();
    if (guests) {
        made.participants = std::move(*guests);
        std::erase(made.participants, as);
        name_participants(made);
    }
    auto body = model::write_body(after, from.body);
    if (!body) {
        co_return fail(std::move(body.error()));
    }
    const std::string first = model::find_occurrence(from.content, change.times.occurrence)
                                  .map([](const auto& one) { return one.id.text(); })
                                  .value_or(change.times.occurrence);
    series_splits::note note{from.header.event, first, {}, from.content.time.start.text(), false};
    if (auto noted = co_await splits_.begin(after.uid, std::move(note)); !noted) {
        co_return fail(std::move(noted.error()));
    }
    replica::change fresh;
    fresh.as = as;
    fresh.participants = made.participants;
    fresh.guests_may = made.text.guests_may;
    fresh.body = std::move(*body);
    const auto id = co_await replica_.commit(std::move(fresh));
    if (!id) {
        if (may_have_happened(id.error())) {
            splits_.leave(after.uid);
        } else {
            co_await splits_.end(after.uid);
        }
        co_return fail(id.error());
    }
    auto cut = co_await write(from, as, std::move((*parts)->before), std::move(terms));
    if (cut) {
        co_await splits_.end(after.uid);
        co_return co_await show_saved(as, *id);
    }
    if (!may_have_happened(cut.error())) {  // not both: then neither
        const auto undone = co_await splits_.undo(after.uid, *id);
        if (undone) {
            co_return fail(std::move(cut.error()));
        }
    }
    splits_.leave(after.uid);
    co_return fail(errc::timed_out,
                   "the series is two events now, and the first one is cut as soon as that is "
                   "possible: " +
                       cut.error().message());
}

}  // namespace calbox::node
