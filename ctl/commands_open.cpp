// events open, close, opened, join, joins, leave.
#include <fmt/format.h>

#include "changed_event.hpp"
#include "event_options.hpp"
#include "event_text.hpp"
#include "text.hpp"

namespace calbox::ctl {

namespace {

answer<void> open_event(context& with) {
    const auto target = event_target(with.values.one("ID"));
    if (!target) {
        return refuse(target.error());
    }
    const auto made = with.api.send_json("PUT", *target + "/open", json::object());
    if (!made) {
        return refuse(made.error());
    }
    if (with.out.json()) {
        with.out.document(*made);
    } else {
        with.out.line(clean(text_of(*made, "link")));
    }
    return {};
}

answer<void> close_event(context& with) {
    const auto id = with.values.one("ID");
    const auto target = event_target(id);
    if (!target) {
        return refuse(target.error());
    }
    if (auto done = with.api.remove(*target + "/open"); !done) {
        return done;
    }
    if (with.out.json()) {
        with.out.document(json::object());
    }
    with.out.done("Closed " + clean(id) + ": its link opens nothing any more");
    return {};
}

answer<void> opened(context& with) {
    const bool own = !with.values.has("NAME");
    const auto name = own ? std::string() : with.values.one("NAME");
    const auto all = with.api.get("/v1/open" + (own ? "" : "/" + encode_segment(name)));
    if (!all) {
        return refuse(all.error());
    }
    if (with.out.json()) {
        with.out.document(*all);
        return {};
    }
    if (!truth_of(*all, "known")) {  // no rows would be read as none
        return refuse("unavailable", "it is not known what is open of " + clean(name) + ": " +
                                         clean(text_of(*all, "why")));
    }
    std::vector<std::vector<std::string>> rows;
    for (const auto& one : list_of(*all, "events")) {
        rows.push_back({event_line(one, with.mine),
                        !own && truth_of(one, "joined") ? "joined" : clean(text_of(one, "link"))});
    }
    with.out.table({"EVENT", own ? "LINK" : "JOIN BY"}, rows, "no open events");
    return {};
}

answer<void> join_event(context& with) {
    const auto made = with.api.send_json("POST", "/v1/joins", {{"link", with.values.one("LINK")}});
    if (!made) {
        return refuse(made.error());
    }
    const auto id = clean(text_of(*made, "id"));
    const auto why = clean(text_of(*made, "why"));
    if (with.out.json()) {
        with.out.document(*made);
    } else if (truth_of(*made, "joined")) {
        with.out.done("Joined " + id + (why.empty() ? "" : ": " + why));
    } else {
        with.out.done("Waiting to join " + id + ": " + why);
        with.out.note("calboxctl events joins shows what waits; nobody else needs to do anything");
    }
    return {};
}

answer<void> joins(context& with) {
    return show_document(with, "/v1/joins", [&](const json& found) {
        std::vector<std::vector<std::string>> rows;
        for (const auto& one : list_of(found, "joins")) {
            rows.push_back({clean(text_of(one, "id")),
                            moment_text(text_of(one, "since"), with.mine),
                            clean(text_of(one, "why"))});
        }
        with.out.table({"ID", "SINCE", "WAITS"}, rows, "no requests wait");
    });
}

answer<void> leave(context& with) {
    const auto id = with.values.one("ID");
    const auto target = event_target(id);
    if (!target) {
        return refuse(target.error());
    }
    const std::string events = "/v1/events";
    auto done = with.api.remove("/v1/joins" + target->substr(events.size()));
    const bool waited = done.has_value();
    if (!done && done.error().code == "not_found") {
        const auto left = with.api.send_json("POST", *target + "/leave", json::object());
        done = left ? answer<void>() : refuse(left.error());
    }
    if (!done) {
        return done;
    }
    if (with.out.json()) {
        with.out.document(json::object());
    }
    with.out.done((waited ? "Withdrew the request to join " : "Left ") + clean(id));
    return {};
}

}  // namespace

std::vector<command> open_event_commands() {
    return {
        {.path = "events open",
         .summary = "Lets whoever has the event's link join it, and prints the link",
         .arguments = {id_argument()},
         .options = {},
         .examples = {{"events open alice/1.7", "who gets the link: calboxctl events join LINK"}},
         .details = "Your friends find it with events opened. Whom you remove from the event may\n"
                    "not come back by the link.",
         .run = open_event},
        {.path = "events close",
         .summary = "Lets nobody join any more; the link is old from then on",
         .arguments = {id_argument()},
         .options = {},
         .examples = {{"events close alice/1.7", "who has joined stays"}},
         .details = {},
         .run = close_event},
        {.path = "events opened",
         .summary = "Lists your open events, or a friend's",
         .arguments =
             {{.name = "NAME", .help = "a friend", .required = false, .kind = word_kind::person}},
         .options = {},
         .examples = {{"events opened", "with their links"},
                      {"events opened alice", "asks a device of hers"}},
         .details = {},
         .run = opened},
        {.path = "events join",
         .summary = "Joins an open event by its link",
         .arguments = {{.name = "LINK", .help = "calbox:event/..."}},
         .options = {},
         .examples = {{"events join \"calbox:event/alice/1.7?network=..\"",
                       "it comes into your calendar, with its files"}},
         .details = "Where no device of its organizer can be reached the request waits on yours.",
         .run = join_event},
        {.path = "events joins",
         .summary = "Lists requests to join that wait",
         .arguments = {},
         .options = {},
         .examples = {{"events joins", "for which events, and why they wait"}},
         .details = {},
         .run = joins},
        {.path = "events leave",
         .summary = "Takes an event of somebody else from your calendar",
         .arguments = {id_argument()},
         .options = {},
         .examples = {{"events leave alice/1.7", "or withdraws the request to join it"}},
         .details = {},
         .run = leave},
    };
}

}  // namespace calbox::ctl
