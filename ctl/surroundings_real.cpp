#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iostream>
#include <istream>
#include <iterator>
#include <ostream>
#include <random>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "surroundings.hpp"

namespace calbox::ctl {

namespace {

constexpr std::size_t line_bytes_max = 4096;

// A signal handler can reach nothing but globals.
std::atomic<int> interrupt_end{-1};

extern "C" void on_interrupt(int) {
    const int kept = errno;
    const char byte = 1;
    [[maybe_unused]] const auto written = ::write(interrupt_end.load(), &byte, 1);
    errno = kept;
}

std::string system_text() { return std::strerror(errno); }

/// The terminal, without echo while it lives.
class terminal {
public:
    terminal() : fd_(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)) {}
    ~terminal() {
        if (changed_) {
            ::tcsetattr(fd_, TCSAFLUSH, &before_);
        }
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }
    terminal(const terminal&) = delete;
    terminal& operator=(const terminal&) = delete;

    bool good() const { return fd_ >= 0; }
    void hide() {
        if (::tcgetattr(fd_, &before_) == 0) {
            termios silent = before_;
            silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
            silent.c_lflag |= ECHONL;
            changed_ = ::tcsetattr(fd_, TCSAFLUSH, &silent) == 0;
        }
    }
    void write(std::string_view text) const {
        while (!text.empty()) {
            const auto count = ::write(fd_, text.data(), text.size());
            if (count <= 0) {
                return;
            }
            text.remove_prefix(static_cast<std::size_t>(count));
        }
    }
    answer<std::string> read_line(const interruption* interrupt) const {
        std::string line;
        for (;;) {
            pollfd both[2] = {{fd_, POLLIN, 0},
                              {interrupt != nullptr ? interrupt->fd() : -1, POLLIN, 0}};
            if (::poll(both, 2, -1) < 0 && errno != EINTR) {
                return refuse("io_failed", "the terminal: " + system_text());
            }
            if ((both[1].revents & POLLIN) != 0) {
                wipe(line);
                return refuse("cancelled", "interrupted");
            }
            if (both[0].revents == 0) {
                continue;
            }
            char byte = 0;
            const auto count = ::read(fd_, &byte, 1);
            if (count < 0 && errno == EINTR) {
                continue;
            }
            if (count <= 0 && line.empty()) {
                return refuse("cancelled", "nothing was typed");
            }
            if (count <= 0 || byte == '\n') {
                return line;
            }
            if (line.size() < line_bytes_max) {
                line += byte;
            }
        }
    }

private:
    int fd_;
    bool changed_ = false;
    termios before_{};
};

std::size_t terminal_columns() {
    winsize size{};
    return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

answer<std::string> ask(const surroundings& world, const std::string& prompt, bool hidden) {
    terminal line;
    if (!line.good()) {
        return refuse("invalid_argument",
                      hidden ? "there is no terminal to ask for the password: use --password-stdin"
                             : "there is no terminal to ask for the name: give it as an argument");
    }
    if (hidden) {
        line.hide();
    }
    line.write(prompt);
    return line.read_line(world.interrupt);
}

}  // namespace

interruption::interruption() {
    if (::pipe2(ends_, O_CLOEXEC | O_NONBLOCK) != 0) {
        return;
    }
    interrupt_end = ends_[1];
    struct sigaction action{};
    action.sa_handler = on_interrupt;
    // Without SA_RESTART; and once only: a second Ctrl-C ends a process that does not come to an
    // end.
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    for (const int number : {SIGINT, SIGTERM}) {
        ::sigaction(number, &action, nullptr);
    }
}

interruption::~interruption() {
    for (const int number : {SIGINT, SIGTERM}) {
        ::signal(number, SIG_DFL);
    }
    interrupt_end = -1;
    for (const int end : ends_) {
        if (end >= 0) {
            ::close(end);
        }
    }
}

bool interruption::happened() const { return !sleep(std::chrono::milliseconds(0)); }

bool interruption::sleep(std::chrono::milliseconds time) const {
    pollfd end{ends_[0], POLLIN, 0};
    ::poll(&end, 1, static_cast<int>(time.count()));
    return (end.revents & POLLIN) == 0;
}

surroundings real_surroundings(const interruption& interrupt) {
    return {.in = std::cin,
            .out = std::cout,
            .err = std::cerr,
            .in_is_terminal = ::isatty(STDIN_FILENO) == 1,
            .out_is_terminal = ::isatty(STDOUT_FILENO) == 1,
            .err_is_terminal = ::isatty(STDERR_FILENO) == 1,
            .columns = terminal_columns(),
            .variable = [](const std::string& name) -> std::optional<std::string> {
                const char* value = std::getenv(name.c_str());
                return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
            },
            .now = [] { return static_cast<std::int64_t>(std::time(nullptr)); },
            .chance =
                [] {
                    std::random_device device;
                    return std::uint64_t{device()} << 32 | device();
                },
            .interrupt = &interrupt};
}

answer<std::string> ask_password(const surroundings& world, const std::string& prompt) {
    return ask(world, prompt, true);
}

bool rest(const surroundings& world, std::chrono::milliseconds time) {
    if (world.interrupt != nullptr) {
        return world.interrupt->sleep(time);
    }
    ::poll(nullptr, 0, static_cast<int>(time.count()));
    return true;
}

answer<std::string> ask_line(const surroundings& world, const std::string& prompt) {
    return ask(world, prompt, false);
}

answer<std::string> read_password(const surroundings& world) {
    std::string line;
    if (!std::getline(world.in, line)) {
        return refuse("invalid_argument", "there is no password on standard input");
    }
    if (!line.empty() && line.back() == '\r') {
        line.pop_back();
    }
    return line;
}

void wipe(std::string& secret) noexcept {
    ::explicit_bzero(secret.data(), secret.size());
    secret.clear();
}

namespace {

/// Its path, in the directory for temporary files; nothing is left of one that cannot be written.
answer<std::string> new_file(const surroundings& world, const std::string& name,
                             const std::string& text) {
    std::string path = world.variable("TMPDIR").value_or("/tmp") + "/" + name + "-XXXXXX";
    const int file = ::mkostemp(path.data(), O_CLOEXEC);
    if (file < 0) {
        return refuse("io_failed", "cannot make a file for the text: " + system_text());
    }
    const bool written =
        ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (::close(file) != 0 || !written) {
        auto why = refuse("io_failed", "cannot write " + path + ": " + system_text());
        ::unlink(path.c_str());
        return why;
    }
    return path;
}

}  // namespace

answer<std::string> keep_text(const surroundings& world, const std::string& text) {
    return new_file(world, "calboxctl-text", text);
}

answer<std::string> edit_text(const surroundings& world, const std::string& text) {
    std::string editor;
    for (const char* name : {"VISUAL", "EDITOR"}) {
        if (editor.empty()) {
            editor = world.variable(name).value_or("");
        }
    }
    if (editor.empty()) {
        editor = "vi";
    }
    const auto made = new_file(world, "calboxctl", text);
    if (!made) {
        return made;
    }
    const std::string& path = *made;
    // As the shell starts it, because $EDITOR may have arguments ("code --wait"). system() leaves
    // Ctrl-C to the editor.
    const int status = std::system((editor + " '" + path + "'").c_str());
    std::ifstream back(path, std::ios::binary);
    const std::string saved{std::istreambuf_iterator<char>(back), std::istreambuf_iterator<char>()};
    const bool good = back.good();
    ::unlink(path.c_str());
    if (!good) {
        return refuse("io_failed", "cannot read " + path);
    }
    if (status != 0) {
        return refuse("cancelled",
                      "the editor (" + editor + ") ended with a failure; nothing was changed");
    }
    return saved;
}

answer<void> open_page(const surroundings& world, const std::string& socket_path,
                       const std::string& url) {
    std::string browser = world.variable("BROWSER").value_or("");
    const bool screen = world.variable("DISPLAY") || world.variable("WAYLAND_DISPLAY");
    if (browser.empty() && !screen) {
        return refuse("unavailable", "there is no screen to open a browser on");
    }
    if (browser.empty()) {
        browser = "xdg-open";
    }
    const std::string path =
        socket_path.substr(0, socket_path.find_last_of('/') + 1) + "calbox-page.html";
    const std::string text = "<!doctype html><meta http-equiv=\"refresh\" content=\"0;url=" + url +
                             "\"><title>CalendarBox</title>\n";
    // A new file: nobody can have the old one open, or have put a link there.
    ::unlink(path.c_str());
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    const bool written =
        file >= 0 && ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (file >= 0) {
        ::close(file);
    }
    if (!written) {
        return refuse("io_failed", "cannot write " + path + ": " + system_text());
    }
    // As the shell starts it, because $BROWSER may have arguments. The name is in the shell's
    // environment, where no letter of it means anything.
    const std::string program = browser.substr(0, browser.find(' '));
    const std::string line = "command -v " + program + " >/dev/null && { " + browser +
                             " \"$CALBOX_PAGE\" >/dev/null 2>&1 & }";
    ::setenv("CALBOX_PAGE", path.c_str(), 1);
    if (std::system(line.c_str()) != 0) {
        return refuse("unavailable", program + " is not installed");
    }
    return {};
}

}  // namespace calbox::ctl
