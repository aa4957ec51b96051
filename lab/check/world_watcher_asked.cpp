// What people ask for in a world, and what they are answered.
#include <algorithm>

#include "lab/check/world_watcher.hpp"

namespace calbox::lab::claims {

world_watcher::ticket world_watcher::creates(const person& who) {
    return asks(who, operation_kind::create);
}

world_watcher::ticket world_watcher::changes(const person& who, const node::event_view& seen) {
    ticket made = asks(who, operation_kind::cas);
    made.would_make = version_of{seen.id, seen.generation, seen.version.next(), {}};
    made.asked.key = claims.people.of(seen.id);
    made.asked.expect = seen.version.value;
    return made;
}

world_watcher::ticket world_watcher::removes(const person& who, const node::event_view& seen) {
    ticket made = changes(who, seen);
    made.asked.gone = true;
    claims.series.observe_undone(seen.id);
    return made;
}

world_watcher::ticket world_watcher::restores(const person& who, const node::event_view& seen) {
    claims.series.observe_undone(seen.id);
    return changes(who, seen);
}

world_watcher::ticket world_watcher::sets(const person& who, const node::event_view& in) {
    ticket made = changes(who, in);
    made.asked.expect.reset();
    return made;
}

world_watcher::ticket world_watcher::takes_over(const person& who, const node::event_view& in) {
    ticket made = sets(who, in);
    made.begins_a_line = true;
    claims.series.observe_undone(in.id);
    return made;
}

world_watcher::ticket world_watcher::joins(const person& who, const event_id& which) {
    ticket made = asks(who, operation_kind::cas);
    made.would_make = version_of{which, {}, {}, {}};
    made.asked.key = claims.people.of(which);
    return made;
}

world_watcher::ticket world_watcher::brings_back(const person& who, const event_id& which) {
    ticket made = joins(who, which);
    made.begins_a_life = true;
    claims.series.observe_undone(which);
    return made;
}

world_watcher::ticket world_watcher::splits(const person& who, const node::event_view& series,
                                            const std::string& marker) {
    writes(marker, series.id);  // whoever takes part in it does in the other one
    return sets(who, series);
}

world_watcher::ticket world_watcher::attaches(const person& who, const node::event_view& to,
                                              const std::string& file, const digest& content,
                                              std::uint64_t size) {
    ticket made = sets(who, to);
    claims.attached.observe_attaching(to.id, file, content);
    would_set(made, {field::kind::file, file}, std::to_string(size));
    return made;
}

void world_watcher::attached_beside(const ticket& what, const std::string& file,
                                    std::uint64_t size) {
    claims.fields.observe_refused(what.id);
    claims.fields.observe_asked(what.id, what.would_make->event, {field::kind::file, file},
                                std::to_string(size), instant{duration(what.asked.call)});
}

void world_watcher::would_set(const ticket& by, const field& what,
                              std::optional<std::string> value) {
    if (what.what == field::kind::title && value) {
        titles_[by.id] = *value;
    }
    claims.fields.observe_asked(by.id, by.would_make->event, what, std::move(value), world_.now());
}

void world_watcher::note_beginning(const ticket& what) {
    if (what.begins_a_line) {
        claims.has_lines(what.would_make->event);
    }
    if (what.begins_a_life) {
        claims.has_two_lives(what.would_make->event);
    }
}

void world_watcher::unknown(ticket& what) {
    note_beginning(what);
    what.asked.res = operation_result::unknown;
    if (what.would_make) {
        claims.note(what.asked);
        claims.unknown(what.id, *what.would_make, world_.now());
    } else {
        unknown_creations_[claims.people.of(what.author.who)].push_back(what.asked);
        claims.unknown_creation(what.id, what.author.who, world_.now());
    }
    claims.fates.observe_abandoned(what.id);  // its client is no more
}

/// Notes what did not happen, or may have. False where it did.
bool world_watcher::unanswered(ticket& what, const error* why) {
    what.asked.ret = world_.now().since_start.count();
    note(happening::call, claims.people.of(what.author.where),
         what.asked.client + (why == nullptr ? " is answered" : " is told: " + why->message()));
    if (why == nullptr) {
        return false;
    }
    if (leaves_unknown(why->code)) {
        unknown(what);
        return true;
    }
    // Whoever expects no version meets none: he is refused for another reason.
    const bool meets = what.asked.op != operation_kind::cas || what.asked.expect;
    const bool conflict = why->code == errc::conflict && meets;
    what.asked.res = conflict ? operation_result::conflict : operation_result::fail;
    if (what.would_make) {
        claims.note(what.asked);
    }
    claims.refused(what.id, world_.now());
    if (const auto title = titles_.find(what.id); title != titles_.end()) {
        claims.branches.observe_refused(title->second);
    }
    return true;
}

/// The answer shows the event as it is now, which may be later than the version that was made.
void world_watcher::answered(ticket what, const answer<node::event_view>& how) {
    if (unanswered(what, how)) {
        return;
    }
    const node::event_view& seen = **how;
    const version_of now = seen_version(seen);
    version_of made =
        what.would_make.value_or(version_of{seen.id, generation_number(1), version_number(1), {}});
    if (made.place() == now.place()) {
        made.content = now.content;
    }
    what.asked.key = claims.people.of(made.event);
    what.asked.version = made.version.value;
    if (!made.content.is_zero()) {
        what.asked.value = made.content.hex().substr(0, 16);
    }
    claims.note(what.asked);
    if (what.asked.op == operation_kind::create) {
        claims.edits.observe_created(made.event, what.author, world_.now());
    }
    // Who takes part was told by the decision.
    claims.acknowledged(what.id, made, false, {}, what.author, world_.now());
    claims.shown(what.author, now, world_.now());
}

void world_watcher::answered(ticket what, const answer<void>& how) {
    if (unanswered(what, how)) {
        return;
    }
    what.asked.version = *what.asked.expect + 1;
    claims.note(what.asked);
    claims.acknowledged(what.id, *what.would_make, true, {}, what.author, world_.now());
}

void world_watcher::answered_split(ticket what, const answer<node::event_view>& how) {
    if (unanswered(what, how)) {
        if (what.asked.res == operation_result::unknown) {
            // Cut without the device's knowing, brought back as it was, and cut once more.
            note_unasked(operation_kind::cas, what.would_make->event);
        }
        return;
    }
    const node::event_view& made = **how;
    rest_of_a_series(made);
    claims.edits.observe_created(made.id, what.author, world_.now());
    claims.edits.observe_acknowledged({made.id, generation_number(1), version_number(1), {}},
                                      what.author, world_.now());
    claims.shown(what.author, seen_version(made), world_.now());
    done_somehow(std::move(what));
}

/// A request that waits may be answered at any later time.
void world_watcher::answered_join(ticket what, const answer<node::join_view>& how) {
    answer<void> known;
    if (how && *how) {
        known = (*how)->joined ? result<void>() : fail(errc::timed_out, (*how)->why);
    } else if (how) {
        known = fail(how->error());
    }
    answered_set(std::move(what), known);
}

void world_watcher::done_somehow(ticket what) {
    note_beginning(what);
    what.asked.res = operation_result::unknown;
    claims.note(what.asked);
    claims.acknowledged(what.id, world_.now());
}

void world_watcher::read(const person& who, const node::event_view& in, const std::string& file,
                         const digest& content) {
    const auto found = std::ranges::find(in.content.files, file, &model::attachment::name);
    if (found != in.content.files.end()) {
        claims.attached.observe_read(viewer_of(who.at().name(), who.id()), in.id, file, found->root,
                                     content, world_.now());
    }
}

void world_watcher::unreadable(const person& who, const node::event_view& in,
                               const std::string& file, const std::string& why) {
    claims.attached.observe_unreadable(viewer_of(who.at().name(), who.id()), in.id, file, why,
                                       world_.now());
}

void world_watcher::confirmed(const person& who, const node::event_view& what) {
    operation look;
    look.client = who.name() + " looks";
    look.call = world_.now().since_start.count();
    look.ret = look.call;
    look.key = claims.people.of(what.id);
    look.value = shown_version(what).content.hex().substr(0, 16);
    look.version = what.version.value;
    claims.note(std::move(look));
    claims.fields.observe_newest(
        viewer_of(who.at().name(), who.id()), what.id,
        [&](const field& one) { return value_of(one, what); }, world_.now());
}

}  // namespace calbox::lab::claims
