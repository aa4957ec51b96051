// events add, list, show, rsvp, rm, reminders, conflicts.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "changed_event.hpp"
#include "event_drafts.hpp"
#include "event_options.hpp"
#include "event_text.hpp"
#include "text.hpp"
#include "uploads.hpp"

namespace calbox::ctl {

namespace {

answer<void> add(context& with) {
    const auto& values = with.values;
    const auto draft = new_draft(with);
    if (!draft) {
        return refuse(draft.error());
    }
    std::optional<json> reminders;
    if (values.has("remind")) {
        auto read = reminders_of(with);
        if (!read) {
            return refuse(read.error());
        }
        reminders = std::move(*read);
    }
    // Opened before the event is made: a wrong path leaves nothing behind.
    std::vector<reading_file> files;
    for (const auto& path : values.all("file")) {
        auto file = reading_file::open(path);
        if (!file) {
            return refuse(file.error());
        }
        files.push_back(std::move(*file));
    }
    auto event = with.api.send_json("POST", "/v1/events", *draft);
    if (!event) {
        return refuse(event.error());
    }
    const auto id = text_of(*event, "id");
    const auto target = event_target(id);
    if (!target) {
        return refuse("malformed", "the daemon's answer has no id of an event");
    }
    if (auto sent = attach_files(with, *target, files); !sent) {
        return refuse(sent.error().code,
                      fmt::format("the event {} was made, but {} not attached: {}", clean(id),
                                  files.size() == 1 ? clean(files[0].path()) + " is"
                                                    : std::string("its files are"),
                                  sent.error().detail));
    }
    if (reminders) {
        if (auto set = with.api.send_json("PUT", *target + "/reminders", *reminders); !set) {
            return refuse(set.error().code,
                          fmt::format("the event {} was made, but without its reminders: {}",
                                      clean(id), clean(set.error().detail)));
        }
    }
    if (!files.empty()) {
        if (auto fresh = with.api.get(*target); fresh) {
            event = std::move(fresh);
        }
    }
    print_changed(with, "Added", *event);
    return {};
}

/// A series stands where its next time is.
json by_shown_time(json events) {
    const auto start = [](const json& event) {
        const auto next = event.find("next");
        return text_of(next != event.end() && next->is_object() ? *next : event, "start_utc");
    };
    std::sort(events.begin(), events.end(), [&](const json& one, const json& other) {
        return std::pair(start(one), text_of(one, "id")) <
               std::pair(start(other), text_of(other, "id"));
    });
    return events;
}
answer<void> list(context& with) {
    const auto range = range_query(with);
    if (!range) {
        return refuse(range.error());
    }
    std::string query = *range;
    const auto put = [&](const char* key, const std::string& value) {
        query += (query.empty() ? "?" : "&") + std::string(key) + "=" + encode_segment(value);
    };
    if (with.values.has("search")) {
        put("q", with.values.one("search"));
    }
    if (with.values.has("category")) {
        put("category", with.values.one("category"));
    }
    if (with.values.has("to")) {  // without an end a series would have none
        put("expand", "true");
    }
    return show_document(with, "/v1/events" + query, [&](const json& found) {
        with.out.table({"ID", "WHEN", "TITLE", "PLACE", "WITH", ""},
                       event_rows(by_shown_time(list_of(found, "events")), with.mine), "no events");
    });
}

answer<void> show(context& with) {
    const auto target = event_target(with.values.one("ID"));
    if (!target) {
        return refuse(target.error());
    }
    const auto times = chosen_times(with, *target, false);
    if (!times) {
        return refuse(times.error());
    }
    const auto event = with.api.get(*target + *times);
    if (!event) {
        return refuse(event.error());
    }
    if (with.out.json()) {
        with.out.document(*event);
    } else {
        show_event(with.out, *event, with.mine);
        if (const auto own = with.api.get(*target + "/reminders"); own) {
            with.out.field("remind you", reminders_text(*own, with.mine));
        }
    }
    return {};
}

answer<void> answer_invitation(context& with) {
    const auto target = event_target(with.values.one("ID"));
    if (!target) {
        return refuse(target.error());
    }
    const auto typed = with.values.one("ANSWER");
    constexpr std::array<std::array<std::string_view, 2>, 6> words{{{"yes", "accepted"},
                                                                    {"no", "declined"},
                                                                    {"maybe", "tentative"},
                                                                    {"accepted", "accepted"},
                                                                    {"declined", "declined"},
                                                                    {"tentative", "tentative"}}};
    const auto* const found =
        std::find_if(words.begin(), words.end(), [&](const auto& one) { return one[0] == typed; });
    if (found == words.end()) {
        return refuse("invalid_argument", "the answer is yes, no or maybe");
    }
    const auto event =
        with.api.send_json("PUT", *target + "/answer", {{"answer", std::string((*found)[1])}});
    if (!event) {
        return refuse(event.error());
    }
    print_changed(with, "Answered", *event);
    return {};
}

answer<void> remove(context& with) {
    const auto id = with.values.one("ID");
    const auto target = event_target(id);
    if (!target) {
        return refuse(target.error());
    }
    const auto times = chosen_times(with, *target, true);
    if (!times) {
        return refuse(times.error());
    }
    if (auto done = with.api.remove(*target + *times); !done) {
        return done;
    }
    if (with.out.json()) {
        with.out.document(json::object());
    }
    with.out.done("Removed " + clean(id) +
                  (times->empty() ? "" : " at " + clean(with.values.one("occurrence"))));
    return {};
}

answer<void> reminders(context& with) {
    const auto query = range_query(with);
    if (!query) {
        return refuse(query.error());
    }
    return show_document(with, "/v1/reminders" + *query, [&](const json& found) {
        with.out.table({"REMINDS", "ID", "WHEN", "TITLE", "PLACE"},
                       reminder_rows(list_of(found, "reminders"), with.mine), "no reminders");
    });
}

answer<void> conflicts(context& with) {
    return show_document(with, "/v1/conflicts", [&](const json& found) {
        const auto& pairs = list_of(found, "conflicts");
        if (pairs.empty()) {
            with.out.note("no events overlap");
        }
        for (const auto& pair : pairs) {
            if (pair.is_array() && pair.size() == 2) {
                with.out.line(event_line(pair[0], with.mine));
                with.out.line("  overlaps " + event_line(pair[1], with.mine));
            }
        }
    });
}

command add_command() {
    auto options = draft_options();
    options.push_back({.name = "file",
                       .brief = {},
                       .value = "PATH",
                       .help = "attach this file",
                       .many = true,
                       .kind = word_kind::file});
    return {
        .path = "events add",
        .summary = "Makes a new event",
        .arguments = {{.name = "TITLE", .help = "its title"}, {.name = "WHEN", .help = "its time"}},
        .options = std::move(options),
        .examples =
            {{"events add \"DS meeting\" \"tomorrow 14:00+60m\" --with bob --file slides.pdf",
              "one hour, shared with bob, with a file"},
             {"events add Holidays 2026-08-03 --end 2026-08-14 --all-day", "two weeks"},
             {"events add Choir \"thursday 20:00+2h\" --with @choir --repeat weekly",
              "every week, with everybody of a group"}},
        .details = when_details,
        .run = add};
}

}  // namespace

std::vector<command> event_commands() {
    return {
        add_command(),
        {.path = "events list",
         .summary = "Lists events by their start",
         .arguments = {},
         .options =
             {{.name = "from", .brief = {}, .value = "TIME", .help = "those that end after it"},
              {.name = "to",
               .brief = {},
               .value = "TIME",
               .help = "those that start before it; a day is included"},
              {.name = "search", .brief = {}, .value = "TEXT", .help = "those that contain it"},
              {.name = "category",
               .brief = {},
               .value = "NAME",
               .help = "those that have it",
               .kind = word_kind::category}},
         .examples = {{"events list --from today --to sunday",
                       "this week's, of a series each time of it"},
                      {"events list --search budget", "by words"}},
         .details = "Without --to a series is listed once, at its next time.",
         .run = list},
        {.path = "events show",
         .summary = "Shows one event",
         .arguments = {id_argument()},
         .options = {occurrence_option()},
         .examples = {{"events show alice/1.7", "its time, people, files and state"}},
         .details = {},
         .run = show},
        edit_command(),
        {.path = "events rsvp",
         .summary = "Says whether you come to an event",
         .arguments = {id_argument(), {.name = "ANSWER", .help = "yes, no or maybe"}},
         .options = {},
         .examples = {{"events rsvp alice/1.7 yes", "alice and the others see that you accepted"},
                      {"events rsvp alice/1.7 no",
                       "it stays in your calendar; events rm takes it out"}},
         .details = "Every guest may answer. While somebody else is editing the event this waits,\n"
                    "at most a minute.",
         .run = answer_invitation},
        {.path = "events rm",
         .summary = "Removes an event, for everybody when it is yours",
         .arguments = {id_argument()},
         .options = {occurrence_option(), scope_option()},
         .examples = {{"events rm alice/1.7", "a guest who may not delete it declines it"},
                      {"events rm alice/1.7 --occurrence 2026-05-18",
                       "one time of a series does not take place"},
                      {"events rm alice/1.7 --occurrence 2026-05-18 --scope following",
                       "it ends before that time"}},
         .details = {},
         .run = remove},
        {.path = "events reminders",
         .summary = "Lists your reminders by when they are due",
         .arguments = {},
         .options = week_options(),
         .examples = {{"events reminders --to tomorrow", "today's and tomorrow's"}},
         .details = "They are yours alone, on all your devices: see events edit --remind.",
         .run = reminders},
        {.path = "events conflicts",
         .summary = "Lists events that overlap",
         .arguments = {},
         .options = {},
         .examples = {{"events conflicts", "pairs of them"}},
         .details = {},
         .run = conflicts},
    };
}

}  // namespace calbox::ctl
