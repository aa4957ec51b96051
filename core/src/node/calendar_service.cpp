#include "node/calendar_service.hpp"

#include <algorithm>
#include <cctype>

#include "model/recurrence.hpp"
#include "node/drafts.hpp"
#include "node/series_edits.hpp"
#include "wire/limits.hpp"

namespace calbox::node {

group_source::~group_source() = default;

namespace {

constexpr duration given_back_within = std::chrono::seconds(2);

/// The host sees who has left.
void take_out_guest(model::event_content& content, const std::string& name) {
    std::erase(content.participants, name);
    content.answers.erase(name);
    content.declined.push_back(name);
}

/// "title, time"
std::string listed(const std::vector<std::string_view>& words) {
    std::string text;
    for (const std::string_view word : words) {
        text += (text.empty() ? "" : ", ") + std::string(word);
    }
    return text;
}

}  // namespace

calendar_service::calendar_service(const environment& env, replica::replicator& replica,
                                   opened_events& opened, people& who, readiness& ready,
                                   const group_source& groups, lock_service& locks,
                                   set_operations& sets, series_splits& splits,
                                   std::function<std::vector<device_id>()> backups)
    : env_(env),
      replica_(replica),
      opened_(opened),
      people_(who),
      ready_(ready),
      groups_(groups),
      locks_(locks),
      sets_(sets),
      splits_(splits),
      backups_(std::move(backups)) {}

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
    content.uid = new_uid(env_.entropy);
    content.organizer = people_.name_of(as);
    content.participants = people_.names_of(*guests);
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
    co_return co_await show_saved(as, *id);
}

task<result<std::optional<std::vector<user_id>>>> calendar_service::guests_of(user_id as,
                                                                              event_draft change) {
    if (!change.participants) {
        co_return std::optional<std::vector<user_id>>();
    }
    auto guests = co_await participants_of(as, std::move(*change.participants));
    if (!guests) {
        co_return fail(std::move(guests.error()));
    }
    std::ranges::sort(*guests);
    guests->erase(std::unique(guests->begin(), guests->end()), guests->end());
    co_return std::optional(std::move(*guests));
}

result<calendar_service::proposal> calendar_service::propose(
    const opened_event& from, const event_draft& change,
    std::optional<std::vector<user_id>> guests) const {
    proposal made{{from.content, change.guests_may.value_or(from.header.guests_may)},
                  from.header.participants};
    auto changed = apply_change(change, from.content);
    if (!changed) {
        return fail(std::move(changed.error()));
    }
    made.text.content = std::move(*changed);
    if (guests) {
        made.participants = std::move(*guests);
        std::erase(made.participants, from.header.event.organizer);
        name_participants(made);
    }
    return made;
}

/// The body repeats who takes part. Whoever is asked again has not answered.
void calendar_service::name_participants(proposal& what) const {
    model::event_content& content = what.text.content;
    content.participants = people_.names_of(what.participants);
    const auto takes_part = [&](const std::string& name) {
        return std::ranges::find(content.participants, name) != content.participants.end();
    };
    std::erase_if(content.declined, takes_part);
    std::erase_if(content.answers, [&](const auto& one) { return !takes_part(one.first); });
}

