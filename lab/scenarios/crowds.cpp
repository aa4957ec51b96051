// flash-crowd and rendezvous-crash: large worlds of the overlay alone (lab/policy), where scenarios
// of whole nodes would need hours.
#include <algorithm>

#include <fmt/format.h>

#include "lab/policy/scenarios.hpp"
#include "lab/scenarios/render.hpp"
#include "lab/scenarios/script.hpp"
#include "lab/scenarios/table.hpp"
#include "lab/sim/silent_logger.hpp"

namespace calbox::lab {

namespace {

constexpr std::uint64_t edges_usual = 10'000, edges_most = 1'000'000, edges_per_rendezvous = 100;
constexpr std::uint32_t rendezvous_least = 4;

std::string goal_of(const policy::figure& one) {
    if (!one.wanted) {
        return {};
    }
    std::string text = one.wanted->least ? "at least " + number_text(*one.wanted->least) : "";
    if (one.wanted->most) {
        text += (text.empty() ? "at most " : ", at most ") + number_text(*one.wanted->most);
    }
    return text + (one.wanted->of == "every" ? "" : " (" + one.wanted->of + ")");
}

figure_table table_of(const policy::report& came) {
    figure_table table{fmt::format("{} edges, {} rendezvous, discovery {}", came.edges,
                                   came.rendezvous, came.strategy),
                       {"figure", "value", "goal"},
                       {}};
    for (const policy::figure& one : came.figures) {
        const std::string value = number_text(one.value) + (one.unit.empty() ? "" : " " + one.unit);
        table.rows.push_back({one.name, value, goal_of(one)});
    }
    return table;
}

void play_crowd(script& on, result<policy::report> (*how)(const policy::trial&),
                const std::string& what, std::vector<int> proves) {
    std::optional<policy::report> came;
    on.step(what, std::move(proves), [&] {
        silent_logger nothing;
        plugins::plugin_host host(on.with().plugin_directories, nothing);
        policy::trial with{host};
        with.strategy.name = on.with().discovery;
        with.seed = on.with().seed;
        with.edges = static_cast<std::uint32_t>(std::min(on.size_or(edges_usual), edges_most));
        with.rendezvous = std::max(rendezvous_least,
                                   static_cast<std::uint32_t>(with.edges / edges_per_rendezvous));
        auto played = how(with);
        expect(played.has_value(), played ? "" : played.error().message());
        came = std::move(*played);
        on.elsewhere(came->simulated, came->events, came->trace);
    });
    if (!came) {
        return;
    }
    on.step(fmt::format("every goal of the strategy {} is reached", came->strategy), {207}, [&] {
        std::string missed;
        for (const policy::figure& one : came->missed()) {
            missed += fmt::format("{}{} is {}, and must be {}", missed.empty() ? "" : "; ",
                                  one.name, number_text(one.value), goal_of(one));
        }
        expect(missed.empty(), missed);
    });
    on.table(table_of(*came));
}

}  // namespace

void play_flash_crowd(script& on) {
    play_crowd(on, policy::flash_crowd, "all edges arrive within a minute, and stay for ten",
               {194, 207});
}

void play_rendezvous_crash(script& on) {
    play_crowd(on, policy::rendezvous_crash,
               "a tenth of the rendezvous vanishes and comes back, then another tenth is killed",
               {195, 105});
}

}  // namespace calbox::lab
