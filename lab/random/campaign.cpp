#include "lab/random/campaign.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>
#include <ostream>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lab/random/batch.hpp"
#include "lab/random/shrink.hpp"
#include "lab/world/world.hpp"

namespace calbox::lab {

namespace {

/// Plays a plan in a process of its own; whether that claim is violated in it, or it crashes where
/// `crashes` is the claim.
bool fails_like(const plan& what, const run_settings& with, const std::string& violated) {
    const pid_t process = ::fork();
    if (process == 0) {
        const auto report = run_plan(what, with);
        const bool same = std::ranges::any_of(report.violations, [&](const claims::violation& one) {
            return to_string(one.what) == violated;
        });
        ::_exit(same ? 1 : 0);
    }
    int status = 0;
    ::waitpid(process, &status, 0);
    return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

std::string keep(const plan& what, const std::string& directory) {
    const std::string file = fmt::format("{}/{}-{}.json", directory, what.consensus, what.seed);
    std::error_code ignored;  // what stands in the way shows at the file
    std::filesystem::create_directories(directory, ignored);
    if (!(std::ofstream(file) << to_json(what) << std::flush)) {
        throw failure("the plan of a failure cannot be written to " + file);
    }
    return file;
}

void add(campaign_report& sum, const nlohmann::json& line) {
    ++sum.seeds;
    sum.promises_linearizability = line.at("linearizable").get<bool>();
    for (const auto& claim : line.at("unpromised")) {
        ++sum.unpromised[claim.get<std::string>()];
    }
    sum.operations += line.at("operations").get<std::uint64_t>();
    sum.acknowledged += line.at("acknowledged").get<std::uint64_t>();
    sum.refused += line.at("refused").get<std::uint64_t>();
    sum.unknown += line.at("unknown").get<std::uint64_t>();
    sum.events += line.at("events").get<std::uint64_t>();
    sum.trace ^= line.at("trace").get<std::uint64_t>() * line.at("seed").get<std::uint64_t>();
    sum.cluster_hours += line.at("hours").get<double>();
    sum.rest_seconds_worst = std::max(sum.rest_seconds_worst, line.at("rest").get<double>());
}

void tell_failure(const nlohmann::json& line, std::ostream& out) {
    out << "seed " << line.at("seed") << ":\n";
    for (const auto& one : line.at("violations")) {
        out << "  " << one[1].get<std::string>() << "\n";
    }
    for (const auto& one : line.at("log")) {
        out << "    | " << one.get<std::string>() << "\n";
    }
}

}  // namespace

std::string text_of(const campaign_settings& with, const campaign_report& what) {
    std::string text = fmt::format(
        "{}: {} seeds from {} on, {} failed\n"
        "  {} operations: {} acknowledged, {} refused, {} unknown\n"
        "  {:.1f} simulated hours of devices, {} events; at rest {:.0f} s after the heal at most\n"
        "  trace {:016x}\n",
        with.within.consensus, what.seeds, with.first, what.failed, what.operations,
        what.acknowledged, what.refused, what.unknown, what.cluster_hours, what.events,
        what.rest_seconds_worst, what.trace);
    for (const auto& [claim, seeds] : what.unpromised) {
        text += fmt::format("  not promised by {}, and broken in {} seeds: {}\n",
                            with.within.consensus, seeds, claim);
    }
    return text;
}

campaign_report run_campaign(const campaign_settings& with, std::ostream& out) {
    campaign_report sum;
    auto waiting = batches_of(with.first, with.last, with.within);
    std::ranges::reverse(waiting);
    std::deque<std::unique_ptr<batch>> playing;
    while (sum.failed < with.failures_most) {
        while (!waiting.empty() && playing.size() < std::max(with.jobs, 1u)) {
            playing.push_back(std::make_unique<batch>(std::move(waiting.back()), with.run));
            waiting.pop_back();
        }
        if (playing.empty()) {
            break;
        }
        const auto line = playing.front()->next();
        if (!line) {
            playing.pop_front();
            continue;
        }
        add(sum, *line);
        if (line->at("violations").empty()) {
            continue;
        }
        ++sum.failed;
        tell_failure(*line, out);
        plan what = make_plan(line->at("seed").get<std::uint64_t>(), with.within);
        if (with.shrinks) {
            const auto violated = line->at("violations")[0][0].get<std::string>();
            run_settings silent = with.run;
            silent.log.clear();  // it is of the whole plan
            what = shrink(std::move(what), [&](const plan& smaller) {
                return fails_like(smaller, silent, violated);
            });
        }
        sum.kept.push_back(keep(what, with.keep_in));
        out << "  " << what.actions.size() << " actions are left; replay it with: calbox-lab "
            << "random --replay " << sum.kept.back() << std::endl;
    }
    return sum;
}

result<plan> read_plan(const std::string& file) {
    std::ifstream from(file);
    if (!from) {
        return fail(errc::not_found, "cannot read " + file);
    }
    std::stringstream text;
    text << from.rdbuf();
    auto what = plan_from_json(text.str());
    if (!what) {
        return fail(what.error().code, file + ": " + what.error().message());
    }
    return what;
}

bool replay(const plan& what, const run_settings& with, std::ostream& out) {
    const auto report = run_plan(what, with);
    tell_failure(line_of(what.seed, report), out);
    return report.good();
}

}  // namespace calbox::lab
