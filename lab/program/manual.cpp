#include "lab/program/manual.hpp"

#include <CLI/CLI.hpp>

namespace calbox::lab {

namespace {

/// As it stands, whatever it begins with or holds.
std::string roff(const std::string& text) {
    std::string safe;
    for (const char c : text) {
        if (c == '\\') {
            safe += "\\e";
        } else if (c == '-') {
            safe += "\\-";
        } else if ((c == '.' || c == '\'') && (safe.empty() || safe.back() == '\n')) {
            safe += "\\&";
            safe += c;
        } else {
            safe += c;
        }
    }
    return safe;
}

/// "-h, --help"
std::string named(const CLI::Option& option) {
    std::string all;
    for (const std::string& one : option.get_snames()) {
        all += (all.empty() ? "-" : ", -") + one;
    }
    for (const std::string& one : option.get_lnames()) {
        all += (all.empty() ? "--" : ", --") + one;
    }
    return all;
}

void add_options(std::string& text, const CLI::App& of) {
    for (const CLI::Option* const one : of.get_options()) {
        const std::string name = one->get_positional() ? one->get_name(true) : named(*one);
        text += ".TP\n.B " + roff(name) + "\n" + roff(one->get_description()) + "\n";
    }
}

/// Lines stay lines.
std::string kept(const std::string& text) { return ".nf\n" + roff(text) + "\n.fi\n"; }

}  // namespace

std::string manual_page(const CLI::App& of) {
    std::string text =
        ".TH CALBOX\\-LAB 1 \"\" \"CalendarBox\" \"User Commands\"\n"
        ".SH NAME\ncalbox\\-lab \\- CalendarBox networks that live in one process\n"
        ".SH SYNOPSIS\n.B calbox\\-lab\n\\fICOMMAND\\fR [\\fIOPTIONS\\fR] ...\n.SH DESCRIPTION\n";
    const std::string about = of.get_description();
    const auto rest = about.find("\n\n");
    text += roff(rest == std::string::npos ? about : about.substr(rest + 2)) + "\n.SH OPTIONS\n";
    add_options(text, of);
    text += ".SH COMMANDS\n";
    for (const CLI::App* const one : of.get_subcommands([](const CLI::App*) { return true; })) {
        text += ".SS " + roff(one->get_name()) + "\n" + roff(one->get_description()) + ".\n";
        add_options(text, *one);
        if (const std::string more = one->get_footer(); !more.empty()) {
            text += ".PP\n" + kept(more);
        }
    }
    return text + ".SH SEE ALSO\n.BR calboxd (1),\n.BR calboxctl (1)\n";
}

}  // namespace calbox::lab
