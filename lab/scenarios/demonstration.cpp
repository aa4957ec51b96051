#include "lab/scenarios/demonstration.hpp"

#include <algorithm>

namespace calbox::lab {

namespace {

using namespace std::chrono_literals;
using wire::role::backup, wire::role::edge, wire::role::rendezvous;

constexpr duration rendezvous_meet = 1min;  // through the registry, which they ask every 20 s

/// Those made so far find each other.
device& and_then_wait(world& in, duration time, device& made) {
    in.pass(time);
    return made;
}

world& prepared(world& in, const std::function<void(world&)>& prepare) {
    if (prepare) {
        prepare(in);
    }
    return in;
}

}  // namespace

demonstration::demonstration(script& script_of, const std::function<void(world&)>& prepare)
    : on(script_of),
      in(prepared(on.fresh_world(), prepare)),
      web(found_network(in, "web", 0)),
      r1(join_network(in, "R1", rendezvous, web)),
      r2(join_network(in, "R2", rendezvous, web)),
      z(and_then_wait(in, rendezvous_meet, join_network(in, "Z", backup, web))),
      a(join_network(in, "A", edge, web)),
      b(join_network(in, "B", edge, web)),
      c(join_network(in, "C", edge, web)),
      alice(a, "alice"),
      bob(b, "bob"),
      carol(c, "carol") {
    for (person* const one : {&alice, &bob, &carol}) {
        one->sign_up();
    }
    in.pass(5s);
}

std::string lessor_of(device& client) { return client.api().info.status().rendezvous; }

bool is_connected(device& which) { return which.api().info.status().state == "connected"; }

static std::size_t clients_of(const demonstration& all, device& at) {
    const std::string self = at.api().info.status().device;
    std::size_t count = 0;
    for (device* const client : {&all.a, &all.b, &all.c}) {
        count += lessor_of(*client) == self ? 1 : 0;
    }
    return count;
}

std::pair<device*, device*> demonstration::fuller_first() const {
    return clients_of(*this, r1) >= clients_of(*this, r2) ? std::pair(&r1, &r2)
                                                          : std::pair(&r2, &r1);
}

bool demonstration::all_lease_from(const std::vector<device*>& rendezvous_of) const {
    std::size_t count = 0;
    for (device* const one : rendezvous_of) {
        count += clients_of(*this, *one);
    }
    return count == 3;
}

void demonstration::all_see(const std::vector<const person*>& who, const event_id& which,
                            const std::string& title) {
    for (const person* const one : who) {
        in.wait_for(one->name() + " sees \"" + title + "\"",
                    [&] { return one->title_of(which) == title; });
    }
}

void demonstration::nobody_sees(const std::vector<const person*>& who, const event_id& which) {
    for (const person* const one : who) {
        in.wait_for(one->name() + " sees no deleted event", [&] { return !one->sees(which); });
    }
}

void demonstration::restart(device& which) {
    which.start();
    in.wait_for(which.name() + " is connected again", [&] { return is_connected(which); }, 2min);
    in.wait_for(which.name() + " has caught up",
                [&] { return which.api().info.status().caught_up; });
}

double samples::ms(double share) const {
    if (all_.empty()) {
        return 0;
    }
    std::vector<duration> sorted = all_;
    std::ranges::sort(sorted);
    const auto last = static_cast<double>(sorted.size() - 1);
    const duration found = sorted[static_cast<std::size_t>(share * last + 0.5)];
    return std::chrono::duration<double, std::milli>(found).count();
}

std::uint64_t envelopes_from(const std::vector<node::recovered_view>& sources) {
    std::uint64_t sum = 0;
    for (const auto& one : sources) {
        sum += one.envelopes;
    }
    return sum;
}

std::uint64_t bytes_from(const std::vector<node::recovered_view>& sources) {
    std::uint64_t sum = 0;
    for (const auto& one : sources) {
        sum += one.bytes;
    }
    return sum;
}

}  // namespace calbox::lab
