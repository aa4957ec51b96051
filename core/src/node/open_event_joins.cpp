// Who comes by a link: is asked who he is, and taken in together with those who come at the same
// time.
#include <algorithm>
#include <utility>

#include "node/open_event_service.hpp"
#include "wire/limits.hpp"

namespace calbox::node {

namespace {

constexpr duration gather_time = std::chrono::milliseconds(200);  // those who come first
constexpr duration between_versions = std::chrono::seconds(1);    // and those who come next

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

}  // namespace calbox::node
