#include "node/reminder_service.hpp"

#include <algorithm>
#include <set>

#include "model/recurrence.hpp"

namespace calbox::node {

namespace {

constexpr std::size_t reminders_most = 5;
constexpr std::uint32_t minutes_most = 4 * 7 * 24 * 60;
constexpr std::size_t due_most = 10'000;
constexpr std::int64_t minute_ms = 60'000, hour_ms = 60 * minute_ms;
constexpr std::int64_t late_most_ms = 7 * 24 * hour_ms;      // who comes back later is not told
constexpr std::int64_t ahead_ms = hour_ms;                   // looked through at once
constexpr duration look_at_clock = std::chrono::minutes(1);  // it may have been set
constexpr duration settle_time = std::chrono::seconds(1);    // changes come in crowds
constexpr std::int64_t store_again_ms = 10'000;
constexpr std::int64_t just_now_ms = 10'000;  // his first reminder may be due at once
constexpr std::string_view mark_prefix = "reminded ";
constexpr std::string_view since_prefix = "reminds ";

bytes past(std::string_view prefix) {
    bytes last = to_bytes(prefix);
    ++last.back();
    return last;
}

bytes key_of(std::string_view prefix, byte_view rest) {
    bytes key = to_bytes(prefix);
    key.insert(key.end(), rest.begin(), rest.end());
    return key;
}

std::vector<model::occurrence> starting_in(const opened_event& event,
                                           const model::interval& range) {
    if (!model::is_series(event.content)) {
        return {{event.content.time.start, event.content.time, event.utc, false}};
    }
    return model::expand(event.content, range).occurrences;
}

std::string in_words(std::int64_t ms) {
    const auto all = [](std::int64_t count, const char* unit) {
        return std::to_string(count) + " " + unit + (count == 1 ? "" : "s");
    };
    const std::int64_t minutes = (ms + minute_ms / 2) / minute_ms;
    if (minutes >= 2 * 24 * 60) {
        return all(minutes / (24 * 60), "day");
    }
    return minutes >= 120 || minutes == 60 ? all(minutes / 60, "hour") : all(minutes, "minute");
}

}  // namespace

task<result<void>> reminder_service::load() {
    const auto marks =
        co_await db_.scan(replica::record_kind::meta, to_bytes(mark_prefix), past(mark_prefix));
    if (!marks) {
        co_return fail(marks.error());
    }
    for (const auto& [key, value] : *marks) {
        const auto one = codec::decode<mark>(byte_view(key).subspan(mark_prefix.size()));
        const auto taken = codec::decode<bool>(value);
        if (!one || !taken) {
            co_return fail(one ? taken.error() : one.error());
        }
        marks_.emplace(*one, *taken);
    }
    const auto begun =
        co_await db_.scan(replica::record_kind::meta, to_bytes(since_prefix), past(since_prefix));
    if (!begun) {
        co_return fail(begun.error());
    }
    for (const auto& [key, value] : *begun) {
        const auto who = user_id::from_bytes(byte_view(key).subspan(since_prefix.size()));
        const auto at = codec::decode<timestamp>(value);
        if (!who || !at) {
            co_return fail(errc::malformed, "what is kept of reminders cannot be read");
        }
        since_.emplace(*who, *at);
    }
    co_return result<void>();
}

void reminder_service::look(const envelope_header& now) {
    if (now.type == event_kind::reminder) {
        owned_.erase(now.event.organizer);
        changed_.set();
        return;
    }
    const bool reminds = std::ranges::any_of(owned_, [&](const auto& one) {
        return std::ranges::any_of(one.second,
                                   [&](const owned& each) { return each.body.of == now.event; });
    });
    if (reminds) {
        changed_.set();
    }
}

void reminder_service::look_anew() {
    owned_.clear();
    changed_.set();
}

const std::vector<reminder_service::owned>& reminder_service::owned_by(const user_id& as) const {
    const auto [known, fresh] = owned_.try_emplace(as);
    if (fresh) {
        for (const event_id& id : replica_.events().of_type(event_kind::reminder)) {
            const replica::held_event& held = *replica_.events().find(id);
            if (held.header.kind != envelope_kind::put || id.organizer != as) {
                continue;
            }
            const auto body = replica_.body_of(held, as);
            auto read = body ? codec::decode<reminder_body>(*body) : fail(body.error());
            if (read) {
                std::erase_if(read->minutes, [](auto one) { return one > minutes_most; });
                known->second.push_back({id, held.header.written, std::move(*read)});
            }
        }
    }
    return known->second;
}

result<reminder_times> reminder_service::show(user_id as, event_id which) const {
    if (const auto opened = opened_.open(which, as); !opened) {
        return fail(opened.error());
    }
    std::set<std::uint32_t> minutes;  // two devices may have made one each
    std::set<timestamp> at;
    for (const owned& one : owned_by(as)) {
        if (one.body.of == which) {
            for (const std::uint64_t each : one.body.minutes) {
                minutes.insert(static_cast<std::uint32_t>(each));
            }
            at.insert(one.body.at.begin(), one.body.at.end());
        }
    }
    return reminder_times{{minutes.begin(), minutes.end()}, {at.begin(), at.end()}};
}

task<result<reminder_times>> reminder_service::set(user_id as, event_id which, reminder_times to) {
    const auto sort = [](auto& all) {
        std::ranges::sort(all);
        all.erase(std::unique(all.begin(), all.end()), all.end());
    };
    sort(to.minutes);
    sort(to.at);
    if (to.minutes.size() + to.at.size() > reminders_most ||
        (!to.minutes.empty() && to.minutes.back() > minutes_most)) {
        co_return fail(errc::invalid_argument,
                       "an event has at most 5 reminders, each at most 4 weeks before its start");
    }
    auto ready = co_await ready_.wait_until_caught_up();
    if (!ready) {
        co_return fail(std::move(ready.error()));
    }
    if (const auto opened = opened_.open(which, as); !opened) {
        co_return fail(opened.error());
    }
    const reminder_body body{which, {to.minutes.begin(), to.minutes.end()}, to.at};
    bool written = to == reminder_times();
    const std::vector<owned> before = owned_by(as);
    for (const owned& one : before) {
        if (one.body.of != which) {
            continue;
        }
        if (!written && one.body.minutes == body.minutes && one.body.at == body.at) {
            written = true;
            continue;
        }
        replica::change what;
        what.as = as;
        what.type = event_kind::reminder;
        what.event = one.id;
        if (written) {
            what.kind = envelope_kind::tombstone;
        } else {
            what.body = codec::encode(body);
        }
        const auto done = co_await replica_.commit(std::move(what));
        if (!done) {
            co_return fail(done.error());
        }
        written = true;
    }
    if (!written) {
        replica::change what;
        what.as = as;
        what.type = event_kind::reminder;
        what.body = codec::encode(body);
        const auto done = co_await replica_.commit(std::move(what));
        if (!done) {
            co_return fail(done.error());
        }
    }
    co_return to;
}

result<std::vector<reminder_service::found>> reminder_service::find(
    const user_id& as, const model::interval& when) const {
    std::vector<found> all;
    std::set<std::pair<event_id, timestamp>> seen;
    const auto note = [&](const owned& from, const opened_event& event, timestamp then,
                          std::optional<std::uint32_t> minutes,
                          const model::occurrence& at) -> result<void> {
        if (then < when.start || then >= when.end || !seen.emplace(from.body.of, then).second) {
            return {};
        }
        if (all.size() == due_most) {
            return fail(errc::too_large, "there is too much in that range: ask for a shorter one");
        }
        const auto said = model::content_at(event.content, at);
        const bool stale = then < from.written || at.utc.end < event.header.written;
        all.push_back({from.body.of,
                       stale,
                       {then, minutes, people_.id_text(from.body.of), said.title, said.place, at,
                        model::is_series(event.content)}});
        return {};
    };
    for (const owned& one : owned_by(as)) {
        const auto opened = opened_.open(one.body.of, as);
        if (!opened) {
            continue;  // deleted, or he takes no part any more
        }
        const opened_event& event = **opened;
        for (const timestamp then : one.body.at) {
            if (then >= when.start && then < when.end) {
                if (auto noted = note(one, event, then, std::nullopt, next_time(event, then));
                    !noted) {
                    return fail(std::move(noted.error()));
                }
            }
        }
        if (one.body.minutes.empty()) {
            continue;
        }
        const auto longest = static_cast<std::int64_t>(std::ranges::max(one.body.minutes));
        const model::interval starts{when.start, {when.end.ms + longest * minute_ms}};
        for (const model::occurrence& at : starting_in(event, starts)) {
            for (const std::uint64_t minutes : one.body.minutes) {
                const timestamp then{at.utc.start.ms -
                                     static_cast<std::int64_t>(minutes) * minute_ms};
                if (auto noted = note(one, event, then, static_cast<std::uint32_t>(minutes), at);
                    !noted) {
                    return fail(std::move(noted.error()));
                }
            }
        }
    }
    std::ranges::sort(all, {}, [](const found& one) {
        return std::tuple(one.view.at, one.view.of.utc.start, one.which);
    });
    return all;
}

result<std::vector<reminder_view>> reminder_service::due(user_id as,
                                                         const model::interval& when) const {
    auto all = find(as, when);
    if (!all) {
        return fail(std::move(all.error()));
    }
    std::vector<reminder_view> views;
    for (found& one : *all) {
        views.push_back(std::move(one.view));
    }
    return views;
}

task<result<std::vector<reminder_view>>> reminder_service::take(user_id as) {
    const timestamp now = env_.time.wall();
    const auto all = find(as, {{now.ms - late_most_ms}, {now.ms + 1}});
    if (!all) {
        co_return fail(all.error());
    }
    std::vector<reminder_view> taken;
    replica::batch writes;
    for (auto& [one, done] : marks_) {
        if (one.who != as || done) {
            continue;
        }
        const auto is_it = [&](const found& each) {
            return each.which == one.of && each.view.at == one.at;
        };
        if (const auto at = std::ranges::find_if(*all, is_it); at != all->end()) {
            taken.push_back(at->view);
        }
        done = true;
        writes.put(replica::record_kind::meta, key_of(mark_prefix, codec::encode(one)),
                   codec::encode(true));
    }
    std::ranges::sort(taken, {}, [](const reminder_view& one) {
        return std::tuple(one.at, one.of.utc.start, one.id_text);
    });
    if (const auto kept = co_await db_.apply(std::move(writes)); !kept) {
        // They are shown now; after a restart perhaps once more.
        env_.log.write(log_level::warn, "reminders",
                       "what was shown is not noted: " + kept.error().message());
    }
    co_return taken;
}

/// Until a reminder is due, or something has to do with reminders.
task<void> reminder_service::keep() {
    while (true) {
        changed_.reset();
        const std::optional<timestamp> next = co_await fire();
        if (!next) {
            co_await changed_.wait();
        }
        while (next && !changed_.is_set() && env_.time.wall() < *next) {
            const std::chrono::milliseconds left{next->ms - env_.time.wall().ms};
            using namespace asio::experimental::awaitable_operators;
            co_await (changed_.wait() || sleep_for(env_, std::min<duration>(left, look_at_clock)));
        }
        if (changed_.is_set()) {
            co_await sleep_for(env_, settle_time);
        }
    }
}

/// From when on he is reminded here: a device that somebody signs in on does not tell him what was
/// due before.
task<result<timestamp>> reminder_service::since(user_id who) {
    if (const auto known = since_.find(who); known != since_.end()) {
        co_return known->second;
    }
    const timestamp now{env_.time.wall().ms - just_now_ms};
    replica::batch writes;
    writes.put(replica::record_kind::meta, key_of(since_prefix, who.view()), codec::encode(now));
    auto kept = co_await db_.apply(std::move(writes));
    if (!kept) {
        co_return fail(std::move(kept.error()));
    }
    since_.emplace(who, now);
    co_return now;
}

/// Tells what is due. Returns when to look again; nothing: not before something changes.
task<std::optional<timestamp>> reminder_service::fire() {
    const timestamp now = env_.time.wall();
    const timestamp oldest{now.ms - late_most_ms};
    const timestamp horizon{now.ms + ahead_ms};
    const timestamp retry{now.ms + store_again_ms};
    std::optional<timestamp> next;
    std::vector<std::pair<mark, reminder_view>> fallen_due;
    for (const account_view& user : people_.accounts().signed_in()) {
        if (owned_by(user.id).empty()) {
            continue;
        }
        const auto begun = co_await since(user.id);
        if (!begun) {
            co_return retry;
        }
        next = next.value_or(horizon);
        const auto all = find(user.id, {std::max(oldest, *begun), horizon});
        if (!all) {
            env_.log.write(log_level::warn, "reminders", all.error().message());
            continue;
        }
        for (const found& one : *all) {
            const mark key{user.id, one.which, one.view.at};
            if (one.view.at > now) {
                next = std::min(*next, one.view.at);
            } else if (!one.stale && !marks_.contains(key)) {
                fallen_due.emplace_back(key, one.view);
            }
        }
    }
    replica::batch writes;
    for (const auto& [key, ignored] : fallen_due) {
        writes.put(replica::record_kind::meta, key_of(mark_prefix, codec::encode(key)),
                   codec::encode(false));
    }
    std::erase_if(marks_, [&](const auto& one) {
        const bool old = one.first.at < oldest;
        if (old) {
            writes.erase(replica::record_kind::meta, key_of(mark_prefix, codec::encode(one.first)));
        }
        return old;
    });
    const auto kept = co_await db_.apply(std::move(writes));
    if (!kept) {
        env_.log.write(log_level::warn, "reminders",
                       "what is due cannot be noted yet: " + kept.error().message());
        co_return retry;
    }
    for (const auto& [key, view] : fallen_due) {
        marks_.emplace(key, false);
        tell_(key.who, view.id_text, text_of(view));
    }
    co_return next;
}

std::string reminder_service::text_of(const reminder_view& what) const {
    const std::int64_t ahead = what.of.utc.start.ms - env_.time.wall().ms;
    const std::string title = "\"" + what.title + "\"";
    if (what.of.time.all_day) {
        return title + " is on " + what.of.time.start.date_text();
    }
    if (ahead >= minute_ms / 2) {
        return title + " begins in " + in_words(ahead);
    }
    return ahead > -minute_ms ? title + " begins now"
                              : title + " began " + in_words(-ahead) + " ago";
}

}  // namespace calbox::node
