#include "command_real.hpp"

#include <csignal>
#include <cstring>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace calbox::daemon {

namespace {

constexpr duration look_again = std::chrono::milliseconds(50);

std::vector<std::string> environment_of(
    const std::vector<std::pair<std::string, std::string>>& more) {
    std::vector<std::string> all;
    for (char** one = ::environ; one != nullptr && *one != nullptr; ++one) {
        const std::string_view text(*one);
        if (text.starts_with("PATH=") || text.starts_with("HOME=") || text.starts_with("XDG_")) {
            all.emplace_back(text);
        }
    }
    for (const auto& [name, value] : more) {
        all.push_back(name + "=" + value);
    }
    return all;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (std::string& text : texts) {
        all.push_back(text.data());
    }
    all.push_back(nullptr);
    return all;
}

/// The process is ended and waited for, however its keeper ends.
struct child {
    ::pid_t pid = 0;
    int status = 0;
    bool ended = false;

    bool look() noexcept {
        ended = ended || ::waitpid(pid, &status, WNOHANG) == pid;
        return ended;
    }
    ~child() {
        if (pid > 0 && !look()) {
            ::kill(pid, SIGKILL);
            ::waitpid(pid, &status, 0);
        }
    }
};

}  // namespace

task<result<void>> run_command(const environment& env, std::vector<std::string> command,
                               std::vector<std::pair<std::string, std::string>> more,
                               duration limit) {
    std::vector<std::string> variables = environment_of(more);
    const std::string name = command.at(0);
    ::posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", 0, 0);
    ::posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    ::posix_spawnattr_t how;
    ::posix_spawnattr_init(&how);
    ::posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    ::sigset_t none, all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&how, &none);
    ::posix_spawnattr_setsigdefault(&how, &all);
    child running;
    const int problem = ::posix_spawn(&running.pid, name.c_str(), &files, &how,
                                      pointers_to(command).data(), pointers_to(variables).data());
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&how);
    if (problem != 0) {
        running.pid = 0;
        co_return fail(errc::unavailable, "cannot run " + name + ": " + std::strerror(problem));
    }
    for (duration waited{}; !running.look(); waited += look_again) {
        if (waited >= limit) {
            co_return fail(errc::timed_out, name + " did not end in time, and was killed");
        }
        co_await sleep_for(env, look_again);
    }
    if (!WIFEXITED(running.status) || WEXITSTATUS(running.status) != 0) {
        co_return fail(
            errc::unavailable,
            name + (WIFEXITED(running.status)
                        ? " ended with status " + std::to_string(WEXITSTATUS(running.status))
                        : std::string(" was killed by a signal")));
    }
    co_return result<void>();
}

}  // namespace calbox::daemon
