#include "command_line.hpp"

#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "documents.hpp"
#include "text.hpp"

namespace calbox::ctl {

namespace {

constexpr int many_max = 10'000;
// CLI11 reads "[a,b]" as a list where several values may stand. It is a file's name like others: a
// mark before it, until it is taken.
constexpr char bracket_mark = '\x01';

std::string flags_of(const option& one) {
    return (one.brief.empty() ? "" : "-" + one.brief + ",") + "--" + one.name;
}

/// Where CLI11 leaves what it found, until it is copied into `given`.
struct slots {
    std::vector<std::pair<const option*, CLI::Option*>> options;
    std::vector<std::pair<const argument*, CLI::Option*>> arguments;
    std::vector<std::unique_ptr<std::vector<std::string>>> texts;
    std::vector<std::unique_ptr<bool>> flags;
};

void add_option(CLI::App& app, const option& one, slots& into) {
    if (one.value.empty()) {
        auto& flag = into.flags.emplace_back(std::make_unique<bool>(false));
        into.options.emplace_back(&one, app.add_flag(flags_of(one), *flag));
        return;
    }
    auto& text = into.texts.emplace_back(std::make_unique<std::vector<std::string>>());
    auto* made = app.add_option(flags_of(one), *text);
    made->expected(1)->allow_extra_args(false);
    made->multi_option_policy(one.many ? CLI::MultiOptionPolicy::TakeAll
                                       : CLI::MultiOptionPolicy::Throw);
    if (!one.choices.empty()) {
        made->check(CLI::IsMember(one.choices));
    }
    into.options.emplace_back(&one, made);
}

void add_argument(CLI::App& app, const argument& one, slots& into) {
    auto& text = into.texts.emplace_back(std::make_unique<std::vector<std::string>>());
    auto* made = app.add_option(one.name, *text);
    if (one.many) {
        made->expected(1, many_max)->allow_extra_args();
    } else {
        made->expected(1)->allow_extra_args(false);
    }
    made->required(one.required);
    if (!one.choices.empty()) {
        made->check(CLI::IsMember(one.choices));
    }
    into.arguments.emplace_back(&one, made);
}

CLI::App* group_of(CLI::App& root, const std::string& word) {
    for (auto* found :
         root.get_subcommands([&](CLI::App* one) { return one->get_name() == word; })) {
        return found;
    }
    auto* made = root.add_subcommand(word);
    made->set_help_flag();
    made->fallthrough();
    made->require_subcommand(0, 1);
    return made;
}

given taken(const slots& from) {
    given made;
    const auto take = [&](const std::string& name, const CLI::Option* found, bool flag) {
        if (found->count() == 0) {
            return;
        }
        made.mark(name);
        if (!flag) {
            for (const auto& value : found->results()) {
                made.add(name, value.starts_with(bracket_mark) ? value.substr(1) : value);
            }
        }
    };
    for (const auto& [one, found] : from.options) {
        take(one->name, found, one->value.empty());
    }
    for (const auto& [one, found] : from.arguments) {
        take(one->name, found, false);
    }
    return made;
}

/// The words that are neither options nor the values of options of every command.
std::vector<std::string> plain_words(const std::vector<std::string>& words) {
    std::vector<std::string> made;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const bool takes_next = std::ranges::any_of(global_options(), [&](const option& one) {
            return !one.value.empty() && words[i] == "--" + one.name;
        });
        if (takes_next) {
            ++i;
        } else if (!words[i].starts_with('-')) {
            made.push_back(words[i]);
        }
    }
    return made;
}

bool is_command(const std::string& path) {
    return std::ranges::any_of(all_commands(),
                               [&](const command& one) { return one.path == path; });
}

bool is_group(const std::string& path) {
    return std::ranges::any_of(all_commands(), [&](const command& one) {
        return !one.hidden && one.path.starts_with(path + " ");
    });
}

/// The command, or the group of them, that the words begin with: what --help is asked about, and
/// where wrong usage happened.
std::string topic_of(const std::vector<std::string>& words) {
    std::string best;
    for (const auto& word : plain_words(words)) {
        const std::string path = best.empty() ? word : best + " " + word;
        if (!is_command(path) && !is_group(path)) {
            break;
        }
        best = path;
    }
    return best;
}

bool has_option(const std::string& path, std::string_view name) {
    return std::ranges::any_of(all_commands(), [&](const command& one) {
        return one.path == path && std::ranges::count(one.options, name, &option::name) > 0;
    });
}

/// "events list" for "event list".
std::string meant(const std::string& typed) {
    const std::string first = typed.substr(0, typed.find(' '));
    for (const auto& one : all_commands()) {
        const std::string word = one.path.substr(0, one.path.find(' '));
        if (!one.hidden && word != first && (word.starts_with(first) || first.starts_with(word))) {
            return "; did you mean " + word + typed.substr(first.size()) + "?";
        }
    }
    return {};
}

/// Words that name no command; empty when they name one.
std::string no_such_command(const std::vector<std::string>& words, const std::string& topic) {
    const auto plain = plain_words(words);
    const auto known =
        static_cast<std::size_t>(topic.empty() ? 0 : std::ranges::count(topic, ' ') + 1);
    if (is_command(topic) || plain.size() <= known) {
        return {};
    }
    if (!topic.empty()) {
        return "no such command: " + topic + " " + clean(plain[known]);
    }
    const std::string typed = plain.size() > 1 ? plain[0] + " " + plain[1] : plain[0];
    return "no such command: " + clean(plain[0]) + clean(meant(typed));
}

std::string sentence_of(const std::vector<std::string>& words, const CLI::ParseError& why) {
    const std::string topic = topic_of(words);
    std::string text = no_such_command(words, topic);
    if (text.empty()) {
        text = why.what();
        text = text.substr(0, text.find('\n'));
        if (const auto twice = text.find(": At Most 1 required"); twice != std::string::npos) {
            text = text.substr(0, twice) + " may be given once";
        }
    }
    if (!text.empty() && text.back() == '.') {
        text.pop_back();
    }
    return text + "; see calboxctl " + (topic.empty() ? "" : topic + " ") + "--help";
}

}  // namespace

