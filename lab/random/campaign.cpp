#include "lab/random/campaign.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <ostream>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lab/random/shrink.hpp"
#include "lab/world/world.hpp"

namespace calbox::lab {

namespace {

/// What a child tells of one seed, a line each: first that it begins, then what came of it.
nlohmann::json line_of(std::uint64_t seed, const run_report& report) {
    nlohmann::json violations = nlohmann::json::array();
    std::set<std::string_view> unpromised;
    for (const claims::violation& one : report.unpromised) {
        unpromised.insert(to_string(one.what));
    }
    for (const claims::violation& one : report.violations) {
        violations.push_back({to_string(one.what), to_line(one)});
    }
    return {{"seed", seed},
            {"violations", violations},
            {"log", report.good() ? std::vector<std::string>() : report.log},
            {"linearizable", report.promised.linearizable},
            {"unpromised", unpromised},
            {"operations", report.operations},
            {"acknowledged", report.acknowledged},
            {"refused", report.refused},
            {"unknown", report.unknown},
            {"events", report.events},
            {"trace", report.trace},
            {"hours", report.cluster_hours},
            {"rest", report.rest_seconds}};
}

/// One process that plays every `jobs`-th seed.
class child {
public:
    child(const campaign_settings& with, std::uint64_t first, std::uint64_t step)
        : next_(first), step_(step), last_(with.last) {
        int ends[2];
        if (::pipe(ends) != 0) {
            throw failure("cannot make a pipe");
        }
        process_ = ::fork();
        if (process_ < 0) {
            throw failure("cannot start a process");
        }
        if (process_ == 0) {
            ::close(ends[0]);
            play(with, ends[1]);
        }
        ::close(ends[1]);
        from_ = ::fdopen(ends[0], "r");
    }
    ~child() {
        if (from_ != nullptr) {
            std::fclose(from_);
            ::kill(process_, SIGTERM);
            ::waitpid(process_, nullptr, 0);
        }
    }
    child(const child&) = delete;
    child& operator=(const child&) = delete;

    /// The next seed's outcome; nothing when all are done. A process that died says so.
    std::optional<nlohmann::json> next() {
        if (next_ > last_) {
            return std::nullopt;
        }
        const std::uint64_t seed = next_;
        next_ += step_;
        char* line = nullptr;
        std::size_t room = 0;
        const auto size = ::getline(&line, &room, from_);
        std::string text(line != nullptr && size > 0 ? line : "",
                         size > 0 ? static_cast<std::size_t>(size) : 0);
        ::free(line);
        auto read = nlohmann::json::parse(text, nullptr, false);
        if (read.is_discarded()) {
            next_ = last_ + 1;
            run_report died;
            died.violations.push_back({claims::claim::works, "", "", {}, "the process crashed"});
            return line_of(seed, died);
        }
        return read;
    }

private:
    [[noreturn]] void play(const campaign_settings& with, int to) const {
        for (std::uint64_t seed = next_; seed <= last_; seed += step_) {
            const auto report = run_plan(make_plan(seed, with.within), with.run);
            const std::string line = line_of(seed, report).dump() + "\n";
            for (std::size_t at = 0; at < line.size();) {
                const auto put = ::write(to, line.data() + at, line.size() - at);
                if (put <= 0) {
                    ::_exit(1);  // nobody listens any more
                }
                at += static_cast<std::size_t>(put);
            }
        }
        ::_exit(0);
    }

    std::uint64_t next_, step_, last_;
    pid_t process_ = 0;
    std::FILE* from_ = nullptr;
};

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
    std::ofstream(file) << to_json(what);
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
    std::vector<std::unique_ptr<child>> children;
    for (std::uint64_t i = 0; i < std::max(with.jobs, 1u); ++i) {
        children.push_back(std::make_unique<child>(with, with.first + i, std::max(with.jobs, 1u)));
    }
    bool more = true;
    while (more && sum.failed < with.failures_most) {
        more = false;
        for (const auto& one : children) {
            const auto line = one->next();
            if (!line) {
                continue;
            }
            more = true;
            add(sum, *line);
            if (line->at("violations").empty()) {
                continue;
            }
            ++sum.failed;
            tell_failure(*line, out);
            plan what = make_plan(line->at("seed").get<std::uint64_t>(), with.within);
            if (with.shrinks) {
                const auto violated = line->at("violations")[0][0].get<std::string>();
                what = shrink(std::move(what), [&](const plan& smaller) {
                    return fails_like(smaller, with.run, violated);
                });
            }
            sum.kept.push_back(keep(what, with.keep_in));
            out << "  " << what.actions.size() << " actions are left; replay it with: calbox-lab "
                << "random --replay " << sum.kept.back() << std::endl;
        }
    }
    return sum;
}

result<bool> replay(const std::string& file, const run_settings& with, std::ostream& out) {
    std::ifstream from(file);
    if (!from) {
        return fail(errc::not_found, "cannot read " + file);
    }
    std::stringstream text;
    text << from.rdbuf();
    const auto what = plan_from_json(text.str());
    if (!what) {
        return fail(what.error().code, file + ": " + what.error().message());
    }
    const auto report = run_plan(*what, with);
    tell_failure(line_of(what->seed, report), out);
    return report.good();
}

}  // namespace calbox::lab
