#include "node/history_service.hpp"

#include <algorithm>

#include "node/drafts.hpp"

namespace calbox::node {

namespace {

bool same_files(const model::event_content& left, const model::event_content& right) {
    return std::ranges::equal(left.files, right.files, {}, &model::attachment::root,
                              &model::attachment::root);
}

}  // namespace

/// The versions so far, oldest first, and what the next one is compared with.
struct history_service::told {
    std::vector<version_view> views;
    std::optional<opened_event> before;
};

/// The current version, or the tombstone, of an event in which `as` takes part.
result<envelope_header> history_service::held(const user_id& as, const event_id& which) const {
    if (people_.accounts().identity_of(as) == nullptr) {
        return fail(errc::unauthorised, "this user is not signed in on this device");
    }
    const replica::held_event* const found = replica_.events().find(which);
    const bool there = found != nullptr && found->header.type == event_kind::calendar &&
                       found->header.involves(as) &&
                       (found->header.kind == envelope_kind::put ||
                        found->header.kind == envelope_kind::tombstone);
    if (!there) {
        return fail(errc::not_found, "there is no such event in this calendar, nor was there one");
    }
    return found->header;
}

result<event_id> history_service::find(user_id as, const std::string& id_text) const {
    const auto id = people_.event_named(as, id_text);
    if (!id) {
        return id;
    }
    if (const auto there = held(as, *id); !there) {
        return fail(there.error().code,
                    there.error().code == errc::not_found
                        ? "there is no event " + id_text + " in this calendar, nor was there one"
                        : there.error().detail);
    }
    return *id;
}

version_view history_service::view_of(const envelope_header& header) const {
    version_view view;
    view.generation = header.generation;
    view.version = header.version;
    const auto author = crypto::author_user(header.by);
    view.by = author ? people_.name_of(*author) : std::string();
    view.device = header.by.number;
    view.written = header.written;
    return view;
}

void history_service::tell(told& so_far, const envelope_header& header,
                           const result<opened_event>& opened,
                           std::optional<timestamp> until) const {
    version_view view = view_of(header);
    view.until = until;
    const bool was_deleted =
        !so_far.views.empty() && so_far.views.back().what == version_change::deleted;
    view.what = header.kind == envelope_kind::tombstone ? version_change::deleted
                : was_deleted                           ? version_change::brought_back
                : header.version == version_number(1)   ? version_change::created
                                                        : version_change::changed;
    if (opened) {
        view.readable = true;
        view.title = opened->content.title;
        if (so_far.before) {
            view.changes =
                model::difference({so_far.before->content, so_far.before->header.guests_may},
                                  {opened->content, header.guests_may});
        }
        so_far.before = *opened;
    }
    so_far.views.push_back(std::move(view));
}

task<result<std::vector<version_view>>> history_service::versions(user_id as, event_id which) {
    const auto now = held(as, which);
    if (!now) {
        co_return fail(now.error());
    }
    const auto kept = co_await replica_.earlier().kept(which);
    if (!kept) {
        co_return fail(kept.error());
    }
    told all;
    const std::size_t first =
        kept->size() - std::min<std::size_t>(kept->size(), versions_shown_max - 1);
    for (std::size_t i = first; i < kept->size(); ++i) {
        const auto past = co_await replica_.earlier().read(which, (*kept)[i].what.order);
        if (!past && past.error().code != errc::not_found) {
            co_return fail(past.error());
        }
        if (!past || !past->header.involves(as) || past->header.kind > envelope_kind::tombstone) {
            continue;
        }
        const bool has_body = past->header.kind == envelope_kind::put;
        tell(all, past->header,
             has_body ? opened_.read(*past, as) : result<opened_event>(fail(errc::not_found)),
             (*kept)[i].until);
    }
    const replica::held_event* const current = replica_.events().find(which);
    if (current != nullptr && current->header.involves(as)) {
        const auto opened = opened_.open(which, as);
        tell(all, current->header,
             opened ? result<opened_event>(**opened) : result<opened_event>(fail(opened.error())),
             std::nullopt);
    }
    std::ranges::reverse(all.views);
    co_return std::move(all.views);
}

/// The version of that number, or the last one with a body, as `as` may read it.
task<result<opened_event>> history_service::earlier(user_id as, event_id which,
                                                    std::optional<version_number> version) {
    const auto kept = co_await replica_.earlier().kept(which);
    if (!kept) {
        co_return fail(kept.error());
    }
    const auto wanted =
        std::find_if(kept->rbegin(), kept->rend(), [&](const replica::past_version& one) {
            return version ? one.what.order.version == *version
                           : one.what.kind == envelope_kind::put;
        });
    const std::string missing = version ? "version " + std::to_string(version->value) +
                                              " of this event is not kept here; see its history"
                                        : "what the deleted event said is not kept here any more";
    if (wanted == kept->rend()) {
        co_return fail(errc::not_found, missing);
    }
    if (wanted->what.kind != envelope_kind::put) {
        co_return fail(errc::invalid_argument, "version " + std::to_string(version->value) +
                                                   " is the deletion of the event; name another");
    }
    const auto past = co_await replica_.earlier().read(which, wanted->what.order);
    if (!past) {
        co_return fail(past.error());
    }
    if (!past->header.involves(as)) {
        co_return fail(errc::not_found, missing);
    }
    co_return opened_.read(*past, as);
}

task<result<event_view>> history_service::restore(user_id as, event_id which,
                                                  std::optional<version_number> version,
                                                  std::optional<version_number> expect) {
    const generation_number line = replica_.line_of(which);
    auto ready = co_await ready_.wait_until_caught_up();
    if (!ready) {
        co_return fail(std::move(ready.error()));
    }
    const auto header = held(as, which);
    if (!header) {
        co_return fail(header.error());
    }
    if (auto same = is_in_line(*header, expect, line); !same) {
        co_return fail(std::move(same.error()));
    }
    const bool deleted = header->kind == envelope_kind::tombstone;
    if (deleted && !has_right(as, *header, guest_right::remove)) {
        co_return fail(errc::forbidden, "guests may not bring this event back");
    }
    if (!deleted && !has_right(as, *header, guest_right::modify)) {
        co_return fail(errc::forbidden, "guests may not change this event");
    }
    if (!deleted && !version) {
        co_return fail(errc::invalid_argument,
                       "this event is not deleted: name the version to restore");
    }
    if (version && *version == header->version) {
        co_return fail(errc::invalid_argument,
                       "the event is at version " + std::to_string(version->value) + " already");
    }
    auto past = co_await earlier(as, which, version);
    if (!past) {
        co_return fail(std::move(past.error()));
    }
    model::event_content content = std::move(past->content);
    if (!deleted) {
        const auto now = opened_.open(which, as);
        if (!now) {
            co_return fail(now.error());
        }
        if (!has_right(as, *header, guest_right::attach) && !same_files(content, (*now)->content)) {
            co_return fail(errc::forbidden,
                           "guests may not change the files of this event, and version " +
                               std::to_string(version->value) + " has others");
        }
        content.declined = (*now)->content.declined;
        content.answers = (*now)->content.answers;
    }
    content.participants = people_.names_of(header->participants);
    content.modified = env_.time.wall();
    if (auto fits = model::validate(content); !fits) {
        co_return fail(std::move(fits.error()));
    }
    auto body = model::write_body(content, past->body);
    if (!body) {
        co_return fail(std::move(body.error()));
    }
    replica::change what = change_of(*header, as, expect);
    what.brings_back = deleted;
    what.body = std::move(*body);
    const auto done = co_await replica_.commit(std::move(what));
    if (!done) {
        co_return fail(done.error());
    }
    co_return co_await events_.show_saved(as, which);
}

task<result<std::optional<trash_view>>> history_service::in_trash(user_id as, event_id which) {
    const auto kept = co_await replica_.earlier().kept(which);
    if (!kept) {
        co_return fail(kept.error());
    }
    const auto last = std::find_if(
        kept->rbegin(), kept->rend(),
        [](const replica::past_version& one) { return one.what.kind == envelope_kind::put; });
    if (last == kept->rend()) {
        co_return std::optional<trash_view>();
    }
    const auto past = co_await replica_.earlier().read(which, last->what.order);
    const auto opened = past && past->header.involves(as)
                            ? opened_.read(*past, as)
                            : result<opened_event>(fail(errc::not_found));
    const auto now = held(as, which);
    if (!opened || !now || now->kind != envelope_kind::tombstone) {
        co_return std::optional<trash_view>();
    }
    trash_view view;
    view.organizer = people_.name_of(which.organizer);
    view.id_text = people_.id_text(which);
    view.content = opened->content;
    view.utc = opened->utc;
    view.deletion = view_of(*now);
    view.until = last->until;
    co_return std::optional(std::move(view));
}

task<result<std::vector<trash_view>>> history_service::trash(user_id as) {
    std::vector<event_id> deleted;
    for (const auto& [id, one] : replica_.events().all()) {
        if (one.header.kind == envelope_kind::tombstone &&
            one.header.type == event_kind::calendar && one.header.involves(as) &&
            has_right(as, one.header, guest_right::remove)) {
            deleted.push_back(id);
        }
    }
    std::vector<trash_view> found;
    for (const event_id& which : deleted) {
        auto one = co_await in_trash(as, which);
        if (!one) {
            co_return fail(std::move(one.error()));
        }
        if (*one) {
            found.push_back(std::move(**one));
        }
    }
    std::ranges::sort(found, [](const trash_view& a, const trash_view& b) {
        return std::tie(b.until, a.id_text) < std::tie(a.until, b.id_text);
    });
    co_return found;
}

}  // namespace calbox::node
