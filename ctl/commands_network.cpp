// network show, create, invite, join.
#include <fmt/format.h>

#include "context.hpp"
#include "text.hpp"

namespace calbox::ctl {

namespace {

std::string cleaned_list(const json& object, std::string_view key) {
    return clean(joined(texts_of(object, key)));
}

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

answer<void> show(context& with) { return print_network(with, with.api.get("/v1/network")); }

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

}  // namespace

std::vector<command> network_commands() {
    return {
        {.path = "network show",
         .summary = "Shows the network of this device",
         .arguments = {},
         .options = {},
         .examples = {{"network show", "its id, registries and addresses"}},
         .details = {},
         .run = show},
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
    };
}

}  // namespace calbox::ctl
