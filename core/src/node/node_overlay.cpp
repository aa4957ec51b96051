// What a node shows of the overlay, and the exchange of its discovery strategy.
#include <algorithm>

#include "node/parts.hpp"

namespace calbox::node {

overlay_admin::~overlay_admin() = default;

namespace {

constexpr std::string_view discovery_name = "discovery";
constexpr std::string_view lessor_name = "lessor";
constexpr duration idle_looked_every = std::chrono::seconds(5);
constexpr duration idle_most = std::chrono::seconds(30);

/// The choice counts while the configuration names the same one as when it was made.
std::string choice_text(const std::string& configured, const std::string& chosen) {
    return configured + "\n" + chosen;
}

}  // namespace

task<result<void>> node_parts::load_discovery() {
    const auto kept = co_await db.get(replica::record_kind::meta, to_bytes(discovery_name));
    if (!kept) {
        co_return fail(kept.error());
    }
    const std::string text(*kept ? as_text(**kept) : std::string_view());
    const std::size_t line = text.find('\n');
    if (line == std::string::npos || text.substr(0, line) != discovering.name ||
        text.substr(line + 1) == discovering.name || !with.find_discovery) {
        co_return result<void>();
    }
    auto found = with.find_discovery(text.substr(line + 1));
    if (!found) {
        env.log.write(log_level::warn, "overlay",
                      "the discovery strategy that was chosen cannot be had, and " +
                          discovering.name + " is used: " + found.error().message());
        co_return result<void>();
    }
    discovers.use(std::move(found->strategy));
    discovers_by = std::move(found->name);
    discovers_by_version = std::move(found->version);
    co_return result<void>();
}

/// Who held the lease when this device was last connected; it is asked first after a restart.
task<result<void>> node_parts::load_lessor() {
    const auto kept = co_await db.get(replica::record_kind::meta, to_bytes(lessor_name));
    if (!kept) {
        co_return fail(kept.error());
    }
    if (const auto device = *kept ? device_id::from_bytes(**kept) : std::nullopt) {
        edge->prefer(*device);
    }
    co_return result<void>();
}

task<void> node_parts::keep_lessor() {
    const auto lessor = edge->lessor();
    if (!lessor || lessor == me.self() || known.is_promoted(*lessor)) {
        co_return;
    }
    const auto kept = co_await db.get(replica::record_kind::meta, to_bytes(lessor_name));
    if (!kept || *kept == to_bytes(lessor->view())) {
        co_return;
    }
    replica::batch writes;
    writes.put(replica::record_kind::meta, to_bytes(lessor_name), to_bytes(lessor->view()));
    if (const auto stored = co_await db.apply(std::move(writes)); !stored) {
        env.log.write(log_level::warn, "overlay",
                      "cannot store where the lease is: " + stored.error().message());
    }
}

discovery_view node_parts::show_discovery() const {
    return {discovers_by, discovers_by_version, discovering.name};
}

task<result<discovery_view>> node_parts::use_discovery(std::string strategy) {
    std::optional<found_discovery> found;
    if (strategy != discovering.name) {
        if (!with.find_discovery) {
            co_return fail(errc::unsupported, "this daemon cannot exchange its strategies");
        }
        auto other = with.find_discovery(strategy);
        if (!other) {
            co_return fail(std::move(other.error()));
        }
        found = std::move(*other);
    }
    replica::batch writes;
    writes.put(replica::record_kind::meta, to_bytes(discovery_name),
               to_bytes(choice_text(discovering.name, strategy)));
    if (auto kept = co_await db.apply(std::move(writes)); !kept) {
        co_return fail(std::move(kept.error()));
    }
    if (found) {
        discovers.use(std::move(found->strategy));
        discovers_by = std::move(found->name);
        discovers_by_version = std::move(found->version);
    } else {
        discovers.use(discovering.strategy);
        discovers_by = discovering.name;
        discovers_by_version = discovering.version;
    }
    env.log.write(log_level::info, "overlay", "discovers by " + discovers_by + " from now on");
    co_return show_discovery();
}

overlay_view node_parts::show_overlay() const {
    overlay_view view;
    const status_view mine = status();
    view.state = mine.state;
    view.rendezvous = mine.rendezvous;
    view.known_rendezvous = edge->candidates();
    for (const net::peer& one : connections->peers()) {
        ++view.sessions;
        view.relayed += one.relayed ? 1 : 0;
    }
    view.known_devices = known.all().size();
    for (const auto& [device, where] : known.all()) {
        view.online += where.online ? 1 : 0;
    }
    if (rendezvous) {
        view.edges = rendezvous->edges();
        view.edges_max = rendezvous->edges_max();
        view.moved_away = rendezvous->moved_away();
        view.watched = rendezvous->watched();
        view.others_are_wanted = rendezvous->others_are_wanted();
    }
    view.acting = acting_;
    const overlay::refusals& dropped = known.dropped();
    view.dropped = {dropped.unsigned_claims, dropped.forged, dropped.other_network, dropped.expired,
                    dropped.older};
    view.discovery = show_discovery();
    view.reachable = reached_.now() == overlay::reachability::reachable     ? "yes"
                     : reached_.now() == overlay::reachability::unreachable ? "no"
                                                                            : "unknown";
    return view;
}

void node_parts::talks_to(const device_id& device) {
    if (rendezvous && rendezvous->watched() > 0) {
        talked_at_[device] = env.time.now();
    }
}

/// Only with those who are rendezvous and no more: nothing else goes over such a session.
void node_parts::close_idle_sessions() {
    const instant now = env.time.now();
    if (now - idle_looked_at_ < idle_looked_every) {
        return;
    }
    idle_looked_at_ = now;
    const auto all = connections->peers();
    for (const net::peer& one : all) {
        const bool only_a_rendezvous =
            one.member && one.user_ids.empty() && (one.roles & wire::role::rendezvous) != 0 &&
            (one.roles & (wire::role::backup | wire::role::registry)) == 0;
        if (!only_a_rendezvous) {
            continue;
        }
        const bool carries_others = std::ranges::any_of(all, [&](const net::peer& other) {
            return other.relayed && other.relay == one.device;
        });
        const instant talked = talked_at_.try_emplace(one.device, now).first->second;
        if (!carries_others && now - talked >= idle_most && !rendezvous->keeps(one.device) &&
            edge->lessor() != one.device && relaying->pipes_of(one.device) == 0) {
            connections->disconnect(one.device);
        }
    }
}

task<std::vector<rendezvous_view>> node_parts::all_rendezvous() {
    std::map<device_id, wire::rendezvous_load> loads;
    if (rendezvous) {
        for (const discovery::load& one : rendezvous->loads()) {
            const auto age = (env.time.now() - one.heard) / std::chrono::milliseconds(1);
            loads[one.device] = {one.device, one.edges, one.edges_max,
                                 static_cast<std::uint32_t>(age)};
        }
    } else if (const auto answer = co_await edge->ask_loads(); answer) {
        for (const wire::rendezvous_load& one : *answer) {
            loads[one.device] = one;
        }
    }
    std::map<device_id, rendezvous_view> all;
    for (const wire::location& one : known.with_roles(wire::role::rendezvous)) {
        all[one.device].addresses = one.addresses;
        all[one.device].online = one.online;
    }
    const auto lessor = edge->lessor();
    std::vector<rendezvous_view> views;
    for (const auto& [device, load] : loads) {
        all[device];
    }
    for (auto& [device, view] : all) {
        view.device = device.hex();
        view.mine = device == lessor;
        view.promoted = known.is_promoted(device);
        if (device == me.self()) {
            view.addresses = addresses();
            view.online = true;
        }
        if (const auto heard = loads.find(device); heard != loads.end()) {
            view.edges = heard->second.edges;
            view.edges_max = heard->second.edges_max;
            view.heard_seconds_ago = heard->second.age_ms / 1000.0;
        }
        views.push_back(std::move(view));
    }
    co_return views;
}

std::vector<route_view> node_parts::known_routes() const {
    std::map<device_id, route_view> all;
    for (const auto& [device, where] : known.all()) {
        route_view& view = all[device];
        view.roles = role_names(where.roles);
        view.addresses = where.addresses;
        view.relay = where.relay ? where.relay->hex() : std::string();
        view.online = where.online;
        for (const user_id& user : where.users) {
            view.users.push_back(names->name_of(user));
        }
    }
    for (const net::peer& one : connections->peers()) {
        route_view& view = all[one.device];
        view.way = way_of(one);
        view.roles = role_names(one.roles);
    }
    std::vector<route_view> views;
    for (auto& [device, view] : all) {
        view.device = device.hex();
        if (device != me.self()) {
            views.push_back(std::move(view));
        }
    }
    return views;
}

}  // namespace calbox::node