task<result<event_view>> calendar_service::modify(user_id as, event_id which, event_draft change,
                                                  edit_terms terms) {
    const generation_number line = replica_.line_of(which);
    auto ready = co_await ready_.wait_until_caught_up();
    if (!ready) {
        co_return fail(std::move(ready.error()));
    }
    auto guests = co_await guests_of(as, change);
    if (!guests) {
        co_return fail(std::move(guests.error()));
    }
    const auto opened = opened_.open(which, as);
    if (!opened) {
        co_return fail(opened.error());
    }
    const opened_event now = **opened;
    if (auto same = is_in_line(now.header, terms.expect, line); !same) {
        co_return fail(std::move(same.error()));
    }
    if (auto allowed = may_modify(as, now.header, change); !allowed) {
        co_return fail(std::move(allowed.error()));
    }
    if (change.times.scope == edit_scope::following) {
        const auto parts = split_at(change, now.content);
        if (!parts) {
            co_return fail(parts.error());
        }
        if (*parts) {
            co_return co_await split(now, as, std::move(change), std::move(*guests),
                                     std::move(terms));
        }
        change.times.scope = edit_scope::all;
    }
    auto made = propose(now, change, *guests);
    if (!made) {
        co_return fail(std::move(made.error()));
    }
    if (terms.merge && terms.expect && *terms.expect != now.header.version) {
        auto merged = co_await merge(as, which, change, std::move(*guests), *terms.expect);
        if (!merged) {
            co_return fail(
                merged.error().code == errc::not_found ? errc::conflict : merged.error().code,
                merged.error().message());
        }
        if (!merged->outcome.fits()) {
            co_return fail(errc::conflict, "somebody else has changed the same meanwhile: " +
                                               listed(merged->outcome.both));
        }
        if (merged->newest.header.version != now.header.version) {
            co_return fail(errc::conflict, "the event was changed again meanwhile");
        }
        made = proposal{std::move(merged->outcome.text), std::move(merged->participants)};
        terms.expect = now.header.version;
    }
    replica::change what = change_of(now.header, as, terms.expect);
    what.guests_may = made->text.guests_may;
    what.participants = std::move(made->participants);
    made->text.content.modified = env_.time.wall();
    auto body = model::write_body(made->text.content, now.body);
    if (!body) {
        co_return fail(std::move(body.error()));
    }
    what.body = std::move(*body);
    auto done = co_await commit(std::move(what), std::move(terms));
    if (!done) {
        co_return fail(done.error());
    }
    co_return co_await show_saved(
        as, which, change.times.scope == edit_scope::one ? change.times.occurrence : std::string());
}

task<result<calendar_service::merging>> calendar_service::merge(
    user_id as, event_id which, event_draft change, std::optional<std::vector<user_id>> guests,
    version_number base) {
    auto from = co_await opened_.open_earlier(which, as, base);
    if (!from) {
        co_return fail(std::move(from.error()));
    }
    const auto newest = opened_.open(which, as);
    if (!newest) {
        co_return fail(newest.error());
    }
    const opened_event& now = **newest;
    const auto mine = propose(*from, change, std::move(guests));
    if (!mine) {
        co_return fail(mine.error());
    }
    merging made;
    made.outcome = model::merge({from->content, from->header.guests_may}, mine->text,
                                {now.content, now.header.guests_may});
    proposal next{
        std::move(made.outcome.text),
        model::merge_sets(from->header.participants, mine->participants, now.header.participants)};
    std::ranges::sort(next.participants);
    name_participants(next);
    if (auto fits = model::validate(next.text.content); !fits) {
        co_return fail(std::move(fits.error()));
    }
    made.outcome.text = std::move(next.text);
    made.participants = std::move(next.participants);
    made.base = std::move(*from);
    made.newest = now;
    co_return made;
}

task<result<meeting_view>> calendar_service::compare(user_id as, event_id which, event_draft change,
                                                     version_number base) {
    auto guests = co_await guests_of(as, change);
    if (!guests) {
        co_return fail(std::move(guests.error()));
    }
    const auto merged = co_await merge(as, which, std::move(change), std::move(*guests), base);
    if (!merged) {
        co_return fail(merged.error());
    }
    meeting_view view;
    view.base = view_of(merged->base, {});
    view.base.stored_on.clear();  // they have the newest
    view.base.owed.clear();
    view.mine.assign(merged->outcome.mine.begin(), merged->outcome.mine.end());
    view.theirs.assign(merged->outcome.theirs.begin(), merged->outcome.theirs.end());
    view.both.assign(merged->outcome.both.begin(), merged->outcome.both.end());
    co_return view;
}

