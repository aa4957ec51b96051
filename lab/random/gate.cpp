#include "lab/random/gate.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <sstream>

#include <calbox/mutant.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lab/random/batch.hpp"
#include "lab/world/world.hpp"

namespace calbox::lab {

const std::vector<fault>& known_faults() {
    static const std::vector<fault> all{
        {"outbox.erases_undelivered",
         "what could not be delivered is taken for delivered, and never tried again", "naive"},
        {"outbox.empty_after_restart", "a restart forgets what is owed to others", "naive"},
        {"outbox.forgets_newer", "a version made while the one before was on its way is not sent",
         "naive"},
        {"event_store.takes_older", "an older version that comes late replaces a newer one",
         "naive"},
        {"event_store.ignores_hash",
         "of two versions with one number each device keeps the one that came first", "naive"},
        {"series_splits.forgets", "a crash in a split leaves the series as it was, beside the rest",
         "views"},
        {"opened_events.keeps_old", "an opened event is not opened again when it changes", "naive"},
        {"set_operations.overwrites",
         "a set operation takes the place of the edit that came in between", "views"},
        {"consensus_host.answers_early", "an edit is acknowledged before it is on the disk",
         "naive"},
        {"replicator.acknowledges_unstored",
         "what came from others is acknowledged, shown, and never written", "naive"},
        {"replicator.no_removal_notice", "who was removed from an event is not told", "views"},
        {"replicator.keeps_nothing", "what a take-over left out is lost with its line", "views"},
        {"file_transfer.forgets_last_leaf", "the end of a file is not fetched", "naive"},
        {"recovery_driver.asks_friends_only", "who was away does not ask the backups", "views"},
        {"recovery_driver.drops_last", "the last event of an exchange is not taken in", "views"},
        {"storage.not_durable", "what is acknowledged does not survive a power cut", "naive"},
        {"views.decides_before_quorum", "one vote is enough", "views"},
        {"views.whoever_is_online", "those who are reachable are a quorum", "views"},
        {"views.repeats_retries", "an edit whose answer was lost is made twice", "views"},
    };
    return all;
}

void gate_row::found(std::string_view sentence) {
    ++broken;
    if (found_at == 0) {
        found_at = played;
        by = sentence;
    }
}

namespace {

// Of each seed that a trial has played it says a line: this, or what was found.
constexpr std::string_view has_held = "held";
constexpr std::string_view end_of_seeds = "end";

class trial {
public:
    trial(const campaign_settings& with, const fault& what)
        : what_(what), running_(start_child([&](int to) { play(with, to); })) {}

    gate_row outcome() const {
        std::string text;
        char piece[4096];
        for (auto got = ::read(running_.from, piece, sizeof piece); got > 0;
             got = ::read(running_.from, piece, sizeof piece)) {
            text.append(piece, static_cast<std::size_t>(got));
        }
        ::close(running_.from);
        ::waitpid(running_.process, nullptr, 0);
        gate_row row{what_, 0, {}, 0, 0};
        std::istringstream lines(text);
        bool ended = false;
        for (std::string line; std::getline(lines, line) && !ended;) {
            ended = line == end_of_seeds;
            row.played += ended ? 0 : 1;
            if (!ended && line != has_held) {
                row.found(line);
            }
        }
        if (!ended) {
            ++row.played;
            row.found("works: the process crashed");
        }
        return row;
    }

private:
    /// A world that breaks without the fault shows nothing about it.
    bool holds_without(const plan& what, const run_settings& with) const {
        set_mutant(what_.name, false);
        const bool good = run_plan(what, with).good();
        set_mutant(what_.name);
        return good;
    }

    void play(const campaign_settings& with, int to) const {
        const auto say = [to](const std::string& line) {
            const std::string text = line + "\n";
            if (::write(to, text.data(), text.size()) < 0) {
                ::_exit(1);
            }
        };
        set_mutant(what_.name);
        set_mutant("fingerprints.off");  // they would make good what the fault has lost
        plan_limits within = with.within;
        within.consensus = what_.consensus;
        bool found = false;
        for (const auto& alike : batches_of(with.first, with.last, within)) {
            batch worlds(alike, with.run);
            for (auto line = worlds.next(); line && !found; line = worlds.next()) {
                const auto& violated = line->at("violations");
                const auto seed = line->at("seed").get<std::uint64_t>();
                const bool counts =
                    !violated.empty() && holds_without(make_plan(seed, within), with.run);
                say(counts ? fmt::format("seed {}, {}", seed, violated[0][1].get<std::string>())
                           : std::string(has_held));
                found = counts && !with.plays_all;
            }
            if (found) {
                break;
            }
        }
        say(std::string(end_of_seeds));
    }

    fault what_;
    child running_;
};

}  // namespace

std::vector<fault> faults_named(const std::vector<std::string>& names) {
    std::vector<fault> all = known_faults();
    std::erase_if(all, [&](const fault& one) {
        return !names.empty() && std::ranges::count(names, one.name) == 0;
    });
    return all;
}

std::vector<gate_row> run_gate(const campaign_settings& with,
                               const std::vector<std::string>& only) {
    std::vector<gate_row> rows;
    std::deque<std::unique_ptr<trial>> running;
    const auto finish_first = [&] {
        rows.push_back(running.front()->outcome());
        running.pop_front();
    };
    for (const fault& one : faults_named(only)) {
        if (running.size() >= std::max(with.jobs, 1u)) {
            finish_first();
        }
        running.push_back(std::make_unique<trial>(with, one));
    }
    while (!running.empty()) {
        finish_first();
    }
    return rows;
}

std::string text_of(const std::vector<gate_row>& rows) {
    std::size_t width = 0;
    for (const gate_row& row : rows) {
        width = std::max(width, row.of.name.size());
    }
    std::string text = fmt::format("{:<{}}  seeds  broken  found by\n", "fault", width);
    for (const gate_row& row : rows) {
        text += fmt::format("{:<{}}  {:>5}  {:>6}  {}\n", row.of.name, width,
                            row.found_at == 0 ? "-" : std::to_string(row.found_at),
                            fmt::format("{}/{}", row.broken, row.played),
                            row.found_at == 0 ? "nothing: " + std::string(row.of.what) : row.by);
    }
    return text;
}

bool all_found(const std::vector<gate_row>& rows) noexcept {
    return std::ranges::all_of(rows, [](const gate_row& row) { return row.found_at != 0; });
}

}  // namespace calbox::lab
