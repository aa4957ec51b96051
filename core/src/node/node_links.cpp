// The adapters between the rooms, and what the node does when they have news for each other.
#include <algorithm>

#include <calbox/mutant.hpp>

#include "crypto/certificates.hpp"
#include "node/parts.hpp"
#include "wire/limits.hpp"

namespace calbox::node {

node_parts::adapters::~adapters() = default;

namespace {

using wire::message_type;

constexpr duration caught_up_time =
    std::chrono::seconds(10);  // how long a request waits for the first exchange
constexpr duration catch_up_again = std::chrono::seconds(10);
constexpr std::size_t friends_asked = 16;

}  // namespace

class every_adapter final : public node_parts::adapters {
public:
    explicit every_adapter(node_parts& owner)
        : pool_(owner),
          registry_(owner),
          replica_(owner),
          files_(owner),
          edge_(owner),
          rendezvous_(owner) {}
    net::pool_mediator& for_pool() override { return pool_; }
    registry_link& for_registry() override { return registry_; }
    replica::replica_mediator& for_replica() override { return replica_; }
    files_mediator& for_files() override { return files_; }
    overlay::edge_mediator& for_edge() override { return edge_; }
    overlay::rendezvous_mediator& for_rendezvous() override { return rendezvous_; }

private:
    class pool_link final : public net::pool_mediator {
    public:
        explicit pool_link(node_parts& owner) : owner_(owner) {}
        wire::hello hello() override {
            wire::hello mine;
            mine.network = owner_.me.mine().network;
            mine.roles = owner_.with.roles;
            mine.addresses = owner_.addresses();
            mine.consensus = owner_.locking.name + " " + owner_.locking.version;
            mine.consensus_settings = crypto::sha256(to_bytes(owner_.locking.settings));
            mine.users = owner_.accounts->authors();
            mine.software = "calbox " + owner_.with.version;
            return mine;
        }
        std::vector<author> verify_users(const device_id& device,
                                         const std::vector<author>& users) override {
            std::vector<author> good;
            for (const author& user : users) {
                if (good.size() < wire::limits::users_per_device &&
                    crypto::device_of(user.device_key) == device && crypto::verify_author(user)) {
                    owner_.users->learn(user);
                    good.push_back(user);
                }
            }
            return good;
        }
        task<std::optional<wire::location>> find(device_id device) override {
            auto where = co_await owner_.edge->find(device);
            if (device == owner_.me.record().registry && !owner_.me.record().registries.empty()) {
                // Where the invitation said; it has no rendezvous to be reached through before the
                // first lease.
                if (!where) {
                    where.emplace();
                    where->device = device;
                }
                where->roles |= wire::role::registry;
                for (const std::string& address : owner_.me.record().registries) {
                    if (std::ranges::count(where->addresses, address) == 0) {
                        where->addresses.push_back(address);
                    }
                }
            }
            co_return where;
        }
        void came(const net::peer& who) override { owner_.came(who); }
        void went(const device_id& who) override { owner_.went(who); }

    private:
        node_parts& owner_;
    };

    class registry_side final : public registry_link {
    public:
        explicit registry_side(node_parts& owner) : owner_(owner) {}
        task<result<bytes>> connect() override {
            if (auto there = in_network(); !there) {
                co_return fail(std::move(there.error()));
            }
            if (owner_.registry) {
                co_return bytes();
            }
            auto who = co_await owner_.connections->connect(owner_.me.record().registry);
            if (!who) {
                co_return fail(std::move(who.error()));
            }
            co_return std::move(who->channel_binding);
        }
        task<result<bytes>> ask(message_type type, bytes payload) override {
            if (auto there = in_network(); !there) {
                co_return fail(std::move(there.error()));
            }
            co_return co_await owner_.connections->request(owner_.me.record().registry, type,
                                                           std::move(payload));
        }
        task<result<void>> tell(message_type type, bytes payload) override {
            if (auto there = in_network(); !there) {
                co_return there;
            }
            co_return co_await owner_.connections->send(owner_.me.record().registry, type,
                                                        std::move(payload));
        }

