// events copy, events takeover: for an event that cannot be changed.
#include "changed_event.hpp"

namespace calbox::ctl {

namespace {

answer<void> copy(context& with) {
    const auto target = event_target(with.values.one("ID"));
    if (!target) {
        return refuse(target.error());
    }
    json what{{"with_participants", with.values.has("with-participants")}};
    if (with.values.has("title")) {
        what["title"] = with.values.one("title");
    }
    const auto made = with.api.send_json("POST", *target + "/copy", what);
    if (!made) {
        return refuse(made.error());
    }
    print_event(with, "Copied to", *made);
    return {};
}

answer<void> take_over(context& with) {
    const auto target = event_target(with.values.one("ID"));
    if (!target) {
        return refuse(target.error());
    }
    if (!with.values.has("yes")) {
        const auto said = ask_line(
            with.world,
            "Until the others are back there may be two versions of this event. Then yours stays,\n"
            "and what they have changed meanwhile becomes an event of theirs. Take it over? "
            "[y/N] ");
        if (!said) {
            return refuse("invalid_argument", "nobody can be asked here: say --yes");
        }
        if (*said != "y" && *said != "Y" && *said != "yes") {
            with.out.note("nothing was changed");
            return {};
        }
    }
    const auto taken = with.api.send_json("POST", *target + "/takeover", json::object());
    if (!taken) {
        return refuse(taken.error());
    }
    print_event(with, "Took over", *taken);
    return {};
}

const argument branch_argument{
    .name = "ID", .help = "the event, for example alice/1.7", .kind = word_kind::event};

}  // namespace

std::vector<command> branch_commands() {
    return {
        {.path = "events copy",
         .summary = "Makes an event of your own that says the same",
         .arguments = {branch_argument},
         .options = {{.name = "title", .brief = {}, .value = "TEXT", .help = "another title"},
                     {.name = "with-participants",
                      .brief = {},
                      .value = {},
                      .help = "invite everybody who takes part in the first one"}},
         .examples = {{"events copy alice/1.7", "the same, with its files, for you alone"},
                      {"events copy alice/1.7 --title \"Choir, second try\" --with-participants",
                       "shared with the same people"}},
         .details = "It works also while the event itself cannot be changed, since nobody else is\n"
                    "needed for an event of your own. The first one stays as it is.",
         .run = copy},
        {.path = "events takeover",
         .summary = "Takes over an event that cannot be changed without people who are away",
         .arguments = {branch_argument},
         .options = {{.name = "yes", .brief = {}, .value = {}, .help = "do not ask"}},
         .examples = {{"events takeover alice/1.7", "asks first"},
                      {"events takeover alice/1.7 --yes", "for scripts"}},
         .details =
             "Use it when an edit was refused since too few of the event's devices can be\n"
             "reached, and waiting is no choice. The event goes on from the version that you see,\n"
             "decided by those who can be reached now. Whoever is away may be changing it, too:\n"
             "when all meet again, what was taken over last stays for everybody, and what the\n"
             "others have changed meanwhile becomes an event of its last author's, called\n"
             "\"TITLE (conflict copy of ID, by NAME)\". Nothing is lost. It is refused while the\n"
             "event can be changed as usual.",
         .run = take_over},
    };
}

}  // namespace calbox::ctl
