#include "overlay/edge_service.hpp"

#include <algorithm>

namespace calbox::overlay {

edge_mediator::~edge_mediator() = default;

namespace {
constexpr duration request_time = std::chrono::seconds(5);
constexpr duration look_again = std::chrono::seconds(5);
constexpr duration hearsay_time = std::chrono::minutes(1);  // longer than a fail-over takes
}  // namespace

edge_service::edge_service(const environment& env, locations& known, discovery::strategy& strategy,
                           resolver& asks, edge_mediator& mediator, device_id self,
                           bootstrap::timers with)
    : env_(env),
      known_(known),
      asks_(asks),
      mediator_(mediator),
      self_(self),
      machine_(strategy, env.entropy, with),
      further_(env.entropy, self),
      tasks_(env, "edge") {}

void edge_service::start(bool only_self, bool everywhere) {
    if (std::exchange(started_, true)) {
        return;
    }
    only_self_ = only_self;
    everywhere_ = everywhere && !only_self;
    if (only_self) {
        carry_out(machine_.add(self_, true, env_.time.now()));
    } else {
        std::vector<device_id> rendezvous;
        for (const wire::location& one : known_.with_roles(wire::role::rendezvous)) {
            rendezvous.push_back(one.device);
        }
        consider(std::move(rendezvous), false);
        tasks_.spawn("look for rendezvous", look_for_rendezvous());
    }
    carry_out(machine_.start(env_.time.now()));
}

void edge_service::ask_also(const device_id& helper) {
    if (helper != self_) {
        helpers_.insert(helper);
    }
}

void edge_service::request_stop() noexcept {
    everywhere_ = false;
    carry_out(further_.stop());
    carry_out(machine_.stop());
    if (timer_) {
        env_.timers.cancel(*timer_);
        timer_.reset();
    }
    started_ = false;
    tasks_.request_stop();
}

/// Those of them that say of themselves that they are rendezvous.
void edge_service::consider(std::vector<device_id> rendezvous, bool seed) {
    std::erase_if(rendezvous, [this](const device_id& one) {
        return one == self_ || !known_.is_rendezvous(one);
    });
    if (only_self_ || rendezvous.empty()) {
        return;
    }
    for (const device_id& one : rendezvous) {
        const auto where = known_.find(one);
        std::optional<std::uint64_t> prefix;
        for (const std::string& address : where->addresses) {
            prefix = prefix ? prefix : prefix_of(address);
        }
        machine_.describe(one, {known_.is_promoted(one), prefix});
    }
    carry_out(machine_.add(rendezvous, seed, env_.time.now()));
}

void edge_service::act() { carry_out(machine_.act(self_, env_.time.now())); }
void edge_service::rest() { carry_out(machine_.rest(env_.time.now())); }

void edge_service::on_advertised(const device_id& device) {
    if (known_.is_rendezvous(device)) {
        consider({device}, false);
    } else if (device != self_ && machine_.lessor() != device) {
        machine_.forget(device);
    }
}

void edge_service::carry_out(bootstrap::effects all) {
    for (const bootstrap::effect& one : all) {
        if (const auto* const probing = std::get_if<bootstrap::probe>(&one)) {
            tasks_.spawn("probe", probe(probing->to));
        } else if (const auto* const leasing = std::get_if<bootstrap::ask_lease>(&one)) {
            tasks_.spawn("lease", ask_lease(leasing->from));
        } else if (const auto* const beating = std::get_if<bootstrap::beat>(&one)) {
            tasks_.spawn("heartbeat", beat(beating->to, beating->limit));
        } else if (const auto* const leaving = std::get_if<bootstrap::leave>(&one)) {
            // A device has one lease at a rendezvous: what came too late for bootstrap is a further
            // one's.
            if (leaving->moved_to || !further_.keeps(leaving->from)) {
                mediator_.tell(leaving->from, wire::message_type::leave,
                               codec::encode(wire::leave{leaving->moved_to}));
            }
        } else if (const auto* const moved = std::get_if<bootstrap::moved>(&one)) {
            env_.log.write(log_level::info, "overlay",
                           "moved from the rendezvous " + moved->from.hex().substr(0, 8) + " to " +
                               moved->to.hex().substr(0, 8) +
                               (moved->from == self_ ? ", a real one" : ", as it asked"));
            tasks_.spawn("after the move", after_lease(moved->to));
            mediator_.moved(moved->from, moved->to);
        } else if (const auto* const none = std::get_if<bootstrap::found_none>(&one)) {
            mediator_.found_none(none->since_the_start);
        } else if (const auto* const held = std::get_if<bootstrap::connected>(&one)) {
            begin_lease(held->to);
        } else if (const auto* const gone = std::get_if<bootstrap::lost>(&one)) {
            env_.log.write(
                log_level::info, "overlay",
                "lost the rendezvous " + gone->from.hex().substr(0, 8) + ", looking for another");
        }
    }
    lease_everywhere();
    arm();
}

void edge_service::arm() {
    if (timer_) {
        env_.timers.cancel(*timer_);
        timer_.reset();
    }
    auto at = machine_.deadline();
    if (const auto other = further_.deadline(); other && (!at || *other < *at)) {
        at = other;
    }
    if (at) {
        timer_ = env_.timers.schedule(*at, [this] {
            timer_.reset();
            carry_out(further_.on_time(env_.time.now()));
            carry_out(machine_.on_time(env_.time.now()));
        });
    }
}

/// What is known, and where this device leases from, changes in many ways: it is looked at after
/// each of them.
void edge_service::lease_everywhere() {
    if (everywhere_) {
        carry_out(further_.want(known_.holders(wire::role::rendezvous), machine_.lessor(),
                                env_.time.now()));
    }
}

void edge_service::carry_out(const further_leases::effects& all) {
    for (const further_leases::effect& one : all) {
        if (const auto* const leasing = std::get_if<further_leases::ask_lease>(&one)) {
            tasks_.spawn("further lease", ask_further_lease(leasing->from));
        } else if (const auto* const beating = std::get_if<further_leases::beat>(&one)) {
            tasks_.spawn("further heartbeat", beat_further(beating->to, beating->limit));
        } else if (const auto* const leaving = std::get_if<further_leases::leave>(&one)) {
            mediator_.tell(leaving->from, wire::message_type::leave,
                           codec::encode(wire::leave{leaving->moved_to}));
        }
    }
    arm();
}

task<void> edge_service::probe(device_id to) {
    const instant asked = env_.time.now();
    const auto answer = co_await mediator_.request(to, wire::message_type::probe,
                                                   codec::encode(wire::nothing{}), request_time);
    const auto what = answer ? codec::decode<wire::offer>(*answer) : fail(answer.error());
    const instant now = env_.time.now();
    carry_out(what ? machine_.on_offer(to, *what, now - asked, now)
                   : machine_.on_no_offer(to, now));
}

task<result<wire::lease_reply>> edge_service::request_lease(device_id from) {
    const auto answer = co_await mediator_.request(
        from, wire::message_type::lease, codec::encode(wire::lease{mediator_.me()}), request_time);
    auto what = answer ? codec::decode<wire::lease_reply>(*answer) : fail(answer.error());
    if (!what) {
        co_return what;
    }
    for (const auto* const list : {&what->rendezvous, &what->backups}) {
        for (wire::location one : *list) {
            if (one.device != self_) {
                known_.note(std::move(one));
            }
        }
    }
    // Before it is read what load they have, and without those that cannot prove what they are.
    std::erase_if(what->rendezvous,
                  [this](const auto& one) { return !known_.is_rendezvous(one.device); });
    std::vector<device_id> named;
    for (const wire::location& one : what->rendezvous) {
        named.push_back(one.device);
    }
    consider(std::move(named), false);
    co_return what;
}

task<void> edge_service::ask_lease(device_id from) {
    const auto what = co_await request_lease(from);
    const instant now = env_.time.now();
    carry_out(what ? machine_.on_lease(from, *what, now) : machine_.on_no_lease(from, now));
}

task<void> edge_service::ask_further_lease(device_id from) {
    const auto what = co_await request_lease(from);
    further_.on_lease(from, what ? std::optional(*what) : std::nullopt, env_.time.now());
    arm();
}

task<void> edge_service::beat_further(device_id to, duration limit) {
    const auto answer = co_await mediator_.request(to, wire::message_type::heartbeat,
                                                   codec::encode(wire::heartbeat{}), limit);
    further_.on_beat(to, answer.has_value(), env_.time.now());
    arm();
}

task<void> edge_service::beat(device_id to, duration limit) {
    const auto answer = co_await mediator_.request(to, wire::message_type::heartbeat,
                                                   codec::encode(wire::heartbeat{}), limit);
    const bool forgotten = !answer && answer.error().code == errc::not_found;
    if (const auto what = answer ? codec::decode<wire::heartbeat>(*answer) : fail(answer.error())) {
        machine_.on_spread(to, std::chrono::milliseconds(what->failover_spread_ms));
    }
    if (forgotten) {
        // It restarted, or this device was silent for too long: lease again.
        co_await ask_lease(to);
    }
    if (answer && !untold_.empty() && !telling_) {
        tasks_.spawn("tell the rest", tell_the_rest());
    }
    carry_out(machine_.on_beat(to, answer || forgotten, env_.time.now()));
    if (forgotten && machine_.lessor() == to) {
        begin_lease(to);
    }
}

void edge_service::begin_lease(const device_id& rendezvous) {
    settled_at_.reset();
    mediator_.leased();
    tasks_.spawn("after the lease", after_lease(rendezvous));
}

task<void> edge_service::after_lease(device_id rendezvous) {
    told_.clear();
    untold_.clear();
    confirmed_.clear();
    const std::uint64_t lease = ++lease_number_;
    // Roles first, so that the backups are known when somebody asks for them.
    (void)co_await locate(
        {{}, {}, wire::role::backup | wire::role::rendezvous | wire::role::registry});
    co_await care_about(mediator_.interests());
    if (machine_.lessor() == rendezvous) {
        settled_at_ = rendezvous;
        mediator_.connected(rendezvous);
        co_await doubt_hearsay(lease);
    }
}

/// A rendezvous that ended took nothing back of what it had said. Once everybody has had the time
/// to lease from another one, this one is asked of whom it has not said anything, and what it does
/// not confirm is over.
task<void> edge_service::doubt_hearsay(std::uint64_t lease) {
    co_await sleep_for(env_, hearsay_time);
    std::vector<device_id> doubtful;
    for (const auto& [device, where] : known_.all()) {
        if (where.online && !confirmed_.contains(device) && !mediator_.has_session(device)) {
            doubtful.push_back(device);
        }
    }
    for (std::size_t first = 0; first < doubtful.size(); first += ids_per_question) {
        const auto begin = doubtful.begin() + static_cast<std::ptrdiff_t>(first);
        const auto count = std::min(ids_per_question, doubtful.size() - first);
        const auto asked =
            co_await locate({{}, {begin, begin + static_cast<std::ptrdiff_t>(count)}, 0});
        if (!asked || lease_number_ != lease) {
            co_return;
        }
    }
    for (const device_id& device : doubtful) {
        if (!confirmed_.contains(device)) {
            (void)known_.note_offline(device);
        }
    }
}

task<void> edge_service::ask_for_rendezvous(device_id whom, bool seed) {
    const auto answer = co_await asks_.ask_one(
        whom, "devices", codec::encode(wire::locate{{}, {}, wire::role::rendezvous}), 0);
    auto found = answer ? codec::decode<wire::locate_reply>(*answer) : fail(answer.error());
    if (!found) {
        co_return;
    }
    std::vector<device_id> rendezvous;
    for (wire::location& one : found->found) {
        if (one.device != self_ && (one.roles & wire::role::rendezvous) != 0) {
            one.online = known_.is_online(one.device);
            rendezvous.push_back(one.device);
            known_.note(std::move(one));
        }
    }
    consider(std::move(rendezvous), seed);
}

task<void> edge_service::look_for_rendezvous() {
    // While there is no lease, or a makeshift one, those who may know of a rendezvous are asked
    // again and again: the helpers, and members that this device talks to.
    while (true) {
        if (machine_.seeks()) {
            for (const device_id& helper : std::set(helpers_)) {
                co_await ask_for_rendezvous(helper, true);
            }
            for (const device_id& member : mediator_.some_members()) {
                co_await ask_for_rendezvous(member, false);
            }
        }
        co_await sleep_for(env_, look_again);
    }
}

void edge_service::renew() {
    if (const auto from = machine_.lessor(); from && started_) {
        tasks_.spawn("renew the lease", ask_lease(*from));
        carry_out(further_.renew());
    }
}

bool edge_service::is_online(const device_id& device) const {
    return device == self_ || known_.is_online(device) || mediator_.has_session(device);
}

std::vector<device_id> edge_service::backups() const {
    std::vector<device_id> found;
    for (const wire::location& one : known_.with_roles(wire::role::backup)) {
        if (one.device != self_) {
            found.push_back(one.device);
        }
    }
    return found;
}

void edge_service::on_presence(wire::presence what) {
    std::vector<device_id> came, rendezvous;
    for (wire::location& one : what.changed) {
        if (one.device == self_) {
            continue;
        }
        const device_id device = one.device;
        const bool online = one.online;
        if (online) {
            confirmed_.insert(device);
        } else {
            confirmed_.erase(device);
        }
        const bool leases = (one.roles & wire::role::rendezvous) != 0;
        if (known_.note(std::move(one)) && online) {
            came.push_back(device);
        }
        if (leases) {
            rendezvous.push_back(device);
        }
    }
    consider(std::move(rendezvous), false);
    if (!came.empty()) {
        mediator_.came_online(came);
    }
}

void edge_service::on_move(const device_id& from, wire::location to) {
    if (only_self_ || (to.roles & wire::role::rendezvous) == 0) {
        return;
    }
    carry_out(further_.on_move(from, to.device, env_.time.now()));
    const device_id where = to.device;
    if (machine_.lessor() == from) {
        to.online = true;
        known_.note(std::move(to));
    }
    if (!known_.is_rendezvous(where)) {
        return;
    }
    carry_out(machine_.on_move(from, where, env_.time.now()));
}

task<result<std::vector<wire::rendezvous_load>>> edge_service::ask_loads() {
    const auto from = machine_.lessor();
    if (!from) {
        co_return fail(errc::offline, "this device is not connected to a rendezvous");
    }
    const auto answer = co_await mediator_.request(*from, wire::message_type::loads,
                                                   codec::encode(wire::nothing{}), request_time);
    auto found = answer ? codec::decode<wire::loads_reply>(*answer) : fail(answer.error());
    if (!found) {
        co_return fail(std::move(found.error()));
    }
    co_return std::move(found->loads);
}

void edge_service::on_peer(const device_id& device, bool up) {
    if (up) {
        on_advertised(device);
    } else {
        further_.on_peer_gone(device, env_.time.now());
        carry_out(machine_.on_peer_gone(device, env_.time.now()));
    }
}

}  // namespace calbox::overlay
