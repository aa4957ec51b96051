#include "ctl/command_line.hpp"

#include <cstdio>
#include <set>

#include <gtest/gtest.h>

#include "ctl/documents.hpp"
#include "fake_daemon.hpp"

namespace calbox::ctl {
namespace {

using testing::folder;
using words = std::vector<std::string>;

TEST(command_line, values_of_a_command_and_of_all_commands) {
    const auto line =
        parse_line({"--json", "events", "add", "DS meeting", "tomorrow 14:00+60m", "--with",
                    "bob,carol", "--with", "@choir", "--place", "", "--all-day", "--as", "alice"});
    ASSERT_TRUE(line) << line.error().detail;
    ASSERT_NE(line->what, nullptr);
    EXPECT_EQ(line->what->path, "events add");
    EXPECT_EQ(line->values.one("TITLE"), "DS meeting");
    EXPECT_EQ(line->values.one("WHEN"), "tomorrow 14:00+60m");
    EXPECT_EQ(line->values.all("with"), (words{"bob,carol", "@choir"}));
    EXPECT_TRUE(line->values.has("place"));
    EXPECT_EQ(line->values.one("place"), "");
    EXPECT_TRUE(line->values.has("all-day"));
    EXPECT_FALSE(line->values.has("info"));
    EXPECT_TRUE(line->globals.has("json"));
    EXPECT_EQ(line->globals.one("as"), "alice");
}

TEST(command_line, what_is_typed_is_never_read_as_something_else) {
    // Names of commands, brackets, empty texts and words after -- are arguments like others.
    const auto login = parse_line({"login", "status"});
    ASSERT_TRUE(login);
    EXPECT_EQ(login->what->path, "login");
    EXPECT_EQ(login->values.one("NAME"), "status");
    const auto add = parse_line({"events", "add", "list", ""});
    ASSERT_TRUE(add);
    EXPECT_EQ(add->values.one("TITLE"), "list");
    EXPECT_TRUE(add->values.has("WHEN"));
    const auto files = parse_line({"files", "add", "alice/1.7", "[a,b]", "c"});
    ASSERT_TRUE(files);
    EXPECT_EQ(files->values.all("PATH"), (words{"[a,b]", "c"}));
    const auto minus =
        parse_line({"events", "add", "--place", "here", "--", "-5 degrees", "--help"});
    ASSERT_TRUE(minus) << minus.error().detail;
    EXPECT_EQ(minus->values.one("TITLE"), "-5 degrees");
    EXPECT_EQ(minus->values.one("WHEN"), "--help");
    const auto info = parse_line({"events", "edit", "alice/1.7", "--info=-x", "--title", "[x]"});
    ASSERT_TRUE(info);
    EXPECT_EQ(info->values.one("info"), "-x");
    EXPECT_EQ(info->values.one("title"), "[x]");
}

TEST(command_line, wrong_usage_is_named) {
    const std::vector<std::pair<words, std::string>> cases{
        {{"no-such-command"}, "no-such-command"},
        {{"events"}, "events --help"},
        {{"events", "add", "x"}, "WHEN"},
        {{"events", "list", "--no-such-option"}, "--no-such-option"},
        {{"events", "list", "extra"}, "extra"},
        {{"completion", "tcsh"}, "tcsh"},
        {{"events", "add", "x", "y", "--place", "a", "--place", "b"}, "place"},
        {{"events", "edit", "x", "--place"}, "place"},
        {{"files", "add", "alice/1.7"}, "PATH"},
        {{"--color", "blue", "status"}, "blue"},
        {{"--json"}, "no command"},
        {{"--socket", "/run/x.sock", "no-such-command"}, "no such command: no-such-command"},
        {{"--socket", "/run/x.sock", "event", "list"}, "did you mean events list?"},
        {{"events", "ls"}, "no such command: events ls"},
        {{"--as", "bob", "friends", "groups"}, "no such command: friends groups"},
        {{"--socket", "a", "status", "--socket", "b"}, "--socket may be given once"},
    };
    for (const auto& [line, part] : cases) {
        const auto parsed = parse_line(line);
        ASSERT_FALSE(parsed) << part;
        EXPECT_EQ(parsed.error().code, "invalid_argument");
        EXPECT_NE(parsed.error().detail.find(part), std::string::npos) << parsed.error().detail;
        EXPECT_EQ(parsed.error().detail.find('\n'), std::string::npos) << parsed.error().detail;
    }
}

TEST(command_line, help_of_every_command_has_its_options_and_an_example) {
    for (const auto& one : all_commands()) {
        const auto text = help_text(one.path);
        EXPECT_NE(text.find("Usage: calboxctl " + one.path), std::string::npos) << text;
        EXPECT_NE(text.find("\nExamples:\n  calboxctl " + one.path.substr(0, one.path.find(' '))),
                  std::string::npos)
            << text;
        for (const auto& option : one.options) {
            EXPECT_NE(text.find("--" + option.name), std::string::npos) << one.path;
            EXPECT_FALSE(option.help.empty());
        }
        words line{"--help"};
        std::istringstream path(one.path);
        for (std::string word; path >> word;) {
            line.push_back(word);
        }
        const auto parsed = parse_line(line);
        ASSERT_TRUE(parsed);
        EXPECT_EQ(parsed->what, nullptr);
        EXPECT_EQ(parsed->text, text);
    }
    for (const char* group : {"events", "files", "friends", "groups", "network"}) {
        EXPECT_FALSE(group_summary(group).empty());
        EXPECT_NE(help_text(group).find(std::string("  ") + group + " "), std::string::npos);
    }
}

TEST(command_line, every_example_parses) {
    for (const auto& one : all_commands()) {
        for (const auto& each : one.examples) {
            // As the shell would split it, without what follows a redirection.
            words line;
            std::string text = each.line.substr(0, each.line.find_first_of("<>|"));
            bool quoted = false;
            std::string word;
            for (const char letter : text + " ") {
                if (letter == '"') {
                    quoted = !quoted;
                } else if (letter == ' ' && !quoted) {
                    if (!word.empty()) {
                        line.push_back(std::exchange(word, {}));
                    }
                } else {
                    word += letter;
                }
            }
            const auto parsed = parse_line(line);
            ASSERT_TRUE(parsed) << each.line << ": " << parsed.error().detail;
            EXPECT_EQ(parsed->what, &one) << each.line;
        }
    }
}

TEST(command_line, commands_and_options_have_one_meaning) {
    std::set<std::string> paths;
    for (const auto& one : all_commands()) {
        EXPECT_TRUE(paths.insert(one.path).second) << one.path;
        EXPECT_NE(one.run, nullptr) << one.path;
        std::set<std::string> names;
        for (const auto* options : {&one.options, &global_options()}) {
            for (const auto& option : *options) {
                // The version of an event goes before that of the program.
                const bool before = one.path == "events restore" && option.name == "version";
                EXPECT_TRUE(names.insert(option.name).second || before)
                    << one.path << " --" << option.name;
            }
        }
    }
}

TEST(exit_status, follows_the_table_of_the_api) {
    const std::vector<std::pair<const char*, int>> table{
        {"invalid_argument", 2}, {"malformed", 1},     {"unsupported", 1},    {"unauthorised", 6},
        {"forbidden", 6},        {"not_found", 4},     {"already_exists", 5}, {"busy", 5},
        {"conflict", 5},         {"too_large", 2},     {"queue_full", 1},     {"internal", 1},
        {"io_failed", 1},        {"mismatch", 1},      {"disk_full", 1},      {"unavailable", 7},
        {"offline", 7},          {"not_caught_up", 7}, {"closed", 7},         {"timed_out", 8},
        {"cancelled", 130},      {"no_daemon", 3},     {"of the future", 1}};
    for (const auto& [code, status] : table) {
        EXPECT_EQ(exit_status(code), status) << code;
    }
}

// Completion and manual
// ----------------------------------------------------------------------------

words first_words(const words& lines) {
    words made;
    for (const auto& line : lines) {
        made.push_back(line.substr(0, line.find('\t')));
    }
    return made;
}

words two_names(word_kind kind, void*) {
    return kind == word_kind::event ? words{"alice/1.1\tWalk", "bob/1.2\tRun"}
                                    : words{"bob", "@choir"};
}

TEST(completion, knows_what_comes_next) {
    const auto at = [](words line) { return first_words(completions(line, two_names, nullptr)); };
    EXPECT_EQ(at({"ev"}), words{"events"});
    EXPECT_EQ(at({"events", "e"}), words{"edit"});
    EXPECT_EQ(at({"--socket", "/tmp/x", "events", "e"}), words{"edit"});
    EXPECT_EQ(at({"events", "edit", ""}), (words{"alice/1.1", "bob/1.2"}));
    EXPECT_EQ(at({"events", "edit", "b"}), words{"bob/1.2"});
    EXPECT_EQ(at({"events", "edit", "bob/1.2", "--with", ""}), (words{"bob", "@choir"}));
    EXPECT_EQ(at({"events", "edit", "bob/1.2", "--wi"}), (words{"--without", "--with"}));
    EXPECT_EQ(at({"events", "edit", "bob/1.2", ""}), words{});
    EXPECT_EQ(at({"files", "add", "bob/1.2", "a", ""}), words{":files"});
    EXPECT_EQ(at({"network", "invite", "--role", "b"}), words{"backup"});
    EXPECT_EQ(at({"--color", "a"}), (words{"auto", "always"}));
    EXPECT_EQ(at({"no-such", ""}), words{});
}

int shell_accepts(const std::string& command, const std::string& script) {
    folder here;
    const auto file = here.write("script", script);
    return std::system((command + " " + file + " >/dev/null 2>&1").c_str());
}

TEST(completion, scripts_are_accepted_by_their_shells) {
    EXPECT_EQ(shell_accepts("bash -n", completion_script("bash")), 0);
    EXPECT_NE(shell_accepts("bash -n", completion_script("bash") + "\nif"), 0)
        << "the check sees nothing";
    for (const char* shell : {"zsh", "fish"}) {
        if (std::system((std::string("command -v ") + shell + " >/dev/null").c_str()) == 0) {
            EXPECT_EQ(shell_accepts(std::string(shell) + " -n", completion_script(shell)), 0)
                << shell;
        }
        EXPECT_NE(completion_script(shell).find("__complete"), std::string::npos);
    }
}

TEST(completion, works_in_bash) {
    folder here;
    // A stand-in that shows what the script asks, and answers.
    here.write("calboxctl", "#!/bin/sh\necho \"$@\" > " + (here / "asked").string() +
                                "\nprintf 'edit\\tChanges\\n'\n"
                                "printf '%s\\n' 'a`b c' '$(d);e' 'alice/1.7' '@choir'\n");
    std::filesystem::permissions(here / "calboxctl", std::filesystem::perms::owner_all);
    here.write("test.sh", completion_script("bash") + "\nCOMP_WORDS=('" +
                              (here / "calboxctl").string() +
                              "' events 'e')\nCOMP_CWORD=2\n_calboxctl\n"
                              "echo \"${COMPREPLY[*]}\" > " +
                              (here / "reply").string() + "\n");
    ASSERT_EQ(std::system(("bash " + (here / "test.sh").string()).c_str()), 0);
    EXPECT_EQ(here.read("reply"), "edit a\\`b\\ c \\$\\(d\\)\\;e alice/1.7 @choir\n")
        << "what somebody else has named stays a word";
    EXPECT_EQ(here.read("asked"), "__complete -- events e\n");
}

TEST(manual, has_every_command_and_no_warnings) {
    const auto page = manual_page();
    for (const auto& one : all_commands()) {
        EXPECT_NE(page.find(".SS " + one.path), std::string::npos) << one.path;
    }
    if (std::system("command -v groff >/dev/null") == 0) {
        folder here;
        const auto file = here.write("calboxctl.1", page);
        ASSERT_EQ(std::system(("groff -man -ww -Tutf8 " + file + " > /dev/null 2> " +
                               (here / "warnings").string())
                                  .c_str()),
                  0);
        EXPECT_EQ(here.read("warnings"), "");
    }
}

}  // namespace
}  // namespace calbox::ctl