task<result<event_view>> calendar_service::answer(user_id as, event_id which,
                                                  model::participation what) {
    auto ready = co_await ready_.wait_until_caught_up();
    if (!ready) {
        co_return fail(std::move(ready.error()));
    }
    if (as == which.organizer) {
        co_return fail(errc::invalid_argument,
                       "you organize this event: its guests say whether they come");
    }
    const std::string name = people_.name_of(as);
    auto done = co_await sets_.apply(
        as, which,
        [&name, what](const opened_event&, set_operations::next_version& next) -> result<bool> {
            auto& answers = next.content.answers;
            const auto said = answers.find(name);
            if (said != answers.end() && said->second == what) {
                return false;
            }
            answers[name] = what;
            return true;
        });
    if (!done) {
        co_return fail(std::move(done.error()));
    }
    co_return co_await show_saved(as, which);
}

/// A holder's word that he is done can be here before his release is with those who vote. So where
/// nobody is shown as editing, a refusal because somebody edits is not believed at once.
task<result<void>> calendar_service::commit_without_lock(replica::change what) {
    set_retry again(env_.time.now(), given_back_within);
    while (true) {
        const auto done = co_await replica_.commit(what);
        if (done) {
            co_return result<void>();
        }
        const bool given_back = done.error().code == errc::busy && !locks_.who_edits(*what.event);
        const auto wait =
            given_back ? again.after(errc::busy, env_.time.now(), env_.entropy) : std::nullopt;
        if (!wait) {
            co_return fail(done.error());
        }
        co_await sleep_for(env_, *wait);
    }
}

/// Under the session's lock, where there is one.
task<result<void>> calendar_service::commit(replica::change what, edit_terms terms) {
    if (terms.session.empty()) {
        co_return co_await commit_without_lock(std::move(what));
    }
    if (!terms.expect) {
        co_return fail(errc::invalid_argument,
                       "an edit under a lock must say which version it was made from: the lock may "
                       "have been lost meanwhile");
    }
    what.held = locks_.use(terms.session, what.as, *what.event);
    const bool under_lock = what.held.has_value();
    const auto done = co_await replica_.commit(std::move(what));
    if (under_lock) {
        locks_.used(terms.session, done ? errc::ok : done.error().code);
    }
    if (!done) {
        co_return fail(done.error());
    }
    co_return result<void>();
}

task<result<void>> calendar_service::remove(user_id as, event_id which, edit_terms terms) {
    const generation_number line = replica_.line_of(which);
    auto ready = co_await ready_.wait_until_caught_up();
    if (!ready) {
        co_return fail(std::move(ready.error()));
    }
    const auto opened = opened_.open(which, as);
    if (!opened) {
        co_return fail(opened.error());
    }
    const envelope_header header = (*opened)->header;
    if (auto same = is_in_line(header, terms.expect, line); !same) {
        co_return same;
    }
    replica::change what = change_of(header, as, terms.expect);
    if (has_right(as, header, guest_right::remove)) {
        what.kind = envelope_kind::tombstone;
    } else {
        // A guest without the right takes the event from his own calendar: he leaves it, and the
        // host sees that.
        std::erase(what.participants, as);
        model::event_content content = (*opened)->content;
        take_out_guest(content, people_.name_of(as));
        content.modified = env_.time.wall();
        auto body = model::write_body(content, (*opened)->body);
        if (!body) {
            co_return fail(std::move(body.error()));
        }
        what.body = std::move(*body);
    }
    co_return co_await commit(std::move(what), std::move(terms));
}

task<result<void>> calendar_service::leave(user_id as, event_id which) {
    auto ready = co_await ready_.wait_until_caught_up();
    if (!ready) {
        co_return fail(std::move(ready.error()));
    }
    if (as == which.organizer) {
        co_return fail(errc::invalid_argument, "you organize this event: it can be deleted");
    }
    const std::string name = people_.name_of(as);
    co_return co_await sets_.apply(
        as, which,
        [&name, as](const opened_event&, set_operations::next_version& next) -> result<bool> {
            take_out_guest(next.content, name);
            return std::erase(next.participants, as) > 0;
        });
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
