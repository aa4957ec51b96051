// events add, list, show, edit, rm, conflicts.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "changed_event.hpp"
#include "event_drafts.hpp"
#include "event_text.hpp"
#include "meeting.hpp"
#include "patience.hpp"
#include "text.hpp"
#include "uploads.hpp"

namespace calbox::ctl {

namespace {

constexpr int edit_attempts = 5;
constexpr std::chrono::seconds lock_patience{60};

answer<void> add(context& with) {
    const auto& values = with.values;
    const auto draft = new_draft(with);
    if (!draft) {
        return refuse(draft.error());
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
    for (auto& file : files) {
        if (auto sent = upload_file(with, "POST", *target, file.name(), file); !sent) {
            return refuse(sent.error().code,
                          fmt::format("the event {} was made, but {} is not attached: {}",
                                      clean(id), clean(file.path()), sent.error().detail));
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

/// One time of a series, and for which times a change of it is: what --occurrence and --scope say,
/// as a query; empty without them.
answer<std::string> chosen_times(context& with, const std::string& target, bool with_scope) {
    const auto& values = with.values;
    const auto scope = values.has("scope") ? values.one("scope") : std::string("this");
    if (!values.has("occurrence")) {
        if (values.has("scope") && scope != "all") {
            return refuse("invalid_argument",
                          "--scope needs --occurrence: which time of the series, as events list "
                          "--to shows it");
        }
        return std::string();
    }
    const auto event = with.api.get(target);
    if (!event) {
        return refuse(event.error());
    }
    bool day_only = false;
    const auto typed = parse_point(values.one("occurrence"), with.now_here(), day_only);
    if (!typed) {
        return refuse(typed.error());
    }
    const auto its_zone = named_zone(text_of(*event, "zone"));
    const wall there = its_zone ? wall_at(moment_of(*typed, with.mine), *its_zone) : *typed;
    const auto id = day_only || truth_of(*event, "all_day") ? wire_day(*typed) : wire_time(there);
    return "?recurrence_id=" + encode_segment(id) + (with_scope ? "&scope=" + scope : "");
}

answer<void> list(context& with) {
    std::string query;
    const auto put = [&](const char* key, const std::string& value) {
        query += (query.empty() ? "?" : "&") + std::string(key) + "=" + encode_segment(value);
    };
    for (const char* name : {"from", "to"}) {
        if (!with.values.has(name)) {
            continue;
        }
        bool day_only = false;
        auto point = parse_point(with.values.one(name), with.now_here(), day_only);
        if (!point) {
            return refuse(point.error());
        }
        // --to DAY includes the day.
        const bool whole_day = day_only && std::string_view(name) == "to";
        put(name, wire_moment(moment_of(*point + (whole_day ? 86400 : 0), with.mine)));
    }
    if (with.values.has("search")) {
        put("q", with.values.one("search"));
    }
    if (with.values.has("to")) {  // without an end a series would have none
        put("expand", "true");
    }
    const auto found = with.api.get("/v1/events" + query);
    if (!found) {
        return refuse(found.error());
    }
    if (with.out.json()) {
        with.out.document(*found);
        return {};
    }
    with.out.table({"ID", "WHEN", "TITLE", "PLACE", "WITH", ""},
                   event_rows(by_shown_time(list_of(*found, "events")), with.mine), "no events");
    return {};
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
    }
    return {};
}

answer<reply> fetch(context& with, const std::string& target) {
    return with.api.send(
        {.method = "GET", .target = target, .body = {}, .content_type = {}, .headers = {}});
}

answer<json> patch(context& with, const std::string& target, const json& draft,
                   const std::string& etag, const std::string& session = {}) {
    request what{.method = "PATCH",
                 .target = target,
                 .body = draft.dump(-1, ' ', false, json::error_handler_t::replace),
                 .content_type = "application/json",
                 .headers = {}};
    if (!etag.empty()) {
        what.headers.emplace_back("If-Match", etag);
    }
    if (!session.empty()) {
        what.headers.emplace_back("Calbox-Lock", session);
    }
    auto done = with.api.send(what);
    if (!done) {
        return refuse(done.error());
    }
    return json::parse(done->body, nullptr, false);
}

/// The work of a person is not lost: it is kept in a file, and the terminal says where.
problem kept(context& with, const std::string& form, const problem& why) {
    const auto file = keep_text(with.world, form);
    if (!file) {
        with.world.err << form;
        return why;
    }
    const char* const advice =
        why.code == "conflict" ? "; open the event again, and take from it what is to stay" : "";
    return {why.code, why.detail + "; your text is in " + *file + advice};
}

/// The event at the time that `times` says, or as a whole.
std::string read_from(const std::string& target, const std::string& times) {
    return target + times.substr(0, times.find('&'));
}

/// With the lock held by `session`, or without one where it is empty.
answer<void> edit_in_editor(context& with, const std::string& target, const std::string& times,
                            const std::string& session) {
    const auto got = fetch(with, read_from(target, times));
    if (!got) {
        return refuse(got.error());
    }
    const auto event = json::parse(got->body, nullptr, false);
    const auto form = edit_text(with.world, event_form(event));
    if (!form) {
        return refuse(form.error());
    }
    const auto draft = form_changes(event, *form, with.now_here());
    if (!draft) {
        return refuse(kept(with, *form, draft.error()));
    }
    if (draft->empty()) {
        with.out.note("nothing was changed");
        return {};
    }
    patience patient(with);
    auto done = patch(with, target + times, *draft, got->etag, session);
    while (!done && patient.waits(done.error())) {
        done = patch(with, target + times, *draft, got->etag, session);
    }
    for (int attempt = 1; !done && attempt < edit_attempts; ++attempt) {
        if (!wants_merged(with, done.error())) {
            break;
        }
        done = patch(with, target + times + (times.empty() ? "?" : "&") + "merge=yes", *draft,
                     got->etag, session);
    }
    if (!done) {
        return refuse(kept(with, *form, done.error()));
    }
    print_changed(with, "Changed", *done);
    return {};
}

/// The lock lasts as long as the stream that tells of it, which is as long as the editor is open
/// and what was written is saved.
answer<void> edit_under_lock(context& with, const std::string& target, const std::string& times) {
    std::optional<answer<void>> edited;
    event_stream session([&](const std::string&, const std::string& data) -> answer<void> {
        const auto first = json::parse(data, nullptr, false);
        edited = edit_in_editor(with, target, times, text_of(first, "session"));
        return refuse("closed", "the session is over");
    });
    request what{.method = "POST",
                 .target = target + "/lock",
                 .body = {},
                 .content_type = {},
                 .headers = {{"Accept", "text/event-stream"}}};
    const auto ended = with.api.follow(what, lock_patience,
                                       [&](std::string_view bytes) { return session.feed(bytes); });
    if (edited) {
        return *edited;
    }
    if (problem why = ended ? problem() : ended.error(); !ended && patience(with).waits(why)) {
        return edit_under_lock(with, target, times);
    } else if (why.code == "cancelled") {
        return refuse(why);
    }
    if (!ended && ended.error().code == "unsupported") {
        with.out.note("without a lock: " + ended.error().detail);
        return edit_in_editor(with, target, times, {});
    }
    return ended ? refuse("closed", "the daemon gave no session") : refuse(ended.error());
}

answer<void> edit(context& with) {
    const auto target = event_target(with.values.one("ID"));
    if (!target) {
        return refuse(target.error());
    }
    const auto times = chosen_times(with, *target, true);
    if (!times) {
        return refuse(times.error());
    }
    if (!names_a_change(with.values)) {
        if (!with.world.in_is_terminal || !with.world.out_is_terminal) {
            return refuse("invalid_argument",
                          "nothing to change: name an option; see calboxctl events edit --help");
        }
        return edit_under_lock(with, *target, *times);
    }
    // What is changed is computed from the version that was read. Somebody else's change in between
    // is no reason to bother the person: it is computed again from theirs.
    patience patient(with);
    for (int attempt = 1;;) {
        const auto got = fetch(with, read_from(*target, *times));
        if (!got) {
            return refuse(got.error());
        }
        const auto draft = changed_draft(with, json::parse(got->body, nullptr, false));
        if (!draft) {
            return refuse(draft.error());
        }
        auto done = patch(with, *target + *times, *draft, got->etag);
        if (done) {
            print_changed(with, "Changed", *done);
            return {};
        }
        if (patient.waits(done.error())) {
            continue;
        }
        if (done.error().code != "conflict" || attempt++ == edit_attempts) {
            return refuse(done.error());
        }
    }
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

answer<void> conflicts(context& with) {
    const auto found = with.api.get("/v1/conflicts");
    if (!found) {
        return refuse(found.error());
    }
    if (with.out.json()) {
        with.out.document(*found);
        return {};
    }
    const auto& pairs = list_of(*found, "conflicts");
    if (pairs.empty()) {
        with.out.note("no events overlap");
    }
    for (const auto& pair : pairs) {
        if (pair.is_array() && pair.size() == 2) {
            with.out.line(event_line(pair[0], with.mine));
            with.out.line("  overlaps " + event_line(pair[1], with.mine));
        }
    }
    return {};
}

const argument id_argument{
    .name = "ID", .help = "the event, for example alice/1.7", .kind = word_kind::event};

const option occurrence_option{.name = "occurrence",
                               .brief = {},
                               .value = "TIME",
                               .help = "of a series, the time meant, as events list --to shows it"};
const option scope_option{.name = "scope",
                          .brief = {},
                          .value = "WHICH",
                          .help =
                              "with --occurrence: this time, those following, or all; this "
                              "without it",
                          .many = false,
                          .kind = word_kind::choice,
                          .choices = {"this", "following", "all"}};

std::vector<option> draft_options() {
    return {
        {.name = "end",
         .brief = {},
         .value = "TIME",
         .help = "when it ends; an hour after its start without it"},
        {.name = "with",
         .brief = {},
         .value = "NAME,..|@GROUP",
         .help = "whom to share it with",
         .many = true,
         .kind = word_kind::person},
        {.name = "info", .brief = {}, .value = "TEXT", .help = "what it is about"},
        {.name = "place", .brief = {}, .value = "TEXT", .help = "where"},
        {.name = "zone",
         .brief = {},
         .value = "ZONE",
         .help = "time zone of what is typed, for example Europe/Lisbon; yours without it"},
        {.name = "all-day", .brief = {}, .value = {}, .help = "whole days"},
        {.name = "guests-may",
         .brief = {},
         .value = "LIST",
         .help = "modify, attach, invite, delete; or none",
         .many = true},
        {.name = "repeat",
         .brief = {},
         .value = "RULE",
         .help = "how it repeats, in words as below, or a rule of RFC 5545; never ends it"},
    };
}

constexpr const char* when_details =
    "WHEN is a start, and perhaps an end: \"tomorrow 14:00\", \"friday 9:30+90m\",\n"
    "\"2026-05-03 14:00 - 15:30\". It is read in your time zone, or in that of --zone.\n"
    "  day     today, tomorrow, yesterday, 2026-05-03, or a weekday (mon, friday): the next one\n"
    "  time    14:00, 9am, 2:15pm, noon, midnight; alone it is today's\n"
    "  both    friday 9:30, 2026-05-03T14:00, now; a day alone is the whole day\n"
    "  end     START - END, START to END, or START+LENGTH; an hour later without it\n"
    "  length  90m, 2h, 1h30m; of whole days 3d, 2w\n"
    "RULE says how it repeats, from its start on: \"weekly\", \"every 2 weeks on mon,wed until\n"
    "2026-12-31\", \"monthly on the last friday\", \"monthly on the 15th\", \"daily 10 times\",\n"
    "\"every weekday\", \"yearly in may on the 2nd sunday\"; or FREQ=WEEKLY;COUNT=10.";

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

command edit_command() {
    std::vector<option> options{
        {.name = "title", .brief = {}, .value = "TEXT", .help = "another title"},
        {.name = "when",
         .brief = {},
         .value = "WHEN",
         .help = "another time; it stays as long as it was, unless an end is given"},
        {.name = "start", .brief = {}, .value = "TIME", .help = "the same as --when"},
        {.name = "without",
         .brief = {},
         .value = "NAME,..",
         .help = "whom to share it with no longer",
         .many = true,
         .kind = word_kind::person}};
    for (auto& one : draft_options()) {
        options.push_back(std::move(one));
    }
    options.push_back(occurrence_option);
    options.push_back(scope_option);
    options.push_back({.name = "wait",
                       .brief = {},
                       .value = {},
                       .help = "where it cannot be confirmed now, try again until it can; Ctrl-C "
                               "gives up"});
    options.push_back({.name = "merge",
                       .brief = {},
                       .value = {},
                       .help = "after the editor: where others changed other things meanwhile, "
                               "save both without asking"});
    return {.path = "events edit",
            .summary = "Changes an event",
            .arguments = {id_argument},
            .options = std::move(options),
            .examples = {{"events edit alice/1.7 --when \"friday 15:00\" --place \"Room 3\"",
                          "moves it"},
                         {"events edit alice/1.7 --with carol --without bob",
                          "carol in the place of bob"},
                         {"events edit alice/1.7 --occurrence \"2026-05-18 20:00\" --when "
                          "\"2026-05-19 20:00\"",
                          "one time of a series is moved"},
                         {"events edit alice/1.7 --occurrence 2026-06-01 --scope following "
                          "--place \"Room 4\"",
                          "from then on it is an event of its own"},
                         {"events edit alice/1.7",
                          "opens it in $EDITOR, and keeps others from changing it meanwhile"}},
            .details = when_details,
            .run = edit};
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
              {.name = "search", .brief = {}, .value = "TEXT", .help = "those that contain it"}},
         .examples = {{"events list --from today --to sunday",
                       "this week's, of a series each time of it"},
                      {"events list --search budget", "by words"}},
         .details = "Without --to a series is listed once, at its next time.",
         .run = list},
        {.path = "events show",
         .summary = "Shows one event",
         .arguments = {id_argument},
         .options = {occurrence_option},
         .examples = {{"events show alice/1.7", "its time, people, files and state"}},
         .details = {},
         .run = show},
        edit_command(),
        {.path = "events rsvp",
         .summary = "Says whether you come to an event",
         .arguments = {id_argument, {.name = "ANSWER", .help = "yes, no or maybe"}},
         .options = {},
         .examples = {{"events rsvp alice/1.7 yes", "alice and the others see that you accepted"},
                      {"events rsvp alice/1.7 no",
                       "it stays in your calendar; events rm takes it out"}},
         .details = "Every guest may answer. While somebody else is editing the event this waits,\n"
                    "at most a minute.",
         .run = answer_invitation},
        {.path = "events rm",
         .summary = "Removes an event, for everybody when it is yours",
         .arguments = {id_argument},
         .options = {occurrence_option, scope_option},
         .examples = {{"events rm alice/1.7", "a guest who may not delete it declines it"},
                      {"events rm alice/1.7 --occurrence 2026-05-18",
                       "one time of a series does not take place"},
                      {"events rm alice/1.7 --occurrence 2026-05-18 --scope following",
                       "it ends before that time"}},
         .details = {},
         .run = remove},
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
