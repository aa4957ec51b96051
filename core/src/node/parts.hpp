// What a node is made of, and how the parts reach each other: each room asks for what it needs
// through its own mediator interface, and the adapters in node_*.cpp answer from here. Internal to
// node/; core thread only.
#pragma once

#include <memory>
#include <optional>
#include <set>

#include "base/flag_taken.hpp"
#include "base/gathering.hpp"
#include "base/task_scope.hpp"
#include "net/relay.hpp"
#include "node/archive_service.hpp"
#include "node/branch_service.hpp"
#include "node/contacts_service.hpp"
#include "node/enrolment.hpp"
#include "node/event_copies.hpp"
#include "node/exchange_service.hpp"
#include "node/file_holders.hpp"
#include "node/file_keeper.hpp"
#include "node/files_service.hpp"
#include "node/fingerprints.hpp"
#include "node/free_busy_service.hpp"
#include "node/history_service.hpp"
#include "node/join_service.hpp"
#include "node/lock_service.hpp"
#include "node/lost_devices.hpp"
#include "node/node.hpp"
#include "node/open_event_service.hpp"
#include "node/own_needs.hpp"
#include "node/registry_service.hpp"
#include "node/reminder_service.hpp"
#include "node/router.hpp"
#include "node/search_service.hpp"
#include "node/store_service.hpp"
#include "node/strategy_book.hpp"
#include "node/watch_service.hpp"
#include "overlay/edge_service.hpp"
#include "overlay/lan_service.hpp"
#include "overlay/object_service.hpp"
#include "overlay/port_mapping.hpp"
#include "overlay/puncher.hpp"
#include "overlay/reachability.hpp"
#include "overlay/rendezvous_service.hpp"
#include "overlay/strategy_switch.hpp"

