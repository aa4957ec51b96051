// network show, create, invite, join, strategy.
#include <fmt/format.h>

#include "context.hpp"
#include "text.hpp"

namespace calbox::ctl {

namespace {

answer<void> print_network(context& with, const answer<json>& found) {
    if (!found) {
        return refuse(found.error());
    }
    if (with.out.json()) {
        with.out.document(*found);
        return {};
    }
    const auto id = clean(text_of(*found, "id"));
    if (with.out.quiet()) {
        with.out.line(id);
        return {};
    }
    if (id.empty()) {
        with.out.line(
            "this device belongs to no network yet: calboxctl network join INVITATION, or network "
            "create");
        return {};
    }
    with.out.field("network", id);
    with.out.field("founded", truth_of(*found, "founded_here") ? "here" : "elsewhere");
    with.out.field("registries", cleaned_list(*found, "registries"));
    with.out.field("addresses", cleaned_list(*found, "addresses"));
    return {};
}

answer<void> show_network(context& with) {
    return print_network(with, with.api.get("/v1/network"));
}

answer<void> create(context& with) {
    const auto made = with.api.send_json("POST", "/v1/network", json::object());
    if (auto printed = print_network(with, made); !printed) {
        return printed;
    }
    with.out.note("another device joins it with: calboxctl network invite");
    return {};
}

answer<void> invite(context& with) {
    auto roles = split_lists(with.values.all("role"));
    if (roles.empty()) {
        roles = {"edge"};
    }
    const auto done = with.api.send_json("POST", "/v1/network/invitations", {{"roles", roles}});
    if (!done) {
        return refuse(done.error());
    }
    if (with.out.json()) {
        with.out.document(*done);
        return {};
    }
    with.out.line(clean(text_of(*done, "invitation")));
    with.out.note(fmt::format(
        "for a device as {}; on that device: calboxctl network join INVITATION", joined(roles)));
    return {};
}

answer<void> join(context& with) {
    return print_network(with, with.api.send_json("POST", "/v1/network/join",
                                                  {{"invitation", with.values.one("INVITATION")}}));
}

/// Every epoch in a line: what it is, since when, and what this device has to do with it.
answer<void> print_strategies(context& with, const answer<json>& found) {
    if (!found) {
        return refuse(found.error());
    }
    if (with.out.json()) {
        with.out.document(*found);
        return {};
    }
    std::vector<std::vector<std::string>> rows;
    std::vector<std::string> problems;
    for (const auto& one : list_of(*found, "epochs")) {
        const bool now = number_of(one, "epoch") == number_of(*found, "epoch");
        const std::string since = text_of(one, "takes_effect");
        if (with.out.quiet()) {
            if (now) {
                with.out.line(clean(text_of(one, "strategy")));
            }
            continue;
        }
        rows.push_back({std::to_string(number_of(one, "epoch")), clean(text_of(one, "strategy")),
                        clean(text_of(one, "version")), clean(text_of(one, "settings")),
                        since.empty() ? "the beginning" : moment_text(since, with.mine),
                        now                          ? "now"
                        : truth_of(one, "in_effect") ? "before"
                                                     : "to come",
                        std::to_string(number_of(one, "events"))});
        if (auto problem = clean(text_of(one, "problem")); !problem.empty()) {
            problems.push_back(std::move(problem));
        }
    }
    with.out.table({"EPOCH", "STRATEGY", "VERSION", "SETTINGS", "SINCE", "STATE", "EVENTS HERE"},
                   rows, "");
    for (const std::string& problem : problems) {
        with.out.note(problem);
    }
    return {};
}

answer<void> show_strategy(context& with) {
    return print_strategies(with, with.api.get("/v1/network/strategy"));
}

answer<void> use_strategy(context& with) {
    json ask{{"strategy", with.values.one("NAME")}};
    if (with.values.has("settings")) {
        ask["settings"] = with.values.one("settings");
    }
    if (with.values.has("in")) {
        const std::string text = with.values.one("in");
        if (text.empty() || text.size() > 9 ||
            text.find_first_not_of("0123456789") != std::string::npos) {
            return refuse("invalid_argument", "--in takes a number of seconds");
        }
        ask["after_seconds"] = std::stoull(text);
    }
    return print_strategies(with, with.api.send_json("POST", "/v1/network/strategy", ask));
}

answer<void> strategy(context& with) {
    const std::string action = with.values.one("ACTION");
    const std::string name = with.values.one("NAME");
    if (action == "use" && !name.empty()) {
        return use_strategy(with);
    }
    const bool changes = with.values.has("settings") || with.values.has("in");
    if ((action.empty() || action == "show") && name.empty() && !changes) {
        return show_strategy(with);
    }
    return refuse("invalid_argument", "calboxctl network strategy [show | use NAME]");
}

}  // namespace

std::vector<command> network_commands() {
    return {
        {.path = "network show",
         .summary = "Shows the network of this device",
         .arguments = {},
         .options = {},
         .examples = {{"network show", "its id, registries and addresses"}},
         .details = {},
         .run = show_network},
        {.path = "network create",
         .summary = "Founds a network on this device",
         .arguments = {},
         .options = {},
         .examples = {{"network create", "its id; then calboxctl network invite"}},
         .details = "It needs a daemon with the role registry and without a network. Such a daemon "
                    "founds\n"
                    "one by itself at its first start, unless its configuration says network.found "
                    "= false.",
         .run = create},
        {.path = "network invite",
         .summary = "Makes an invitation for another device",
         .arguments = {},
         .options = {{.name = "role",
                      .brief = {},
                      .value = "ROLE",
                      .help = "what the device may be; edge without it",
                      .many = true,
                      .kind = word_kind::choice,
                      .choices = {"edge", "rendezvous", "backup", "registry"}}},
         .examples = {{"network invite", "for a person's device"},
                      {"network invite --role rendezvous --role backup", "for a server"}},
         .details = "Invitations are made where the registry runs.",
         .run = invite},
        {.path = "network join",
         .summary = "Joins the network that an invitation names",
         .arguments = {{.name = "INVITATION", .help = "calbox://join/..."}},
         .options = {},
         .examples = {{"network join calbox://join/...",
                       "the link that network invite printed elsewhere"}},
         .details = {},
         .run = join},
        {.path = "network strategy",
         .summary = "Shows or changes the network's consensus strategy",
         .arguments = {{.name = "ACTION",
                        .help = "show (what there was and is) or use",
                        .required = false,
                        .kind = word_kind::choice,
                        .choices = {"show", "use"}},
                       {.name = "NAME",
                        .help = "for use: a consensus plugin, views or organizer",
                        .required = false}},
         .options = {{.name = "settings",
                      .brief = {},
                      .value = "JSON",
                      .help = "for use: the plugin's settings; its defaults without it"},
                     {.name = "in",
                      .brief = {},
                      .value = "SECONDS",
                      .help = "for use: takes effect after that time; at once without it"}},
         .examples = {{"network strategy",
                       "an epoch a line, with how many events of this device it decides about"},
                      {"network strategy use organizer", "from now on"},
                      {"network strategy use views --in 3600", "in an hour"}},
         .details = "It is changed where the registry runs. Every daemon of the network learns of "
                    "it by itself\nand needs no restart, but it needs the plugin: install that "
                    "everywhere first. An event goes over\nto the new strategy with its next "
                    "version: by an edit, or by itself. Until then it is decided\nabout as before, "
                    "and needs the old plugin.",
         .run = strategy},
    };
}

}  // namespace calbox::ctl
