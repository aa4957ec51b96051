// Large worlds of the overlay, and what they cost: prints one JSON object for each scenario, with
// seconds of the world for each second that passed here, and the memory for each edge. Arguments:
// edges rendezvous [scenario [seed [strategy]]]. Fails when a goal of every strategy, or of the one
// used, is missed.
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>

#include <nlohmann/json.hpp>

#include "lab/policy/memory.hpp"
#include "lab/policy/scenarios.hpp"
#include "lab/sim/silent_logger.hpp"

namespace {

using namespace calbox;
using namespace calbox::lab::policy;

using scenario = result<report> (*)(const trial&);
const std::map<std::string, scenario> scenarios = {
    {"balance", balance},
    {"flash-crowd", flash_crowd},
    {"lossy-hour", lossy_hour},
    {"membership", membership_crash},
    {"membership-circles", membership_in_circles},
    {"overload", overload},
    {"presence", presence_crash},
    {"rendezvous-crash", rendezvous_crash},
    {"storm", storm},
    {"tight-rendezvous", tight_rendezvous},
    {"uneven-rendezvous", uneven_rendezvous},
};

bool run(const std::string& name, const trial& with) {
    const auto begun = std::chrono::steady_clock::now();
    const auto seen = scenarios.at(name)(with);
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begun;
    if (!seen) {
        std::cerr << name << ": " << seen.error().message() << '\n';
        return false;
    }
    nlohmann::json written = to_json(*seen);
    const double simulated = std::chrono::duration<double>(seen->simulated).count();
    written["seconds"] = passed.count();
    written["simulated_s_per_s"] = simulated / passed.count();
    written["resident_bytes"] = memory_in_use();
    nlohmann::json missed = nlohmann::json::array();
    for (const figure& one : seen->missed()) {
        missed.push_back(one.name);
    }
    const bool good = missed.empty();
    written["missed"] = std::move(missed);
    std::cout << written.dump(2) << '\n';
    return good;
}

}  // namespace

int main(int count, char** arguments) {
    const std::vector<std::string> words(arguments + 1, arguments + count);
    const char* const directory = std::getenv("CALBOX_PLUGINS");
    if (directory == nullptr || words.size() < 2 ||
        (words.size() > 2 && !scenarios.contains(words[2]))) {
        std::cerr << "usage: CALBOX_PLUGINS=directory lab_worlds edges rendezvous [scenario [seed "
                     "[strategy]]]\nscenarios:";
        for (const auto& [name, how] : scenarios) {
            std::cerr << ' ' << name;
        }
        std::cerr << '\n';
        return 2;
    }
    lab::silent_logger log;
    plugins::plugin_host host({directory}, log);
    trial with{host};
    with.edges = static_cast<std::uint32_t>(std::stoul(words[0]));
    with.rendezvous = static_cast<std::uint32_t>(std::stoul(words[1]));
    with.seed = words.size() > 3 ? std::stoull(words[3]) : 1;
    if (words.size() > 4) {
        with.strategy.name = words[4];
    }
    bool good = true;
    for (const auto& [name, how] : scenarios) {
        if (words.size() < 3 || words[2] == name) {
            good = run(name, with) && good;
        }
    }
    return good ? 0 : 1;
}