answer<parsed_line> parse_line(const std::vector<std::string>& words) {
    const auto end = std::find(words.begin(), words.end(), "--");
    const auto asked = [&](const char* word) { return std::find(words.begin(), end, word) != end; };
    parsed_line made;
    if (asked("--help") || asked("-h") || words.empty()) {
        made.text = help_text(topic_of(words));
        return made;
    }
    if (asked("--version") && !has_option(topic_of(words), "version")) {
        made.text = "calboxctl " CALBOX_VERSION "\n";
        return made;
    }
    CLI::App root;
    root.set_help_flag();
    root.require_subcommand(0, 1);
    slots global;
    for (const auto& one : global_options()) {
        add_option(root, one, global);
    }
    std::vector<std::pair<const command*, CLI::App*>> commands;
    std::vector<std::unique_ptr<slots>> of_commands;
    for (const auto& one : all_commands()) {
        const auto blank = one.path.find(' ');
        CLI::App* above =
            blank == std::string::npos ? &root : group_of(root, one.path.substr(0, blank));
        auto* app = above->add_subcommand(blank == std::string::npos ? one.path
                                                                     : one.path.substr(blank + 1));
        app->set_help_flag();
        app->fallthrough();
        auto& into = of_commands.emplace_back(std::make_unique<slots>());
        for (const auto& each : one.arguments) {
            add_argument(*app, each, *into);
        }
        for (const auto& each : one.options) {
            add_option(*app, each, *into);
        }
        commands.emplace_back(&one, app);
    }
    try {
        // CLI11 takes them from the back.
        std::vector<std::string> reversed(words.rbegin(), words.rend());
        for (auto& word : reversed) {
            if (word.starts_with('[')) {
                word.insert(word.begin(), bracket_mark);
            }
        }
        root.parse(std::move(reversed));
    } catch (const CLI::ParseError& why) {
        return refuse("invalid_argument", sentence_of(words, why));
    }
    for (std::size_t i = 0; i < commands.size(); ++i) {
        if (commands[i].second->parsed()) {
            made.what = commands[i].first;
            made.values = taken(*of_commands[i]);
            made.globals = taken(global);
            return made;
        }
    }
    made.text = help_text(topic_of(words));
    if (topic_of(words).empty()) {
        return refuse("invalid_argument", "no command was given; see calboxctl --help");
    }
    return refuse("invalid_argument",
                  "which of them? see calboxctl " + topic_of(words) + " --help");
}

}  // namespace calbox::ctl
