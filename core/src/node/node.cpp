#include "node/node.hpp"

#include "node/parts.hpp"

namespace calbox::node {

namespace {
constexpr duration join_again = std::chrono::seconds(5);
constexpr duration look_at_certificate = std::chrono::hours(1);
constexpr std::string_view listened_name = "listened";
constexpr duration first_cleaning = std::chrono::minutes(10);
constexpr duration cleaning_again = std::chrono::hours(6);
constexpr duration registry_again = std::chrono::seconds(20);
}  // namespace

node::node(const environment& env, storage::store& store, chosen<discovery::strategy> finding,
           chosen<consensus::strategy> locking, chosen<recovery::strategy> recovering,
           node_settings settings)
    : parts_(std::make_unique<node_parts>(env, store, std::move(finding), std::move(locking),
                                          std::move(recovering), std::move(settings))) {}
node::~node() = default;
task<result<void>> node::start() { return parts_->start(); }
task<void> node::hand_over(duration most) {
    if (parts_->replica) {
        parts_->locks->end_all();
        co_await parts_->replica->hand_over(most);
        co_await parts_->give_port_back();
    }
}
void node::request_stop() noexcept { parts_->request_stop(); }
task<void> node::join() { return parts_->join(); }
services node::api() {
    node_parts& all = *parts_;
    return {*all.accounts,
            *all.events,
            *all.locks,
            *all.files,
            *all.contacts,
            all,
            all,
            all.watching,
            *all.past,
            *all.branches,
            all,
            *all.store,
            all,
            *all.search,
            *all.calendars,
            *all.archiving,
            *all.reminding,
            *all.busy,
            *all.opening,
            *all.joining};
}

node_parts::node_parts(const environment& environment, storage::store& store,
                       chosen<discovery::strategy> finding_with,
                       chosen<consensus::strategy> locking_with,
                       chosen<recovery::strategy> recovering_with, node_settings settings)
    : env(environment),
      discovering(std::move(finding_with)),
      locking(std::move(locking_with)),
      recovering(std::move(recovering_with)),
      with(std::move(settings)),
      started(env.time.now()),
      discovers(discovering.strategy),
      discovers_by(discovering.name),
      discovers_by_version(discovering.version),
      db(env, store),
      me(env, db),
      book(env, db),
      lost(env, db),
      tasks(env, "node"),
      routes(env),
      relays(env),
      watching(env, db),
      known(env, db, me.mine()),
      announced(me.mine()),
      in_step_(env),
      punch_wanted_(env),
      behind_an_epoch_(env) {
    in_step_.set();
}

node_parts::~node_parts() = default;

task<result<void>> node_parts::start() {
    if (auto loaded = co_await me.load(); !loaded) {
        co_return loaded;
    }
    const auto before = co_await db.get(replica::record_kind::meta, to_bytes(listened_name));
    if (!before) {
        co_return fail(before.error());
    }
    co_await count_the_start();
    // A port of the system's choice is kept over restarts: others have it in their address books.
    const bool any_port = with.listen.ends_with(":0");
    make_services(any_port && *before ? std::string(as_text(**before)) : std::string());
    if (auto loaded = co_await load_discovery(); !loaded) {
        co_return loaded;
    }
    if (auto loaded = co_await load_lessor(); !loaded) {
        co_return loaded;
    }
    if (auto opened_network = co_await open_network(with.found); !opened_network) {
        co_return opened_network;
    }
    if (auto loaded = co_await load_services(); !loaded) {
        co_return loaded;
    }
    add_routes();
    if (auto listening = connections->start(); !listening) {
        co_return listening;
    }
    const auto listens_on = connections->addresses();
    if (any_port && !listens_on.empty() && *before != to_bytes(listens_on.front())) {
        replica::batch writes;
        writes.put(replica::record_kind::meta, to_bytes(listened_name),
                   to_bytes(listens_on.front()));
        if (auto kept = co_await db.apply(std::move(writes)); !kept) {
            co_return kept;
        }
    }
    tasks.spawn("certificate", keep_certificate());
    tasks.spawn("history", clean_history());
    store->start();
    reminding->start();
    joining->start();
    if (me.in_network()) {
        enter_network();
    } else if (!with.join.empty()) {
        if (const auto readable = parse_invitation(with.join); !readable) {
            co_return fail(readable.error());
        }
        tasks.spawn("join", keep_joining());
    }
    branches->look();  // now that it is known whether there is something to catch up with
    splits->look();
    co_return result<void>();
}

replica::recovery_strategies node_parts::strategies_to_recover() const {
    replica::recovery_strategies all{with.more_recovery, recovering.name};
    all.known[recovering.name] = &recovering.strategy;
    return all;
}

void node_parts::make_services(std::string listen_rather) {
    links = adapters::make(*this);
    net::pool_settings pool_with;
    // Whom nobody can reach directly does not listen.
    pool_with.listen = with.reach == net::reach::relay_only ? std::string() : with.listen;
    pool_with.listen_rather = std::move(listen_rather);
    pool_with.how = with.reach;
    connections = net::make_pool(env, me.mine(), links->for_pool(), routes, relays, pool_with);
    relays.attach(*connections);
    asks.emplace(env, with.resolves, links->for_resolver());
    objects.emplace(env, *asks, links->for_objects(), me.self());
    users.emplace(env, db, links->for_registry());
    users->met = [this](const user_id& who) { user_met(who); };
    accounts.emplace(env, db, me.mine().device_key, links->for_registry(), *users,
                     account_service::settings{with.kdf_memory_bytes, with.kdf_passes});
    accounts->changed = [this](const account_view& who, bool in) { user_changed(who, in); };
    names.emplace(*users, *accounts);
    replica.emplace(
        env, db,
        replica::replicator::parts{me.mine().device_key,
                                   me.self(),
                                   plays(wire::role::backup),
                                   [this](network_epoch epoch) { return strategy_of(epoch); },
                                   [this] { return book.now(); },
                                   strategies_to_recover(),
                                   {with.history_kept, with.trash_kept}},
        links->for_replica());
    opened.emplace(env, db, *replica, *names, tasks);
    contacts.emplace(
        *replica, *names, *this,
        [this](const user_id& user) {
            const auto devices = devices_of(user);
            return accounts->identity_of(user) != nullptr ||
                   std::ranges::any_of(
                       devices, [this](const device_id& one) { return edge->is_online(one); });
        },
        [this](std::vector<user_id> who) { return edge->care_about(std::move(who)); });
    locks.emplace(env, lock_service::parts{*replica, *opened, *names, *this, me.self(),
                                           [this](const user_id& user) { return present(user); },
                                           [this](const device_id& to, wire::lock what) {
                                               send(to, wire::message_type::lock,
                                                    codec::encode(what));
                                           },
                                           [this](const user_id& who, change what) {
                                               watching.tell({who}, std::move(what));
                                           }});
    replica->locks_lost = [this](network_epoch in, const error& why) { locks->lose_all(in, why); };
    sets.emplace(env, *replica, *opened, *locks);
    splits.emplace(env, db, *replica, *opened, *names, *this);
    events.emplace(env, *replica, *opened, *names, *this, *contacts, *locks, *sets, *splits,
                   [this] { return links->for_files().backups(); });
    past.emplace(env, *replica, *opened, *names, *this, *events);
    make_file_services();
    reminding.emplace(env, db, *replica, *opened, *names, *this,
                      [this](const user_id& who, const std::string& id_text, std::string text) {
                          change what;
                          what.what = "reminder";
                          what.id = id_text;
                          what.text = std::move(text);
                          watching.tell({who}, std::move(what));
                      });
    busy.emplace(env, busy_parts());
    opening.emplace(env, opening_parts());
    joining.emplace(env, db, joining_parts());
    branches.emplace(env, *replica, *opened, *names, *this, *events, *files);
    search.emplace(env, *replica, *opened, *names);
    calendars.emplace(env, *replica, *opened, *names, *this, tasks);
    archiving.emplace(env, archive_service::parts{*replica,
                                                  *opened,
                                                  *names,
                                                  *shelf,
                                                  *files,
                                                  {with.kdf_memory_bytes, with.kdf_passes},
                                                  [this] { return book.now(); },
                                                  [this] { count_copies(); }});
    prints.emplace(
        env, replica->events(),
        fingerprints::parts{plays(wire::role::backup), [this] { return connections->peers(); },
                            [this] { return local_users(); },
                            [this](const device_id& to, wire::recovery_message what) {
                                send(to, wire::message_type::recovery, codec::encode(what));
                            },
                            [this](const device_id& who) {
                                replica->tell_removals_again(who);
                                newcomers_.insert(who);
                                begin_catching_up();
                            }});
    replica->tell_changes(
        [this](const replica::held_event* before, const replica::held_event* next) {
            prints->changing(before, next);
        });
    store.emplace(env, store_service::parts{db, *replica, *opened, *names, *shelf, *files, *keeper,
                                            *backed, [this] { want_catching_up(); },
                                            [this] { return storage_engine(); }, with.scrubbing});
    edge.emplace(env, known, discovers, *asks, links->for_edge(), me.self(),
                 overlay::bootstrap::timers_of(with.profile));
    if (plays(wire::role::rendezvous)) {
        begin_rendezvous(with.edges_max);
    }
}

/// The registry's own part: loads its network, or founds one if it may and nothing says that this
/// device belongs elsewhere.
task<result<void>> node_parts::open_network(bool found) {
    if (!plays(wire::role::registry)) {
        co_return result<void>();
    }
    registry_service::settings registry_with;
    registry_with.enrolment_open = with.enrolment_open;
    registry_with.kdf_memory_bytes = with.kdf_memory_bytes;
    registry_with.kdf_passes = with.kdf_passes;
    registry.emplace(env, db, registry_with);
    const auto has = co_await registry->has_network();
    if (!has) {
        co_return fail(has.error());
    }
    if (!*has && (me.in_network() || !with.join.empty() || !found)) {
        registry.reset();
        co_return result<void>();
    }
    if (auto opened_registry = co_await registry->start(); !opened_registry) {
        co_return opened_registry;
    }
    if (!*has) {
        env.log.write(log_level::info, "node",
                      "founded the network " + registry->network().hex() +
                          "; others join it with what calboxctl network invite prints");
    }
    co_return co_await certify_self();
}

/// The registry's own certificate: a fresh one when the old one ages, or the roles have changed.
task<result<void>> node_parts::certify_self() {
    if (me.serves_own(with.roles)) {
        co_return result<void>();
    }
    auto certificate = registry->certificate_for(me.mine().device_key.public_key, with.roles);
    if (!certificate) {
        co_return fail(std::move(certificate.error()));
    }
    co_return co_await me.enter_own(std::move(*certificate), registry->ca_certificate(),
                                    with.roles);
}

task<result<void>> node_parts::load_services() {
    if (auto loaded = co_await watching.load(); !loaded) {
        co_return loaded;
    }
    if (auto loaded = co_await known.load(); !loaded) {
        co_return loaded;
    }
    if (auto loaded = co_await lost.load(); !loaded) {
        co_return loaded;
    }
    users->set_ca(me.mine().ca_certificate);
    book.set_ca(me.mine().ca_certificate);
    if (auto loaded = co_await book.load(); !loaded) {
        co_return loaded;
    }
    if (auto loaded = co_await users->load(); !loaded) {
        co_return loaded;
    }
    if (auto loaded = co_await accounts->load(); !loaded) {
        co_return loaded;
    }
    if (auto loaded = co_await replica->start(); !loaded) {
        co_return loaded;
    }
    if (me.in_network()) {
        if (auto opened_all = co_await open_strategies(); !opened_all) {
            co_return opened_all;
        }
    }
    if (auto loaded = co_await shelf->load(); !loaded) {
        co_return loaded;
    }
    if (auto loaded = co_await kept_for->load(); !loaded) {
        co_return loaded;
    }
    if (auto loaded = co_await needs->load(); !loaded) {
        co_return loaded;
    }
    if (auto loaded = co_await backed->load(); !loaded) {
        co_return loaded;
    }
    if (auto loaded = co_await copies->load(); !loaded) {
        co_return loaded;
    }
    if (auto loaded = co_await holding->load(); !loaded) {
        co_return loaded;
    }
    if (auto loaded = co_await opened->load(); !loaded) {
        co_return loaded;
    }
    if (auto loaded = co_await splits->load(); !loaded) {
        co_return loaded;
    }
    if (auto loaded = co_await reminding->load(); !loaded) {
        co_return loaded;
    }
    if (auto loaded = co_await joining->load(); !loaded) {
        co_return loaded;
    }
    co_return co_await store->load();
}

void node_parts::enter_network() {
    users->set_ca(me.mine().ca_certificate);
    book.set_ca(me.mine().ca_certificate);
    tasks.spawn("epochs", keep_moving());
    look_who_is_behind();
    if (!registry) {
        edge->ask_also(me.record().registry);
        tasks.spawn("registry", keep_registry_near());
    }
    if (rendezvous) {
        rendezvous->start();
        if (with.open_rendezvous) {
            tasks.spawn("enough rendezvous", keep_enough_rendezvous());
        }
        if (with.retires && with.retired && !plays(wire::role::registry | wire::role::backup)) {
            tasks.spawn("end when not needed", end_when_not_needed());
        }
    }
    edge->start(rendezvous.has_value(), plays(wire::role::backup));
    begin_publishing();
    if (with.tests_reachability) {
        tasks.spawn("reach", keep_asking_reach());
    }
    if (with.mapper != nullptr) {
        tasks.spawn("port", keep_port_mapped());
    }
    tasks.spawn("punching", keep_punching());
    search_the_lan();
    want_catching_up();
    tasks.spawn("look around", look_around());
    tasks.spawn("fingerprints", prints->keep_comparing());
    tasks.spawn("lost devices", look_for_lost_devices());
    seek_strangers();
}

task<void> node_parts::keep_joining() {
    while (!me.in_network()) {
        const auto joined = co_await join_now(with.join);
        if (!joined) {
            env.log.write(log_level::warn, "node",
                          "cannot join the network yet: " + joined.error().message());
            co_await sleep_for(env, join_again);
        }
    }
}

/// A node that others look for stays in touch with the registry, which tells newcomers of it, and
/// learns its peers there.
task<void> node_parts::keep_registry_near() {
    if (!plays(wire::role::rendezvous | wire::role::backup)) {
        co_return;
    }
    while (true) {
        // Many rendezvous tell each other who there is.
        const bool many = rendezvous && rendezvous->watched() > 0;
        const std::uint32_t wanted = wire::role::backup | (many ? 0 : wire::role::rendezvous);
        const auto answer = co_await asks->ask_one(me.record().registry, "devices",
                                                   codec::encode(wire::locate{{}, {}, wanted}), 0);
        auto found = answer ? codec::decode<wire::locate_reply>(*answer) : fail(answer.error());
        if (found) {
            // Who there is, and where. Who leases from whom is for rendezvous to say: the registry
            // may have heard it long ago.
            for (wire::location& one : found->found) {
                one.online = known.is_online(one.device);
                one.relay.reset();
                if (one.device != me.self()) {
                    known.note(std::move(one));
                }
            }
        }
        if (rendezvous && !rendezvous->are_many()) {
            co_await keep_rendezvous_near();
        }
        co_await sleep_for(env, registry_again);
    }
}

task<result<void>> node_parts::renew_certificate() {
    if (registry) {
        co_return co_await certify_self();
    }
    if (me.due_for_renewal()) {
        co_return co_await me.renew(*connections);
    }
    co_return result<void>();
}

/// What rendezvous tell each other goes over open sessions only.
task<void> node_parts::keep_rendezvous_near() {
    for (const wire::location& other : known.with_roles(wire::role::rendezvous)) {
        if (other.device != me.self() && rendezvous && !rendezvous->are_many()) {
            (void)co_await connections->connect(other.device);
        }
    }
}

task<void> node_parts::keep_certificate() {
    while (true) {
        co_await sleep_for(env, look_at_certificate);
        const auto renewed = co_await renew_certificate();
        if (!renewed) {
            env.log.write(
                log_level::warn, "node",
                "this device's certificate could not be renewed yet: " + renewed.error().message());
        }
        known.drop_expired();
        if (const auto before = announced.said(); before && advertised() != before) {
            advertise();
        }
    }
}

task<void> node_parts::clean_history() {
    needs->begin_looking();
    co_await sleep_for(env, first_cleaning);
    while (true) {
        const auto erased = co_await replica->earlier().sweep();
        if (!erased) {
            env.log.write(log_level::warn, "history",
                          "earlier versions are not erased yet: " + erased.error().message());
        } else if (*erased > 0) {
            env.log.write(log_level::info, "history",
                          "erased " + std::to_string(*erased) +
                              " earlier versions of events whose time was up");
        }
        co_await clean_files();
        co_await sleep_for(env, cleaning_again);
    }
}

void node_parts::request_stop() noexcept {
    watching.request_stop();
    if (edge) {
        edge->request_stop();
        store->request_stop();
        objects->request_stop();
        asks->request_stop();
        files->request_stop();
        copies->request_stop();
        holding->request_stop();
        needs->request_stop();
        backed->request_stop();
        keeper->request_stop();
        branches->request_stop();
        splits->request_stop();
        reminding->request_stop();
        joining->request_stop();
        opening->request_stop();
        locks->request_stop();
        replica->request_stop();
        users->request_stop();
    }
    if (rendezvous) {
        rendezvous->request_stop();
    }
    if (lan) {
        lan->request_stop();
    }
    known.request_stop();
    tasks.request_stop();
    if (connections) {
        connections->request_stop();
    }
}

task<void> node_parts::join() {
    if (edge) {
        co_await edge->join();
        co_await store->join();
        co_await objects->join();
        co_await asks->join();
        co_await files->join();
        co_await copies->join();
        co_await holding->join();
        co_await needs->join();
        co_await backed->join();
        co_await keeper->join();
        co_await branches->join();
        co_await splits->join();
        co_await reminding->join();
        co_await joining->join();
        co_await opening->join();
        co_await locks->join();
        co_await replica->join();
        co_await users->join();
    }
    if (rendezvous) {
        co_await rendezvous->join();
    }
    if (lan) {
        co_await lan->join();
    }
    co_await known.join();
    co_await tasks.join();
    if (connections) {
        co_await connections->join();
    }
    co_await db.rest();
}

}  // namespace calbox::node
