// The adapters between the rooms: what each asks for through its mediator, answered from the
// others.
#include <algorithm>

#include "crypto/certificates.hpp"
#include "node/parts.hpp"
#include "wire/limits.hpp"

namespace calbox::node {

node_parts::adapters::~adapters() = default;

namespace {

using wire::message_type;
constexpr std::size_t sources_asked = 4;  // of a file
constexpr std::size_t members_asked = 3;  // for a rendezvous, in one round

/// Asks with all that it takes, a dial among it, within the limit.
task<result<bytes>> ask_within(node_parts& owner, duration limit, device_id to, message_type type,
                               bytes payload) {
    owner.talks_to(to);
    co_return co_await with_deadline<bytes>(
        owner.env, limit, owner.connections->request(to, type, std::move(payload), limit));
}

/// With whom a session is open, a few by chance.
std::vector<device_id> some_members_of(const node_parts& owner, std::size_t most) {
    std::vector<device_id> all, some;
    for (const net::peer& one : owner.connections->peers()) {
        if (one.member) {
            all.push_back(one.device);
        }
    }
    while (!all.empty() && some.size() < most) {
        const auto at = static_cast<std::size_t>(owner.env.entropy.below(all.size()));
        some.push_back(all[at]);
        all.erase(all.begin() + static_cast<std::ptrdiff_t>(at));
    }
    return some;
}

}  // namespace

class every_adapter final : public node_parts::adapters {
public:
    explicit every_adapter(node_parts& owner)
        : pool_(owner),
          registry_(owner),
          replica_(owner),
          files_(owner),
          edge_(owner),
          rendezvous_(owner),
          resolver_(owner),
          objects_(owner) {}
    net::pool_mediator& for_pool() override { return pool_; }
    registry_link& for_registry() override { return registry_; }
    replica::replica_mediator& for_replica() override { return replica_; }
    files_mediator& for_files() override { return files_; }
    overlay::edge_mediator& for_edge() override { return edge_; }
    overlay::rendezvous_mediator& for_rendezvous() override { return rendezvous_; }
    overlay::resolver_mediator& for_resolver() override { return resolver_; }
    overlay::object_mediator& for_objects() override { return objects_; }

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
            mine.known = owner_.book.told();
            mine.said = owner_.advertised();
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
        bool is_lost(const device_id& device) const override { return owner_.is_lost(device); }
        void write_known(replica::batch& writes, const std::vector<device_id>& devices) override {
            owner_.known.write_unsaved(writes, devices);
        }
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
        std::string id_text(const event_id& which) const override {
            return owner_.names->id_text(which);
        }
        std::string who_edits(const event_id& which, const device_id& holder,
                              timestamp since) const override {
            return owner_.locks->sentence(which, holder, since);
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
        std::vector<user_id> local_users() const override { return owner_.local_users(); }
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
        std::vector<device_id> backups() const override {
            auto all = owner_.edge->backups();
            std::erase_if(all, [this](const device_id& one) { return owner_.is_lost(one); });
            return all;
        }
        std::vector<device_id> connected() const override {
            std::vector<device_id> members;
            for (const net::peer& one : owner_.connections->peers()) {
                if (one.member) {
                    members.push_back(one.device);
                }
            }
            return members;
        }
        bool is_reachable(const device_id& device) const override {
            return owner_.edge->is_online(device);
        }
        task<result<bytes>> ask(device_id to, message_type type, bytes payload) override {
            co_return co_await owner_.connections->request(to, type, std::move(payload));
        }
        void send(const device_id& to, message_type type, bytes payload) override {
            owner_.send(to, type, std::move(payload));
        }

        task<std::vector<device_id>> holders_of(file_root root) override {
            return owner_.holders_of(root, sources_asked);
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
                owner_.connections->request_first(to, type, std::move(payload), limit));
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
            mine.said = owner_.advertised();
            return mine;
        }
        bool has_session(const device_id& device) const override {
            return owner_.connections->open_to(device) != nullptr;
        }
        std::vector<user_id> interests() const override { return owner_.interests(); }
        void leased() override { owner_.want_catching_up(); }
        void connected(const device_id&) override { owner_.connected_to_overlay(); }
        void found_none(bool since_the_start) override {
            owner_.found_no_rendezvous(since_the_start);
        }
        void moved(const device_id& from, const device_id& to) override {
            owner_.lease_moved(from, to);
        }
        std::vector<device_id> some_members() const override {
            return some_members_of(owner_, members_asked);
        }
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
            owner_.talks_to(to);
            co_return co_await owner_.connections->request(to, type, std::move(payload), limit);
        }
        void close_idle() override { owner_.close_idle_sessions(); }
        bool is_open(const device_id& to) const override {
            return owner_.connections->open_to(to) != nullptr;
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

    class resolver_link final : public overlay::resolver_mediator {
    public:
        explicit resolver_link(node_parts& owner) : owner_(owner) {}
        task<result<bytes>> request(device_id to, message_type type, bytes payload,
                                    duration limit) override {
            co_return co_await ask_within(owner_, limit, to, type, std::move(payload));
        }
        std::optional<device_id> lessor() const override { return owner_.edge->lessor(); }
        std::vector<device_id> some_members(std::size_t most) const override {
            return some_members_of(owner_, most);
        }

    private:
        node_parts& owner_;
    };

    class objects_link final : public overlay::object_mediator {
    public:
        explicit objects_link(node_parts& owner) : owner_(owner) {}
        task<result<bytes>> request(device_id to, message_type type, bytes payload,
                                    duration limit) override {
            co_return co_await ask_within(owner_, limit, to, type, std::move(payload));
        }
        std::optional<device_id> lessor() const override { return owner_.edge->lessor(); }
        std::vector<overlay::keeper> keepers() const override {
            std::vector<overlay::keeper> all;
            if (owner_.rendezvous) {
                // Of many, not all loads are heard of; and all must choose the same.
                const bool alike = owner_.rendezvous->watched() > 0;
                for (const discovery::load& one : owner_.rendezvous->loads_of_all()) {
                    all.push_back({one.device, alike ? 1 : one.edges_max});
                }
            }
            return all;
        }
        bool leases_to(const device_id& edge) const override {
            return owner_.rendezvous && owner_.rendezvous->holds(edge);
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
    resolver_link resolver_;
    objects_link objects_;
};

std::unique_ptr<node_parts::adapters> node_parts::adapters::make(node_parts& owner) {
    return std::make_unique<every_adapter>(owner);
}

}  // namespace calbox::node
