#include "overlay/rendezvous_service.hpp"

#include <algorithm>

#include "wire/limits.hpp"

namespace calbox::overlay {

rendezvous_mediator::~rendezvous_mediator() = default;

namespace {

constexpr duration exchange_every = std::chrono::seconds(60);
constexpr duration request_time = std::chrono::seconds(5);
constexpr std::size_t locations_per_message = 500;  // stays far below the limit of a message
constexpr std::size_t rendezvous_told = 32;
constexpr std::size_t located_most = 2'000;

std::uint32_t in_ms(duration d) {
    return static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(d).count());
}

}  // namespace

wire::locate_reply locate_in(const locations& known, const wire::locate& what) {
    std::map<device_id, wire::location> found;
    for (const device_id& device : what.devices) {
        if (auto where = known.find(device)) {
            found.emplace(device, std::move(*where));
        }
    }
    for (wire::location& where : known.with_roles(what.roles)) {
        found.emplace(where.device, std::move(where));
    }
    if (!what.users.empty()) {
        for (wire::location& where : known.of_users(what.users)) {
            found.emplace(where.device, std::move(where));
        }
    }
    wire::locate_reply reply;
    for (auto& [device, where] : found) {
        if (reply.found.size() < located_most) {
            reply.found.push_back(std::move(where));
        }
    }
    return reply;
}

rendezvous_service::rendezvous_service(const environment& env, locations& known,
                                       discovery::strategy& strategy, rendezvous_mediator& mediator,
                                       device_id self, settings with)
    : env_(env),
      known_(known),
      strategy_(strategy),
      mediator_(mediator),
      self_(self),
      with_(with),
      tasks_(env, "rendezvous") {}

void rendezvous_service::start() {
    tasks_.spawn("sweep", sweep());
    tasks_.spawn("exchange loads", exchange_loads());
}

discovery::load rendezvous_service::my_load() const {
    return {self_, edges(), with_.edges_max, env_.time.now()};
}

std::vector<discovery::load> rendezvous_service::other_loads() const {
    std::vector<discovery::load> all;
    for (const auto& [device, one] : loads_) {
        all.push_back(one);
    }
    return all;
}

std::vector<device_id> rendezvous_service::other_rendezvous() const {
    std::vector<device_id> others;
    for (const wire::location& one : known_.with_roles(wire::role::rendezvous)) {
        if (one.device != self_) {
            others.push_back(one.device);
        }
    }
    return others;
}

task<result<bytes>> rendezvous_service::on_probe() {
    co_return codec::encode(wire::offer{edges(), with_.edges_max});
}

task<result<bytes>> rendezvous_service::on_lease(const net::peer& from, wire::lease what) {
    if (what.me.addresses.size() > wire::limits::addresses_per_device) {
        co_return fail(errc::too_large, "too many addresses");
    }
    wire::lease_reply reply;
    if (!leases_.contains(from.device) && from.device != self_) {
        const discovery::admission verdict =
            strategy_.admit(my_load(), other_loads(), {env_.time.now(), env_.entropy});
        if (verdict.what == discovery::admission::verdict::busy) {
            reply.what = wire::lease_reply::verdict::busy;
            reply.retry_after_ms = in_ms(verdict.retry_after);
            co_return codec::encode(reply);
        }
        if (verdict.what == discovery::admission::verdict::redirect) {
            reply.what = wire::lease_reply::verdict::redirect;
            for (const device_id& other : verdict.others) {
                if (auto where = known_.find(other)) {
                    reply.rendezvous.push_back(std::move(*where));
                }
            }
            co_return codec::encode(reply);
        }
    }
    // What counts is proved: the device, its roles and its users. Only the addresses are its own
    // word.
    wire::location where{from.device, from.roles, what.me.addresses, self_, true, from.user_ids};
    const auto before = known_.find(from.device);
    const bool news = !before || !before->online || before->users != where.users ||
                      before->addresses != where.addresses || before->relay != where.relay;
    leases_[from.device] = env_.time.now() + with_.heartbeat * missed_beats;
    known_.note(std::move(where));
    if (news) {
        changed(from.device);
    }
    reply.lease_ms = in_ms(with_.heartbeat * missed_beats);
    reply.heartbeat_ms = in_ms(with_.heartbeat);
    for (const wire::location& one : known_.with_roles(wire::role::rendezvous)) {
        if (reply.rendezvous.size() < rendezvous_told) {
            reply.rendezvous.push_back(one);
        }
    }
    reply.backups = known_.with_roles(wire::role::backup);
    co_return codec::encode(reply);
}

