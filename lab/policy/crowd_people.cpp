// The people in a crowd: they come and go, have friends, and look for another rendezvous when
// theirs is gone; and what is asked of a crowd.
#include <cmath>

#include "lab/policy/crowd_parts.hpp"
#include "lab/policy/scenario_run.hpp"

namespace calbox::lab::policy {

using overlay::lessor;
using namespace std::chrono_literals;

namespace {
constexpr duration beat_every = 10s;
constexpr duration seen_within = 37s;  // G22
constexpr duration told_within = 2s;   // after a lease
/// From a crash to the next lease, as large worlds have it (G10).
constexpr duration failover_least = 10s, failover_most = 17s;
constexpr duration move_least = 1s, move_most = 5s;  // to the next lease
}  // namespace

duration crowd::exponential(duration mean) {
    const double u = 1 - static_cast<double>(people_.below(1u << 30)) / (1u << 30);
    return std::chrono::milliseconds(static_cast<std::int64_t>(
        -std::log(u) * std::chrono::duration<double, std::milli>(mean).count()));
}

/// It comes, goes, or looks for another rendezvous.
void crowd::edge_turns(const event& what) {
    edge& one = edges_[what.from];
    if (what.to != one.serial) {
        return;
    }
    if (one.online && !one.at) {
        lease(what.from);
        return;
    }
    ++one.serial;
    one.online = !one.online;
    one.turned = now_;
    if (one.online) {
        lease(what.from);
    } else if (const auto at = std::exchange(one.at, std::nullopt);
               at && rendezvous_[*at].leases && !people_.happens(with_.vanish_per_mille)) {
        rendezvous_[*at].leases->on_leave(made_up_id(with_.seed, what.from, wire::role::edge),
                                          std::nullopt, now_);
        carry_out(*at, lessor::effects());
    }
    event next = what;
    next.to = one.serial;
    push(exponential(one.online ? with_.session : with_.away), next);
}

void crowd::lease(std::uint32_t number) {
    edge& one = edges_[number];
    std::vector<std::uint32_t> running;
    for (std::uint32_t i = 0; i < rendezvous_.size(); ++i) {
        if (rendezvous_[i].leases) {
            running.push_back(i);
        }
    }
    const std::uint32_t at = running[static_cast<std::size_t>(people_.below(running.size()))];
    const device_id device = made_up_id(with_.seed, number, wire::role::edge);
    lessor& by = *rendezvous_[at].leases;
    const auto reply =
        by.on_lease({device, wire::role::edge, {}, {}, true, {user_of(number)}}, now_);
    event again;
    again.from = number;
    again.to = one.serial;
    if (reply.what != wire::lease_reply::verdict::grant) {
        again.what = kind::edge;
        push(1s, again);
        return;
    }
    one.at = at;
    one.leased = now_;
    wire::locate wanted;
    for (const std::uint32_t other : one.friends) {
        wanted.users.push_back(user_of(other));
    }
    by.on_interest(device, wanted.users);
    carry_out(at, by.want(wanted, now_));
    again.what = kind::beat;
    push(beat_every, again);
}

void crowd::beat(const event& what) {
    edge& one = edges_[what.from];
    if (what.to == one.serial && one.at && rendezvous_[*one.at].leases) {
        if (moves_ && people_.below(static_cast<std::uint64_t>(*moves_ / beat_every)) == 0) {
            one.at.reset();
            return seek_another(what.from, people_.between(move_least, move_most));
        }
        (void)rendezvous_[*one.at].leases->on_heartbeat(
            made_up_id(with_.seed, what.from, wire::role::edge), now_);
        push(beat_every, what);
    }
}

void crowd::seek_another(std::uint32_t number, duration after) {
    event again;
    again.what = kind::edge;
    again.from = number;
    again.to = edges_[number].serial;
    push(after, again);
}

std::vector<std::uint32_t> crowd::crash(std::uint32_t count) {
    std::vector<std::uint32_t> all;
    for (std::uint32_t i = 0; i < rendezvous_.size(); ++i) {
        if (rendezvous_[i].leases) {
            all.push_back(i);
        }
    }
    for (std::uint32_t i = 0; i < std::min<std::size_t>(count, all.size()); ++i) {
        std::swap(all[i], all[i + static_cast<std::size_t>(faults_.below(all.size() - i))]);
        meeting_point& gone = rendezvous_[all[i]];
        gone.leases.reset();
        gone.watches.reset();
        gone.sessions.clear();
        for (std::uint32_t number = 0; number < edges_.size(); ++number) {
            edge& its = edges_[number];
            if (its.at != all[i]) {
                continue;
            }
            its.at.reset();
            seek_another(number, faults_.between(failover_least, failover_most));
        }
    }
    all.resize(std::min<std::size_t>(count, all.size()));
    return all;
}

/// Sessions with who ran before break when the new one is asked; so they do here, at once.
void crowd::restart(std::uint32_t number) {
    meeting_point& one = rendezvous_[number];
    for (std::uint32_t other = 0; other < rendezvous_.size(); ++other) {
        if (rendezvous_[other].leases) {
            end_session(other, number);
        }
    }
    one.book.forget_online();
    one.sessions.clear();
    one.near = 0;
    one.lessor_armed = one.member_armed = {};
    begin(number, static_cast<std::uint64_t>(now_.since_start / 1ms));
}

crowd::seen crowd::look() const {
    seen all;
    for (const edge& one : edges_) {
        if (!one.online || !one.at || now_ - one.leased < told_within) {
            continue;
        }
        const notes& book = rendezvous_[*one.at].book;
        for (const std::uint32_t number : one.friends) {
            const edge& other = edges_[number];
            const bool online = book.is_online(made_up_id(with_.seed, number, wire::role::edge));
            ++all.friends;
            if (online != other.online && now_ - other.turned >= seen_within) {
                ++(online ? all.as_online : all.as_offline);
            }
        }
    }
    return all;
}

result<report> presence_crash(const trial& with) {
    run now("presence", with);
    auto strategy = with.plugins.discovery(with.strategy.name, with.strategy.settings);
    if (!strategy) {
        return fail(std::move(strategy.error()));
    }
    crowd::settings made_as;
    made_as.seed = with.seed;
    made_as.rendezvous = with.rendezvous;
    made_as.edges = with.edges;
    crowd in(**strategy, made_as);
    const instant begun = in.now();
    const auto cost = [&](const std::string& when, duration d) {
        const std::uint64_t messages = in.messages(), bytes = in.bytes_sent(),
                            dialled = in.dialled();
        in.run_for(d);
        const double each = in.running() * std::chrono::duration<double>(d).count();
        now.note("messages_" + when, static_cast<double>(in.messages() - messages) / each,
                 "per rendezvous and second", goal{"G18", {}, 12, every});
        now.note("bytes_" + when, static_cast<double>(in.bytes_sent() - bytes) / each,
                 "per rendezvous and second", goal{"G18", {}, 10'000, every});
        now.note("dialled_" + when, static_cast<double>(in.dialled() - dialled) / each,
                 "sessions per rendezvous and second");
        const auto open = in.sessions();
        now.note("sessions_mean_" + when, spread_of(open).mean, "of each rendezvous");
        now.note("sessions_most_" + when, *std::ranges::max_element(open), "of one rendezvous");
    };
    const auto wrong = [&](const std::string& when) {
        const crowd::seen seen = in.look();
        const auto per_cent = [&](std::uint64_t count) {
            return 100 * static_cast<double>(count) / static_cast<double>(seen.friends);
        };
        now.note("seen_as_online_" + when, per_cent(seen.as_online), "% of friends, wrongly",
                 goal{"", {}, 0.1, every});
        now.note("seen_as_offline_" + when, per_cent(seen.as_offline), "% of friends, wrongly",
                 goal{"", {}, 0.1, every});
    };
    in.run_for(5min);
    cost("quiet", 2min);
    wrong("quiet");
    in.crash(std::max(1u, with.rendezvous / 10));
    cost("after_crash", 1min);
    wrong("1min_after");
    in.run_for(3min);
    wrong("4min_after");
    cost("later", 10min);
    wrong("at_end");
    // A new version comes to a tenth of them, one after the other, and edges change their networks.
    in.move_each(10min);
    for (std::uint32_t i = 0; i < std::max(1u, with.rendezvous / 10); ++i) {
        const auto down = in.crash(1);
        in.run_for(20s);
        for (const std::uint32_t one : down) {
            in.restart(one);
        }
        in.run_for(10s);
    }
    in.run_for(1min);
    wrong("after_restarts");
    in.run_for(4min);
    wrong("moving");
    cost("moving", 1min);
    wrong("moving_on");
    return now.ended(in.now() - begun, in.events(), in.trace());
}

}  // namespace calbox::lab::policy
