#include "node/lock_service.hpp"

#include <algorithm>

#include "model/event.hpp"
#include "node/drafts.hpp"
#include "node/set_operations.hpp"

namespace calbox::node {

readiness::~readiness() = default;

namespace {

constexpr duration try_again = std::chrono::seconds(2);  // a renewal that nobody answered
/// By then every strategy that promises to has freed the lock of a holder that died.
constexpr duration freed_within = std::chrono::seconds(40);

std::int64_t whole_ms(duration time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

/// "14:02:05 UTC"
std::string clock_text(timestamp at) { return model::utc_text(at).substr(11, 8) + " UTC"; }

/// Null where `of` is not known, or that is none of his devices.
const author* find_device(const user_info* of, const device_id& device) {
    if (of == nullptr) {
        return nullptr;
    }
    const auto found = std::ranges::find_if(of->devices, [&](const author& one) {
        return crypto::device_of(one.device_key) == device;
    });
    return found == of->devices.end() ? nullptr : &*found;
}

/// A contender waits a quarter longer than the lease: clocks need not run at the same rate.
duration over_after(duration lease) { return lease * 5 / 4; }

}  // namespace

struct lock_service::session {
    std::string id;
    user_id user;
    replica::held_lock held;
    timestamp since;
    instant began;
    instant lease_ends;
    bool in_use = false;     // an edit under it is being decided
    bool abandoned = false;  // its client went meanwhile
    bool over = false;
    std::string why;
    event ended;
    explicit session(const environment& env) : ended(env) {}
};

lock_service::lock_service(const environment& env, parts with)
    : env_(env), with_(std::move(with)), tasks_(env, "locks") {}

lock_service::~lock_service() {
    if (timer_) {
        env_.timers.cancel(*timer_);
    }
}

void lock_service::request_stop() noexcept { tasks_.request_stop(); }

task<result<session_view>> lock_service::begin(user_id as, event_id which) {
    auto ready = co_await with_.ready.wait_until_caught_up();
    if (!ready) {
        co_return fail(std::move(ready.error()));
    }
    const auto opened = with_.opened.open(which, as);
    if (!opened) {
        co_return fail(opened.error());
    }
    constexpr std::uint32_t any = guest_right::modify | guest_right::invite | guest_right::remove;
    if (!has_right(as, (*opened)->header, any)) {
        co_return fail(errc::forbidden, "guests may not change this event");
    }
    if (sessions_.size() >= sessions_max) {
        co_return fail(errc::queue_full, "too many events are being edited on this device");
    }
    const auto held = co_await with_.replica.lock(as, which);
    if (!held) {
        co_return fail(held.error());
    }
    if (with_.who.accounts().identity_of(as) == nullptr) {
        with_.replica.unlock(*held);
        co_return fail(errc::unauthorised, "this user has signed out of this device meanwhile");
    }
    const auto mine = std::make_shared<session>(env_);  // shared with the task that renews it
    bytes name(16);
    env_.entropy.fill(name);
    mine->id = to_hex(name);
    mine->user = as;
    mine->held = *held;
    mine->since = env_.time.wall();
    mine->began = env_.time.now();
    mine->lease_ends = mine->began + held->lease;
    sessions_[mine->id] = mine;
    announce(*mine, true);
    tasks_.spawn("session", keep(mine));
    session_view view;
    view.id = mine->id;
    view.version = held->version;
    view.lock = *who_edits(which);
    co_return view;
}

/// Renews until the session ends. What nobody answers is asked again while the lease lasts.
task<void> lock_service::keep(std::shared_ptr<session> mine) {
    duration wait = std::min(renewed_every, mine->held.lease / 3);
    while (!mine->over) {
        (void)co_await with_deadline<void>(env_, wait,
                                           [](std::shared_ptr<session> of) -> task<result<void>> {
                                               co_await of->ended.wait();
                                               co_return result<void>();
                                           }(mine));
        const instant now = env_.time.now();
        if (mine->over) {
            co_return;
        }
        wait = try_again;
        if (mine->in_use) {
            continue;
        }
        if (now >= mine->began + session_most) {
            finish(mine, "it was open for 15 minutes", true);
            co_return;
        }
        const auto lease = co_await with_.replica.renew(mine->held);
        if (mine->over) {
            co_return;
        }
        if (lease) {
            mine->lease_ends = env_.time.now() + *lease;
            announce(*mine, true);
            wait = std::min(renewed_every, *lease / 3);
        } else if (!mine->in_use &&
                   (lease.error().code == errc::busy || lease.error().code == errc::conflict ||
                    env_.time.now() >= mine->lease_ends)) {
            finish(mine, "the lock was lost: " + lease.error().message(), true);
            co_return;
        }
    }
}

void lock_service::finish(const std::shared_ptr<session>& mine, std::string why, bool give_back) {
    if (std::exchange(mine->over, true)) {
        return;
    }
    mine->why = std::move(why);
    sessions_.erase(mine->id);
    if (give_back) {
        with_.replica.unlock(mine->held);
    }
    announce(*mine, false);
    mine->ended.set();
}

task<std::string> lock_service::ended(std::string id) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end()) {
        co_return std::string("there is no such session");
    }
    const auto mine = found->second;
    co_await mine->ended.wait();
    co_return mine->why;
}

