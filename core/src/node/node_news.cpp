// What the node does when its rooms have news for each other: who came and went, what changed, and
// what was missed.
#include <algorithm>

#include "node/parts.hpp"

namespace calbox::node {

namespace {

using wire::message_type;

constexpr duration caught_up_time =
    std::chrono::seconds(10);  // how long a request waits for the first exchange
constexpr duration catch_up_again = std::chrono::seconds(10);
constexpr duration meet_time = std::chrono::seconds(2);  // to dial those who are said to be online
constexpr std::size_t friends_asked = 16;
constexpr std::uint64_t dial_spread = 3000;                                 // ms
constexpr std::uint64_t look_around_least = 240, look_around_spread = 240;  // seconds

}  // namespace

std::vector<std::string> node_parts::addresses() const {
    if (!with.advertise.empty()) {
        return with.advertise;
    }
    auto mine = connections->addresses();
    if (const std::string& mapped = mapping_.address(env.time.now()); !mapped.empty()) {
        mine.push_back(mapped);
    }
    return mine;
}

std::vector<user_id> node_parts::local_users() const {
    std::vector<user_id> all;
    for (const account_view& one : accounts->signed_in()) {
        all.push_back(one.id);
    }
    std::ranges::sort(all);
    return all;
}

std::vector<device_id> node_parts::devices_of(const user_id& user) const {
    std::set<device_id> found;
    if (const user_info* const who = users->known(user)) {
        for (const author& device : who->devices) {
            found.insert(crypto::device_of(device.device_key));
        }
    }
    for (const wire::location& where : known.of_users({user})) {
        found.insert(where.device);
    }
    if (accounts->identity_of(user) != nullptr) {
        found.insert(me.self());
    }
    return {found.begin(), found.end()};
}

std::vector<device_id> node_parts::present(const user_id& user) const {
    std::vector<device_id> here = devices_of(user);
    std::erase_if(here, [this](const device_id& device) {
        return connections->open_to(device) == nullptr && !edge->is_online(device);
    });
    return here;
}

std::vector<user_id> node_parts::interests() const {
    std::set<user_id> found;
    for (const account_view& mine : accounts->signed_in()) {
        found.insert(mine.id);
    }
    for (const auto& [id, held] : replica->events().all()) {
        found.insert(id.organizer);
        found.insert(held.header.participants.begin(), held.header.participants.end());
    }
    // Those who were removed are no participants any more, and may not know it yet.
    const std::vector<device_id> owed = replica->owed();
    for (const device_id& device : owed) {
        if (const auto where = known.find(device)) {
            found.insert(where->users.begin(), where->users.end());
        }
    }
    if (!owed.empty()) {
        const auto certified_them = users->users_of(owed);
        found.insert(certified_them.begin(), certified_them.end());
    }
    return {found.begin(), found.end()};
}

void node_parts::send(const device_id& to, message_type type, bytes payload) {
    if (to == me.self() || !connections->send_open(to, type, payload)) {
        tasks.spawn("send", send_now(to, type, std::move(payload)));
    }
}

task<void> node_parts::send_now(device_id to, message_type type, bytes payload) {
    const auto sent = co_await connections->send(to, type, std::move(payload));
    if (!sent) {
        env.log.write(log_level::debug, "node", "not sent: " + sent.error().message());
    }
}

void node_parts::came(const net::peer& who) {
    think_of_punching(who);
    talks_to(who.device);
    const wire::location where{
        who.device,   who.roles, who.addresses, std::nullopt, known.is_online(who.device),
        who.user_ids, who.said};
    known.note(where);
    edge->on_peer(who.device, true);
    if (who.member) {
        hear_strategies(who.strategies);
        if (who.strategies.known.size() < book.known().size()) {
            tasks.spawn("epochs", tell_strategies_to(who.device));
        }
        replica->on_peer(who.device, true);
        joining->look();
        copies->on_peer(who.device);
        holding->on_peer(who.device);
        backed->on_peer(who.device);
        keeper->on_peer(who.device);
        take_the_place(where);
    }
    if (who.member && plays(wire::role::backup) && !who.user_ids.empty()) {
        newcomers_.insert(who.device);  // he may have what no backup has
        begin_catching_up();
    }
    if (unasked_.erase(who.device) > 0) {
        want_catching_up();
    } else {
        ask_whoever_came();
    }
}

/// Who was alone when he could have missed something asks the first who is there.
void node_parts::ask_whoever_came() {
    if (std::exchange(nobody_asked_, false)) {
        want_catching_up();
    }
}

void node_parts::went(const device_id& who) {
    punches_.over(who);
    talked_at_.erase(who);
    edge->on_peer(who, false);
    if (rendezvous) {
        rendezvous->on_peer_gone(who);
        relaying->on_peer_gone(who);
    }
    relays.on_peer_gone(who);
    newcomers_.erase(who);
    prints->on_peer_gone(who);
    replica->on_peer(who, false);
}

void node_parts::came_online(const std::vector<device_id>& devices) {
    if (!devices.empty()) {
        ask_whoever_came();
        joining->look();
    }
    std::vector<std::string> friends;
    std::vector<device_id> backups;
    for (const device_id& device : devices) {
        replica->on_reachable(device);
        copies->on_peer(device);
        backed->on_peer(device);
        const auto where = known.find(device);
        if (where) {
            take_the_place(*where);
        }
        if (where && (where->roles & wire::role::backup) != 0 &&
            connections->open_to(device) == nullptr) {
            backups.push_back(device);
        }
        for (const user_id& user : where ? where->users : std::vector<user_id>()) {
            if (users->known(user) != nullptr && accounts->identity_of(user) == nullptr) {
                friends.push_back(names->name_of(user));
            }
        }
    }
    if (!backups.empty() && !accounts->signed_in().empty()) {
        tasks.spawn("dial backups", dial_backups(std::move(backups)));
    }
    for (const std::string& name : friends) {
        change what;
        what.what = "peer";
        what.id = name;
        what.by = name;
        what.text = name + " is online";
        watching.tell({}, std::move(what));
    }
}

/// A backup asks whoever comes to it what it lacks; so people's devices go there. Not all of them
/// in the same moment.
task<void> node_parts::dial_backups(std::vector<device_id> backups) {
    co_await sleep_for(env, std::chrono::milliseconds(env.entropy.below(dial_spread)));
    for (const device_id& device : backups) {
        (void)co_await connections->connect(device);
    }
}

void node_parts::connected_to_overlay() {
    change what;
    what.what = "status";
    what.text =
        "connected to the rendezvous " + edge->lessor().value_or(device_id()).hex().substr(0, 8);
    watching.tell({}, std::move(what));
    tasks.spawn("publish", accounts->publish());
    tasks.spawn("keep the lessor", keep_lessor());
    objects->publish_all();
    for (const auto& [device, where] : known.all()) {
        if (where.online) {
            replica->on_reachable(device);
            copies->on_peer(device);
            backed->on_peer(device);
        }
    }
}

void node_parts::user_changed(const account_view& who, bool in) {
    if (!in) {
        locks->end_all(who.id);
    }
    opened->forget_all();
    reminding->look_anew();
    opening->look_anew();
    joining->look();
    needs->users_changed();
    connections->announce_users();
    edge->renew();
    change what;
    what.what = in ? "signed_in" : "signed_out";
    what.id = who.name;
    what.by = who.name;
    what.text =
        in ? who.name + " signed in on this device" : who.name + " signed out of this device";
    watching.tell({who.id}, std::move(what));
    if (in) {
        seek_strangers();
        want_catching_up();
        branches->look();
        splits->look();
    }
}

void node_parts::want_catching_up() {
    in_step_.reset();
    ask_everybody_ = true;
    begin_catching_up();
}

void node_parts::count_copies() {
    for (const net::peer& one : connections->peers()) {
        copies->on_peer(one.device);
    }
    backed->recount();
}

void node_parts::begin_catching_up() {
    behind_ = true;
    if (!std::exchange(catching_up_, true)) {
        tasks.spawn("catch up", catch_up());
    }
}

task<void> node_parts::meet_one(device_id device, gathering::part) {
    (void)co_await connections->connect(device);
}

/// Those with whom a session is open, when everybody has had his time to answer a dial. Whoever
/// died without a word is online to all who have not noticed yet, and must not be waited for; he is
/// asked if he comes after all.
task<std::vector<device_id>> node_parts::meet(std::vector<device_id> devices) {
    const auto is_open = [this](const device_id& one) {
        return connections->open_to(one) != nullptr;
    };
    gathering all(env);
    for (const device_id& device : devices) {
        if (!is_open(device)) {
            tasks.spawn("meet", meet_one(device, all.one()));
        }
    }
    (void)co_await with_deadline<void>(env, meet_time,
                                       [](task<void> everybody) -> task<result<void>> {
                                           co_await std::move(everybody);
                                           co_return result<void>();
                                       }(all.wait()));
    std::vector<device_id> met;
    for (const device_id& device : devices) {
        if (is_open(device)) {
            met.push_back(device);
        } else {
            unasked_.insert(device);
        }
    }
    co_return met;
}

/// What its author could not send to everybody before he was gone for good is only with those whom
/// he reached: nothing but a question finds it. People may edit meanwhile.
task<void> node_parts::look_around() {
    while (true) {
        const std::uint64_t wait = look_around_least + env.entropy.below(look_around_spread);
        co_await sleep_for(env, std::chrono::seconds(wait));
        ask_everybody_ = true;
        begin_catching_up();
    }
}

/// Of whom may have what is lacking here, some at a time; everybody else only when this device may
/// have missed something.
bool node_parts::whom_to_ask(std::vector<device_id>& friends, std::vector<device_id>& backups) {
    while (friends.size() < friends_asked && !newcomers_.empty()) {
        friends.push_back(*newcomers_.begin());
        newcomers_.erase(newcomers_.begin());
    }
    if (!newcomers_.empty()) {
        behind_ = true;
    }
    const bool everybody = std::exchange(ask_everybody_, false);
    if (!everybody) {
        return false;
    }
    for (const user_id& user : interests()) {
        for (const device_id& device : devices_of(user)) {
            if (device != me.self() && edge->is_online(device) && friends.size() < friends_asked &&
                std::ranges::count(friends, device) == 0) {
                friends.push_back(device);
            }
        }
    }
    for (const device_id& device : edge->backups()) {
        if (edge->is_online(device)) {
            backups.push_back(device);
        } else {
            unasked_.insert(device);  // nobody else may have what its author left there
        }
    }
    std::erase_if(friends,
                  [&](const device_id& one) { return std::ranges::count(backups, one) > 0; });
    return true;
}

/// Asks the friends and backups that can be reached for what this device has missed, until one
/// exchange is complete. While no rendezvous can be reached there is nobody to ask, and the device
/// works with what it has.
task<void> node_parts::catch_up() {
    const flag_taken until_the_end{catching_up_};
    while (behind_) {
        using phase = overlay::bootstrap::phase;
        // Not before it is known who is online: else the backups would be asked for what friends
        // have.
        if (!edge->is_settled()) {
            if (edge->now_in() == phase::waiting) {
                nobody_asked_ = true;
                break;
            }
            co_await sleep_for(env, std::chrono::milliseconds(50));
            continue;
        }
        behind_ = false;  // whoever comes meanwhile makes it true again
        auto mine = local_users();
        if (!mine.empty()) {
            (void)co_await edge->locate({mine, {}, wire::role::backup});
        }
        std::vector<device_id> friends, backups;
        const bool everybody = whom_to_ask(friends, backups);
        std::vector<device_id> all = friends;
        all.insert(all.end(), backups.begin(), backups.end());
        const auto met = co_await meet(std::move(all));
        const auto missing = [&](const device_id& one) {
            return std::ranges::count(met, one) == 0;
        };
        std::erase_if(friends, missing);
        std::erase_if(backups, missing);
        const bool nobody = friends.empty() && backups.empty();
        nobody_asked_ = everybody ? nobody : nobody_asked_;
        if (nobody) {
            continue;
        }
        std::erase_if(friends, [&](const device_id& one) {  // who differs may be a backup
            const net::peer* const who = connections->open_to(one);
            const bool is_backup = who != nullptr && (who->roles & wire::role::backup) != 0;
            if (is_backup && !plays(wire::role::backup)) {
                backups.push_back(one);
            }
            return is_backup && !plays(wire::role::backup);
        });
        replica::recovery_peers asked;
        for (const device_id& device : friends) {
            if (const net::peer* const who = connections->open_to(device)) {
                asked.friends[device] = who->user_ids;
            }
        }
        asked.backups = std::move(backups);
        asked.ours = std::move(mine);
        const auto their_files = asked.backups;
        const auto report = co_await replica->catch_up(std::move(asked));
        if (report.applied > 0) {
            env.log.write(log_level::info, "node",
                          "caught up: " + std::to_string(report.applied) + " changes were missing");
        }
        co_await keeper->level_with(their_files);
        // Whose session has ended is asked again when he comes back; or at once, where he is known
        // to be there: then it was the way to him that ended, and nobody else would open another.
        bool somebody_is_late = false;
        for (const device_id& device : report.silent) {
            if (connections->open_to(device) != nullptr || edge->is_online(device)) {
                somebody_is_late = true;
            } else {
                unasked_.insert(device);
            }
        }
        if (somebody_is_late) {
            // Who is there and does not answer is asked again; all that there was to get now has
            // been got (design decision 10).
            if (!behind_) {
                in_step_.set();
            }
            behind_ = true;
            ask_everybody_ = true;
            co_await sleep_for(env, catch_up_again);
        }
    }
    behind_ = false;
    in_step_.set();
}

task<result<void>> node_parts::wait_until_caught_up() {
    const auto waited =
        co_await with_deadline<void>(env, caught_up_time, [](event& flag) -> task<result<void>> {
            co_await flag.wait();
            co_return result<void>();
        }(in_step_));
    if (!waited) {
        co_return fail(errc::not_caught_up,
                       "this device is still fetching what it has missed: try again in a moment");
    }
    co_return result<void>();
}

bool node_parts::caught_up() const { return in_step_.is_set(); }

}  // namespace calbox::node
