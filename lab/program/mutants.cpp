// calbox-lab mutants: whether the random worlds find every known fault.
#include <algorithm>
#include <memory>
#include <set>

#include <calbox/mutant.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "lab/program/command.hpp"
#include "lab/program/seeds.hpp"
#include "lab/program/strategies.hpp"
#include "lab/random/gate.hpp"
#include "plugins/directories_real.hpp"

namespace calbox::lab {

namespace {

constexpr const char* mutants_footer = R"(Example, from a build directory with tests:
  LD_LIBRARY_PATH=build/check/mutants build/check/bin/calbox-lab mutants --seeds 1-1000 --jobs 2

Each fault is switched on in turn, and random worlds are played until something that must hold does
not. The installed libcalbox has no faults in it: LD_LIBRARY_PATH leads to the one that has.

Exit status: 0 every fault was found, 1 one was not, 2 wrong usage.)";

struct mutants_wishes {
    campaign_settings with;
    std::string seeds = "1-1000";
    std::vector<std::string> names, plugins;
    bool as_json = false;
};

nlohmann::ordered_json json_of(const std::vector<gate_row>& rows) {
    auto all = nlohmann::ordered_json::array();
    for (const gate_row& row : rows) {
        all.push_back({{"fault", row.of.name},
                       {"what", row.of.what},
                       {"consensus", row.of.consensus},
                       {"found", row.found_at != 0},
                       {"seeds", row.found_at},
                       {"played", row.played},
                       {"broken", row.broken},
                       {"by", row.by}});
    }
    return {{"faults", all}};
}

int play_mutants(mutants_wishes what) {
    if (!has_mutants()) {
        return complain(
            "this libcalbox has no faults in it; LD_LIBRARY_PATH must lead to the one of the "
            "build directory's folder mutants",
            wrong_usage);
    }
    for (const std::string& name : what.names) {
        if (std::ranges::count(known_faults(), name, &fault::name) == 0) {
            return complain("there is no fault " + name, wrong_usage);
        }
    }
    if (!read_seeds(what.seeds, what.with)) {
        return complain("--seeds is a number or FIRST-LAST, from 1", wrong_usage);
    }
    what.with.run.plugin_directories = plugins::plugin_directories(what.plugins);
    std::set<std::string_view> consensus;
    for (const fault& one : faults_named(what.names)) {
        consensus.insert(one.consensus);
    }
    strategy_names played = strategies_of(what.with.within);
    for (const std::string_view one : consensus) {
        played.consensus = one;
        if (const auto why = strategies_missing(played, what.with.run.plugin_directories)) {
            return complain(*why, wrong_usage);
        }
    }
    const auto rows = run_gate(what.with, what.names);
    print(what.as_json ? json_of(rows).dump(2) + "\n" : text_of(rows));
    return all_found(rows) ? all_well : something_failed;
}

}  // namespace

command mutants_command(CLI::App& into) {
    const auto what = std::make_shared<mutants_wishes>();  // shared with what runs after parsing
    CLI::App* const parsed =
        into.add_subcommand("mutants", "whether the random worlds find every known fault");
    parsed->add_option("NAME", what->names, "faults; all when none is named");
    parsed->add_option("--seeds", what->seeds, "one, or FIRST-LAST")->capture_default_str();
    add_size_option(*parsed, what->with.within);
    parsed->add_flag("--all", what->with.plays_all,
                     "plays all seeds with each fault, and counts the worlds that it breaks");
    parsed->add_option("--plugins", what->plugins,
                       "directories with more strategies, looked into before the installed ones");
    parsed->add_option("--jobs", what->with.jobs, "processes at once")
        ->check(CLI::Range(1, 256))
        ->capture_default_str();
    parsed->add_flag("--json", what->as_json, "for programs");
    parsed->footer(mutants_footer);
    return {parsed, [what] { return play_mutants(std::move(*what)); }};
}

}  // namespace calbox::lab