    private:
        result<void> in_network() const {
            if (!owner_.me.in_network()) {
                return fail(errc::unavailable,
                            "this device belongs to no network: calboxctl network join INVITATION");
            }
            return {};
        }
        node_parts& owner_;
    };

    class replica_link final : public replica::replica_mediator {
    public:
        explicit replica_link(node_parts& owner) : owner_(owner) {}
        task<result<bytes>> box_key_of(user_id user) override {
            auto who = co_await owner_.users->by_id(user);
            if (!who) {
                co_return fail(std::move(who.error()));
            }
            co_return std::move(who->card.box_key);
        }
        task<void> meet(std::vector<user_id> strangers) override {
            co_await owner_.users->meet(std::move(strangers));
        }
        std::vector<device_id> devices_of(const user_id& user) const override {
            return owner_.devices_of(user);
        }
        std::vector<device_id> backups() const override { return owner_.edge->backups(); }
        device_id organizer_device(const event_id& which) const override {
            const auto mine = owner_.accounts->author_of(which.organizer);
            if (mine && mine->number == which.device()) {
                return owner_.me.self();
            }
            const user_info* const who = owner_.users->known(which.organizer);
            for (const author& one : who != nullptr ? who->devices : std::vector<author>()) {
                if (one.number == which.device()) {
                    return crypto::device_of(one.device_key);
                }
            }
            return {};
        }
        std::string label_of(const device_id& device) const override {
            const auto where = owner_.known.find(device);
            if (where && !where->users.empty()) {
                return owner_.names->name_of(where->users.front());
            }
            const bool stores = where && (where->roles & wire::role::backup) != 0;
            return (stores ? "backup " : "device ") + device.hex().substr(0, 8);
        }
        const crypto::identity* identity_of(const user_id& user) const override {
            return owner_.accounts->identity_of(user);
        }
        std::optional<author> author_of(const user_id& user) const override {
            return owner_.accounts->author_of(user);
        }
        bool is_local(const user_id& user) const override {
            return owner_.accounts->identity_of(user) != nullptr;
        }
        bool is_online(const std::vector<device_id>& recipients) const override {
            return owner_.edge->lessor().has_value() ||
                   std::ranges::any_of(recipients, [this](const device_id& device) {
                       return owner_.connections->open_to(device) != nullptr;
                   });
        }
        task<result<bytes>> request(device_id to, message_type type, bytes payload) override {
            co_return co_await owner_.connections->request(to, type, std::move(payload));
        }
        void send(const device_id& to, message_type type, bytes payload) override {
            owner_.send(to, type, std::move(payload));
        }
        void changed(const std::optional<envelope_header>& before,
                     const envelope_header& now) override {
            owner_.event_changed(before, now);
        }

    private:
        node_parts& owner_;
    };

    class files_link final : public files_mediator {
    public:
        explicit files_link(node_parts& owner) : owner_(owner) {}
        std::vector<device_id> backups() const override { return owner_.edge->backups(); }
        bool is_reachable(const device_id& device) const override {
            return owner_.edge->is_online(device);
        }
        task<result<bytes>> ask(device_id to, message_type type, bytes payload) override {
            co_return co_await owner_.connections->request(to, type, std::move(payload));
        }
        void send(const device_id& to, message_type type, bytes payload) override {
            owner_.send(to, type, std::move(payload));
        }

    private:
        node_parts& owner_;
    };

