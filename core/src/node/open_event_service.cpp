#include "node/open_event_service.hpp"

#include <algorithm>
#include <utility>

#include "node/drafts.hpp"
#include "node/event_link.hpp"
#include "wire/limits.hpp"

namespace calbox::node {

namespace {

constexpr duration note_again = std::chrono::seconds(5);
constexpr std::size_t list_asks = 3;  // devices
constexpr duration list_time = std::chrono::seconds(5);

/// In a time that does not depend on where they differ.
bool same_secret(byte_view one, byte_view other) {
    unsigned difference = one.size() == other.size() ? 0 : 1;
    for (std::size_t i = 0; i < std::min(one.size(), other.size()); ++i) {
        difference |= static_cast<unsigned>(one[i] ^ other[i]);
    }
    return difference == 0;
}

}  // namespace

const std::vector<open_event_service::owned>& open_event_service::owned_by(
    const user_id& as) const {
    const auto [known, fresh] = owned_.try_emplace(as);
    if (fresh) {
        for (const event_id& id : with_.replica.events().of_type(event_kind::opening)) {
            const replica::held_event& held = *with_.replica.events().find(id);
            if (held.header.kind != envelope_kind::put || id.organizer != as ||
                crypto::author_user(held.header.by) != std::optional(as)) {
                continue;
            }
            const auto body = with_.replica.body_of(held, as);
            auto read = body ? codec::decode<opening_body>(*body) : fail(body.error());
            if (read && (read->is_open() || read->secret.empty())) {
                known->second.push_back({held.header, std::move(*read)});
            }
        }
    }
    return known->second;
}

/// Two devices may have made one each.
std::vector<const open_event_service::owned*> open_event_service::openings_of(
    const event_id& which) const {
    std::vector<const owned*> found;
    for (const owned& one : owned_by(which.organizer)) {
        if (one.body.of == which) {
            found.push_back(&one);
        }
    }
    return found;
}

/// As they are now: they may change while one of them is written.
std::vector<open_event_service::owned> open_event_service::copies_of(const event_id& which) const {
    std::vector<owned> all;
    for (const owned* const one : openings_of(which)) {
        all.push_back(*one);
    }
    return all;
}

/// All openings of the event that there are, by the organizer; again by what they say then, where
/// somebody was faster.
task<result<void>> open_event_service::change_openings(event_id which, opening_change what) {
    set_retry again(env_.time.now());
    while (true) {
        result<void> all;
        for (owned& one : copies_of(which)) {
            replica::change next = change_of(one.header, which.organizer);
            if (!what(one.body, next.kind)) {
                continue;
            }
            next.type = event_kind::opening;
            if (next.kind == envelope_kind::put) {
                next.body = codec::encode(one.body);
            }
            if (const auto done = co_await with_.replica.commit(std::move(next)); !done) {
                all = fail(done.error());
            }
        }
        const auto wait =
            all ? std::nullopt : again.after(all.error().code, env_.time.now(), env_.entropy);
        if (!wait) {
            co_return all;
        }
        co_await sleep_for(env_, *wait);
    }
}

bool open_event_service::opens(const event_id& which, byte_view secret) const {
    return std::ranges::any_of(openings_of(which), [&](const owned* one) {
        return one->body.is_open() && same_secret(one->body.secret, secret);
    });
}

bool open_event_service::was_removed(const event_id& which, const user_id& who) const {
    if (const auto fresh = unnoted_.find(which); fresh != unnoted_.end()) {
        if (const auto said = fresh->second.find(who); said != fresh->second.end()) {
            return said->second;
        }
    }
    return std::ranges::any_of(openings_of(which), [&](const owned* one) {
        return std::ranges::binary_search(one->body.removed, who);
    });
}

bool open_event_service::is_here(const user_id& user) const {
    return with_.who.accounts().identity_of(user) != nullptr;
}

std::string open_event_service::link_of(const event_id& which, const bytes& secret) const {
    return to_text(event_link{with_.who.name_of(which.organizer), which, with_.network(), secret});
}

result<std::string> open_event_service::link(user_id as, event_id which) const {
    if (const auto opened = with_.opened.open(which, as); !opened) {
        return fail(opened.error());
    }
    if (as != which.organizer) {
        return fail(errc::forbidden, "only its organizer opens an event to others");
    }
    const auto all = openings_of(which);
    const auto now =
        std::ranges::find_if(all, [](const owned* one) { return one->body.is_open(); });
    return now == all.end() ? std::string() : link_of(which, (*now)->body.secret);
}

task<result<std::string>> open_event_service::open(user_id as, event_id which) {
    auto ready = co_await with_.ready.wait_until_caught_up();
    if (!ready) {
        co_return fail(std::move(ready.error()));
    }
    auto now = link(as, which);
    if (!now || !now->empty()) {
        co_return now;
    }
    const auto open_now =
        std::ranges::count_if(owned_by(as), [](const owned& one) { return one.body.is_open(); });
    if (std::cmp_greater_equal(open_now, wire::limits::open_events)) {
        co_return fail(errc::too_large, "you have 500 open events: close some");
    }
    bytes secret(wire::limits::join_secret_bytes);
    env_.entropy.fill(secret);
    result<void> done;
    if (openings_of(which).empty()) {
        replica::change first;
        first.as = as;
        first.type = event_kind::opening;
        first.body = codec::encode(opening_body{which, secret, {}});
        const auto made = co_await with_.replica.commit(std::move(first));
        done = made ? done : fail(made.error());
    } else {  // who was removed stays so
        done = co_await change_openings(which, [&secret](opening_body& body, envelope_kind&) {
            const bool closed = !body.is_open();
            body.secret = closed ? secret : body.secret;
            return closed;
        });
    }
    co_return done ? link(as, which) : fail(done.error());
}

task<result<void>> open_event_service::close(user_id as, event_id which) {
    auto ready = co_await with_.ready.wait_until_caught_up();
    if (!ready) {
        co_return fail(std::move(ready.error()));
    }
    // Of an event that is gone, its organizer may still close the opening.
    const bool his = as == which.organizer && !openings_of(which).empty();
    if (const auto now = link(as, which); !now && !his) {
        co_return fail(now.error());
    }
    co_return co_await change_openings(which, [](opening_body& body, envelope_kind&) {
        const bool open = body.is_open();
        body.secret.clear();  // it stays, and with it who was removed
        return open;
    });
}

std::vector<wire::open_event> open_event_service::told_of(const user_id& organizer) const {
    const timestamp now = env_.time.wall();
    std::vector<wire::open_event> all;
    std::set<event_id> seen;
    for (const owned& one : owned_by(organizer)) {
        const auto opened = with_.opened.open(one.body.of, organizer);
        if (!opened || !one.body.is_open() || !seen.insert(one.body.of).second) {
            continue;
        }
        const model::occurrence next = next_time(**opened, now);
        const auto said = model::content_at((*opened)->content, next);
        all.push_back({one.body.of, one.body.secret, said.title, said.place, said.time.zone,
                       next.utc.start, next.utc.end, said.time.all_day});
    }
    std::ranges::sort(all, {},
                      [](const wire::open_event& one) { return std::tuple(one.start, one.event); });
    return all;
}

task<result<wire::open_events_reply>> open_event_service::on_list(std::vector<user_id> users,
                                                                  wire::open_events what) const {
    bool may_know = is_here(what.of) && std::ranges::count(users, what.by) != 0;
    if (may_know) {
        may_know = co_await with_.befriended(what.of, what.by);
    }
    if (!may_know) {  // one sentence for all: a stranger learns nothing of who is here
        co_return fail(errc::forbidden, "that is not told");
    }
    if (!with_.ready.caught_up()) {
        co_return fail(errc::not_caught_up, "that device is still fetching what it has missed");
    }
    wire::open_events_reply reply{told_of(what.of)};
    const timestamp now = env_.time.wall();
    std::erase_if(reply.events, [&](const wire::open_event& one) {
        return one.end < now || was_removed(one.event, what.by);
    });
    reply.events.resize(std::min(reply.events.size(), wire::limits::open_events));
    co_return reply;
}

/// What another device says is read as what it is: anything.
open_event_view open_event_service::view_of(const user_id& as, wire::open_event what) const {
    open_event_view view;
    view.which = what.event;
    view.id_text = with_.who.id_text(what.event);
    view.title = std::move(what.title);
    view.place = std::move(what.place);
    view.utc = {what.start, what.end};
    const std::string zone = model::is_zone(what.zone) ? what.zone : "UTC";
    view.time = {model::to_local(what.start, zone), model::to_local(what.end, zone), zone,
                 what.all_day};
    view.link = link_of(what.event, what.secret);
    view.joined = with_.opened.open(what.event, as).has_value();
    return view;
}

task<result<open_list>> open_event_service::list(user_id as, std::string name) {
    user_id of = as;
    if (!name.empty()) {
        const auto found = co_await with_.who.resolve({std::move(name)});
        if (!found) {
            co_return fail(found.error());
        }
        of = found->front();
    }
    open_list all;
    all.name = with_.who.name_of(of);
    std::optional<wire::open_events_reply> reply;
    if (of == as) {
        reply.emplace(wire::open_events_reply{told_of(as)});
    } else if (const bool befriended = co_await with_.befriended(as, of); !befriended) {
        all.why = all.name + " is no friend of yours";
        co_return all;
    } else if (is_here(of)) {
        auto told = co_await on_list({as}, {of, as});
        if (!told) {
            all.why = told.error().message();
            co_return all;
        }
        reply.emplace(std::move(*told));
    } else {
        std::vector<device_id> devices = with_.present(of);
        devices.resize(std::min(devices.size(), list_asks));
        all.why = "no device of " + all.name + " can be reached";
        for (const device_id& device : devices) {
            const auto answer = co_await with_deadline<bytes>(
                env_, list_time, with_.request(device, codec::encode(wire::open_events{of, as})));
            auto told =
                answer ? codec::decode<wire::open_events_reply>(*answer) : fail(answer.error());
            all.why = "no device of " + all.name + " has answered";
            if (told) {
                reply.emplace(std::move(*told));
                break;
            }
        }
    }
    if (!reply) {
        co_return all;
    }
    all.known = true;
    all.why.clear();
    for (wire::open_event& one : reply->events) {
        const bool good = one.event.organizer == of && one.start <= one.end &&
                          one.title.size() <= wire::limits::name_bytes &&
                          one.place.size() <= wire::limits::name_bytes &&
                          one.secret.size() == wire::limits::join_secret_bytes;
        if (good && all.events.size() < wire::limits::open_events) {
            all.events.push_back(view_of(as, std::move(one)));
        }
    }
    co_return all;
}

void open_event_service::look(const std::optional<envelope_header>& before,
                              const envelope_header& now) {
    if (now.type == event_kind::opening) {
        owned_.erase(now.event.organizer);
        return;
    }
    if (now.type != event_kind::calendar || !is_here(now.event.organizer) ||
        openings_of(now.event).empty()) {
        return;
    }
    // What is on another line, as after a take-over, was removed by nobody.
    const bool deleted = now.kind == envelope_kind::tombstone;
    if (!deleted && (!before || before->generation != now.generation)) {
        return;
    }
    if (!deleted) {
        note(*before, now);
    }
    if ((deleted || unnoted_.contains(now.event)) && keeping_true_.insert(now.event).second) {
        tasks_.spawn("openings", keep_true(now.event));
    }
}

/// Whom a version removes or lets in again.
void open_event_service::note(const envelope_header& before, const envelope_header& now) {
    const auto author = crypto::author_user(now.by);
    const auto opened = with_.opened.open(now.event, now.event.organizer);
    const auto left = [&](const user_id& user) {
        return author == std::optional(user) ||
               (opened && std::ranges::count((*opened)->content.declined, with_.who.name_of(user)));
    };
    auto& notes = unnoted_[now.event];
    for (const user_id& user : before.participants) {
        if (!now.involves(user) && !left(user)) {
            notes[user] = true;
        }
    }
    for (const user_id& user : now.participants) {
        if (was_removed(now.event, user)) {
            notes[user] = false;
        }
    }
    if (notes.empty()) {
        unnoted_.erase(now.event);
    }
}

bool open_event_service::is_deleted(const event_id& which) const {
    const replica::held_event* const held = with_.replica.events().find(which);
    return held != nullptr && held->header.kind == envelope_kind::tombstone;
}

/// Until the openings say who was removed, which every device of the organizer reads there; or,
/// where the event was deleted, until there are none: brought back, it is opened anew.
task<void> open_event_service::keep_true(event_id which) {
    while (is_deleted(which) || unnoted_.contains(which)) {
        const bool deleted = is_deleted(which);
        const bool done = co_await (deleted ? forget(which) : note_removed(which));
        if (done && deleted) {
            break;
        }
        if (!done) {
            co_await sleep_for(env_, note_again);
        }
    }
    keeping_true_.erase(which);
}

task<bool> open_event_service::forget(event_id which) {
    const auto done = co_await change_openings(which, [](opening_body&, envelope_kind& kind) {
        kind = envelope_kind::tombstone;
        return true;
    });
    unnoted_.erase(which);
    co_return done.has_value();
}

task<bool> open_event_service::note_removed(event_id which) {
    const std::map<user_id, bool> said = unnoted_.at(which);
    const auto done = co_await change_openings(which, [&said](opening_body& body, envelope_kind&) {
        std::set<user_id> removed(body.removed.begin(), body.removed.end());
        for (const auto& [user, is] : said) {
            if (is) {
                removed.insert(user);
            } else {
                removed.erase(user);
            }
        }
        const std::vector<user_id> before =
            std::exchange(body.removed, {removed.begin(), removed.end()});
        return body.removed != before;
    });
    const auto now = unnoted_.find(which);
    if (done && now != unnoted_.end() && now->second == said) {
        unnoted_.erase(now);
    }
    co_return done.has_value();
}

}  // namespace calbox::node
