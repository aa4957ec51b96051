#include "lab/random/batch.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "lab/random/own_pages.hpp"
#include "lab/world/world.hpp"

namespace calbox::lab {

namespace {

void write_all(int to, const std::string& text) {
    for (std::size_t at = 0; at < text.size();) {
        const auto put = ::write(to, text.data() + at, text.size() - at);
        if (put <= 0) {
            ::_exit(1);  // nobody listens any more
        }
        at += static_cast<std::size_t>(put);
    }
}

void tell(int to, std::uint64_t seed, const run_report& report) {
    write_all(to, line_of(seed, report).dump() + "\n");
}

run_report crashed() {
    run_report died;
    died.violations.push_back({claims::claim::works, "", "", {}, "the process crashed"});
    return died;
}

/// In a process of its own. A plan whose copy cannot be made or ends without a word has crashed.
void play_all(const std::vector<plan>& plans, const run_settings& with, int to) {
    founded_world founded(plans.front(), with);
    const std::span<std::byte> shared = heap();
    for (const plan& one : plans) {
        const pid_t copy = ::fork();
        if (copy == 0) {
            own(shared);
            tell(to, one.seed, founded.play(one));
            ::_exit(0);
        }
        int status = 1;
        if (copy > 0) {
            ::waitpid(copy, &status, 0);
        }
        if (status != 0) {
            tell(to, one.seed, crashed());
        }
    }
}

}  // namespace

child start_child(const std::function<void(int to)>& work) {
    int ends[2];
    if (::pipe(ends) != 0) {
        throw failure("cannot make a pipe");
    }
    const pid_t process = ::fork();
    if (process < 0) {
        throw failure("cannot start a process");
    }
    if (process == 0) {
        ::close(ends[0]);
        work(ends[1]);
        ::_exit(0);
    }
    ::close(ends[1]);
    return {process, ends[0]};
}

nlohmann::json line_of(std::uint64_t seed, const run_report& report) {
    nlohmann::json violations = nlohmann::json::array();
    for (const claims::violation& one : report.violations) {
        violations.push_back({to_string(one.what), to_line(one)});
    }
    std::set<std::string_view> unpromised;
    for (const claims::violation& one : report.unpromised) {
        unpromised.insert(to_string(one.what));
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

batch::batch(std::vector<plan> plans, const run_settings& with) : plans_(std::move(plans)) {
    const child playing = start_child([&](int to) { play_all(plans_, with, to); });
    process_ = playing.process;
    from_ = ::fdopen(playing.from, "r");
}

batch::~batch() {
    std::fclose(from_);
    if (told_ < plans_.size()) {
        ::kill(process_, SIGTERM);
    }
    ::waitpid(process_, nullptr, 0);
}

std::optional<nlohmann::json> batch::next() {
    if (told_ == plans_.size()) {
        return std::nullopt;
    }
    const std::uint64_t seed = plans_[told_++].seed;
    char* line = nullptr;
    std::size_t room = 0;
    const auto size = ::getline(&line, &room, from_);
    const std::string text(line != nullptr && size > 0 ? line : "",
                           size > 0 ? static_cast<std::size_t>(size) : 0);
    ::free(line);
    auto read = nlohmann::json::parse(text, nullptr, false);
    return read.is_discarded() ? line_of(seed, crashed()) : std::move(read);
}

std::vector<std::vector<plan>> batches_of(std::uint64_t first, std::uint64_t last,
                                          const plan_limits& within) {
    std::vector<std::vector<plan>> all;
    std::size_t of_founding = 0;  // the first list of the newest
    for (std::uint64_t seed = first; seed <= last; ++seed) {
        plan made = make_plan(seed, within);
        if (!all.empty() && all.back().front().founding != made.founding) {
            of_founding = all.size();
        }
        const auto from = all.begin() + static_cast<std::ptrdiff_t>(of_founding);
        const auto alike = std::find_if(from, all.end(), [&](const std::vector<plan>& one) {
            return begin_alike(one.front(), made);
        });
        if (alike == all.end()) {
            all.emplace_back().push_back(std::move(made));
        } else {
            alike->push_back(std::move(made));
        }
    }
    return all;
}

}  // namespace calbox::lab
