// calbox-lab random: plays random worlds, and says what broke in them.
#include <iostream>
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "lab/program/command.hpp"
#include "lab/program/seeds.hpp"
#include "lab/program/strategies.hpp"
#include "lab/random/campaign.hpp"
#include "plugins/directories_real.hpp"

namespace calbox::lab {

namespace {

constexpr const char* random_footer = R"(Examples:
  calbox-lab random --seeds 1-1000 --jobs 2
  calbox-lab random --consensus naive --seeds 41-41 --log 41.txt
  calbox-lab random --replay naive-41.json

In each world people act while machines, networks and clocks fail; then everything is healed and
must come to rest. What must hold is what docs/lab.md calls claims. A failing world is made smaller,
written to a file of --keep, and can be replayed from there.

Exit status: 0 all that is promised held, 1 something broke, 2 wrong usage.)";

struct random_wishes {
    campaign_settings with;
    std::string seeds = "1-100", replay;
    std::vector<std::string> plugins;
    bool as_json = false;
};

nlohmann::ordered_json json_of(const random_wishes& what, const campaign_report& came) {
    return {{"consensus", what.with.within.consensus},
            {"seeds", came.seeds},
            {"failed", came.failed},
            {"promises_linearizability", came.promises_linearizability},
            {"unpromised", came.unpromised},
            {"operations", came.operations},
            {"acknowledged", came.acknowledged},
            {"refused", came.refused},
            {"unknown", came.unknown},
            {"events", came.events},
            {"device_hours", came.cluster_hours},
            {"rest_seconds_most", came.rest_seconds_worst},
            {"trace", fmt::format("{:016x}", came.trace)},
            {"kept", came.kept}};
}

int play_random(random_wishes what) {
    what.with.run.plugin_directories = plugins::plugin_directories(what.plugins);
    const auto missing = [&](const auto& of) {
        return strategies_missing(strategies_of(of), what.with.run.plugin_directories);
    };
    if (!what.replay.empty()) {
        const auto read = read_plan(what.replay);
        if (!read) {
            return complain(read.error().message(), wrong_usage);
        }
        if (const auto why = missing(*read)) {
            return complain(*why, wrong_usage);
        }
        return replay(*read, what.with.run, std::cerr) ? all_well : something_failed;
    }
    if (!read_seeds(what.seeds, what.with)) {
        return complain("--seeds is a number or FIRST-LAST, from 1", wrong_usage);
    }
    if (!what.with.run.log.empty() && what.with.first != what.with.last) {
        return complain("--log is for one seed, or with --replay", wrong_usage);
    }
    if (const auto why = missing(what.with.within)) {
        return complain(*why, wrong_usage);
    }
    const auto came = run_campaign(what.with, std::cerr);
    print(what.as_json ? json_of(what, came).dump(2) + "\n" : text_of(what.with, came));
    return came.failed == 0 ? all_well : something_failed;
}

}  // namespace

command random_command(CLI::App& into) {
    const auto what = std::make_shared<random_wishes>();  // shared with what runs after parsing
    CLI::App* const parsed = into.add_subcommand("random", "plays random worlds, and judges them");
    parsed->add_option("--seeds", what->seeds, "one, or FIRST-LAST")->capture_default_str();
    parsed
        ->add_option("--consensus", what->with.within.consensus,
                     "strategy: who may change an event")
        ->capture_default_str();
    parsed
        ->add_option("--discovery", what->with.within.discovery,
                     "strategy: which rendezvous is chosen")
        ->capture_default_str();
    parsed
        ->add_option("--recovery", what->with.within.recovery,
                     "strategy: how a device learns what it missed")
        ->capture_default_str();
    add_size_option(*parsed, what->with.within);
    parsed->add_option("--plugins", what->plugins,
                       "directories with more strategies, looked into before the installed ones");
    parsed->add_option("--jobs", what->with.jobs, "processes at once")
        ->check(CLI::Range(1, 256))
        ->capture_default_str();
    parsed->add_option("--replay", what->replay, "a file with the plan of one world, played alone");
    parsed->add_option("--keep", what->with.keep_in, "directory for the plans of failures")
        ->capture_default_str();
    parsed->add_option("--log", what->with.run.log,
                       "a file for all that happens, a line each; what the daemons logged is\n"
                       "beside it in a second one, .daemons; for one world");
    parsed->add_flag("--json", what->as_json, "for programs");
    parsed->footer(random_footer);
    return {parsed, [what] { return play_random(std::move(*what)); }};
}

}  // namespace calbox::lab
