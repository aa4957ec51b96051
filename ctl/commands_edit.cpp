// events edit: by options, or in an editor under the event's lock.
#include <fmt/format.h>

#include "changed_event.hpp"
#include "event_drafts.hpp"
#include "event_options.hpp"
#include "event_text.hpp"
#include "meeting.hpp"
#include "patience.hpp"
#include "text.hpp"

namespace calbox::ctl {

namespace {

constexpr int edit_attempts = 5;
constexpr std::chrono::seconds lock_patience{60};

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
    if (with.values.has("remind")) {
        const auto own = reminders_of(with);
        if (!own) {
            return refuse(own.error());
        }
        if (auto set = with.api.send_json("PUT", *target + "/reminders", *own); !set) {
            return refuse(set.error());
        }
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
        if (draft->empty() && with.values.has("remind")) {  // that is nobody else's matter
            print_changed(with, "Changed", json::parse(got->body, nullptr, false));
            return {};
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

}  // namespace

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
    options.push_back(occurrence_option());
    options.push_back(scope_option());
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
            .arguments = {id_argument()},
            .options = std::move(options),
            .examples =
                {{"events edit alice/1.7 --when \"friday 15:00\" --place \"Room 3\"", "moves it"},
                 {"events edit alice/1.7 --with carol --without bob", "carol in the place of bob"},
                 {"events edit alice/1.7 --occurrence \"2026-05-18 20:00\" --when "
                  "\"2026-05-19 20:00\"",
                  "one time of a series is moved"},
                 {"events edit alice/1.7 --occurrence 2026-06-01 --scope following "
                  "--place \"Room 4\"",
                  "from then on it is an event of its own"},
                 {"events edit alice/1.7 --category work,urgent --event-color tomato",
                  "sorts and colours it, for everybody who takes part"},
                 {"events edit alice/1.7 --remind 10m,1d", "reminds you twice, and nobody else"},
                 {"events edit alice/1.7",
                  "opens it in $EDITOR, and keeps others from changing it meanwhile"}},
            .details = when_details,
            .run = edit};
}

}  // namespace calbox::ctl
