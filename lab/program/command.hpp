// The sub-commands of calbox-lab, a file each: every one describes itself to the command line and
// says what it does when it was chosen. main.cpp has the table of them.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace calbox::lab {

inline constexpr int all_well = 0, something_failed = 1, wrong_usage = 2;

struct command {
    CLI::App* parsed = nullptr;  // knows whether it was chosen
    /// Returns the exit status.
    std::function<int()> run;
};
using make_command = command (*)(CLI::App& into);

command list_command(CLI::App& into);
command run_command(CLI::App& into);
command random_command(CLI::App& into);
command mutants_command(CLI::App& into);

/// To standard output, all of it.
void print(const std::string& text);
/// "calbox-lab: <sentence>" to standard error.
int complain(const std::string& sentence, int status);

}  // namespace calbox::lab
