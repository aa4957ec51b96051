#include "overlay/rendezvous_service.hpp"

#include <algorithm>
#include <utility>

#include "wire/limits.hpp"

namespace calbox::overlay {

namespace {

constexpr duration question_time = std::chrono::seconds(5);
constexpr std::size_t locations_per_message = 300;  // stays below the limit of a message
constexpr std::size_t located_most = lessor::located_most;
constexpr duration informants_time = std::chrono::milliseconds(1500);   // for all of them to answer
constexpr std::size_t located_bytes_most = lessor::located_bytes_most;  // of advertisements
constexpr std::size_t loads_most = 2'000;

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
    std::size_t said_bytes = 0;
    for (auto& [device, where] : found) {
        said_bytes += where.said ? where.said->advertisement.size() : 0;
        if (reply.found.size() < located_most && said_bytes < located_bytes_most) {
            reply.found.push_back(std::move(where));
        }
    }
    return reply;
}

rendezvous_service::rendezvous_service(const environment& env, locations& known,
                                       discovery::strategy& strategy, rendezvous_mediator& mediator,
                                       device_id self, lessor::settings with,
                                       member_watch::settings watched)
    : env_(env),
      known_(known),
      mediator_(mediator),
      self_(self),
      machine_(strategy, env.entropy, known, self, with),
      watch_(env, known, mediator, self,
             {[this](const std::vector<device_id>& others) {
                  carry_out(machine_.begin_circles(others, in_circles_, env_.time.now()));
              },
              [this](const device_id& device, member_fate what) {
                  carry_out(machine_.on_member(device, what, env_.time.now()));
              },
              [this] { carry_out(machine_.forget_members(env_.time.now())); },
              [this] { return heard_of(); }},
             watched),
      in_circles_(watched.in_circles),
      answered_(std::make_shared<event>(env)),
      tasks_(env, "rendezvous") {}

void rendezvous_service::start() { carry_out(machine_.start(env_.time.now())); }

void rendezvous_service::request_stop() noexcept {
    machine_.stop();
    watch_.request_stop();
    if (timer_) {
        env_.timers.cancel(*timer_);
        timer_.reset();
    }
    tasks_.request_stop();
}

task<void> rendezvous_service::join() {
    co_await watch_.join();
    co_await tasks_.join();
}

void rendezvous_service::carry_out(const lessor::effects& all) {
    for (const lessor::effect& one : all) {
        if (const auto* const telling = std::get_if<lessor::tell>(&one)) {
            auto about = places(telling->about);
            for (wire::location& its : about) {
                if (telling->ended_at || (telling->of_leases && !machine_.holds(its.device))) {
                    its.online = false;
                    its.relay = telling->ended_at.value_or(self_);
                }
            }
            send_all(telling->to, about, telling->circled);
        } else if (const auto* const mine = std::get_if<lessor::tell_leases>(&one)) {
            send_all({mine->to}, places(machine_.leases()), machine_.near() != nullptr);
        } else if (const auto* const asking = std::get_if<lessor::ask_load>(&one)) {
            tasks_.spawn("ask the load", ask_load(asking->whom));
        } else if (const auto* const moving = std::get_if<lessor::ask_room>(&one)) {
            tasks_.spawn("ask for room", ask_room(*moving));
        } else if (const auto* const goes = std::get_if<lessor::move>(&one)) {
            if (const auto where = known_.find(goes->to)) {
                mediator_.tell(goes->edge, wire::message_type::move,
                               codec::encode(wire::move{*where}));
            }
        } else if (const auto* const news = std::get_if<lessor::heard>(&one)) {
            mediator_.presence_here({places(news->about)});
        } else if (const auto* const watching = std::get_if<lessor::ask_watch>(&one)) {
            tasks_.spawn("ask an informant", ask_informant(watching->what));
        }
    }
    keep_to_neighbours();
    arm();
}

void rendezvous_service::keep_to_neighbours() {
    const circles* const near = machine_.near();
    const std::uint64_t version = near != nullptr ? near->version() : 0;
    if (near_version_ != version) {
        near_version_ = version;
        if (near != nullptr) {
            watch_.keep_to(near->neighbours());
        }
    }
}

void rendezvous_service::arm() {
    if (timer_) {
        env_.timers.cancel(*timer_);
        timer_.reset();
    }
    const auto at = machine_.deadline();
    if (at && !tasks_.stopping()) {
        timer_ = env_.timers.schedule(*at, [this] {
            timer_.reset();
            carry_out(machine_.on_time(env_.time.now()));
            if (machine_.near() != nullptr) {
                mediator_.close_idle();
            }
        });
    }
}

std::vector<wire::location> rendezvous_service::places(
    const std::vector<device_id>& devices) const {
    std::vector<wire::location> found;
    for (const device_id& device : devices) {
        if (auto where = known_.find(device)) {
            found.push_back(std::move(*where));
        }
    }
    return found;
}

void rendezvous_service::send_all(const std::vector<device_id>& to,
                                  const std::vector<wire::location>& what, bool circled) {
    const auto how = circled ? std::optional(true) : std::nullopt;
    for (std::size_t first = 0; first < what.size(); first += locations_per_message) {
        const auto begin = what.begin() + static_cast<std::ptrdiff_t>(first);
        const auto count =
            static_cast<std::ptrdiff_t>(std::min(locations_per_message, what.size() - first));
        const bytes payload = codec::encode(wire::presence{{begin, begin + count}, how});
        for (const device_id& device : to) {
            if (!mediator_.tell(device, wire::message_type::presence, payload) && circled) {
                machine_.on_untold(device);
            }
        }
    }
}

task<void> rendezvous_service::ask_load(device_id whom) {
    const wire::offer mine = machine_.on_probe();
    const auto answer = co_await mediator_.request(
        whom, wire::message_type::probe, codec::encode(wire::probe{mine.edges, mine.edges_max}),
        question_time);
    const auto what = answer ? codec::decode<wire::offer>(*answer) : fail(answer.error());
    carry_out(machine_.on_load(whom, what ? std::optional(*what) : std::nullopt, env_.time.now()));
    watch_.look();
}

task<void> rendezvous_service::ask_room(lessor::ask_room what) {
    const auto answer =
        co_await mediator_.request(what.whom, wire::message_type::make_room,
                                   codec::encode(wire::make_room{what.edges}), question_time);
    const auto room = answer ? codec::decode<wire::room>(*answer) : fail(answer.error());
    carry_out(machine_.on_room(what, room ? room->edges : 0, env_.time.now()));
}

task<result<bytes>> rendezvous_service::on_probe(device_id from, wire::probe its) {
    co_return codec::encode(machine_.on_probe(from, its, env_.time.now()));
}

task<result<bytes>> rendezvous_service::on_make_room(wire::make_room what) {
    co_return codec::encode(wire::room{machine_.on_room_asked(what.edges, env_.time.now())});
}

task<result<bytes>> rendezvous_service::on_loads() {
    wire::loads_reply reply;
    const instant now = env_.time.now();
    for (const discovery::load& one : machine_.loads(now)) {
        if (reply.loads.size() < loads_most) {
            reply.loads.push_back(
                {one.device, one.edges, one.edges_max,
                 static_cast<std::uint32_t>((now - one.heard) / std::chrono::milliseconds(1))});
        }
    }
    co_return codec::encode(reply);
}

task<result<bytes>> rendezvous_service::on_lease(const net::peer& from, wire::lease what) {
    if (what.me.addresses.size() > wire::limits::addresses_per_device) {
        co_return fail(errc::too_large, "too many addresses");
    }
    // What counts is proved: the device, its roles and its users. Only the addresses are its own
    // word.
    wire::location who{from.device, from.roles,    std::move(what.me.addresses), self_,
                       true,        from.user_ids, std::move(what.me.said)};
    const wire::lease_reply reply = machine_.on_lease(std::move(who), env_.time.now());
    arm();
    co_return codec::encode(reply);
}

task<result<bytes>> rendezvous_service::on_heartbeat(device_id from) {
    const auto answer = machine_.on_heartbeat(from, env_.time.now());
    if (!answer) {
        co_return fail(errc::not_found, "there is no lease of this device here");
    }
    co_return codec::encode(*answer);
}

task<result<bytes>> rendezvous_service::on_locate(device_id from, wire::locate what) {
    machine_.on_interest(from, what.users);
    // Whoever has no lease here is told what is known here: he makes nobody ask the others.
    if (machine_.near() != nullptr && machine_.holds(from)) {
        const std::weak_ptr<const int> here = here_;
        co_await know(what);
        if (here.expired()) {
            co_return fail(errc::closed, "this device is no rendezvous any more");
        }
    }
    co_return codec::encode(locate_in(known_, what));
}

/// Asks the informants for what is not known here, and waits for those that answer soon. Of what
/// the others say later, whoever asked hears as of news.
task<void> rendezvous_service::know(wire::locate what) {
    carry_out(machine_.want(what, env_.time.now()));
    const environment& env = env_;  // this may end meanwhile
    const std::weak_ptr<const int> here = here_;
    const instant until = env.time.now() + informants_time;
    const std::uint64_t wanted = machine_.near()->wanted_until();
    while (!here.expired() && machine_.near() != nullptr && !machine_.near()->answered(wanted) &&
           env.time.now() < until) {
        (void)co_await with_deadline<void>(env, until - env.time.now(),
                                           [](std::shared_ptr<event> next) -> task<result<void>> {
                                               co_await next->wait();
                                               co_return result<void>();
                                           }(answered_));
    }
}

task<void> rendezvous_service::ask_informant(circles::question what) {
    const auto answer = co_await mediator_.request(what.to, wire::message_type::watch,
                                                   codec::encode(what.what), question_time);
    const auto reply = answer ? codec::decode<wire::watch_reply>(*answer) : fail(answer.error());
    carry_out(machine_.on_watched(what, reply, env_.time.now()));
    std::exchange(answered_, std::make_shared<event>(env_))->set();
}

task<result<bytes>> rendezvous_service::on_watch(device_id from, wire::watch what) {
    if (what.users.size() + what.devices.size() > wire::limits::watched_per_message) {
        co_return fail(errc::too_large, "too many users and devices at once");
    }
    watch_.join_in();
    const auto reply = machine_.on_watch(from, what);
    if (!reply) {
        co_return fail(errc::unavailable, "this rendezvous is in no circle");
    }
    keep_to_neighbours();
    co_return codec::encode(*reply);
}

bool rendezvous_service::keeps(const device_id& device) const noexcept {
    return machine_.holds(device) ||
           (machine_.near() != nullptr && machine_.near()->is_neighbour(device));
}

/// Other rendezvous that said their load lately, or have a session with this one: an advertisement
/// alone may be of one that is switched off for days.
std::vector<device_id> rendezvous_service::heard_of() const {
    std::vector<device_id> all = machine_.heard_of();
    if (watched() > 0) {
        return all;
    }
    for (const device_id& one : known_.holders(wire::role::rendezvous)) {
        if (one != self_ && mediator_.is_open(one)) {
            all.push_back(one);
        }
    }
    std::ranges::sort(all);
    const auto [first, last] = std::ranges::unique(all);
    all.erase(first, last);
    return all;
}

bool rendezvous_service::are_many() {
    if (watched() == 0) {
        watch_.look();
    }
    return watched() > 0;
}

std::vector<discovery::load> rendezvous_service::loads_of_all() const {
    std::vector<discovery::load> all = loads();
    std::uint64_t edges = 0, room = 0;
    for (const discovery::load& one : all) {
        edges += one.edges;
        room += one.edges_max;
    }
    const std::uint64_t heard = all.size();
    // Few say their loads each minute, and have sessions from the first moment.
    for (const device_id& other : watched() > 0 ? watch_.alive() : heard_of()) {
        const auto at = std::ranges::lower_bound(all, other, {}, &discovery::load::device);
        if (at == all.end() || at->device != other) {
            all.insert(at, {other, static_cast<std::uint32_t>(edges / heard),
                            static_cast<std::uint32_t>(room / heard), env_.time.now()});
        }
    }
    return all;
}

void rendezvous_service::on_leave(const device_id& from, const wire::leave& what) {
    machine_.on_leave(from, what.moved_to, env_.time.now());
    arm();
}

void rendezvous_service::on_presence(const device_id& from, const wire::presence& what) {
    carry_out(machine_.on_presence(from, what));
}

void rendezvous_service::on_peer_gone(const device_id& device) {
    carry_out(machine_.on_peer_gone(device, env_.time.now()));
}

}  // namespace calbox::overlay
