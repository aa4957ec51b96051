// calbox-lab: whole CalendarBox networks in one process, with a simulated clock, network and disks.
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include "lab/program/command.hpp"
#include "lab/program/manual.hpp"

namespace {

namespace lab = calbox::lab;

constexpr const char* about =
    R"(calbox-lab - CalendarBox networks that live in one process

Daemons as calboxd runs them, with the strategies that calboxd loads, on a simulated clock, network
and disk. A month passes in seconds, machines lose their power, networks split and heal, and every
random choice comes from one seed, so that whatever happens can be played again.)";
constexpr const char* footer = R"(Begin with:
  calbox-lab list
  calbox-lab run report-6.7
  calbox-lab random --seeds 1-100
docs/lab.md says what is simulated, and how a scenario is written.)";

constexpr lab::make_command commands[] = {lab::list_command, lab::run_command, lab::random_command,
                                          lab::mutants_command};

/// Begins again with large pages for malloc, which looks for that wish when a program begins. A
/// world touches tens of megabytes, and a page fault for every 4 KiB of them took a fifth of its
/// time. Where it cannot, it goes on as it is. By its own path, so that it keeps its name.
void begin_with_large_pages(char** words) {
    constexpr const char* tunables = "GLIBC_TUNABLES";
    std::error_code failed;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", failed);
    if (!failed && program.filename() == "calbox-lab" && std::getenv(tunables) == nullptr &&
        ::setenv(tunables, "glibc.malloc.hugetlb=1", 1) == 0) {
        ::execv(program.c_str(), words);
    }
}

int run(int count, char** words) {
    CLI::App app(about, "calbox-lab");
    app.footer(footer);
    app.set_version_flag("--version", "calbox-lab " CALBOX_VERSION);
    app.require_subcommand(1);
    std::vector<lab::command> made;
    for (const lab::make_command make : commands) {
        made.push_back(make(app));
    }
    if (count == 2 && std::string_view(words[1]) == "__man") {  // for the build
        lab::print(lab::manual_page(app));
        return lab::all_well;
    }
    try {
        app.parse(count, words);
    } catch (const CLI::ParseError& problem) {
        return app.exit(problem) == 0 ? lab::all_well : lab::wrong_usage;
    }
    for (const lab::command& one : made) {
        if (one.parsed->parsed()) {
            return one.run();
        }
    }
    return lab::wrong_usage;
}

}  // namespace

int main(int count, char** words) {
    try {
        begin_with_large_pages(words);
        return run(count, words);
    } catch (const std::exception& problem) {
        return lab::complain(std::string("a bug, please report it: ") + problem.what(),
                             lab::something_failed);
    }
}
