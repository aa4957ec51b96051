// calboxd: reads its command line and its configuration, prepares the process, and serves.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

#include <sys/resource.h>
#include <sys/stat.h>

#include "compose.hpp"

namespace {

using namespace calbox::daemon;

constexpr int refused_start = 1;
constexpr int wrong_usage = 2;

constexpr std::string_view help = R"(calboxd - the daemon of CalendarBox

Usage: calboxd [--config FILE]

  --config FILE    read this configuration instead of $XDG_CONFIG_HOME/calbox/calbox.toml
  --check-config   say whether the configuration is right, and end
  --version        say the version, and end
  --help           this text

Without a configuration it plays all four roles and keeps everything in the XDG directories.
calboxctl talks to it. SIGTERM and SIGINT end it.
)";

struct options {
    std::optional<std::filesystem::path> config;
    bool help = false, version = false, check = false;
};

calbox::result<options> parse(int count, char** words) {
    const auto wrong = [](const std::string& what) {
        return calbox::fail(calbox::errc::invalid_argument, what + "; see calboxd --help");
    };
    options chosen;
    for (int i = 1; i < count; ++i) {
        const std::string_view word = words[i];
        if (word == "--help" || word == "-h") {
            chosen.help = true;
        } else if (word == "--version" || word == "-V") {
            chosen.version = true;
        } else if (word == "--check-config") {
            chosen.check = true;
        } else if (word == "--config" && i + 1 == count) {
            return wrong("--config needs a file");
        } else if (word == "--config") {
            chosen.config = words[++i];
        } else if (word.starts_with("--config=")) {
            chosen.config = word.substr(word.find('=') + 1);
        } else {
            return wrong("calboxd has no option " + std::string(word));
        }
    }
    return chosen;
}

int complain(const calbox::error& what, int status) {
    std::fprintf(stderr, "calboxd: %s\n", what.message().c_str());
    return status;
}

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

/// Every file and socket is the owner's alone; a client that went away is an error code; many edges
/// need many files.
void prepare_process() {
    ::umask(0077);
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is a failed write, and no end
    std::signal(SIGHUP, SIG_IGN);
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &files);
    }
}

int run(int count, char** words) {
    const auto chosen = parse(count, words);
    if (!chosen) {
        return complain(chosen.error(), wrong_usage);
    }
    if (chosen->help) {
        print(help);
        return EXIT_SUCCESS;
    }
    if (chosen->version) {
        print("calboxd " CALBOX_VERSION "\n");
        return EXIT_SUCCESS;
    }
    auto manager = notifier::from_environment();
    auto with = load_config(chosen->config, [](const char* name) -> std::string {
        const char* const value = std::getenv(name);
        return value != nullptr ? value : "";
    });
    if (!with) {
        return complain(with.error(), wrong_usage);
    }
    if (chosen->check) {
        print("the configuration is right\n");
        return EXIT_SUCCESS;
    }
    prepare_process();
    if (const auto served = serve(std::move(*with), std::move(manager)); !served) {
        return complain(served.error(), refused_start);
    }
    return EXIT_SUCCESS;
}

}  // namespace

int main(int count, char** words) {
    try {
        return run(count, words);
    } catch (const std::exception& problem) {
        return complain(
            {calbox::errc::internal, std::string("a bug, please report it: ") + problem.what()},
            refused_start);
    }
}
