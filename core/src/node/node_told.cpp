// What the users of this device are told of events that change.
#include <algorithm>

#include "node/parts.hpp"

namespace calbox::node {

namespace {

/// Of a friend request's history, what changed, for `user`; `name` is the other one.
std::string friend_news(const std::optional<envelope_header>& before, const envelope_header& now,
                        const user_id& user, const std::string& name) {
    if (now.kind != envelope_kind::put) {
        return name + " is no longer a friend";
    }
    if (before) {
        return "you and " + name + " are friends";
    }
    return now.event.organizer == user ? "you asked " + name + " to be your friend"
                                       : name + " asks to be your friend";
}

}  // namespace

change node_parts::contact_news(const std::optional<envelope_header>& before,
                                const envelope_header& now, const user_id& user) {
    const bool asked = now.event.organizer == user && !now.participants.empty();
    const std::string name = names->name_of(asked ? now.participants.front() : now.event.organizer);
    change what;
    what.what = "friend";
    what.id = name;
    what.text = friend_news(before, now, user, name);
    return what;
}

change node_parts::calendar_news(const std::optional<envelope_header>& before,
                                 const envelope_header& now, const user_id& author,
                                 const user_id& user, const std::string& answered) {
    const std::string by = names->name_of(author);
    change what;
    what.id = names->id_text(now.event);
    const auto seen = opened->open(now.event, user);
    if (!seen) {
        what.what = "deleted";
        what.text = by + " removed " + what.id;
        return what;
    }
    const std::string title = "\"" + (*seen)->content.title + "\"";
    const bool new_to_him = !before || !before->involves(user);
    what.what = "event";
    if (before && before->kind == envelope_kind::tombstone) {
        what.text = by + " brought back " + title;
    } else if (before && before->involves(user) && before->generation < now.generation) {
        what.text = by + " goes on with " + title + " after a take-over";
    } else if (before && now.moved && now.moved->only_that) {
        what.text = title + " is decided about by another strategy from now on";
    } else if (new_to_him && author != user &&
               (*seen)->content.answers.contains(names->name_of(user))) {
        what.text = "you have joined " + by + "'s " + title;  // by its link: nobody invited him
    } else if (new_to_him && author != user) {
        what.what = "invited";
        what.text = by + " invites you to " + title;
    } else if (new_to_him) {
        what.text = by + " created " + title;
    } else if (!now.involves(author)) {
        what.what = "declined";
        what.text = by + " declined " + title;
    } else if (!answered.empty()) {
        what.what = "answered";
        what.text = by +
                    (answered == "tentative" ? " accepted tentatively " : " " + answered + " ") +
                    title;
    } else {
        what.text = by + " changed " + title;
    }
    return what;
}

void node_parts::event_changed(const std::optional<envelope_header>& before,
                               const envelope_header& now) {
    const opened_event* const last = opened->opened_last(now.event);
    const auto content = last == nullptr ? std::nullopt : std::optional(last->content);
    opened->forget(now.event);
    needs->look(now);
    holding->look(now.event);
    locks->event_changed(now);
    if (const auto held = replica->events().all().find(now.event);
        held != replica->events().all().end()) {
        holds_object(held->second);
    }
    branches->look();
    splits->look();
    reminding->look(now);
    opening->look(before, now);
    if (now.next_in < book.now()) {
        look_who_is_behind();
    }
    if (before && before->operation == now.operation) {
        return;  // only who has it changed
    }
    std::vector<user_id> all = now.participants;
    all.push_back(now.event.organizer);
    for (const user_id& user : before ? before->participants : std::vector<user_id>()) {
        if (std::ranges::count(all, user) == 0) {
            all.push_back(user);
        }
    }
    users->refresh(all);
    edge->hear_of(all);
    const bool ours = std::ranges::any_of(
        all, [this](const user_id& user) { return accounts->identity_of(user) != nullptr; });
    const bool all_known = std::ranges::all_of(
        all, [this](const user_id& user) { return users->known(user) != nullptr; });
    if (!ours) {
        if (!plays(wire::role::backup)) {
            users->seek(all);  // who takes part has signed out here, and may sign in again
        }
        return;
    }
    const std::string answered = content ? answered_by(*content, now) : std::string();
    if (all_known) {
        tell_of_change(all, before, now, answered);
    } else {
        introducing_.insert(now.event);
        tasks.spawn("introduce", introduce(std::move(all), before, now, answered));
    }
}

std::string node_parts::answered_by(const model::event_content& before,
                                    const envelope_header& now) {
    const auto author = crypto::author_user(now.by);
    if (!author) {
        return {};
    }
    for (const account_view& user : accounts->signed_in()) {
        const auto seen = opened->open(now.event, user.id);
        if (!seen) {
            continue;
        }
        const auto& content = (*seen)->content;
        model::event_content rest = content;
        rest.answers = before.answers;
        rest.modified = before.modified;
        const auto said = content.answers.find(names->name_of(*author));
        if (rest == before && content.answers != before.answers && said != content.answers.end()) {
            return std::string(model::to_string(said->second));
        }
        return {};
    }
    return {};
}

task<void> node_parts::introduce(std::vector<user_id> people, std::optional<envelope_header> before,
                                 envelope_header now, std::string answered) {
    co_await users->meet(people);
    introducing_.erase(now.event);
    opened->forget(now.event);
    tell_of_change(people, before, now, answered);
    users->seek(people);  // whoever is not known yet
}

void node_parts::seek_strangers() {
    if (accounts->signed_in().empty()) {
        return;
    }
    for (const auto& [id, held] : replica->events().all()) {
        users->seek(held.header.participants);
        users->seek({id.organizer});
    }
}

void node_parts::tell_of_change(const std::vector<user_id>& people,
                                const std::optional<envelope_header>& before,
                                const envelope_header& now, const std::string& answered) {
    const user_id author = crypto::author_user(now.by).value_or(user_id());
    const bool only_moved = before && now.moved && now.moved->only_that;
    for (const user_id& user : people) {
        const bool told = !(only_moved && now.type == event_kind::contact) &&
                          accounts->identity_of(user) != nullptr &&
                          (now.type == event_kind::contact || now.type == event_kind::calendar);
        if (!told) {
            continue;
        }
        change what = now.type == event_kind::contact
                          ? contact_news(before, now, user)
                          : calendar_news(before, now, author, user, answered);
        what.by = names->name_of(author);
        watching.tell({user}, std::move(what));
    }
}

void node_parts::user_met(const user_id& who) {
    if (!opened) {
        return;  // while everything is loaded
    }
    for (const auto& [id, held] : replica->events().all()) {
        const envelope_header& now = held.header;
        if (now.type != event_kind::calendar || !now.involves(who)) {
            continue;
        }
        opened->forget(id);
        for (const account_view& user : accounts->signed_in()) {
            const auto seen = opened->open(id, user.id);
            if (!seen || introducing_.contains(id)) {
                continue;
            }
            change what;
            what.what = "event";
            what.id = names->id_text(id);
            what.by = names->name_of(who);
            what.text = what.by + " takes part in \"" + (*seen)->content.title + "\"";
            watching.tell({user.id}, std::move(what));
        }
    }
}

}  // namespace calbox::node
