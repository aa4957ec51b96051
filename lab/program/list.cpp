// calbox-lab list: which scenarios there are.
#include <algorithm>
#include <cstdio>
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "lab/program/command.hpp"
#include "lab/scenarios/script.hpp"

namespace calbox::lab {

namespace {

int list(bool as_json) {
    const auto& all = all_scenarios();
    if (as_json) {
        auto found = nlohmann::ordered_json::array();
        for (const scenario& one : all) {
            found.push_back({{"name", one.name},
                             {"summary", one.summary},
                             {"size", one.usual_size},
                             {"unit", one.unit}});
        }
        print(nlohmann::ordered_json{{"scenarios", found}}.dump(2) + "\n");
        return all_well;
    }
    std::size_t width = 0;
    for (const scenario& one : all) {
        width = std::max(width, one.name.size());
    }
    for (const scenario& one : all) {
        std::string line = fmt::format("{:<{}}  {}", one.name, width, one.summary);
        if (!one.unit.empty()) {
            line += fmt::format(" (--size: {} {})", one.usual_size, one.unit);
        }
        print(line + "\n");
    }
    return all_well;
}

}  // namespace

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

int complain(const std::string& sentence, int status) {
    std::fprintf(stderr, "calbox-lab: %s\n", sentence.c_str());
    return status;
}

command list_command(CLI::App& into) {
    CLI::App* const parsed = into.add_subcommand("list", "which scenarios there are");
    const auto as_json = std::make_shared<bool>(false);  // shared with what runs after parsing
    parsed->add_flag("--json", *as_json, "for programs");
    parsed->footer("");
    return {parsed, [as_json] { return list(*as_json); }};
}

}  // namespace calbox::lab
