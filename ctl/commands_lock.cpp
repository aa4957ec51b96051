// lock show, wait, release.
#include <fmt/format.h>

#include "context.hpp"
#include "event_text.hpp"
#include "text.hpp"

namespace calbox::ctl {

namespace {

answer<std::string> lock_target(const context& with) {
    const auto target = event_target(with.values.one("ID"));
    if (!target) {
        return refuse(target.error());
    }
    return *target + "/lock";
}

void print_lock(context& with, const json& found) {
    if (with.out.json()) {
        with.out.document(found);
        return;
    }
    const auto lock = found.find("lock");
    const auto text = lock == found.end() ? std::string() : lock_text(*lock, with.mine);
    const auto state = text_of(found, "state");
    const auto stuck = state == "unknown" ? std::string("the answer to a change was lost; checking")
                       : state == "no_quorum" ? quorum_text(found.value("lacks", json()))
                                              : std::string();
    with.out.field("state", !text.empty() ? with.out.paint(colour::warning, text)
                            : !stuck.empty()
                                ? with.out.paint(colour::warning, "nobody is editing; " + stuck)
                                : with.out.paint(colour::good, "nobody is editing"));
    if (!text.empty()) {
        with.out.field("until", moment_text(text_of(*lock, "until"), with.mine) +
                                    " at most, unless it is renewed");
    }
    const auto strategy = found.find("strategy");
    if (strategy != found.end() && strategy->is_object()) {
        with.out.field("decided by", clean(text_of(*strategy, "strategy")));
        with.out.field("remark", clean(text_of(*strategy, "note")));
    }
}

answer<void> show_lock(context& with) {
    const auto target = lock_target(with);
    if (!target) {
        return refuse(target.error());
    }
    const auto found = with.api.get(*target);
    if (!found) {
        return refuse(found.error());
    }
    print_lock(with, *found);
    return {};
}

/// Looks again whenever something happens, and at every comment of the stream.
answer<void> wait(context& with) {
    const auto target = lock_target(with);
    if (!target) {
        return refuse(target.error());
    }
    std::optional<answer<json>> last;
    bool said = false;
    const auto look = [&](std::string_view) -> answer<void> {
        last = with.api.get(*target);
        if (!*last || text_of(**last, "state") != "locked") {
            return refuse("closed", "there is nothing to wait for");
        }
        if (!said) {
            said = true;
            with.out.note(lock_text((**last).value("lock", json()), with.mine) + "; waiting");
        }
        return {};
    };
    request what{.method = "GET",
                 .target = "/v1/watch",
                 .body = {},
                 .content_type = {},
                 .headers = {{"Accept", "text/event-stream"}}};
    const auto ended = with.api.follow(what, watch_silence, look);
    if (!last || (*last && text_of(**last, "state") == "locked")) {
        return ended ? refuse("closed", "the daemon ended the stream of changes")
                     : refuse(ended.error());
    }
    if (!*last) {
        return refuse(last->error());
    }
    print_lock(with, **last);
    return {};
}

answer<void> release(context& with) {
    const auto target = lock_target(with);
    if (!target) {
        return refuse(target.error());
    }
    if (auto done = with.api.remove(*target); !done) {
        return done;
    }
    if (with.out.json()) {
        with.out.document(json::object());
    }
    with.out.done("Released the lock on " + clean(with.values.one("ID")));
    return {};
}

command of_event(const char* path, const char* summary, example shown, const char* details,
                 answer<void> (*run)(context&)) {
    return {.path = path,
            .summary = summary,
            .arguments = {{.name = "ID",
                           .help = "the event, for example alice/1.7",
                           .kind = word_kind::event}},
            .options = {},
            .examples = {std::move(shown)},
            .details = details,
            .run = run};
}

}  // namespace

std::vector<command> lock_commands() {
    return {
        of_event("lock show", "Shows who is editing an event",
                 {"lock show alice/1.7", "who, since when, on which device"},
                 "It is what this device has been told; the network's consensus strategy decides.",
                 show_lock),
        of_event("lock wait", "Waits until nobody is editing an event",
                 {"lock wait alice/1.7", "and edit it then"},
                 "It ends with 0 when the event is free to edit, which is no promise that nobody\n"
                 "else is faster.",
                 wait),
        of_event(
            "lock release", "Gives up the lock that you hold on an event on this device",
            {"lock release alice/1.7", "of an editor that is still open somewhere"},
            "What is written in that editor is saved all the same when it is closed, if nobody\n"
            "has changed the event meanwhile.",
            release),
    };
}

}  // namespace calbox::ctl