void lock_service::end(const std::string& id) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end()) {
        return;
    }
    const auto mine = found->second;
    mine->abandoned = true;
    if (!mine->in_use) {
        finish(mine, "its editor was closed", true);
    }
}

void lock_service::finish_those(const std::function<bool(const session&)>& which,
                                const std::string& why) {
    std::vector<std::shared_ptr<session>> ending;
    for (const auto& [id, one] : sessions_) {
        if (which(*one)) {
            ending.push_back(one);
        }
    }
    for (const auto& one : ending) {
        finish(one, why, !one->in_use);
    }
}

void lock_service::end_all(std::optional<user_id> of) {
    finish_those([&](const session& one) { return !of || one.user == *of; },
                 of ? "its user signed out" : "the daemon ends");
}

void lock_service::lose_all(network_epoch in, const error& why) {
    finish_those([&](const session& one) { return one.held.in == in; },
                 "the lock was lost: " + why.message());
}

result<void> lock_service::release(user_id as, event_id which) {
    if (const auto opened = with_.opened.open(which, as); !opened) {
        return fail(opened.error());
    }
    for (const auto& [id, one] : sessions_) {
        if (one->user == as && one->held.event == which && !one->in_use) {
            const auto mine = one;
            finish(mine, "it was released", true);
            return {};
        }
    }
    return fail(errc::not_found, "you do not hold the lock on this event on this device");
}

std::optional<replica::held_lock> lock_service::use(const std::string& id, const user_id& as,
                                                    const event_id& which) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end() || found->second->user != as ||
        found->second->held.event != which || found->second->in_use) {
        return std::nullopt;
    }
    found->second->in_use = true;
    return found->second->held;
}

void lock_service::used(const std::string& id, errc outcome) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end() || !found->second->in_use) {
        return;
    }
    const auto mine = found->second;
    mine->in_use = false;
    switch (outcome) {
        case errc::invalid_argument:
        case errc::forbidden:
        case errc::unauthorised:
        case errc::not_found:
        case errc::too_large:
            if (mine->abandoned) {
                break;
            }
            return;  // nothing was tried: the person may ask for something else
        case errc::ok:
            finish(mine, "the change is made", false);
            return;
        case errc::timed_out:  // it may happen yet
            finish(mine, "it is not known yet whether the change was made", false);
            return;
        default:
            break;
    }
    finish(mine, "the change was refused", true);
}

