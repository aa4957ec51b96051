// What a node says of itself and of its network, and how it joins one.
#include "crypto/certificates.hpp"
#include "node/parts.hpp"

namespace calbox::node {

using wire::message_type;

network_view node_parts::show() const {
    network_view view;
    if (me.in_network()) {
        view.id = me.mine().network.hex();
        view.registries = registry ? addresses() : me.record().registries;
    }
    view.founded_here = registry.has_value();
    view.addresses = addresses();
    return view;
}

task<result<network_view>> node_parts::create() {
    if (me.in_network()) {
        co_return fail(errc::already_exists,
                       "this device belongs to a network already: calboxctl network show");
    }
    if (!plays(wire::role::registry)) {
        co_return fail(errc::forbidden,
                       "a network is founded by a daemon with the role registry: add it to `roles` "
                       "and start the daemon again, or follow an invitation: calboxctl network "
                       "join INVITATION");
    }
    if (!with.join.empty()) {
        co_return fail(errc::forbidden,
                       "this daemon is to join the network that `network.join` names: leave that "
                       "out to found one");
    }
    if (std::exchange(joining_, true)) {
        co_return fail(errc::busy, "this device is joining a network right now");
    }
    const flag_taken until_the_end{joining_};
    auto founded = co_await open_network(true);
    if (!founded) {
        registry.reset();
        co_return fail(std::move(founded.error()));
    }
    if (auto opened_all = co_await open_strategies(); !opened_all) {
        co_return fail(std::move(opened_all.error()));
    }
    add_registry_routes();
    enter_network();
    co_return show();
}

task<result<std::string>> node_parts::invite(std::vector<std::string> roles) {
    if (!registry) {
        co_return fail(errc::forbidden,
                       "invitations are made where the registry of the network runs");
    }
    std::uint32_t bits = 0;
    for (const std::string& name : roles) {
        const auto bit = role_bit(name);
        if (!bit) {
            co_return fail(bit.error());
        }
        bits |= *bit;
    }
    if ((bits & wire::role::registry) != 0) {
        co_return fail(errc::invalid_argument,
                       "a network has one registry: no other device can be given that role");
    }
    const auto made = co_await registry->invite(bits == 0 ? wire::role::edge : bits, addresses());
    if (!made) {
        co_return fail(made.error());
    }
    co_return to_text(*made);
}

task<result<network_view>> node_parts::join_now(std::string invitation_text) {
    auto with_this = parse_invitation(invitation_text);
    if (!with_this) {
        co_return fail(std::move(with_this.error()));
    }
    const std::uint32_t wanted = with.roles & ~wire::role::registry;
    if (const std::uint32_t more = wanted & ~(with_this->roles | wire::role::edge); more != 0) {
        co_return fail(errc::forbidden,
                       "the invitation does not admit the role " + role_names(more).front() +
                           " that this daemon plays: ask for one that does, or change `roles`");
    }
    if (std::exchange(joining_, true)) {
        co_return fail(errc::busy, "this device is joining a network right now");
    }
    const flag_taken until_the_end{joining_};
    auto joined = co_await me.join(std::move(*with_this), wanted, *connections);
    if (!joined) {
        co_return fail(std::move(joined.error()));
    }
    book.set_ca(me.mine().ca_certificate);
    // Which strategies it has had is to be known before one of them begins here.
    co_await tell_strategies_to(me.record().registry);
    if (auto opened_all = co_await open_strategies(); !opened_all) {
        co_return fail(std::move(opened_all.error()));
    }
    enter_network();
    co_return show();
}

task<result<network_view>> node_parts::join(std::string invitation_text) {
    co_return co_await join_now(std::move(invitation_text));
}

recovery_view node_parts::recovery() const {
    const replica::recovery_report& last = replica->last_recovery();
    const replica::recovery_totals& all = replica->all_recoveries();
    const auto sum = [](const replica::recovery_source& what) {
        return recovered_view{{}, what.envelopes, what.bytes};
    };
    const auto each = [](const std::map<device_id, replica::recovery_source>& sources) {
        std::vector<recovered_view> views;
        for (const auto& [device, what] : sources) {
            views.push_back({device.hex(), what.envelopes, what.bytes});
        }
        return views;
    };
    const auto hex = [](const std::vector<device_id>& devices) {
        std::vector<std::string> texts;
        for (const device_id& device : devices) {
            texts.push_back(device.hex());
        }
        return texts;
    };
    recovery_view view;
    view.strategy = replica->recoveries().chosen;
    for (const auto& [name, strategy] : replica->recoveries().known) {
        view.strategies.push_back(name);
    }
    view.exchanges = all.exchanges;
    view.friends = sum(all.friends);
    view.backups = sum(all.backups);
    view.last.strategy = last.strategy;
    view.last.caught_up = last.caught_up;
    view.last.rounds = last.rounds;
    view.last.applied = last.applied;
    view.last.duplicates = last.duplicates;
    view.last.bytes_sent = last.bytes_sent;
    view.last.bytes_received = last.bytes_received;
    view.last.lower_bound = last.lower_bound;
    view.last.friends = each(last.friends);
    view.last.backups = each(last.backups);
    view.last.silent = hex(last.silent);
    view.last.refused = hex(last.refused);
    return view;
}

result<void> node_parts::use_recovery(std::string name) {
    auto used = replica->use_recovery(name);
    return used ? keeper->use(name) : used;
}

std::string node_parts::storage_engine() const {
    for (const plugin_view& one : plugins()) {
        if (one.kind == "storage" && one.status == "in use") {
            return one.name;
        }
    }
    return {};
}

backing_view node_parts::backing() const {
    backing_view view;
    std::uint64_t held_bytes = shelf->total_bytes();
    for (const auto& [id, one] : replica->events().all()) {
        ++view.events;
        view.event_bytes += one.encoded.size();
    }
    held_bytes += view.event_bytes;
    view.files = shelf->all().size();
    view.file_bytes = shelf->total_bytes();
    view.wanted_files = keeper->wanted_files();
    view.wanted_bytes = keeper->wanted_bytes();
    view.lost_files = shelf->lost().size();
    view.refused = keeper->refused();
    const auto waiting = kept_for->waiting();
    view.unneeded_files = waiting.files;
    view.unneeded_bytes = waiting.bytes;
    view.erased_files = kept_for->erased().files;
    view.erased_bytes = kept_for->erased().bytes;
    if (with.backup_quota != UINT64_MAX) {
        view.quota_bytes = with.backup_quota;
    }
    view.asking = replica->is_catching_up() || !newcomers_.empty() || !caught_up();
    const std::uint64_t all = held_bytes + view.wanted_bytes;
    const bool whole = view.wanted_files == 0;
    view.percent = whole || all == 0 ? 100 : std::min<std::uint64_t>(99, held_bytes * 100 / all);
    return view;
}

status_view node_parts::status() const {
    using phase = overlay::bootstrap::phase;
    status_view view;
    view.version = with.version;
    view.device = me.self().hex();
    view.network = me.in_network() ? me.mine().network.hex() : std::string();
    view.roles = role_names(with.roles);
    view.addresses = addresses();
    for (const account_view& one : accounts->signed_in()) {
        view.users.push_back(one.name);
    }
    switch (edge->now_in()) {
        case phase::stopped:
            view.state = "alone";
            break;
        case phase::waiting:
            view.state = "waiting for other peers";
            break;
        case phase::probing:
        case phase::leasing:
            view.state = "connecting to rendezvous";
            break;
        case phase::leased:
        case phase::suspecting:
            view.state = "connected";
            break;
    }
    if (const auto lessor = edge->lessor()) {
        view.rendezvous = lessor->hex();
    }
    view.caught_up = caught_up();
    for (const auto& [id, held] : replica->events().all()) {
        view.events +=
            held.header.type == event_kind::calendar && held.header.kind == envelope_kind::put ? 1
                                                                                               : 0;
    }
    view.files = shelf->all().size();
    view.file_bytes = shelf->total_bytes();
    if (plays(wire::role::backup)) {
        view.backing = backing();
    }
    view.outbox = replica->outbox_size();
    // Its own lease, where it has one of itself, is nobody who is connected.
    view.edges = rendezvous ? rendezvous->edges() - (rendezvous->holds(me.self()) ? 1 : 0) : 0;
    view.uptime_seconds = std::chrono::duration<double>(env.time.now() - started).count();
    view.recovery = recovery();
    return view;
}

std::vector<peer_view> node_parts::peers() const {
    std::vector<peer_view> views;
    for (const net::peer& one : connections->peers()) {
        peer_view view;
        view.device = one.device.hex();
        for (const user_id& user : one.user_ids) {
            view.users.push_back(names->name_of(user));
        }
        view.roles = role_names(one.roles);
        view.address = one.description;
        view.relayed = one.relayed;
        view.way = way_of(one);
        views.push_back(std::move(view));
    }
    return views;
}

task<std::vector<finding>> node_parts::doctor() {
    std::vector<finding> found;
    const auto add = [&found](std::string what, bool good, std::string text, std::string advice) {
        found.push_back(
            {std::move(what), good, std::move(text), good ? std::string() : std::move(advice)});
    };
    add("network", me.in_network(),
        me.in_network() ? "this device belongs to a network" : "no network yet",
        "calboxctl network join INVITATION");
    if (me.in_network() && registry) {
        add("registry", true, "runs here", "");
    } else if (me.in_network()) {
        const auto pong =
            co_await connections->request(me.record().registry, message_type::ping,
                                          codec::encode(wire::nothing{}), std::chrono::seconds(5));
        add("registry", pong.has_value(),
            pong ? "answers" : "does not answer: " + pong.error().message(),
            "events go on; registering and signing in on new devices wait. Is the registry's "
            "daemon running?");
    }
    if (me.in_network()) {
        const bool leased = edge->lessor().has_value();
        add("rendezvous", leased, leased ? "connected" : "not connected",
            edge->knows_rendezvous()
                ? "a rendezvous is known but none grants a lease: are they running?"
                : "no rendezvous is known: a daemon with that role must run");
        if (with.tests_reachability && reached_.now() != overlay::reachability::unknown) {
            const bool yes = reached_.now() == overlay::reachability::reachable;
            add("reachable", yes,
                yes ? "the rendezvous can dial this device"
                    : "the rendezvous cannot dial this device",
                "others reach it through a relay; open the port of its listen address, or name "
                "with advertise where it can be dialled");
        }
        const auto backups = edge->backups();
        const auto online = std::ranges::count_if(
            backups, [this](const device_id& one) { return edge->is_online(one); });
        add("backups", online > 0 || plays(wire::role::backup),
            std::to_string(online) + " of " + std::to_string(backups.size()) +
                " known ones are online",
            "without a backup, files and events reach others only while both sides are online");
        const auto facts = crypto::inspect_certificate(me.mine().certificate,
                                                       me.mine().ca_certificate, env.time.wall());
        const bool in_time = facts && facts->of_network;
        add("clock", in_time,
            in_time ? "fits this device's certificate"
                    : "this device's certificate is not valid at this time",
            "set the clock of this machine; if it is right, the certificate has ended: the "
            "registry must be reachable");
    }
    add("caught up", caught_up(),
        caught_up() ? "nothing is missing" : "still fetching what was missed",
        "friends and backups that are online are being asked; it goes on by itself");
    const auto checked = co_await db.check();
    add("store", checked && checked->sound, checked ? checked->text : checked.error().message(),
        "stop the daemon, keep its data directory, and restore it from friends and backups on a "
        "fresh one");
    const std::size_t lost_events = replica->events().lost().size();
    const std::size_t lost_files = shelf->lost().size();
    if (lost_events + lost_files > 0) {
        add("damage", false,
            "the disk has damaged or lost " + std::to_string(lost_events) + " events and " +
                std::to_string(lost_files) + " files, which are not here again yet",
            "they come from friends and backups when those are online: calboxctl store scrub asks "
            "again; look after the disk");
    }
    for (const plugin_view& one : plugins()) {
        if (one.status != "in use" && one.status != "available") {
            add("plugin " + one.kind + "/" + one.name, false, one.status,
                "remove or replace " + one.file);
        }
    }
    co_return found;
}

}  // namespace calbox::node
