#include "node/open_event_service.hpp"

#include <algorithm>
#include <utility>

#include "node/event_link.hpp"
#include "wire/limits.hpp"

namespace calbox::node {

namespace {

constexpr duration gather_time = std::chrono::milliseconds(200);  // those who come first
constexpr duration between_versions = std::chrono::seconds(1);    // and those who come next
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

tl::unexpected<error> opens_nothing() {
    return fail(errc::forbidden,
                "that link opens no event: it is old, or the event is closed or deleted");
}

}  // namespace

bool wrong_links::admits(const device_id& from, instant now) {
    if (now - began_ >= window) {
        counts_.clear();
        began_ = now;
    }
    const auto known = counts_.find(from);
    return known == counts_.end() ? counts_.size() < devices_most
                                  : known->second < wire::limits::wrong_joins;
}

void wrong_links::note(const device_id& from, instant now) {
    if (admits(from, now)) {
        ++counts_[from];
    }
}

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
                known->second.push_back({id, std::move(*read)});
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

/// The organizer's next version of it.
replica::change open_event_service::change_of(const owned& opening) {
    replica::change what;
    what.as = opening.id.organizer;
    what.type = event_kind::opening;
    what.event = opening.id;
    what.body = codec::encode(opening.body);
    return what;
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
    opening_body body{which, {}, {}};
    replica::change what;
    if (const auto before = openings_of(which); !before.empty()) {
        body = before.front()->body;  // who was removed stays so
        what.event = before.front()->id;
    }
    body.secret.resize(wire::limits::join_secret_bytes);
    env_.entropy.fill(body.secret);
    what.as = as;
    what.type = event_kind::opening;
    what.body = codec::encode(body);
    const auto done = co_await with_.replica.commit(std::move(what));
    if (!done) {
        co_return fail(done.error());
    }
    co_return link(as, which);
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
    std::vector<owned> all = copies_of(which);
    for (owned& one : all) {
        if (!one.body.is_open()) {
            continue;
        }
        one.body.secret.clear();  // it stays, and with it who was removed
        const auto done = co_await with_.replica.commit(change_of(one));
        if (!done) {
            co_return fail(done.error());
        }
    }
    co_return result<void>();
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

task<result<void>> open_event_service::on_join(device_id from, std::vector<user_id> users,
                                               wire::join_event what) {
    if (!wrong_.admits(from, env_.time.now())) {
        co_return fail(errc::busy, "too many wrong links came from that device: try again later");
    }
    const user_id organizer = what.event.organizer;
    if (std::ranges::count(users, what.by) == 0) {
        co_return fail(errc::unauthorised, "who asks is not signed in on the device that asks");
    }
    if (!is_here(organizer)) {
        co_return fail(errc::unavailable, "who organizes it is not signed in on this device");
    }
    if (!with_.ready.caught_up()) {
        co_return fail(errc::not_caught_up, "that device is still fetching what it has missed");
    }
    const auto opened = opens(what.event, what.secret) ? with_.opened.open(what.event, organizer)
                                                       : fail(errc::not_found);
    if (!opened) {
        if (from != with_.self) {
            wrong_.note(from, env_.time.now());
        }
        co_return opens_nothing();
    }
    if ((*opened)->header.involves(what.by)) {
        co_return result<void>();
    }
    if (was_removed(what.event, what.by)) {
        co_return fail(errc::forbidden, "you were removed from that event");
    }
    co_await with_.who.users().meet({what.by});
    if (with_.who.users().known(what.by) == nullptr) {
        co_return fail(errc::unavailable, "the registry cannot say now who asks");
    }
    co_return co_await take_in(what.event, what.by);
}

task<result<void>> open_event_service::take_in(event_id which, user_id who) {
    admission& at = admissions_[which];
    if (!at.next) {
        at.next = std::make_shared<newcomers>(env_);
    }
    const auto mine = at.next;
    if (mine->users.size() >= wire::limits::joins_at_once) {
        co_return fail(errc::busy, "too many join the event at this moment: try again");
    }
    mine->users.push_back(who);
    if (!at.under_way) {
        at.under_way = true;
        tasks_.spawn("admit", admit(which));
    }
    co_await mine->done.wait();
    const auto opened = with_.opened.open(which, which.organizer);
    if (opened && (*opened)->header.involves(who)) {
        co_return result<void>();
    }
    if (mine->why) {
        co_return fail(*mine->why);
    }
    if (opened && (*opened)->header.participants.size() >= wire::limits::participants) {
        co_return fail(errc::too_large, "the event is full: 10,000 take part");
    }
    co_return opens_nothing();  // it was closed, or he was removed, meanwhile
}

/// While anybody waits: all who have come by then are taken in together.
task<void> open_event_service::admit(event_id which) {
    duration wait = gather_time;
    while (admissions_[which].next) {
        co_await sleep_for(env_, wait);
        const auto now = std::move(admissions_[which].next);
        std::vector<std::vector<user_id>> parts{now->users};
        while (!parts.empty()) {
            const std::vector<user_id> some = std::move(parts.back());
            parts.pop_back();
            const auto done = co_await add(which, some);
            if (!done && done.error().code == errc::too_large && some.size() > 1) {
                // As many as fit: a half of them, and a half of those.
                const auto middle = some.begin() + static_cast<std::ptrdiff_t>(some.size() / 2);
                parts.emplace_back(middle, some.end());
                parts.emplace_back(some.begin(), middle);
            } else if (!done) {
                now->why = done.error();
            }
        }
        now->done.set();
        wait = between_versions;
    }
    admissions_.erase(which);
}

task<result<void>> open_event_service::add(event_id which, std::vector<user_id> users) {
    co_return co_await with_.sets.apply(
        which.organizer, which,
        [&](const opened_event&, set_operations::next_version& next) -> result<bool> {
            if (std::ranges::none_of(openings_of(which),
                                     [](const owned* one) { return one->body.is_open(); })) {
                return opens_nothing();
            }
            const std::size_t before = next.participants.size();
            for (const user_id& one : users) {
                if (was_removed(which, one) || std::ranges::binary_search(next.participants, one)) {
                    continue;
                }
                if (next.participants.size() >= wire::limits::participants) {
                    break;
                }
                next.participants.insert(std::ranges::lower_bound(next.participants, one), one);
                const std::string name = with_.who.name_of(one);
                std::erase(next.content.declined, name);
                next.content.answers[name] = model::participation::accepted;
            }
            next.content.participants = with_.who.names_of(next.participants);
            return next.participants.size() > before;
        });
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
    if (now.kind == envelope_kind::tombstone) {
        if (noting_.insert(now.event).second) {
            tasks_.spawn("deleted", forget(now.event));
        }
        return;
    }
    // What is on another line, as after a take-over, was removed by nobody.
    if (!before || before->generation != now.generation) {
        return;
    }
    const auto author = crypto::author_user(now.by);
    const auto opened = with_.opened.open(now.event, now.event.organizer);
    const auto left = [&](const user_id& user) {
        return author == std::optional(user) ||
               (opened && std::ranges::count((*opened)->content.declined, with_.who.name_of(user)));
    };
    auto& notes = unnoted_[now.event];
    for (const user_id& user : before->participants) {
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
    } else if (noting_.insert(now.event).second) {
        tasks_.spawn("removed", note_removed(now.event));
    }
}

/// The event was deleted: nothing is left to open. Brought back, it is opened anew.
task<void> open_event_service::forget(event_id which) {
    const std::vector<owned> all = copies_of(which);
    for (const owned& one : all) {
        replica::change what = change_of(one);
        what.kind = envelope_kind::tombstone;
        what.body.clear();
        const auto done = co_await with_.replica.commit(std::move(what));
        if (!done) {
            env_.log.write(log_level::info, "open events",
                           "the opening of a deleted event stays: " + done.error().message());
        }
    }
    unnoted_.erase(which);
    noting_.erase(which);
}

/// Until the opening says who was removed: every device of the organizer reads it there.
task<void> open_event_service::note_removed(event_id which) {
    while (true) {
        const auto notes = unnoted_.find(which);
        std::vector<owned> openings = copies_of(which);
        if (notes == unnoted_.end() || openings.empty()) {
            unnoted_.erase(which);
            break;
        }
        const auto said = notes->second;
        bool done = true;
        for (owned& one : openings) {
            std::set<user_id> removed(one.body.removed.begin(), one.body.removed.end());
            for (const auto& [user, is] : said) {
                if (is) {
                    removed.insert(user);
                } else {
                    removed.erase(user);
                }
            }
            const std::vector<user_id> sorted(removed.begin(), removed.end());
            if (sorted == one.body.removed) {
                continue;
            }
            one.body.removed = sorted;
            const auto kept = co_await with_.replica.commit(change_of(one));
            done = done && kept;
        }
        const auto now = unnoted_.find(which);
        if (done && now != unnoted_.end() && now->second == said) {
            unnoted_.erase(now);
            break;
        }
        if (!done) {
            co_await sleep_for(env_, note_again);
        }
    }
    noting_.erase(which);
}

}  // namespace calbox::node