std::string lock_service::session_of(const user_id& as, const event_id& which) const {
    const auto found = std::ranges::find_if(sessions_, [&](const auto& one) {
        return one.second->user == as && one.second->held.event == which;
    });
    return found == sessions_.end() ? std::string() : found->first;
}

bool lock_service::holds(const user_id& as, const event_id& which) const {
    const auto found = sessions_.find(session_of(as, which));
    return found != sessions_.end() && !found->second->in_use &&
           env_.time.now() < found->second->lease_ends;
}

task<void> lock_service::go_on(std::string id, errc outcome) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end() || !found->second->in_use) {
        co_return;
    }
    const auto mine = found->second;
    if (outcome == errc::timed_out) {
        used(id, outcome);
        co_return;
    }
    // The commit has consumed the lock, or found that it was lost.
    const bool consumed = outcome == errc::ok || outcome == errc::conflict || outcome == errc::busy;
    if (!consumed) {
        mine->in_use = false;
        if (mine->abandoned) {
            finish(mine, "its editor was closed", true);
        }
        co_return;
    }
    set_retry again(env_.time.now(), lock_again_most);
    while (!mine->over && !mine->abandoned) {
        const auto held = co_await with_.replica.lock(mine->user, mine->held.event);
        if (held && (mine->over || mine->abandoned)) {
            with_.replica.unlock(*held);
            break;
        }
        if (held) {
            mine->held = *held;
            mine->in_use = false;
            // Of this lock: the version before it says that the one before is over.
            mine->since = env_.time.wall();
            mine->lease_ends = env_.time.now() + held->lease;
            announce(*mine, true);
            co_return;
        }
        const auto wait = again.after(held.error().code, env_.time.now(), env_.entropy);
        if (!wait) {
            finish(mine, "the lock was lost: " + held.error().message(), false);
            co_return;
        }
        co_await sleep_for(env_, *wait);
    }
    finish(mine, "its editor was closed", false);
}

/// Shows it here, and tells everybody who takes part and can be reached.
void lock_service::announce(const session& mine, bool held) {
    const event_id& which = mine.held.event;
    const instant now = env_.time.now();
    const duration lasts = held ? over_after(mine.lease_ends - now) : duration();
    if (held) {
        const timestamp until{env_.time.wall().ms + whole_ms(lasts)};
        const lock_entry entry{with_.self, mine.user, mine.held.token,
                               mine.since, until,     now + lasts};
        if (table_.put(which, entry, now)) {
            news(which, who_edits(which));
        }
        watch_ends();
    } else if (table_.remove(which, with_.self, mine.held.token)) {
        news(which, std::nullopt);
    }
    const replica::held_event* const event = with_.replica.events().find(which);
    if (event == nullptr) {
        return;
    }
    std::vector<user_id> everyone = event->header.participants;
    everyone.push_back(which.organizer);
    std::vector<device_id> devices;
    for (const user_id& user : everyone) {
        const auto his = with_.present(user);
        devices.insert(devices.end(), his.begin(), his.end());
    }
    std::ranges::sort(devices);
    devices.erase(std::unique(devices.begin(), devices.end()), devices.end());
    std::erase(devices, with_.self);
    devices.resize(std::min(devices.size(), told_max));
    const wire::lock what{which, mine.user, mine.held.token, mine.since,
                          static_cast<std::uint32_t>(whole_ms(lasts))};
    for (const device_id& device : devices) {
        with_.send(device, what);
    }
}

void lock_service::on_lock(const device_id& from, const wire::lock& what) {
    const replica::held_event* const held = with_.replica.events().find(what.event);
    if (held == nullptr || held->header.kind != envelope_kind::put ||
        !held->header.involves(what.user) || from == with_.self) {
        return;
    }
    if (find_device(with_.who.users().known(what.user), from) == nullptr) {
        return;
    }
    if (what.lease_ms == 0) {
        if (table_.remove(what.event, from, what.token)) {
            news(what.event, std::nullopt);
        }
        return;
    }
    const instant now = env_.time.now();
    const duration lasts =
        std::min<duration>(std::chrono::milliseconds(what.lease_ms), lock_table::lease_max);
    const timestamp until{env_.time.wall().ms + whole_ms(lasts)};
    if (table_.put(what.event, {from, what.user, what.token, what.since, until, now + lasts},
                   now)) {
        news(what.event, who_edits(what.event));
    }
    watch_ends();
}

