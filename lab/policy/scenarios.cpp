#include "lab/policy/scenarios.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lab/policy/scenario_run.hpp"

namespace calbox::lab::policy {

namespace {

using namespace std::chrono_literals;

/// Messages of edges, for each edge and minute, while `in` runs for `d`.
double edge_messages_per_minute(world& in, duration d) {
    const std::uint64_t before = in.so_far().edge_messages;
    in.run_for(d);
    return static_cast<double>(in.so_far().edge_messages - before) / in.present() /
           std::chrono::duration<double, std::ratio<60>>(d).count();
}

void note_waiting(run& now, const world& in) {
    const auto& waited = in.so_far().first_lease_s;
    // G14 is measured on real processes; here dialling is a guess of whole round trips.
    now.note("first_lease_p50", quantile(waited, 0.5), "s", goal{"G14", {}, 0.5, processes});
    now.note("first_lease_p99", quantile(waited, 0.99), "s", goal{"G14", {}, 1.0, processes});
    now.note("leases_refused", static_cast<double>(in.so_far().refused), "");
}

/// Everybody who is there has a lease.
void note_without_lease(run& now, const world& in) {
    now.note("without_lease_at_end", in.present() - in.leased(), "", goal{"", {}, 0, every});
    now.note("presence_to_edges", static_cast<double>(in.so_far().presence_to_edges), "",
             goal{"", {}, 0, every});
}

}  // namespace

bool figure::reached() const noexcept {
    return !wanted || ((!wanted->least || value >= *wanted->least) &&
                       (!wanted->most || value <= *wanted->most));
}

double report::value(const std::string& name) const noexcept {
    const auto found = std::ranges::find(figures, name, &figure::name);
    return found == figures.end() ? 0 : found->value;
}

std::vector<figure> report::missed() const {
    std::vector<figure> all;
    for (const figure& one : figures) {
        if (one.wanted && (one.wanted->of == every || one.wanted->of == strategy) &&
            !one.reached()) {
            all.push_back(one);
        }
    }
    return all;
}

nlohmann::json to_json(const report& what) {
    nlohmann::json figures = nlohmann::json::array();
    for (const figure& one : what.figures) {
        nlohmann::json written = {{"name", one.name}, {"value", one.value}};
        if (!one.unit.empty()) {
            written["unit"] = one.unit;
        }
        if (one.wanted) {
            nlohmann::json wanted = {{"of", one.wanted->of}, {"reached", one.reached()}};
            if (!one.wanted->name.empty()) {
                wanted["name"] = one.wanted->name;
            }
            if (one.wanted->least) {
                wanted["least"] = *one.wanted->least;
            }
            if (one.wanted->most) {
                wanted["most"] = *one.wanted->most;
            }
            written["goal"] = std::move(wanted);
        }
        figures.push_back(std::move(written));
    }
    return {{"scenario", what.scenario},
            {"strategy", what.strategy},
            {"seed", what.seed},
            {"edges", what.edges},
            {"rendezvous", what.rendezvous},
            {"simulated_s", std::chrono::duration<double>(what.simulated).count()},
            {"events", what.events},
            {"trace", fmt::format("{:016x}", what.trace)},
            {"bytes_per_edge", what.bytes_per_edge},
            {"figures", std::move(figures)}};
}

result<report> flash_crowd(const trial& with) {
    run now("flash-crowd", with);
    auto made = world::make(with.plugins, with.strategy, world_of(with));
    if (!made) {
        return fail(std::move(made.error()));
    }
    world& in = **made;
    const instant begun = in.now();

    in.arrive(with.edges, 60s);
    in.run_for(90s);
    now.note("load_max_over_mean_90s", spread_of(in.loads()).max_over_mean, "",
             goal{"G2", {}, 1.08, load_aware});
    now.note("busiest_second", in.busiest_second(), "requests");
    in.run_for(210s);
    now.note("messages", edge_messages_per_minute(in, 5min), "per edge and minute",
             goal{"G17", {}, 15, every});

    const auto loads = in.loads();
    const spread even = spread_of(loads);
    now.note("moves", static_cast<double>(in.so_far().moves), "");
    now.note("load_max_over_mean", even.max_over_mean, "", goal{"G1", {}, 1.06, load_aware});
    if (is_of_the_band(with)) {
        now.note("load_max_over_mean_of_chance", even.max_over_mean, "",
                 goal{"G3", 1.18, 1.40, random_choice});
    }
    now.note("load_variation", even.variation, "");
    now.note("load_evenness_p", evenness_p(loads), "", goal{"G3", 0.001, {}, random_choice});
    note_waiting(now, in);
    note_without_lease(now, in);
    return now.ended(in, begun);
}

result<report> rendezvous_crash(const trial& with) {
    run now("rendezvous-crash", with);
    settings made_as = world_of(with);
    made_as.session = 60min;
    auto made = world::make(with.plugins, with.strategy, made_as);
    if (!made) {
        return fail(std::move(made.error()));
    }
    world& in = **made;
    const instant begun = in.now();
    const std::uint32_t tenth = std::max(1u, with.rendezvous / 10);

    in.arrive(with.edges, 60s);
    in.run_for(5min);
    now.note("messages", edge_messages_per_minute(in, 5min), "per edge and minute",
             goal{"G17", {}, 15, every});
    now.note("load_max_over_mean_before", spread_of(in.loads()).max_over_mean, "");
    (void)in.busiest_second();

    const auto silent = in.pick(tenth);
    in.crash(silent);
    in.run_for(15s);
    const double worst = worst_ratio_within(in, 285s);
    now.note("load_max_over_mean_after_crash", worst, "", goal{"G4", {}, 1.10, load_aware});
    if (is_of_the_band(with)) {
        now.note("load_max_over_mean_after_crash_of_chance", worst, "",
                 goal{"G3", 1.10, 1.40, random_choice});
    }
    const std::vector<double> after_crash = in.so_far().failover_s;
    now.note("failovers_silent", static_cast<double>(after_crash.size()), "");
    now.note("failover_silent_p50", quantile(after_crash, 0.5), "s", goal{"G10", {}, 12, every});
    now.note("failover_silent_p99", quantile(after_crash, 0.99), "s", goal{"G10", {}, 18, every});
    now.note("failover_silent_max", quantile(after_crash, 1), "s", goal{"G10", {}, 25, every});
    now.note("busiest_second_after_crash", in.busiest_second(), "requests");

    in.bring_back(silent);
    in.run_for(5min);
    now.note("refill_of_returned_5min",
             spread_of(in.loads(silent)).least / spread_of(in.loads()).mean, "of the mean",
             goal{"G5", 0.85, {}, load_aware});

    in.run_for(2min);
    const auto killed = in.pick(tenth);
    in.kill(killed);
    in.run_for(2min);
    const auto& all = in.so_far().failover_s;
    const std::vector<double> after_kill(
        all.begin() + static_cast<std::ptrdiff_t>(after_crash.size()), all.end());
    now.note("failovers_killed", static_cast<double>(after_kill.size()), "");
    now.note("failover_killed_p99", quantile(after_kill, 0.99), "s", goal{"G11", {}, 4, every});
    now.note("busiest_second_after_kill", in.busiest_second(), "requests");
    in.bring_back(killed);
    in.run_for(5min);
    in.stay();
    in.run_for(1min);

    now.note("leases_not_returned", in.failing_over(), "", goal{"", {}, 0, every});
    now.note("false_failovers", static_cast<double>(in.so_far().false_losses), "",
             goal{"", {}, 0, every});
    now.note("rendezvous_messages",
             static_cast<double>(in.so_far().rendezvous_messages) / with.rendezvous /
                 std::chrono::duration<double>(in.now() - begun).count(),
             "per rendezvous and second");
    note_waiting(now, in);
    note_without_lease(now, in);
    return now.ended(in, begun);
}

result<report> lossy_hour(const trial& with) {
    run now("lossy-hour", with);
    settings made_as = world_of(with);
    made_as.lost_per_mille = 10;
    auto made = world::make(with.plugins, with.strategy, made_as);
    if (!made) {
        return fail(std::move(made.error()));
    }
    world& in = **made;
    const instant begun = in.now();
    in.arrive(with.edges, 60s);
    in.run_for(2min);
    const std::uint64_t before = in.so_far().false_losses;
    for (int minute = 0; minute < 60; ++minute) {
        for (const std::uint32_t one : in.pick(std::max(1u, with.rendezvous / 10))) {
            in.stall(one, 5s);
        }
        in.run_for(1min);
    }
    now.note("false_failovers", static_cast<double>(in.so_far().false_losses - before), "",
             goal{"G12", {}, 5, every});
    note_waiting(now, in);
    note_without_lease(now, in);
    return now.ended(in, begun);
}

}  // namespace calbox::lab::policy
