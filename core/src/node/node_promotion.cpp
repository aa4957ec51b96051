// What a node says of itself as a rendezvous, and how an edge that finds none becomes one for a
// while (network.on_no_rendezvous = promote).
#include "node/parts.hpp"

namespace calbox::node {

namespace {

using wire::message_type;

constexpr std::string_view starts_name = "starts";  // of a record of kind meta
constexpr std::uint32_t promoted_edges_max = 32;
/// Chance takes a part of it, so that not all of a network are promoted at once.
constexpr duration hold_most = std::chrono::seconds(5);
constexpr duration hold_most_in_tests = std::chrono::milliseconds(250);
/// How long its edges have to go elsewhere before it stops.
constexpr duration step_down_time = std::chrono::seconds(10);
constexpr duration step_down_look = std::chrono::milliseconds(250);

std::uint64_t number_in(byte_view text) {
    std::uint64_t number = 0;
    for (const std::uint8_t byte : text) {
        number = number << 8 | byte;
    }
    return number;
}

}  // namespace

/// Advertisements of later starts are newer. A device on a full disk starts all the same, and is
/// believed again when its disk is not full any more.
task<void> node_parts::count_the_start() {
    const auto kept = co_await db.get(replica::record_kind::meta, to_bytes(starts_name));
    const std::uint64_t before = kept && *kept && (**kept).size() == 8 ? number_in(**kept) : 0;
    announced.begin(before + 1);
    if (!plays(wire::role::rendezvous) && !promotes()) {
        co_return;
    }
    bytes text;
    for (int shift = 56; shift >= 0; shift -= 8) {
        text.push_back(static_cast<std::uint8_t>((before + 1) >> shift));
    }
    replica::batch writes;
    writes.put(replica::record_kind::meta, to_bytes(starts_name), std::move(text));
    if (const auto stored = co_await db.apply(std::move(writes)); !stored) {
        env.log.write(log_level::warn, "overlay",
                      "cannot count this start, so that others may not believe where this "
                      "rendezvous is: " +
                          stored.error().message());
    }
}

std::optional<wire::signed_advertisement> node_parts::advertised() {
    const bool leases = plays(wire::role::rendezvous) || acting_;
    if (!me.in_network() || (!leases && !announced.said())) {
        return std::nullopt;
    }
    return announced.say(leases ? wire::role::rendezvous : 0, addresses(), env.time.wall());
}

/// Tells all with whom a session is open, and the registry, which newcomers ask.
void node_parts::advertise() {
    const auto said = advertised();
    if (!said) {
        return;
    }
    (void)known.hear(me.self(), *said);
    const bytes payload = codec::encode(wire::advertise{*said});
    for (const net::peer& one : connections->peers()) {
        (void)connections->send_open(one.device, message_type::advertise, payload);
    }
    const device_id registry_device = me.record().registry;
    if (!registry && connections->open_to(registry_device) == nullptr) {
        tasks.spawn("advertise", send_now(registry_device, message_type::advertise, payload));
    }
}

void node_parts::search_the_lan() {
    if (with.lan == nullptr) {
        return;
    }
    overlay::lan_service::asked of_node;
    of_node.looking = [this] { return !plays(wire::role::rendezvous) && edge->seeks(); };
    of_node.mine = [this] { return rendezvous ? advertised() : std::nullopt; };
    of_node.found = [this](const wire::signed_advertisement& said) {
        if (const auto device = known.hear(said)) {
            edge->on_advertised(*device);
        }
    };
    lan.emplace(env, *with.lan, me.mine().network, std::move(of_node));
    lan->start();
}

bool node_parts::promotes() const noexcept {
    return with.on_no_rendezvous == without_rendezvous::promote && !plays(wire::role::rendezvous) &&
           with.reach != net::reach::relay_only;
}

void node_parts::begin_rendezvous(std::uint32_t edges_max) {
    overlay::lessor::settings rendezvous_with{edges_max, with.heartbeat};
    overlay::member_watch::settings watched = with.watched;
    if (acting_) {
        watched.above = watched.below = SIZE_MAX;  // it is one for a while only
    }
    rendezvous.emplace(env, known, discovers, links->for_rendezvous(), me.self(), rendezvous_with,
                       watched);
    if (!relaying) {
        relaying.emplace(env, *connections);
    }
}

void node_parts::found_no_rendezvous(bool since_the_start) {
    using overlay::bootstrap;
    const bool strict = with.profile == bootstrap::profile::report;
    auto what = with.on_no_rendezvous.value_or(strict ? without_rendezvous::exit
                                                      : without_rendezvous::wait);
    // Who has had a lease stays for those with whom he has sessions.
    if ((what == without_rendezvous::exit && !since_the_start) ||
        (what == without_rendezvous::promote && !promotes())) {
        what = without_rendezvous::wait;
    }
    env.log.write(log_level::warn, "overlay",
                  std::string("no rendezvous could be reached ") +
                      (since_the_start ? "since the start; " : "since the last one was lost; ") +
                      (what == without_rendezvous::exit      ? "ending"
                       : what == without_rendezvous::promote ? "becoming one, unless one appears"
                                                             : "going on trying"));
    if (what == without_rendezvous::exit && with.give_up) {
        with.give_up();
    }
    if (what == without_rendezvous::promote && !acting_ && !std::exchange(promoting_, true)) {
        tasks.spawn("promote", promote());
    }
}

task<void> node_parts::promote() {
    const flag_taken until_the_end{promoting_};
    const bool quick = with.profile == overlay::bootstrap::profile::lan_test;
    const duration most = quick ? hold_most_in_tests : hold_most;
    co_await sleep_for(env, duration(static_cast<std::int64_t>(
                                env.entropy.below(static_cast<std::uint64_t>(most.count())))));
    if (edge->lessor() || rendezvous) {
        co_return;
    }
    env.log.write(log_level::info, "overlay",
                  "acting as rendezvous from now on, until a real one is found");
    acting_ = true;
    begin_rendezvous(std::min(with.edges_max, promoted_edges_max));
    rendezvous->start();
    edge->act();
    advertise();
}

void node_parts::lease_moved(const device_id& from, const device_id& to) {
    if (acting_ && from == me.self()) {
        rendezvous->on_leave(from, wire::leave{to});
        tasks.spawn("step down", step_down(to));
    }
}

/// Its edges go where it went, and only then it is no rendezvous any more.
task<void> node_parts::step_down(device_id to) {
    rendezvous->retire(to);
    for (duration waited{}; rendezvous->edges() > 0 && waited < step_down_time;
         waited += step_down_look) {
        co_await sleep_for(env, step_down_look);
    }
    acting_ = false;
    advertise();
    edge->rest();
    rendezvous->request_stop();
    co_await rendezvous->join();
    rendezvous.reset();
    env.log.write(log_level::info, "overlay",
                  "not acting as rendezvous any more; " + to.hex().substr(0, 8) + " is one");
}

}  // namespace calbox::node
