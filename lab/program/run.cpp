// calbox-lab run: plays scenarios, and says what came of each.
#include <fstream>
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "lab/program/command.hpp"
#include "lab/program/strategies.hpp"
#include "lab/scenarios/render.hpp"
#include "plugins/directories_real.hpp"

namespace calbox::lab {

namespace {

constexpr const char* run_footer = R"(Examples:
  calbox-lab run report-6.7
  calbox-lab run report-6.3 report-6.4 --seed 7 --report html=failures.html
  calbox-lab run hostile-peer --size 1000000
  calbox-lab run all --json

Each step says when it began, in simulated time, which requirements (docs/requirements.md) it
shows, and how it ended:
  ok         it holds
  unclaimed  it does not hold, and the strategy does not claim that it does
  surprise   the strategy does not claim it, and it holds: the scenario is to be corrected
  failed     it does not hold; the lines below say why, and how the devices' logs end
The same seed and strategies play the same run, byte for byte.

Exit status: 0 every step is ok or unclaimed, 1 one is not, 2 wrong usage.)";

struct run_wishes {
    std::vector<std::string> names, plugins;
    scenario_options with;
    std::string report;
    bool as_json = false;
};

int write_page(const std::vector<report>& runs, const std::string& file, int status) {
    const std::string page = html_of(runs);
    if (file.empty()) {
        print(page);
        return status;
    }
    std::ofstream out(file, std::ios::binary);
    out << page;
    out.close();
    return out ? status : complain(file + " cannot be written", something_failed);
}

int play_scenarios(run_wishes what) {
    const bool page = what.report == "html" || what.report.starts_with("html=");
    if (!what.report.empty() && !page) {
        return complain("--report is html or html=FILE", wrong_usage);
    }
    const std::string file = what.report.size() > 5 ? what.report.substr(5) : std::string();
    const bool speaks = !what.as_json && !(page && file.empty());
    std::vector<const scenario*> chosen;
    for (const std::string& name : what.names) {
        if (name == "all") {
            for (const scenario& one : all_scenarios()) {
                chosen.push_back(&one);
            }
        } else if (const scenario* const one = find_scenario(name)) {
            chosen.push_back(one);
        } else {
            return complain(
                "there is no scenario " + name + "; calbox-lab list says which there are",
                wrong_usage);
        }
    }
    what.with.plugin_directories = plugins::plugin_directories(what.plugins);
    if (const auto why =
            strategies_missing(strategies_of(what.with), what.with.plugin_directories)) {
        return complain(*why, wrong_usage);
    }
    std::vector<report> runs;
    bool good = true;
    for (const scenario* const one : chosen) {
        report came = play(*one, what.with);
        good = good && came.passed();
        if (speaks) {
            print((runs.empty() ? "" : "\n") + text_of(came));
            std::fflush(stdout);
        }
        runs.push_back(std::move(came));
    }
    const int status = good ? all_well : something_failed;
    if (what.as_json) {
        auto all = nlohmann::ordered_json::array();
        for (const report& one : runs) {
            all.push_back(json_of(one));
        }
        print(nlohmann::ordered_json{{"passed", good}, {"runs", all}}.dump(2) + "\n");
    }
    return page ? write_page(runs, file, status) : status;
}

}  // namespace

command run_command(CLI::App& into) {
    const auto what = std::make_shared<run_wishes>();  // shared with what runs after parsing
    CLI::App* const parsed = into.add_subcommand("run", "plays scenarios and says what holds");
    parsed->add_option("NAME", what->names, "scenarios, as `calbox-lab list` names them, or: all")
        ->required();
    parsed->add_option("--seed", what->with.seed, "what every random choice comes from")
        ->capture_default_str();
    parsed
        ->add_option("--size", what->with.size,
                     "how much of it, where `calbox-lab list` says what that counts")
        ->check(CLI::PositiveNumber);
    parsed->add_option("--consensus", what->with.consensus, "strategy: who may change an event")
        ->capture_default_str();
    parsed->add_option("--discovery", what->with.discovery, "strategy: which rendezvous is chosen")
        ->capture_default_str();
    parsed
        ->add_option("--recovery", what->with.recovery,
                     "strategy: how a device learns what it missed")
        ->capture_default_str();
    parsed->add_option("--plugins", what->plugins,
                       "directories with more strategies, looked into before the installed ones");
    parsed->add_option("--report", what->report,
                       "html: one page instead of the text; html=FILE: beside it");
    parsed->add_flag("--json", what->as_json, "for programs");
    parsed->add_flag("--log", what->with.keep_log, "what the devices logged, down to debug");
    parsed->footer(run_footer);
    return {parsed, [what] { return play_scenarios(std::move(*what)); }};
}

}  // namespace calbox::lab
