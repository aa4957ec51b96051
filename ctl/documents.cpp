#include "documents.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "text.hpp"

namespace calbox::ctl {

namespace {

const command* find_command(std::string_view path) {
    for (const auto& one : all_commands()) {
        if (one.path == path) {
            return &one;
        }
    }
    return nullptr;
}

std::string argument_usage(const argument& one) {
    const std::string text = one.name + (one.many ? "..." : "");
    return one.required ? text : "[" + text + "]";
}

std::string option_usage(const option& one) {
    return (one.brief.empty() ? "    " : "-" + one.brief + ", ") + "--" + one.name +
           (one.value.empty() ? "" : " " + one.value);
}

std::string option_help(const option& one) {
    return one.help + (one.many ? " (may be repeated)" : "") +
           (one.choices.empty() ? "" : " (" + joined(one.choices, ", ") + ")");
}

void add_options(std::string& text, const std::vector<option>& options) {
    for (const auto& one : options) {
        text += fmt::format("  {:<26} {}\n", option_usage(one), option_help(one));
    }
}

/// Broken before options, so that it fits a terminal.
std::string folded(const std::string& usage) {
    constexpr std::size_t columns = 80;
    std::string made;
    std::size_t column = 0;
    for (std::size_t at = 0; at < usage.size();) {
        const auto next = std::min(usage.find(" [", at + 1), usage.size());
        if (at > 0 && column + (next - at) > columns) {
            made += "\n       ";
            column = 7;
        }
        made += usage.substr(at, next - at);
        column += next - at;
        at = next;
    }
    return made;
}

std::string command_help(const command& one) {
    std::string text =
        fmt::format("{}\n\n{}\n", one.summary, folded("Usage: calboxctl " + usage_line(one)));
    if (!one.arguments.empty()) {
        text += "\nArguments:\n";
        for (const auto& each : one.arguments) {
            text += fmt::format("  {:<26} {}\n", each.name, each.help);
        }
    }
    if (!one.options.empty()) {
        text += "\nOptions:\n";
        add_options(text, one.options);
    }
    text += "\nOptions of every command:\n";
    add_options(text, global_options());
    if (!one.details.empty()) {
        text += "\n" + one.details + "\n";
    }
    if (!one.examples.empty()) {
        text += "\nExamples:\n";
        for (const auto& each : one.examples) {
            text += fmt::format("  calboxctl {}\n      {}\n", each.line, each.text);
        }
    }
    return text;
}

bool belongs(const command& one, const std::string& to) {
    return !one.hidden && (to.empty() || one.path == to || one.path.starts_with(to + " "));
}

/// For roff: a minus that can be copied, and no line that begins with a request.
std::string roff(std::string_view text) {
    std::string made;
    for (const char letter : text) {
        if (letter == '\\') {
            made += "\\e";
        } else if (letter == '-') {
            made += "\\-";
        } else if ((letter == '.' || letter == '\'') && (made.empty() || made.back() == '\n')) {
            made += "\\&";
            made += letter;
        } else {
            made += letter;
        }
    }
    return made;
}

void add_manual_options(std::string& text, const std::vector<option>& options) {
    for (const auto& one : options) {
        text += ".TP\n.B " + std::string(one.brief.empty() ? "" : "\\-" + one.brief + ", ") +
                "\\-\\-" + roff(one.name) + "\n";
        if (!one.value.empty()) {
            text.insert(text.size() - 1, " \\fI" + roff(one.value) + "\\fR");
        }
        text += roff(option_help(one)) + ".\n";
    }
}

constexpr std::string_view manual_end = R"(.SH EXIT STATUS
.TP
.B 0
done
.TP
.B 1
another failure
.TP
.B 2
wrong usage, or an input outside of its grammar or limits
.TP
.B 3
no daemon answers on the socket
.TP
.B 4
no such event, file or user
.TP
.B 5
exists already, is busy, or was changed by somebody else meanwhile
.TP
.B 6
not signed in, wrong name or password, or not allowed
.TP
.B 7
who could answer is not reachable, or this device has not caught up
.TP
.B 8
no answer in time
.TP
.B 130
interrupted
.SH ENVIRONMENT
.TP
.B CALBOX_SOCKET
The daemon's socket.
.TP
.B XDG_RUNTIME_DIR, XDG_DATA_HOME
Where the socket is looked for without it: calbox/ctl.sock in the first that is set.
.TP
.B TZ
The time zone of what is typed and shown; /etc/localtime without it.
.TP
.B NO_COLOR
No colours, unless \-\-color=always.
.TP
.B VISUAL, EDITOR
The editor of
.BR "events edit" .
.SH SEE ALSO
.BR calboxd (1)
)";

}  // namespace

