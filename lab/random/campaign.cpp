#include "lab/random/campaign.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <ostream>
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
    for (const claims::violation& one : report.violations) {
        violations.push_back({to_string(one.what), to_line(one)});
    }
    return {{"seed", seed},
            {"violations", violations},
            {"log", report.good() ? std::vector<std::string>() : report.log},
            {"unpromised", report.unpromised.size()},
            {"operations", report.operations},
            {"acknowledged", report.acknowledged},
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
    sum.unpromised += line.at("unpromised").get<std::uint64_t>() > 0 ? 1 : 0;
    sum.operations += line.at("operations").get<std::uint64_t>();
    sum.acknowledged += line.at("acknowledged").get<std::uint64_t>();
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
