#include <algorithm>
#include <array>
#include <set>

#include "command_line.hpp"
#include "context.hpp"
#include "documents.hpp"
#include "text.hpp"

namespace calbox::ctl {

namespace {

answer<void> print_script(context& with) {
    with.world.out << completion_script(with.values.one("SHELL"));
    return {};
}

std::vector<command> completion_commands() {
    return {{.path = "completion",
             .summary = "Prints the completion script of a shell",
             .arguments = {{.name = "SHELL",
                            .help = "bash, zsh or fish",
                            .kind = word_kind::choice,
                            .choices = {"bash", "zsh", "fish"}}},
             .options = {},
             .examples = {{"completion bash > ~/.local/share/bash-completion/completions/calboxctl",
                           "for this person's bash"}},
             .details = {},
             .run = print_script}};
}

output::settings settings_of(const given& globals) {
    output::settings made;
    made.json = globals.has("json");
    made.quiet = globals.has("quiet");
    if (globals.has("color")) {
        made.color = globals.one("color");
    }
    return made;
}

client client_of(const given& globals, const surroundings& world) {
    return {globals.has("socket") ? globals.one("socket") : default_socket(world),
            globals.one("as"), world.interrupt != nullptr ? world.interrupt->fd() : -1};
}

std::vector<std::string> names_from_daemon(word_kind kind, void* with) {
    auto& api = *static_cast<client*>(with);
    std::vector<std::string> made;
    const auto add = [&](const char* target, const char* list, const char* key, const char* about,
                         const char* before) {
        const json found = api.get(target).value_or(json());
        for (const auto& one : list_of(found, list)) {
            const auto help = about == nullptr ? std::string() : clean(text_of(one, about));
            made.push_back(before + clean(text_of(one, key)) + (help.empty() ? "" : "\t" + help));
        }
    };
    if (kind == word_kind::event) {
        add("/v1/events", "events", "id", "title", "");
    } else if (kind == word_kind::group) {
        add("/v1/groups", "groups", "name", nullptr, "");
    } else if (kind == word_kind::category) {
        const json found = api.get("/v1/events").value_or(json());
        std::set<std::string> used;
        for (const auto& one : list_of(found, "events")) {
            for (const auto& name : texts_of(one, "categories")) {
                used.insert(clean(name));
            }
        }
        made.assign(used.begin(), used.end());
    } else {
        add("/v1/users", "users", "name", nullptr, "");
        add("/v1/groups", "groups", "name", nullptr, "@");
    }
    std::erase(made, ":files");  // which asks the shell for names of files
    return made;
}

/// The value of --socket, or of another global option, in a line that is being typed.
given typed_globals(const std::vector<std::string>& words) {
    given made;
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
        for (const char* name : {"socket", "as"}) {
            if (words[i] == std::string("--") + name) {
                made.add(name, words[i + 1]);
            }
        }
    }
    return made;
}

int complete(std::vector<std::string> words, const surroundings& world) {
    if (!words.empty() && words.front() == "--") {
        words.erase(words.begin());
    }
    auto api = client_of(typed_globals(words), world);
    for (const auto& one : completions(words, names_from_daemon, &api)) {
        world.out << one << '\n';
    }
    return exit_done;
}

/// What helps beside the daemon's sentence.
std::string hint_of(const problem& why, const command& what) {
    const bool advised = why.detail.find("calboxctl login") != std::string::npos ||
                         why.detail.find("--as") != std::string::npos;
    // What they ask for is a password of their own, and nobody needs to be signed in.
    constexpr std::array own_password = {"login", "register", "account restore"};
    if (why.code == "unauthorised" && !advised &&
        std::ranges::find(own_password, what.path) == own_password.end()) {
        return "calboxctl login NAME signs in; --as NAME chooses among several who are";
    }
    if (why.code == "conflict") {
        return "look at it as it is now, and repeat the change";
    }
    return {};
}

}  // namespace