std::string usage_line(const command& one) {
    std::string text = one.path;
    for (const auto& each : one.arguments) {
        text += " " + argument_usage(each);
    }
    for (const auto& each : one.options) {
        text += fmt::format(" [--{}{}]{}", each.name, each.value.empty() ? "" : " " + each.value,
                            each.many ? "..." : "");
    }
    return text;
}

std::string help_text(const std::string& topic) {
    if (const auto* one = find_command(topic); one != nullptr) {
        return command_help(*one);
    }
    std::string text =
        topic.empty() ? "calboxctl: events with their files, shared between people's own machines\n"
                      : fmt::format("{}\n", group_summary(topic));
    text += fmt::format("\nUsage: calboxctl {}COMMAND ...\n\nCommands:\n",
                        topic.empty() ? "" : topic + " ");
    for (const auto& one : all_commands()) {
        if (belongs(one, topic)) {
            text += fmt::format("  {:<18} {}\n", one.path, one.summary);
        }
    }
    text += "\nOptions of every command:\n";
    add_options(text, global_options());
    text += "\nExamples:\n";
    for (const auto& one : all_commands()) {
        const bool shown = belongs(one, topic) && !one.examples.empty() &&
                           (!topic.empty() || one.path.ends_with(" add") || one.path == "register");
        if (shown) {
            text += fmt::format("  calboxctl {}\n      {}\n", one.examples.front().line,
                                one.examples.front().text);
        }
    }
    text += fmt::format("\ncalboxctl {}COMMAND --help tells more about one.\n",
                        topic.empty() ? "" : topic + " ");
    return text;
}

std::string manual_page() {
    std::string text =
        ".TH CALBOXCTL 1 \"\" \"CalendarBox " CALBOX_VERSION
        "\" \"User Commands\"\n"
        ".SH NAME\ncalboxctl \\- events with their files, shared between people's own machines\n"
        ".SH SYNOPSIS\n.B calboxctl\n[\\fIOPTIONS\\fR] \\fICOMMAND\\fR ...\n"
        ".SH DESCRIPTION\nTalks to the daemon of this person, \\fBcalboxd\\fR(1), on its Unix "
        "socket.\n"
        "Results go to standard output, everything else to standard error.\n"
        ".SH OPTIONS\n";
    add_manual_options(text, global_options());
    text += ".SH COMMANDS\n";
    for (const auto& one : all_commands()) {
        if (one.hidden) {
            continue;
        }
        text += ".SS " + roff(usage_line(one)) + "\n" + roff(one.summary) + ".\n";
        for (const auto& each : one.arguments) {
            text += ".TP\n.I " + roff(each.name) + "\n" + roff(each.help) + ".\n";
        }
        add_manual_options(text, one.options);
        if (!one.details.empty()) {
            text += ".PP\n" + roff(one.details) + "\n";
        }
        for (const auto& each : one.examples) {
            text += ".PP\n.RS\n.nf\ncalboxctl " + roff(each.line) + "\n.fi\n" + roff(each.text) +
                    ".\n.RE\n";
        }
    }
    return text + std::string(manual_end);
}

}  // namespace calbox::ctl
