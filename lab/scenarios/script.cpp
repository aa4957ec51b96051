#include "lab/scenarios/script.hpp"
#include "lab/sim/silent_logger.hpp"

#include <algorithm>

namespace calbox::lab {

namespace {

constexpr std::size_t log_shown = 20;
constexpr std::size_t log_kept = 2'000;
constexpr std::string_view log_follows = "; the log ends:";

consensus::traits claims_of(const scenario_options& with) {
    silent_logger nothing;
    plugins::plugin_host host(with.plugin_directories, nothing);
    const auto loaded = host.consensus(with.consensus, "");
    if (!loaded) {
        throw failure(loaded.error().message());
    }
    return (*loaded)->declared();
}

/// Without the log, which a failed wait brings along.
std::string first_part(std::string_view text) {
    return std::string(text.substr(0, text.find(log_follows)));
}

void mix(std::uint64_t& hash, byte_view data) {
    for (const std::uint8_t one : data) {
        hash = (hash ^ one) * 0x100000001b3ull;  // FNV-1a
    }
}

}  // namespace

std::string_view to_string(step_state state) noexcept {
    switch (state) {
        case step_state::holds:
            return "ok";
        case step_state::failed:
            return "failed";
        case step_state::unclaimed:
            return "unclaimed";
        case step_state::surprise:
            return "surprise";
        case step_state::not_tried:
            return "not tried";
    }
    return "failed";
}

std::size_t report::count(step_state state) const {
    return static_cast<std::size_t>(std::ranges::count(steps, state, &played_step::state));
}

bool report::passed() const {
    return broken.empty() && !steps.empty() &&
           count(step_state::holds) + count(step_state::unclaimed) == steps.size();
}

script::script(std::string name, std::string summary, scenario_options with) {
    claims_ = claims_of(with);
    report_.scenario = std::move(name);
    report_.summary = std::move(summary);
    report_.with = std::move(with);
    report_.trace = 0xcbf29ce484222325ull;
}

script::~script() = default;

void script::end_world() {
    if (!world_) {
        return;
    }
    if (report_.with.keep_log || failed_ || !report_.broken.empty()) {
        const auto lines = world_->last_lines(report_.with.keep_log ? log_kept : log_shown);
        report_.log.insert(report_.log.end(), lines.begin(), lines.end());
    }
    if (!world_->errors().empty() && report_.broken.empty()) {
        report_.broken = "a daemon logged an error: " + world_->errors().front();
    }
    before_ += world_->now() - world_began_;
    report_.happened += world_->line.happened();
    world_.reset();
}

world& script::fresh_world() {
    end_world();
    failed_ = false;
    world_settings settings;
    settings.seed = report_.with.seed;
    settings.consensus = report_.with.consensus;
    settings.discovery = report_.with.discovery;
    settings.recovery = report_.with.recovery;
    settings.plugin_directories = report_.with.plugin_directories;
    settings.verbose = report_.with.keep_log;
    world_ = std::make_unique<world>(std::move(settings));
    world_began_ = world_->now();
    world_->net.tap = [this](const std::string& from, const std::string& to, byte_view data) {
        const auto at = static_cast<std::uint64_t>(world_->now().since_start.count());
        std::uint8_t when[8];
        for (std::size_t i = 0; i < sizeof when; ++i) {
            when[i] = static_cast<std::uint8_t>(at >> (8 * i));
        }
        mix(report_.trace, when);
        mix(report_.trace, as_bytes(from));
        mix(report_.trace, as_bytes(to));
        mix(report_.trace, data);
    };
    return *world_;
}

world& script::in() {
    if (!world_) {
        throw failure("the scenario has no world yet");
    }
    return *world_;
}

duration script::now() const {
    return before_ + (world_ ? world_->now() - world_began_ : duration{});
}

played_step script::begin(std::string what, std::vector<int> proves) const {
    played_step one;
    one.what = std::move(what);
    one.proves = std::move(proves);
    one.at = now();
    return one;
}

std::optional<script::refusal> script::attempt(const std::function<void()>& play,
                                               played_step& into) const {
    std::optional<refusal> why;
    try {
        play();
    } catch (const failure& problem) {
        why = {first_part(problem.what()), false};
    } catch (const std::exception& problem) {
        why = {std::string("a bug: ") + problem.what(), true};
    }
    into.took = now() - into.at;
    return why;
}

void script::fail_with(played_step& one, const refusal& why) {
    one.state = step_state::failed;
    one.sentence = why.sentence;
    one.log = world_ ? world_->last_lines(log_shown) : std::vector<std::string>();
    failed_ = true;
}

void script::step(std::string what, std::vector<int> proves, const std::function<void()>& play) {
    played_step one = begin(std::move(what), std::move(proves));
    if (failed_) {
        one.state = step_state::not_tried;
    } else if (const auto why = attempt(play, one)) {
        fail_with(one, *why);
    }
    report_.steps.push_back(std::move(one));
}

void script::step_if(bool claimed, std::string what, std::vector<int> proves,
                     const std::function<void()>& play) {
    if (claimed) {
        step(std::move(what), std::move(proves), play);
        return;
    }
    played_step one = begin(std::move(what), std::move(proves));
    if (failed_) {
        one.state = step_state::not_tried;
    } else if (const auto why = attempt(play, one); why && why->is_bug) {
        fail_with(one, *why);
    } else if (why) {
        one.state = step_state::unclaimed;
        one.sentence = why->sentence;
    } else {
        one.state = step_state::surprise;
        one.sentence = "it holds, and " + report_.with.consensus + " does not claim it";
    }
    report_.steps.push_back(std::move(one));
}

void script::elsewhere(duration simulated, std::uint64_t happened, std::uint64_t trace) {
    before_ += simulated;
    report_.happened += happened;
    report_.trace = (report_.trace ^ trace) * 0x100000001b3ull;
}

void script::figure(std::string name, double value, std::string unit) {
    report_.figures.push_back({std::move(name), value, std::move(unit)});
}

void script::table(figure_table what) { report_.tables.push_back(std::move(what)); }

report script::finish(std::string broken) {
    if (!broken.empty()) {
        report_.broken = std::move(broken);
    }
    end_world();
    report_.simulated = before_;
    return std::move(report_);
}

void expect(bool so, const std::string& sentence) {
    if (!so) {
        throw failure(sentence);
    }
}

const scenario* find_scenario(std::string_view name) noexcept {
    const auto& all = all_scenarios();
    const auto found = std::ranges::find(all, name, &scenario::name);
    return found == all.end() ? nullptr : &*found;
}

report play(const scenario& which, scenario_options with) {
    script on(std::string(which.name), std::string(which.summary), std::move(with));
    std::string broken;
    try {
        which.play(on);
    } catch (const failure& problem) {
        broken = first_part(problem.what());
    } catch (const std::exception& problem) {
        broken = std::string("a bug: ") + problem.what();
    }
    return on.finish(std::move(broken));
}

}  // namespace calbox::lab
