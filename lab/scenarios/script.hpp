// What a scenario is written in: steps that must hold, steps that cannot hold yet, figures and
// tables, over worlds that the script makes. A scenario is a function over a script; what came of
// it is a report. Nothing here prints. One thread; one world at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lab/world/cast.hpp"
#include "lab/world/world.hpp"

namespace calbox::lab {

/// What a run depends on, beside the program.
struct scenario_options {
    std::uint64_t seed = 1;
    std::string consensus = "views", discovery = "random", recovery = "auto";
    std::vector<std::string> plugin_directories;
    std::uint64_t size = 0;  // how much of it, in the scenario's own unit; 0: as much as usual
    bool keep_log = false;   // every line that the devices log goes into the report
};

enum class step_state {
    holds,
    failed,
    unclaimed,  // does not hold, and the network's strategy does not claim that it does
    surprise,   // is not claimed, and holds: a failure, so that it is noticed
    not_tried,  // a step before it failed in the same world
};
std::string_view to_string(step_state state) noexcept;

struct played_step {
    std::string what;
    std::vector<int> proves;  // numbers of requirements
    step_state state = step_state::holds;
    std::string sentence;          // why it is as it is; empty where it holds
    std::vector<std::string> log;  // how the devices' log ended, where it failed
    duration at{}, took{};         // of simulated time, since the scenario began
};

struct figure {
    std::string name;
    double value = 0;
    std::string unit;
};

struct figure_table {
    std::string title;
    std::vector<std::string> columns;
    std::vector<std::vector<std::string>> rows;
};

struct report {
    std::string scenario, summary;
    scenario_options with;
    std::vector<played_step> steps;
    std::vector<figure> figures;
    std::vector<figure_table> tables;
    std::vector<std::string> log;  // whole, where it was asked for; else how it ended, on failure
    std::string broken;            // what went wrong beside the steps, if something did
    duration simulated{};
    std::uint64_t happened = 0;  // events on the time lines
    std::uint64_t trace = 0;     // a hash of every byte on the wire and when it arrived

    bool passed() const;
    std::size_t count(step_state state) const;
};

class script {
public:
    script(std::string name, std::string summary, scenario_options with);
    ~script();
    script(const script&) = delete;
    script& operator=(const script&) = delete;

    /// A new world with the scenario's seed and strategies; the one before ends.
    world& fresh_world();
    world& in();
    const scenario_options& with() const noexcept { return report_.with; }
    /// What the network's consensus strategy claims.
    const consensus::traits& claims() const noexcept { return claims_; }
    /// The size asked for, or `usual`.
    std::uint64_t size_or(std::uint64_t usual) const noexcept {
        return report_.with.size == 0 ? usual : report_.with.size;
    }

    /// `play` must end without failure. After a failed step the later ones of its world are not
    /// tried.
    void step(std::string what, std::vector<int> proves, const std::function<void()>& play);
    /// A step where the strategies claim what it needs. Where they do not it is played, too, and is
    /// to fail; it leaves a world to go on with.
    void step_if(bool claimed, std::string what, std::vector<int> proves,
                 const std::function<void()>& play);
    /// In a step: a world of another kind was played, for so long, with so many events.
    void elsewhere(duration simulated, std::uint64_t happened, std::uint64_t trace);
    void figure(std::string name, double value, std::string unit);
    void table(figure_table what);

    /// Ends the script. The worlds are gone after it.
    report finish(std::string broken = {});

private:
    duration now() const;
    played_step begin(std::string what, std::vector<int> proves) const;
    struct refusal {
        std::string sentence;
        bool is_bug = false;  // an exception that no script throws
    };
    /// Why it failed, if it did.
    std::optional<refusal> attempt(const std::function<void()>& play, played_step& into) const;
    void fail_with(played_step& one, const refusal& why);
    void end_world();

    report report_;
    consensus::traits claims_;
    std::unique_ptr<world> world_;
    instant world_began_{};
    duration before_{};  // of worlds that have ended
    bool failed_ = false;
};

/// Throws failure with the sentence unless it is so.
void expect(bool so, const std::string& sentence);

struct scenario {
    std::string_view name, summary;
    void (*play)(script& on);
    std::string_view unit = {};    // what size counts; empty: it has one size
    std::uint64_t usual_size = 0;  // in that unit
    std::uint64_t quick_size = 0;  // for ./check
};

/// All of them, in the order in which a reader should meet them.
const std::vector<scenario>& all_scenarios();
const scenario* find_scenario(std::string_view name) noexcept;
report play(const scenario& which, scenario_options with);

}  // namespace calbox::lab
