// The process's surroundings: terminal, environment, signals, editor. Handed to the commands as one
// object, so that a test can be a person without a terminal. One thread.
#pragma once

#include <chrono>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>

#include "problem.hpp"

namespace calbox::ctl {

/// Becomes readable when the person gives up (SIGINT, SIGTERM). One in a process; the handlers stay
/// until it ends.
class interruption {
public:
    interruption();
    ~interruption();
    interruption(const interruption&) = delete;
    interruption& operator=(const interruption&) = delete;

    int fd() const { return ends_[0]; }
    bool happened() const;
    /// Waits; false when interrupted.
    bool sleep(std::chrono::milliseconds time) const;

private:
    int ends_[2] = {-1, -1};
};

struct surroundings {
    std::istream& in;
    std::ostream& out;
    std::ostream& err;
    bool in_is_terminal = false;
    bool out_is_terminal = false;
    bool err_is_terminal = false;
    std::size_t columns = 80;
    std::function<std::optional<std::string>(const std::string&)> variable;
    std::function<std::int64_t()> now;  // seconds since 1970
    std::function<std::uint64_t()> chance = {};  // that nobody can guess
    const interruption* interrupt = nullptr;
};

/// The real ones.
surroundings real_surroundings(const interruption& interrupt);

/// $CALBOX_SOCKET, else $XDG_RUNTIME_DIR/calbox/ctl.sock, else $XDG_DATA_HOME/calbox/ctl.sock
/// (~/.local/share without it).
std::string default_socket(const surroundings& world);

/// Waits; false when the person gives up.
bool rest(const surroundings& world, std::chrono::milliseconds time);

/// Asks on the terminal, without echo. "invalid_argument" when there is no terminal.
answer<std::string> ask_password(const surroundings& world, const std::string& prompt);
/// The first line of standard input.
answer<std::string> read_password(const surroundings& world);
/// Asks on the terminal for one line.
answer<std::string> ask_line(const surroundings& world, const std::string& prompt);
/// Overwrites before it is forgotten.
void wipe(std::string& secret) noexcept;

/// Writes a text that could not be used into a new file that only the person can read; its path.
answer<std::string> keep_text(const surroundings& world, const std::string& text);

/// Lets the person change a text in $VISUAL, $EDITOR or vi; the text as saved.
answer<std::string> edit_text(const surroundings& world, const std::string& text);

/// Opens a link in the person's browser ($BROWSER, else xdg-open). It goes by a private file beside
/// the daemon's socket, since other users can read the words of a command. "unavailable" without a
/// browser or a screen.
answer<void> open_page(const surroundings& world, const std::string& socket_path,
                       const std::string& url);

}  // namespace calbox::ctl
