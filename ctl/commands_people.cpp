// friends, groups, users, freebusy.
#include <fmt/format.h>

#include "context.hpp"
#include "event_options.hpp"
#include "text.hpp"

namespace calbox::ctl {

namespace {

/// Prints the document with --json, else the sentence.
answer<void> told(context& with, const answer<json>& done, const std::string& sentence) {
    if (!done) {
        return refuse(done.error());
    }
    if (with.out.json()) {
        with.out.document(*done);
    }
    with.out.done(sentence);
    return {};
}

std::string online_text(const json& who) { return truth_of(who, "online") ? "online" : ""; }

answer<void> list_friends(context& with) {
    const auto found = with.api.get("/v1/friends");
    if (!found || with.out.json()) {
        return told(with, found, {});
    }
    std::vector<std::vector<std::string>> rows;
    for (const auto& one : list_of(*found, "friends")) {
        const auto state = text_of(one, "state");
        rows.push_back({clean(text_of(one, "name")),
                        state == "asks"    ? "asks you"
                        : state == "asked" ? "was asked"
                                           : clean(state),
                        online_text(one)});
    }
    with.out.table({"NAME", "STATE", "NOW"}, rows, "no friends yet: calboxctl friends add NAME");
    return {};
}

answer<void> add_friend(context& with) {
    const auto name = with.values.one("NAME");
    const auto done = with.api.send_json("POST", "/v1/friends", {{"name", name}});
    return told(
        with, done,
        text_of(done ? *done : json(), "state") == "friend"
            ? clean(name) + " is your friend now"
            : clean(name) + " was asked, and accepts with: calboxctl friends accept YOUR-NAME");
}

answer<void> accept_friend(context& with) {
    const auto name = with.values.one("NAME");
    return told(with,
                with.api.send_json("POST", "/v1/friends/" + encode_segment(name) + "/accept",
                                   json::object()),
                clean(name) + " is your friend now");
}

answer<void> removed(context& with, const std::string& target, const std::string& sentence) {
    if (auto done = with.api.remove(target); !done) {
        return done;
    }
    return told(with, json::object(), sentence);
}

answer<void> remove_friend(context& with) {
    const auto name = with.values.one("NAME");
    return removed(with, "/v1/friends/" + encode_segment(name),
                   clean(name) + " is no friend of yours any more");
}

/// "@choir" and "choir" are the same group.
std::string group_name(const context& with) {
    const auto typed = with.values.one("NAME");
    return typed.starts_with('@') ? typed.substr(1) : typed;
}

answer<void> list_groups(context& with) {
    const auto found = with.api.get("/v1/groups");
    if (!found || with.out.json()) {
        return told(with, found, {});
    }
    std::vector<std::vector<std::string>> rows;
    for (const auto& one : list_of(*found, "groups")) {
        rows.push_back(
            {"@" + clean(text_of(one, "name")), clean(joined(texts_of(one, "members")))});
    }
    with.out.table({"GROUP", "MEMBERS"}, rows,
                   "no groups yet: calboxctl groups set NAME MEMBER...");
    return {};
}

answer<void> set_group(context& with) {
    const auto name = group_name(with);
    const auto members = split_lists(with.values.all("MEMBER"));
    return told(
        with,
        with.api.send_json("PUT", "/v1/groups/" + encode_segment(name), {{"members", members}}),
        fmt::format("@{}: {}", clean(name), clean(joined(members))));
}

answer<void> remove_group(context& with) {
    const auto name = group_name(with);
    return removed(with, "/v1/groups/" + encode_segment(name), "Removed @" + clean(name));
}

answer<void> users(context& with) {
    const auto found = with.api.get("/v1/users");
    if (!found || with.out.json()) {
        return told(with, found, {});
    }
    std::vector<std::vector<std::string>> rows;
    for (const auto& one : list_of(*found, "users")) {
        rows.push_back({clean(text_of(one, "name")), truth_of(one, "friend") ? "friend" : "",
                        online_text(one)});
    }
    with.out.table({"NAME", "", "NOW"}, rows, "this network lists nobody");
    return {};
}

answer<void> free_busy(context& with) {
    const auto name = with.values.one("NAME");
    const auto range = range_query(with);
    if (!range) {
        return refuse(range.error());
    }
    const auto told = with.api.get("/v1/freebusy/" + encode_segment(name) + *range);
    if (!told) {
        return refuse(told.error());
    }
    if (with.out.json()) {
        with.out.document(*told);
        return {};
    }
    if (!truth_of(*told, "known")) {  // no rows would be read as free
        return refuse("unavailable", "it is not known when " + clean(name) +
                                         " is busy: " + clean(text_of(*told, "why")));
    }
    std::vector<std::vector<std::string>> rows;
    for (const auto& one : list_of(*told, "busy")) {
        rows.push_back({moment_text(text_of(one, "start"), with.mine),
                        moment_text(text_of(one, "end"), with.mine)});
    }
    with.out.table({"BUSY FROM", "TO"}, rows,
                   clean(name) + " is free from " + moment_text(text_of(*told, "from"), with.mine) +
                       " to " + moment_text(text_of(*told, "to"), with.mine));
    return {};
}

const argument person{.name = "NAME", .help = "the other's name", .kind = word_kind::person};
const argument group{.name = "NAME", .help = "the group's name", .kind = word_kind::group};

}  // namespace

std::vector<command> people_commands() {
    return {
        {.path = "friends list",
         .summary = "Lists friends and requests",
         .arguments = {},
         .options = {},
         .examples = {{"friends list", "who asks, who was asked, who is a friend"}},
         .details = {},
         .run = list_friends},
        {.path = "friends add",
         .summary = "Asks somebody to become a friend",
         .arguments = {person},
         .options = {},
         .examples = {{"friends add bob", "he: calboxctl friends accept alice"}},
         .details = {},
         .run = add_friend},
        {.path = "friends accept",
         .summary = "Accepts a request",
         .arguments = {person},
         .options = {},
         .examples = {{"friends accept alice", "after friends list showed that she asks"}},
         .details = {},
         .run = accept_friend},
        {.path = "friends rm",
         .summary = "Ends a friendship, or refuses a request",
         .arguments = {person},
         .options = {},
         .examples = {{"friends rm bob", "events that are shared already stay so"}},
         .details = {},
         .run = remove_friend},
        {.path = "groups list",
         .summary = "Lists groups of people",
         .arguments = {},
         .options = {},
         .examples = {{"groups list", "with their members"}},
         .details = {},
         .run = list_groups},
        {.path = "groups set",
         .summary = "Makes a group, or sets its members",
         .arguments =
             {group, {.name = "MEMBER", .help = "a name", .many = true, .kind = word_kind::person}},
         .options = {},
         .examples = {{"groups set choir bob carol",
                       "then: calboxctl events add ... --with @choir"}},
         .details = {},
         .run = set_group},
        {.path = "groups rm",
         .summary = "Removes a group; its members stay at the events",
         .arguments = {group},
         .options = {},
         .examples = {{"groups rm choir", "the name only"}},
         .details = {},
         .run = remove_group},
        {.path = "users",
         .summary = "Lists the people of the network",
         .arguments = {},
         .options = {},
         .examples = {{"users", "who is there, and online"}},
         .details = {},
         .run = users},
        {.path = "freebusy",
         .summary = "Tells when a friend is busy, and nothing of what he does then",
         .arguments = {person},
         .options = week_options(),
         .examples = {{"freebusy bob --from tomorrow --to tomorrow", "asks a device of his"}},
         .details = "Without a friend's device that answers it is refused: it is not known, which "
                    "is not free.",
         .run = free_busy},
    };
}

}  // namespace calbox::ctl