task<result<bytes>> rendezvous_service::on_heartbeat(device_id from) {
    const auto held = leases_.find(from);
    if (held == leases_.end()) {
        co_return fail(errc::not_found, "there is no lease of this device here");
    }
    held->second = env_.time.now() + with_.heartbeat * missed_beats;
    co_return codec::encode(wire::heartbeat{edges()});
}

void rendezvous_service::on_presence(const device_id& from, const wire::presence& what) {
    // Where devices lease from another rendezvous is its word alone; this one's own leases are not
    // touched by it.
    wire::presence news;
    for (const wire::location& one : what.changed) {
        if (!leases_.contains(one.device) && one.device != self_ && one.relay == from) {
            known_.note(one);
            news.changed.push_back(one);
        }
    }
    if (news.changed.empty()) {
        return;
    }
    mediator_.presence_here(news);
    std::vector<device_id> edges;
    for (const auto& [device, until] : leases_) {
        edges.push_back(device);
    }
    send_all(edges, news.changed);
}

void rendezvous_service::on_peer_gone(const device_id& device) {
    end(device);
    if (loads_.erase(device) > 0) {
        known_.note_offline(device);
    }
}

void rendezvous_service::end(const device_id& device) {
    if (leases_.erase(device) > 0) {
        known_.note_offline(device);
        changed(device);
    }
}

void rendezvous_service::changed(const device_id& device) {
    changed_.insert(device);
    if (!std::exchange(announcing_, true)) {
        tasks_.spawn("announce", announce());
    }
}

task<void> rendezvous_service::announce() {
    co_await sleep_for(env_, presence_delay);
    announcing_ = false;
    std::vector<wire::location> news;
    for (const device_id& device : std::exchange(changed_, {})) {
        if (auto where = known_.find(device)) {
            news.push_back(std::move(*where));
        }
    }
    std::vector<device_id> everybody = other_rendezvous();
    for (const auto& [device, until] : leases_) {
        if (std::ranges::count(everybody, device) == 0) {
            everybody.push_back(device);
        }
    }
    mediator_.presence_here({news});
    send_all(everybody, news);
}

void rendezvous_service::send_all(const std::vector<device_id>& to,
                                  const std::vector<wire::location>& what) {
    for (std::size_t first = 0; first < what.size(); first += locations_per_message) {
        const auto begin = what.begin() + static_cast<std::ptrdiff_t>(first);
        const auto count =
            static_cast<std::ptrdiff_t>(std::min(locations_per_message, what.size() - first));
        const bytes payload = codec::encode(wire::presence{{begin, begin + count}});
        for (const device_id& device : to) {
            if (device != self_) {
                mediator_.tell(device, wire::message_type::presence, payload);
            }
        }
    }
}

task<void> rendezvous_service::sweep() {
    while (true) {
        co_await sleep_for(env_, with_.heartbeat / 2);
        std::vector<device_id> silent;
        for (const auto& [device, until] : leases_) {
            if (env_.time.now() >= until) {
                silent.push_back(device);
            }
        }
        for (const device_id& device : silent) {
            end(device);
        }
    }
}

task<void> rendezvous_service::exchange_loads() {
    // Each minute: how many edges the others hold, and all of one's own leases to them, so that a
    // loss heals itself.
    while (true) {
        for (const device_id& other : other_rendezvous()) {
            const auto answer = co_await mediator_.request(
                other, wire::message_type::probe, codec::encode(wire::nothing{}), request_time);
            const auto what = answer ? codec::decode<wire::offer>(*answer) : fail(answer.error());
            if (!what) {
                loads_.erase(other);
                continue;
            }
            loads_[other] = {other, what->edges, what->edges_max, env_.time.now()};
            std::vector<wire::location> mine;
            for (const auto& [device, until] : leases_) {
                mine.push_back(*known_.find(device));
            }
            send_all({other}, mine);
        }
        co_await sleep_for(env_, exchange_every);
    }
}

}  // namespace calbox::overlay
