// events history, restore, trash.
#include <charconv>

#include <fmt/format.h>

#include "context.hpp"
#include "event_options.hpp"
#include "event_text.hpp"
#include "text.hpp"

namespace calbox::ctl {

namespace {

/// "place \"Room 1\" -> \"Room 2\""
std::string change_text(const json& change) {
    const auto quoted = [&](const char* key) {
        const std::string text = clean(text_of(change, key));
        return text.empty() ? std::string("nothing") : "\"" + text + "\"";
    };
    return fmt::format("{} {} -> {}", clean(text_of(change, "field")), quoted("before"),
                       quoted("after"));
}

std::string what_text(const json& version) {
    const auto what = text_of(version, "what");
    const auto title = clean(text_of(version, "title"));
    std::vector<std::string> changes;
    for (const auto& one : list_of(version, "changes")) {
        changes.push_back(change_text(one));
    }
    const auto all = joined(changes, "; ");
    if (what == "deleted") {
        return "deleted it";
    }
    if (!truth_of(version, "readable")) {
        return "cannot be read here";
    }
    if (what == "brought_back") {
        return "brought it back" + (all.empty() ? "" : ", with " + all);
    }
    if (what == "created") {
        return fmt::format("created \"{}\"", title);
    }
    return all.empty() ? fmt::format("\"{}\"", title) : all;
}

std::string who_text(const json& version) {
    const auto device = number_of(version, "device");
    const auto by = clean(text_of(version, "by"));
    return device > 1 ? fmt::format("{}, device {}", by, device) : by;
}

answer<void> history(context& with) {
    const auto target = event_target(with.values.one("ID"));
    if (!target) {
        return refuse(target.error());
    }
    return show_document(with, *target + "/history", [&](const json& found) {
        std::vector<std::vector<std::string>> rows;
        for (const auto& version : list_of(found, "versions")) {
            rows.push_back({std::to_string(number_of(version, "version")),
                            moment_text(text_of(version, "written"), with.mine), who_text(version),
                            what_text(version)});
        }
        with.out.table({"VERSION", "WHEN", "WHO", "WHAT"}, rows, "no versions");
    });
}

answer<std::uint64_t> version_given(const std::string& text) {
    std::uint64_t number = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (problem != std::errc() || end != text.data() + text.size() || number == 0) {
        return refuse("invalid_argument",
                      "--version takes a number of events history, and not " + clean(text));
    }
    return number;
}

answer<void> restore(context& with) {
    const auto target = event_target(with.values.one("ID"));
    if (!target) {
        return refuse(target.error());
    }
    json wanted = json::object();
    if (with.values.has("version")) {
        const auto version = version_given(with.values.one("version"));
        if (!version) {
            return refuse(version.error());
        }
        wanted["version"] = *version;
    }
    const auto event = with.api.send_json("POST", *target + "/restore", wanted);
    if (!event) {
        return refuse(event.error());
    }
    if (with.out.json()) {
        with.out.document(*event);
    } else if (with.out.quiet()) {
        with.out.line(clean(text_of(*event, "id")));
    } else {
        with.out.line("Restored " + event_line(*event, with.mine));
    }
    return {};
}

answer<void> trash(context& with) {
    return show_document(with, "/v1/trash", [&](const json& found) {
        std::vector<std::vector<std::string>> rows;
        for (const auto& event : list_of(found, "events")) {
            rows.push_back({clean(text_of(event, "id")), clean(text_of(event, "title")),
                            when_text(event, with.mine), clean(text_of(event, "deleted_by")),
                            moment_text(text_of(event, "until"), with.mine)});
        }
        with.out.table({"ID", "TITLE", "WHEN", "DELETED BY", "KEPT UNTIL"}, rows,
                       "the trash is empty");
    });
}

}  // namespace

std::vector<command> history_commands() {
    return {
        {.path = "events history",
         .summary = "Shows the versions of an event: when, by whom, and what changed",
         .arguments = {id_argument()},
         .options = {},
         .examples = {{"events history alice/1.7", "the newest first"}},
         .details =
             "They are those that this device holds and in which you take part; the daemon's\n"
             "settings history.keep_days and history.trash_days say how long. Of a deleted\n"
             "event it shows them until its trash time is up.",
         .run = history},
        {.path = "events restore",
         .summary = "Brings back an earlier version, or a deleted event",
         .arguments = {id_argument()},
         .options = {{.name = "version",
                      .brief = {},
                      .value = "N",
                      .help = "which one; without it, what a deleted event said last"}},
         .examples = {{"events restore alice/1.7 --version 3", "as a new version"},
                      {"events restore alice/1.9", "out of the trash"}},
         .details =
             "Time, texts and files become those of that version; who takes part and what\n"
             "guests may do stay as they are. Nothing is lost: what the event said before is\n"
             "in its history. Whoever may delete an event may bring it back.",
         .run = restore},
        {.path = "events trash",
         .summary = "Lists deleted events that you can bring back",
         .arguments = {},
         .options = {},
         .examples = {{"events trash", "and until when"}},
         .details = {},
         .run = trash},
    };
}

}  // namespace calbox::ctl