    class edge_link final : public overlay::edge_mediator {
    public:
        explicit edge_link(node_parts& owner) : owner_(owner) {}
        task<result<bytes>> request(device_id to, message_type type, bytes payload,
                                    duration limit) override {
            co_return co_await with_deadline<bytes>(
                owner_.env, limit,
                owner_.connections->request(to, type, std::move(payload), limit));
        }
        void tell(const device_id& to, message_type type, bytes payload) override {
            (void)owner_.connections->send_open(to, type, payload);
        }
        wire::location me() const override {
            wire::location mine;
            mine.device = owner_.me.self();
            mine.roles = owner_.with.roles;
            mine.addresses = owner_.addresses();
            mine.online = true;
            return mine;
        }
        bool has_session(const device_id& device) const override {
            return owner_.connections->open_to(device) != nullptr;
        }
        std::vector<user_id> interests() const override { return owner_.interests(); }
        void connected(const device_id&) override { owner_.connected_to_overlay(); }
        void came_online(const std::vector<device_id>& devices) override {
            owner_.came_online(devices);
        }

    private:
        node_parts& owner_;
    };

    class rendezvous_link final : public overlay::rendezvous_mediator {
    public:
        explicit rendezvous_link(node_parts& owner) : owner_(owner) {}
        task<result<bytes>> request(device_id to, message_type type, bytes payload,
                                    duration limit) override {
            co_return co_await owner_.connections->request(to, type, std::move(payload), limit);
        }
        bool tell(const device_id& to, message_type type, byte_view payload) override {
            return owner_.connections->send_open(to, type, payload);
        }
        void presence_here(wire::presence what) override {
            // The table of locations has it already; what is left is who came.
            std::vector<device_id> came;
            for (const wire::location& one : what.changed) {
                if (one.online && one.device != owner_.me.self()) {
                    came.push_back(one.device);
                }
            }
            owner_.came_online(came);
        }

    private:
        node_parts& owner_;
    };