namespace calbox::node {

class node_parts final : public readiness,
                         public network_admin,
                         public node_info,
                         public overlay_admin,
                         public object_admin {
public:
    node_parts(const environment& env, storage::store& store, chosen<discovery::strategy> finding,
               chosen<consensus::strategy> locking, chosen<recovery::strategy> recovering,
               node_settings settings);
    ~node_parts() override;

    task<result<void>> start();
    void request_stop() noexcept;
    task<void> join();

    // readiness
    task<result<void>> wait_until_caught_up() override;
    bool caught_up() const override;
    // network_admin
    network_view show() const override;
    task<result<network_view>> create() override;
    std::vector<strategy_view> strategies() const override;
    task<result<std::vector<strategy_view>>> change_strategy(strategy_change to) override;
    task<result<std::string>> invite(std::vector<std::string> roles) override;
    task<result<network_view>> join(std::string invitation) override;
    // node_info
    status_view status() const override;
    std::vector<peer_view> peers() const override;
    std::vector<plugin_view> plugins() const override {
        return with.plugins ? with.plugins() : std::vector<plugin_view>();
    }
    task<std::vector<finding>> doctor() override;
    recovery_view recovery() const override;
    result<void> use_recovery(std::string name) override;
    // overlay_admin
    overlay_view show_overlay() const override;
    task<std::vector<rendezvous_view>> all_rendezvous() override;
    std::vector<route_view> known_routes() const override;
    discovery_view show_discovery() const override;
    task<result<discovery_view>> use_discovery(std::string strategy) override;

    // object_admin
    objects_view show_objects() const override;
    task<result<holders_view>> holders(user_id as, event_id which, std::uint32_t most) override;

    bool plays(std::uint32_t role) const noexcept { return (with.roles & role) != 0; }
    /// What this device says of itself as a rendezvous; nothing where it never was one.
    std::optional<wire::signed_advertisement> advertised();
    std::vector<std::string> addresses() const;
    std::vector<user_id> interests() const;
    std::vector<device_id> devices_of(const user_id& user) const;
    std::vector<user_id> local_users() const;  // in order

    // News from the other rooms (the adapters call these).
    void came(const net::peer& who);
    void went(const device_id& who);
    void connected_to_overlay();
    void found_no_rendezvous(bool since_the_start);
    void lease_moved(const device_id& from, const device_id& to);
    void came_online(const std::vector<device_id>& devices);
    void event_changed(const std::optional<envelope_header>& before, const envelope_header& now);
    void user_changed(const account_view& who, bool in);
    /// Who was a stranger until now has a name: so have his events.
    void user_met(const user_id& who);
    /// From now on this device may be behind, until an exchange has ended.
    void want_catching_up();
    /// It will not come back, as far as can be told here.
    bool is_lost(const device_id& device) const;
    /// The devices of a user that can be reached now.
    std::vector<device_id> present(const user_id& user) const;
    /// Somebody knows more of the network's epochs, or says so.
    task<void> learn_strategies(wire::strategies what);
    void hear_strategies(wire::strategies what);
    /// Who says that they have the file, of those that are said to have it; at most so many.
    task<std::vector<device_id>> holders_of(file_root root, std::size_t most);
    /// What the router was asked for, at the end.
    task<void> give_port_back();
    /// Something is asked of it, or it asks: the session is not idle.
    void talks_to(const device_id& device);
    /// Where rendezvous are many, those with others of them that nothing keeps.
    void close_idle_sessions();
    /// One-way; opens a session first where there is none.
    void send(const device_id& to, wire::message_type type, bytes payload);

    const environment& env;
    const chosen<discovery::strategy> discovering;
    const chosen<consensus::strategy> locking;
    const chosen<recovery::strategy> recovering;
    const node_settings with;
    const instant started;
    overlay::strategy_switch discovers;
    std::string discovers_by, discovers_by_version;

    // In the order in which each uses the ones before it.
    replica::database db;
    enrolment me;
    strategy_book book;
    lost_devices lost;
    task_scope tasks;
    router routes;
    net::relay_client relays;
    watch_service watching;
    overlay::locations known;
    overlay::announcer announced;

    // Made by start(): they need the device's key.
    class adapters;
    std::unique_ptr<adapters> links;
    std::unique_ptr<net::pool> connections;
    std::optional<net::relay_service> relaying;
    std::optional<overlay::resolver> asks;
    std::optional<overlay::object_service> objects;
    std::optional<registry_service> registry;
    std::optional<directory> users;
    std::optional<account_service> accounts;
    std::optional<people> names;
    std::optional<replica::replicator> replica;
    std::optional<fingerprints> prints;
    std::optional<opened_events> opened;
    std::optional<lock_service> locks;
    std::optional<set_operations> sets;
    std::optional<contacts_service> contacts;
    std::optional<series_splits> splits;
    std::optional<calendar_service> events;
    std::optional<history_service> past;
    std::optional<held_files> shelf;
    std::optional<event_copies> backed;
    std::optional<file_copies> copies;
    std::optional<file_holders> holding;  // devices of people
    std::optional<kept_needs> kept_for;   // of files, where this is a backup
    std::optional<own_needs> needs;       // and of its users
    std::optional<file_keeper> keeper;
    std::optional<files_service> files;
    std::optional<branch_service> branches;
    std::optional<store_service> store;
    std::optional<search_service> search;
    std::optional<exchange_service> calendars;
    std::optional<archive_service> archiving;
    std::optional<reminder_service> reminding;
    std::optional<free_busy_service> busy;
    std::optional<open_event_service> opening;
    std::optional<join_service> joining;
    std::optional<overlay::edge_service> edge;
    std::optional<overlay::rendezvous_service> rendezvous;
    std::optional<overlay::lan_service> lan;

private:
    task<result<void>> open_network(bool found);
    task<result<void>> certify_self();
    replica::recovery_strategies strategies_to_recover() const;
    void make_services(std::string listen_rather);
    void make_file_services();
    task<result<void>> load_services();
    task<result<void>> load_discovery();
    task<result<void>> load_lessor();
    task<void> keep_lessor();
    task<void> count_the_start();
    bool promotes() const noexcept;
    void begin_rendezvous(std::uint32_t edges_max);
    task<void> promote();
    task<void> step_down(device_id to);
    void advertise();
    void search_the_lan();
    task<void> keep_enough_rendezvous();
    task<void> end_when_not_needed();
    task<result<bytes>> dial_back(const net::peer& from, bytes body);
    task<void> keep_asking_reach();
    task<void> keep_port_mapped();
    void think_of_punching(const net::peer& who);
    task<void> keep_punching();
    task<void> punch_to(device_id whom);
    task<bool> punch_now(device_id whom, std::string own, std::string at, bool client);
    task<result<bytes>> introduce_to_punch(const net::peer& from, bytes body);
    task<result<bytes>> dial_to_punch(const net::peer& from, bytes body);
    task<void> answer_punch(device_id whom, std::string own, std::string at);
    void add_routes();
    void add_questions();
    task<result<bytes>> where_devices_are(device_id from, wire::locate what);
    void begin_publishing();
    void holds_object(const file_root& root, bool here);
    void holds_object(const replica::held_event& now);
    void add_registry_routes();
    void add_rendezvous_routes();
    void enter_network();
    task<result<network_view>> join_now(std::string invitation);
    task<void> keep_joining();
    task<void> keep_registry_near();
    task<void> keep_rendezvous_near();
    task<result<void>> renew_certificate();
    task<void> keep_certificate();
    task<void> clean_history();
    wire::strategy_record record_of(network_epoch epoch) const;
    result<std::shared_ptr<consensus::strategy>> strategy_of(network_epoch epoch) const;
    void tell_strategies();
    task<void> tell_strategies_to(device_id to);
    void look_who_is_behind();
    task<void> keep_moving();
    task<bool> move_events(unsigned round);
    task<result<void>> open_strategies();
    task<void> send_now(device_id to, wire::message_type type, bytes payload);
    task<void> meet_one(device_id device, gathering::part of);
    task<std::vector<device_id>> meet(std::vector<device_id> devices);
    void begin_catching_up();
    /// What came by none of them is to be on the backups, too.
    void count_copies();
    task<void> catch_up();
    task<void> look_around();
    void ask_whoever_came();
    void give_up(const device_id& device);
    void take_the_place(const wire::location& newcomer);
    std::vector<wire::location> in_place_of(const wire::location& one) const;
    task<void> store_lost();
    task<void> look_for_lost_devices();
    task<void> dial_backups(std::vector<device_id> backups);
    bool whom_to_ask(std::vector<device_id>& friends, std::vector<device_id>& backups);
    backing_view backing() const;
    /// The name of the storage plugin that is in use; empty where that is not known.
    std::string storage_engine() const;
    /// What the service about busy times is given of the others.
    free_busy_service::parts busy_parts();
    own_needs::parts needs_parts();
    file_holders::parts holding_parts();
    task<result<bytes>> tell_needs_to(device_id backup, wire::file_needs what);
    task<void> clean_files();
    /// And those about open events.
    open_event_service::parts opening_parts();
    join_service::parts joining_parts();
    task<result<bytes>> on_holds(net::peer from, wire::holds what);
    /// Tells of the change once the strangers among these are known, or cannot be.
    task<void> introduce(std::vector<user_id> people, std::optional<envelope_header> before,
                         envelope_header now, std::string answered);
    /// The names of all who take part in what is held, as far as they are not known.
    void seek_strangers();
    void tell_of_change(const std::vector<user_id>& people,
                        const std::optional<envelope_header>& before, const envelope_header& now,
                        const std::string& answered);
    /// What the author answers in this version, where that is all that it changes: "accepted".
    std::string answered_by(const model::event_content& before, const envelope_header& now);
    /// What `user` is told of a friend request, and of an event.
    change contact_news(const std::optional<envelope_header>& before, const envelope_header& now,
                        const user_id& user);
    change calendar_news(const std::optional<envelope_header>& before, const envelope_header& now,
                         const user_id& author, const user_id& user, const std::string& answered);

    bool behind_ = false;  // a user came, or the network did, and no exchange has ended since
    bool catching_up_ = false;
    /// Of a backup: who came since it has asked him last. And whether it is to ask all the others.
    std::set<device_id> newcomers_;
    bool ask_everybody_ = false;
    std::set<device_id> unasked_;  // backups, and who was said to be online: not reached
    bool nobody_asked_ = false;    // there was nobody to ask when this device was behind
    event in_step_;                // set while nothing is behind
    bool joining_ = false;
    bool changing_strategy_ = false;
    std::map<event_id, overlay::object_id> shared_objects_;  // that are published
    std::map<device_id, instant> talked_at_;                 // where rendezvous are many
    instant idle_looked_at_{};
    overlay::dial_limit dials_back_, punches_limit_;
    overlay::reach_belief reached_;
    overlay::port_mapping mapping_;
    overlay::puncher punches_;
    event punch_wanted_;
    bool acting_ = false;  // as a rendezvous, because there was none
    bool promoting_ = false;
    event behind_an_epoch_;           // some event of this device is, or may be
    std::set<event_id> introducing_;  // nobody has been told of their newest change yet
};

/// How a session's bytes travel, for people.
inline std::string way_of(const net::peer& who) {
    return who.relayed ? "relayed" : who.punched ? "punched" : "direct";
}

/// The parts' answers to what the rooms below ask for.
class node_parts::adapters {
public:
    virtual ~adapters();
    virtual net::pool_mediator& for_pool() = 0;
    virtual registry_link& for_registry() = 0;
    virtual replica::replica_mediator& for_replica() = 0;
    virtual files_mediator& for_files() = 0;
    virtual overlay::edge_mediator& for_edge() = 0;
    virtual overlay::resolver_mediator& for_resolver() = 0;
    virtual overlay::object_mediator& for_objects() = 0;
    virtual overlay::rendezvous_mediator& for_rendezvous() = 0;
    static std::unique_ptr<adapters> make(node_parts& owner);
};

}  // namespace calbox::node