const std::vector<command>& all_commands() {
    static const std::vector<command> table = [] {
        std::vector<command> made;
        for (auto* group :
             {session_commands, account_commands, event_commands, open_event_commands,
              branch_commands, history_commands, search_commands, exchange_commands, lock_commands,
              file_commands, people_commands, network_commands, net_commands, node_commands,
              recovery_commands, store_commands, web_commands, completion_commands}) {
            auto commands = group();
            std::move(commands.begin(), commands.end(), std::back_inserter(made));
        }
        return made;
    }();
    return table;
}

const std::vector<option>& global_options() {
    static const std::vector<option> table{
        {.name = "socket",
         .brief = {},
         .value = "PATH",
         .help = "the daemon's socket",
         .kind = word_kind::file},
        {.name = "as",
         .brief = {},
         .value = "NAME",
         .help = "who, when several are signed in on this device",
         .kind = word_kind::person},
        {.name = "json", .brief = {}, .value = {}, .help = "print one JSON document"},
        {.name = "quiet", .brief = "q", .value = {}, .help = "print the result only, and no notes"},
        {.name = "color",
         .brief = {},
         .value = "WHEN",
         .help = "colours",
         .kind = word_kind::choice,
         .choices = {"auto", "always", "never"}},
        {.name = "help", .brief = "h", .value = {}, .help = "print this"},
        {.name = "version", .brief = {}, .value = {}, .help = "print the version"},
    };
    return table;
}

std::string_view group_summary(std::string_view group) {
    if (group == "events") {
        return "Events: make, find, change, remove and restore them";
    }
    if (group == "recovery") {
        return "Recovery: how this device learns what it missed";
    }
    if (group == "store") {
        return "The store: what this device keeps on its disk";
    }
    if (group == "lock") {
        return "Locks: who is editing an event now";
    }
    if (group == "files") {
        return "Files of events";
    }
    if (group == "friends") {
        return "Friends, and requests to become one";
    }
    if (group == "groups") {
        return "Groups of people, usable as @NAME in --with";
    }
    if (group == "network") {
        return "The network that this device belongs to";
    }
    return {};
}

answer<std::string> event_target(const std::string& id) {
    const auto slash = id.find('/');
    const bool good = slash != std::string::npos && slash > 0 && slash + 1 < id.size() &&
                      id.find('/', slash + 1) == std::string::npos;
    if (!good) {
        return refuse("invalid_argument", "an event's id is like alice/1.7, and not " + clean(id));
    }
    return "/v1/events/" + encode_segment(id.substr(0, slash)) + "/" +
           encode_segment(id.substr(slash + 1));
}

int run(const std::vector<std::string>& words, const surroundings& world) {
    if (!words.empty() && words.front() == "__complete") {
        return complete({words.begin() + 1, words.end()}, world);
    }
    if (words.size() == 1 && words.front() == "__man") {
        world.out << manual_page();
        return exit_done;
    }
    auto line = parse_line(words);
    if (!line) {
        output::settings settings;
        settings.json = std::find(words.begin(), words.end(), "--json") != words.end();
        output(world, settings).failed(line.error());
        return exit_usage;
    }
    if (line->what == nullptr) {
        (words.empty() ? world.err : world.out) << line->text;
        return words.empty() ? exit_usage : exit_done;
    }
    output out(world, settings_of(line->globals));
    client api = client_of(line->globals, world);
    context with(world, api, out, std::move(line->values));
    const auto done = line->what->run(with);
    world.out.flush();
    if (!done) {
        problem why = done.error();
        if (why.code == "cancelled" && why.detail == "interrupted") {
            return exit_status(why.code);  // the person knows
        }
        if (const auto hint = hint_of(why, *line->what); !hint.empty()) {
            why.detail += "; " + hint;
        }
        out.failed(why);
        return exit_status(why.code);
    }
    if (!world.out.good()) {
        out.failed({"io_failed", "cannot write to standard output"});
        return 1;
    }
    return exit_done;
}

}  // namespace calbox::ctl
