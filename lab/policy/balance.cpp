// How even the load is: the table of the design (10,000 edges, 100 rendezvous, 75 minutes), and the
// worlds in which chance alone does badly.
#include "lab/policy/scenario_run.hpp"

namespace calbox::lab::policy {

using namespace std::chrono_literals;

namespace {

double per_edge(double count, const trial& with) { return count * 10'000 / with.edges; }

/// Edges that moved, of 10,000, since the count was `before`.
double moves_since(std::uint64_t before, const world& in, const trial& with) {
    return per_edge(static_cast<double>(in.so_far().moves - before), with);
}

double refused_since(std::uint64_t before, const world& in) {
    return static_cast<double>(in.so_far().refused - before);
}

}  // namespace

result<report> balance(const trial& with) {
    run now("balance", with);
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
    in.run_for(90s);
    now.note("load_max_over_mean_90s", spread_of(in.loads()).max_over_mean, "",
             goal{"G2", {}, 1.08, load_aware});
    in.run_for(510s);
    now.note("load_max_over_mean_10min", spread_of(in.loads()).max_over_mean, "",
             goal{"G1", {}, 1.06, load_aware});
    std::uint64_t before = in.so_far().moves;
    double variation = 0, worst = 0;
    for (int minute = 0; minute < 20; ++minute) {
        in.run_for(1min);
        const spread even = spread_of(in.loads());
        variation += even.variation / 20;
        worst = std::max(worst, even.max_over_mean);
    }
    now.note("load_max_over_mean_steady", worst, "");
    now.note("load_variation_steady", variation, "");
    now.note("moves_steady_20min", moves_since(before, in, with), "of 10,000",
             goal{"G6", {}, 10, load_aware});

    before = in.so_far().moves;
    const auto gone = in.pick(tenth);
    in.crash(gone);
    in.run_for(15s);
    now.note("load_max_over_mean_after_crash", worst_ratio_within(in, 885s), "",
             goal{"G4", {}, 1.10, load_aware});
    now.note("moves_after_crash", moves_since(before, in, with), "of 10,000",
             goal{"G6", {}, 50, load_aware});

    before = in.so_far().moves;
    in.bring_back(gone);
    const auto refilled = [&] {
        return spread_of(in.loads(gone)).least / spread_of(in.loads()).mean;
    };
    in.run_for(5min);
    now.note("refill_of_returned_5min", refilled(), "of the mean",
             goal{"G5", 0.85, {}, load_aware});
    in.run_for(10min);
    now.note("refill_of_returned_15min", refilled(), "of the mean");
    now.note("moves_after_return", moves_since(before, in, with), "of 10,000",
             goal{"G6", {}, 900, load_aware});
    in.run_for(15min);
    in.stay();
    in.run_for(1min);

    const auto& waited = in.so_far().first_lease_s;
    now.note("moved_twice_within_an_hour", static_cast<double>(in.so_far().moved_again), "",
             goal{"G7", {}, 0, every});
    now.note("leases_refused", static_cast<double>(in.so_far().refused), "");
    now.note("first_lease_p50", quantile(waited, 0.5), "s");
    now.note("first_lease_p99", quantile(waited, 0.99), "s");
    now.note("false_failovers", static_cast<double>(in.so_far().false_losses), "",
             goal{"", {}, 0, every});
    now.note("without_lease_at_end", in.present() - in.leased(), "", goal{"", {}, 0, every});
    return now.ended(in, begun);
}

result<report> uneven_rendezvous(const trial& with) {
    run now("uneven-rendezvous", with);
    settings made_as = world_of(with);
    made_as.session = 60min;
    made_as.uneven = true;
    auto made = world::make(with.plugins, with.strategy, made_as);
    if (!made) {
        return fail(std::move(made.error()));
    }
    world& in = **made;
    const instant begun = in.now();
    in.arrive(with.edges, 60s);
    in.run_for(20min);
    now.note("utilisation_max_over_mean", spread_of(in.utilisations()).max_over_mean, "",
             goal{"G8", {}, 1.12, load_aware});
    now.note("leases_refused", static_cast<double>(in.so_far().refused), "",
             goal{"G8", {}, 0, load_aware});
    now.note("moves", per_edge(static_cast<double>(in.so_far().moves), with), "of 10,000");
    now.note("first_lease_p99", quantile(in.so_far().first_lease_s, 0.99), "s");
    return now.ended(in, begun);
}

result<report> tight_rendezvous(const trial& with) {
    run now("tight-rendezvous", with);
    settings made_as = world_of(with);
    made_as.session = 60min;
    made_as.edges_max = (with.edges * 115 / 100 + with.rendezvous - 1) / with.rendezvous;
    auto made = world::make(with.plugins, with.strategy, made_as);
    if (!made) {
        return fail(std::move(made.error()));
    }
    world& in = **made;
    const instant begun = in.now();
    in.arrive(with.edges, 60s);
    in.run_for(10min);
    const std::uint64_t before = in.so_far().refused;
    in.crash(in.pick(std::max(1u, with.rendezvous / 10)));
    in.run_for(10min);
    now.note("leases_refused_before", static_cast<double>(before), "");
    now.note("leases_refused", refused_since(before, in), "", goal{"G9", {}, 10, load_aware});
    now.note("failover_p99", quantile(in.so_far().failover_s, 0.99), "s");
    now.note("failover_max", quantile(in.so_far().failover_s, 1), "s");
    return now.ended(in, begun);
}

result<report> storm(const trial& with) {
    run now("storm", with);
    settings made_as;
    made_as.seed = with.seed;
    made_as.rendezvous = 2;
    made_as.edges_max = with.edges * 2;
    auto made = world::make(with.plugins, with.strategy, made_as);
    if (!made) {
        return fail(std::move(made.error()));
    }
    world& in = **made;
    const instant begun = in.now();
    in.arrive(with.edges, 5min);
    in.run_for(10min);
    (void)in.busiest_second();
    const std::uint64_t before = in.so_far().refused;
    in.kill(in.pick(1));
    in.run_for(5min);
    const auto& waited = in.so_far().failover_s;
    now.note("failovers", static_cast<double>(waited.size()), "");
    // A probe and a lease each.
    now.note("busiest_second", in.busiest_second(), "requests", goal{"G13", {}, 600, every});
    now.note("refused_share", refused_since(before, in) / static_cast<double>(waited.size()), "",
             goal{"G13", {}, 0.01, every});
    now.note("failover_p99", quantile(waited, 0.99), "s", goal{"G13", {}, 30, every});
    now.note("failover_max", quantile(waited, 1), "s");
    now.note("without_lease_at_end", in.present() - in.leased(), "", goal{"", {}, 0, every});
    return now.ended(in, begun);
}

result<report> overload(const trial& with) {
    run now("overload", with);
    settings made_as;
    made_as.seed = with.seed;
    made_as.rendezvous = with.rendezvous;
    made_as.edges_max = with.edges * 5 / 8 / with.rendezvous;
    made_as.opened_most = with.rendezvous * 2;
    auto made = world::make(with.plugins, with.strategy, made_as);
    if (!made) {
        return fail(std::move(made.error()));
    }
    world& in = **made;
    const instant begun = in.now();
    in.arrive(with.edges, 10min);
    double fullest = 0;
    for (int i = 0; i < 120; ++i) {
        in.run_for(5s);
        const double room = static_cast<double>(in.loads().size()) * made_as.edges_max;
        fullest = std::max(fullest, in.leased() / room);
    }
    in.run_for(1min);
    const auto& waited = in.so_far().first_lease_s;
    now.note("first_lease_p50", quantile(waited, 0.5), "s");
    now.note("first_lease_p99", quantile(waited, 0.99), "s", goal{"G21", {}, 2, load_aware});
    now.note("first_lease_max", quantile(waited, 1), "s");
    now.note("leases_refused", static_cast<double>(in.so_far().refused), "");
    now.note("fullest", fullest, "of all room");
    now.note("rendezvous_opened", in.rendezvous() - with.rendezvous, "");
    now.note("without_lease_at_end", in.present() - in.leased(), "", goal{"G21", {}, 0, every});
    return now.ended(in, begun);
}

}  // namespace calbox::lab::policy