    pool_link pool_;
    registry_side registry_;
    replica_link replica_;
    files_link files_;
    edge_link edge_;
    rendezvous_link rendezvous_;
};

std::unique_ptr<node_parts::adapters> node_parts::adapters::make(node_parts& owner) {
    return std::make_unique<every_adapter>(owner);
}

std::vector<std::string> node_parts::addresses() const {
    return with.advertise.empty() ? connections->addresses() : with.advertise;
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

std::vector<user_id> node_parts::interests() const {
    std::set<user_id> found;
    for (const account_view& mine : accounts->signed_in()) {
        found.insert(mine.id);
    }
    for (const auto& [id, held] : replica->events().all()) {
        found.insert(id.organizer);
        found.insert(held.header.participants.begin(), held.header.participants.end());
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
    known.note({who.device, who.roles, who.addresses, std::nullopt, known.is_online(who.device),
                who.user_ids});
    edge->on_peer(who.device, true, who.roles);
    if (who.member) {
        replica->on_peer(who.device, true);
        files->on_peer(who.device);
    }
}

void node_parts::went(const device_id& who) {
    edge->on_peer(who, false, 0);
    if (rendezvous) {
        rendezvous->on_peer_gone(who);
        relaying->on_peer_gone(who);
    }
    relays.on_peer_gone(who);
    replica->on_peer(who, false);
}

void node_parts::came_online(const std::vector<device_id>& devices) {
    std::vector<std::string> friends;
    for (const device_id& device : devices) {
        replica->on_reachable(device);
        files->on_peer(device);
        const auto where = known.find(device);
        for (const user_id& user : where ? where->users : std::vector<user_id>()) {
            if (users->known(user) != nullptr && accounts->identity_of(user) == nullptr) {
                friends.push_back(names->name_of(user));
            }
        }
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

void node_parts::connected_to_overlay() {
    change what;
    what.what = "status";
    what.text =
        "connected to the rendezvous " + edge->lessor().value_or(device_id()).hex().substr(0, 8);
    watching.tell({}, std::move(what));
    tasks.spawn("publish", accounts->publish());
    for (const auto& [device, where] : known.all()) {
        if (where.online) {
            replica->on_reachable(device);
            files->on_peer(device);
        }
    }
    want_catching_up();
}

void node_parts::user_changed(const account_view& who, bool in) {
    opened->forget_all();
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
        want_catching_up();
    }
}

void node_parts::want_catching_up() {
    behind_ = true;
    in_step_.reset();
    if (!std::exchange(catching_up_, true)) {
        tasks.spawn("catch up", catch_up());
    }
}

/// Asks the friends and backups that can be reached for what this device has missed, until one
/// exchange is complete. While no rendezvous can be reached there is nobody to ask, and the device
/// works with what it has.
task<void> node_parts::catch_up() {
    const struct ending {
        node_parts& owner;
        ~ending() { owner.catching_up_ = false; }
    } at_the_end{*this};
    while (behind_) {
        using phase = overlay::bootstrap::phase;
        if (!edge->lessor()) {
            if (edge->now_in() == phase::waiting) {
                break;
            }
            co_await sleep_for(env, std::chrono::milliseconds(50));
            continue;
        }
        behind_ = false;  // whoever comes meanwhile makes it true again
        std::vector<user_id> mine;
        for (const account_view& one : accounts->signed_in()) {
            mine.push_back(one.id);
        }
        if (!mine.empty()) {
            (void)co_await edge->locate({mine, {}, wire::role::backup});
        }
        std::vector<device_id> friends, backups;
        for (const user_id& user : interests()) {
            for (const device_id& device : devices_of(user)) {
                if (device != me.self() && edge->is_online(device) &&
                    friends.size() < friends_asked && std::ranges::count(friends, device) == 0) {
                    friends.push_back(device);
                }
            }
        }
        for (const device_id& device : edge->backups()) {
            if (edge->is_online(device)) {
                backups.push_back(device);
            }
        }
        std::erase_if(friends,
                      [&](const device_id& one) { return std::ranges::count(backups, one) > 0; });
        if (friends.empty() && backups.empty()) {
            continue;
        }
        const auto report = co_await replica->catch_up(friends, backups);
        if (report.applied > 0) {
            env.log.write(log_level::info, "node",
                          "caught up: " + std::to_string(report.applied) + " changes were missing");
        }
        if (!report.caught_up) {
            behind_ = true;
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

void node_parts::event_changed(const std::optional<envelope_header>& before,
                               const envelope_header& now) {
    if (!mutant("opened_events.keeps_old")) {
        opened->forget(now.event);
    }
    if (before && before->operation == now.operation) {
        return;  // only who has it changed
    }
    const auto author_id = crypto::author_user(now.by);
    const std::string by = author_id ? names->name_of(*author_id) : std::string();
    std::vector<user_id> all = now.participants;
    all.push_back(now.event.organizer);
    for (const user_id& user : before ? before->participants : std::vector<user_id>()) {
        if (std::ranges::count(all, user) == 0) {
            all.push_back(user);
        }
    }
    users->refresh(all);
    for (const user_id& user : all) {
        if (accounts->identity_of(user) == nullptr) {
            continue;
        }
        change what;
        what.by = by;
        if (now.type == event_kind::contact) {
            const user_id& other = now.event.organizer == user && !now.participants.empty()
                                       ? now.participants.front()
                                       : now.event.organizer;
            const std::string name = names->name_of(other);
            what.what = "friend";
            what.id = name;
            what.text = now.kind != envelope_kind::put ? name + " is no longer a friend"
                        : before                       ? "you and " + name + " are friends"
                        : now.event.organizer == user  ? "you asked " + name + " to be your friend"
                                                       : name + " asks to be your friend";
        } else if (now.type == event_kind::calendar) {
            what.id = names->name_of(now.event.organizer) + "/" + now.event.seq_text();
            const auto seen = opened->open(now.event, user);
            const std::string title = seen ? "\"" + (*seen)->content.title + "\"" : what.id;
            const bool new_to_him = !before || !before->involves(user);
            what.what = !seen                                      ? "deleted"
                        : new_to_him && by != names->name_of(user) ? "invited"
                                                                   : "event";
            what.text = what.what == "deleted"   ? by + " removed " + what.id
                        : what.what == "invited" ? by + " invites you to " + title
                        : new_to_him             ? by + " created " + title
                                                 : by + " changed " + title;
        } else {
            continue;
        }
        watching.tell({user}, std::move(what));
    }
}

}  // namespace calbox::node
