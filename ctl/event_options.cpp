#include "event_options.hpp"

#include "event_drafts.hpp"
#include "text.hpp"

namespace calbox::ctl {

argument id_argument() {
    return {.name = "ID", .help = "the event, for example alice/1.7", .kind = word_kind::event};
}

option occurrence_option() {
    return {.name = "occurrence",
            .brief = {},
            .value = "TIME",
            .help = "of a series, the time meant, as events list --to shows it"};
}

option scope_option() {
    return {.name = "scope",
            .brief = {},
            .value = "WHICH",
            .help = "with --occurrence: this time, those following, or all; this without it",
            .many = false,
            .kind = word_kind::choice,
            .choices = {"this", "following", "all"}};
}

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
        {.name = "category",
         .brief = {},
         .value = "NAME,..",
         .help = "what it is sorted by, all of them; or none",
         .many = true,
         .kind = word_kind::category},
        {.name = "event-color",
         .brief = {},
         .value = "NAME",
         .help = "how calendars draw it: a name of CSS (teal, tomato, gold, slateblue); or none"},
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
        {.name = "remind",
         .brief = {},
         .value = "LENGTH,..",
         .help = "remind you, and nobody else, so long before each start (10m, 1d), or at a time "
                 "(\"tomorrow 9:00\"); or none",
         .many = true},
    };
}

std::vector<option> week_options() {
    return {{.name = "from", .brief = {}, .value = "TIME", .help = "now without it"},
            {.name = "to",
             .brief = {},
             .value = "TIME",
             .help = "a day is included; a week after --from without it"}};
}

answer<std::string> range_query(const context& with) {
    std::string query;
    for (const char* const name : {"from", "to"}) {
        if (!with.values.has(name)) {
            continue;
        }
        const auto time = typed_moment(with, name);
        if (!time) {
            return refuse(time.error());
        }
        query += (query.empty() ? "?" : "&") + std::string(name) + "=" + encode_segment(*time);
    }
    return query;
}

const char* const when_details =
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
    const auto read_in =
        values.has("zone") ? named_zone(values.one("zone")) : answer<zone>(with.mine);
    if (!read_in) {
        return refuse(read_in.error());
    }
    bool day_only = false;
    const auto typed =
        parse_point(values.one("occurrence"), wall_at(with.world.now(), *read_in), day_only);
    if (!typed) {
        return refuse(typed.error());
    }
    const auto its_zone = named_zone(text_of(*event, "zone"));
    const wall there = its_zone ? wall_at(moment_of(*typed, *read_in), *its_zone) : *typed;
    const auto id = day_only || truth_of(*event, "all_day") ? wire_day(*typed) : wire_time(there);
    return "?recurrence_id=" + encode_segment(id) + (with_scope ? "&scope=" + scope : "");
}

}  // namespace calbox::ctl