void lock_service::event_changed(const envelope_header& now) {
    const device_id author = crypto::device_of(now.by.device_key);
    if (author != with_.self && table_.remove_until(now.event, author, now.written)) {
        news(now.event, std::nullopt);
    }
}

/// Whoever is not heard of any more edits no longer, by this device's clock.
void lock_service::watch_ends() {
    if (timer_) {
        env_.timers.cancel(*timer_);
        timer_.reset();
    }
    if (const auto next = table_.next_end()) {
        timer_ = env_.timers.schedule(*next, [this] {
            timer_.reset();
            for (const event_id& which : table_.expire(env_.time.now())) {
                news(which, std::nullopt);
            }
            watch_ends();
        });
    }
}

void lock_service::news(const event_id& which, const std::optional<lock_view>& now) {
    for (const account_view& user : with_.who.accounts().signed_in()) {
        const auto seen = with_.opened.open(which, user.id);
        if (!seen) {
            continue;
        }
        const std::string title = "\"" + (*seen)->content.title + "\"";
        change what;
        what.id = with_.who.id_text(which);
        what.what = now ? "locked" : "unlocked";
        what.by = now ? now->by : std::string();
        what.text = now ? now->by + " is editing " + title : title + " is free to edit";
        with_.tell(user.id, std::move(what));
    }
}

lock_view lock_service::view_of(const lock_entry& from) const {
    lock_view view;
    view.by = with_.who.name_of(from.user);
    view.since = from.since;
    view.until = from.until;
    view.here = from.holder == with_.self;
    if (const auto mine = with_.who.accounts().author_of(from.user); view.here && mine) {
        view.device = mine->number;
        return view;
    }
    if (const author* const his = find_device(with_.who.users().known(from.user), from.holder)) {
        view.device = his->number;
    }
    return view;
}

std::optional<lock_view> lock_service::who_edits(const event_id& which) const {
    const lock_entry* const entry = table_.find(which, env_.time.now());
    return entry == nullptr ? std::nullopt : std::optional(view_of(*entry));
}

std::string lock_service::sentence(const event_id& which, const device_id& holder,
                                   timestamp since) const {
    lock_entry shown;
    shown.holder = holder;
    shown.since = since;
    shown.until = {env_.time.wall().ms + whole_ms(freed_within)};
    if (const lock_entry* const told = table_.find(which, env_.time.now());
        told != nullptr && told->holder == holder) {
        shown = *told;
    } else if (const replica::held_event* const held = with_.replica.events().find(which)) {
        std::vector<user_id> everyone = held->header.participants;
        everyone.push_back(which.organizer);
        for (const user_id& user : everyone) {
            if (find_device(with_.who.users().known(user), holder) != nullptr) {
                shown.user = user;
            }
        }
    }
    const lock_view view = view_of(shown);
    std::string text = shown.user.is_zero() ? "somebody is editing" : view.by + " is editing";
    if (view.since.ms > 0) {
        text += " since " + clock_text(view.since);
    }
    text += view.here                ? ", on this device"
            : view.device.value != 0 ? ", on device " + std::to_string(view.device.value)
                                     : ", on device " + holder.hex().substr(0, 8);
    return text + ", until " + clock_text(view.until) + " at most, unless the lock is renewed";
}

result<std::optional<lock_view>> lock_service::show(user_id as, event_id which) const {
    if (const auto opened = with_.opened.open(which, as); !opened) {
        return fail(opened.error());
    }
    return who_edits(which);
}

}  // namespace calbox::node
