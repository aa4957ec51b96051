// files add, list, get, pause, resume, update, rm, folder.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "context.hpp"
#include "event_options.hpp"
#include "event_text.hpp"
#include "files_get.hpp"
#include "text.hpp"
#include "uploads.hpp"

namespace calbox::ctl {

namespace {

/// `label`: the name that was asked for.
void print_file(context& with, std::string_view verb, const json& file, const std::string& event,
                const std::string& label) {
    if (text_of(file, "name") != label) {
        with.out.note(fmt::format("somebody else was faster with {}: both are kept", clean(label)));
        verb = "Attached";
    }
    with.out.done(fmt::format("{} {} ({}), {}", verb, clean(text_of(file, "name")),
                              byte_text(number_of(file, "size")), clean(event)));
}

answer<void> attach(context& with) {
    const auto id = with.values.one("ID");
    const auto target = event_target(id);
    if (!target) {
        return refuse(target.error());
    }
    std::vector<reading_file> files;
    for (const auto& path : with.values.all("PATH")) {
        auto file = reading_file::open(path);
        if (!file) {
            return refuse(file.error());
        }
        files.push_back(std::move(*file));
    }
    const auto times = chosen_times(with, *target, false);
    if (!times) {
        return refuse(times.error());
    }
    const auto sent = attach_files(with, *target, files, *times);
    if (!sent) {
        return refuse(sent.error());
    }
    for (std::size_t i = 0; i < std::min(files.size(), sent->size()); ++i) {
        print_file(with, "Attached", (*sent)[i], id, files[i].name());
    }
    if (with.out.json()) {
        with.out.document({{"files", *sent}});
    }
    return {};
}

answer<void> list_files(context& with) {
    const auto target = event_target(with.values.one("ID"));
    if (!target) {
        return refuse(target.error());
    }
    return show_document(with, *target + "/files", [&](const json& found) {
        with.out.table({"NAME", "SIZE", "TYPE", "HELD", "BY", "ADDED", "OF"},
                       file_rows(list_of(found, "files"), with.mine), "no files");
        for (const auto& file : list_of(found, "files")) {
            for (const auto& why : list_of(file, "refused")) {
                with.out.note(clean(text_of(file, "name")) + " is not kept by " +
                              clean(why.is_string() ? why.get<std::string>() : std::string()));
            }
        }
    });
}

answer<void> update(context& with) {
    const auto id = with.values.one("ID");
    const auto target = event_target(id);
    if (!target) {
        return refuse(target.error());
    }
    auto file = reading_file::open(with.values.one("PATH"));
    if (!file) {
        return refuse(file.error());
    }
    const auto label = with.values.has("name") ? with.values.one("name") : file->name();
    const auto times = chosen_times(with, *target, false);
    if (!times) {
        return refuse(times.error());
    }
    const auto done = upload_file(with, "PUT", *target, label, *file, *times);
    if (!done) {
        return refuse(done.error());
    }
    if (with.out.json()) {
        with.out.document(*done);
    }
    print_file(with, "Replaced", *done, id, label);
    return {};
}

answer<void> tell(context& with, const std::string& word, std::string_view verb) {
    const auto target = event_target(with.values.one("ID"));
    if (!target) {
        return refuse(target.error());
    }
    const auto name = with.values.one("NAME");
    const auto times = chosen_times(with, *target, false);
    if (!times) {
        return refuse(times.error());
    }
    const auto done = with.api.send_json(
        "POST", *target + "/files/" + encode_segment(name) + "/" + word + *times, json::object());
    if (!done) {
        return refuse(done.error());
    }
    if (with.out.json()) {
        with.out.document(*done);
    }
    with.out.done(fmt::format("{} {} ({} of {} here)", verb, clean(name),
                              byte_text(number_of(*done, "fetched")),
                              byte_text(number_of(*done, "size"))));
    return {};
}

answer<void> pause(context& with) { return tell(with, "pause", "Paused"); }

answer<void> resume(context& with) { return tell(with, "resume", "Fetching"); }

answer<void> take_off(context& with) {
    const auto target = event_target(with.values.one("ID"));
    if (!target) {
        return refuse(target.error());
    }
    const auto name = with.values.one("NAME");
    const auto times = chosen_times(with, *target, false);
    if (!times) {
        return refuse(times.error());
    }
    if (auto done = with.api.remove(*target + "/files/" + encode_segment(name) + *times); !done) {
        return done;
    }
    if (with.out.json()) {
        with.out.document(json::object());
    }
    with.out.done("Removed " + clean(name));
    return {};
}

/// "in step" for in_step
std::string plain_words(std::string text) {
    std::ranges::replace(text, '_', ' ');
    return text;
}

answer<void> folder(context& with) {
    return show_document(with, "/v1/folder", [&](const json& found) {
        const auto state = text_of(found, "state");
        if (state == "off") {
            with.out.done(
                "there is no folder: set files.folder in the configuration of calboxd, for example "
                "\"~/CalendarBox\"");
            return;
        }
        const auto problem = text_of(found, "problem");
        const auto user = text_of(found, "user");
        with.out.done(fmt::format("{}, {}: {}{}", clean(text_of(found, "path")),
                                  user.empty() ? std::string("nobody's yet") : clean(user) + "'s",
                                  plain_words(state),
                                  problem.empty() ? std::string() : " (" + clean(problem) + ")"));
        std::vector<std::vector<std::string>> rows;
        for (const auto& event : list_of(found, "events")) {
            const auto directory = clean(text_of(event, "directory"));
            if (list_of(event, "files").empty()) {
                rows.push_back({clean(text_of(event, "id")), directory, {}, "no files"});
            }
            for (const auto& file : list_of(event, "files")) {
                const auto why = clean(text_of(file, "problem"));
                rows.push_back(
                    {clean(text_of(event, "id")), directory, clean(text_of(file, "name")),
                     clean(text_of(file, "state")) + (why.empty() ? std::string() : ": " + why)});
            }
        }
        with.out.table({"EVENT", "DIRECTORY", "FILE", "STATE"}, rows, "no coming events");
    });
}

const argument name_argument{.name = "NAME", .help = "the file's name at the event"};

}  // namespace

std::vector<command> file_commands() {
    return {
        {.path = "files add",
         .summary = "Attaches files to an event",
         .arguments = {id_argument(),
                       {.name = "PATH", .help = "a file", .many = true, .kind = word_kind::file}},
         .options = {occurrence_option()},
         .examples = {{"files add alice/1.7 slides.pdf notes.txt", "two at once"},
                      {"files add alice/1.7 report.pdf --occurrence 2026-05-18",
                       "to one time of a series; without it to all of it"}},
         .details =
             "Several are attached by one change of the event: all, or none. A file that changes\n"
             "while it is read is not attached. While somebody is editing the event this waits, "
             "at\n"
             "most a minute.",
         .run = attach},
        {.path = "files list",
         .summary = "Lists the files of an event",
         .arguments = {id_argument()},
         .options = {},
         .examples = {{"files list alice/1.7", "and whether they are on this device already"}},
         .details = {},
         .run = list_files},
        {.path = "files get",
         .summary = "Saves a file of an event, fetching it first when it is elsewhere",
         .arguments = {id_argument(),
                       {.name = "NAME", .help = "the file's name at the event", .required = false}},
         .options = {{.name = "output",
                      .brief = "o",
                      .value = "PATH",
                      .help = "where to; - is standard output",
                      .kind = word_kind::file},
                     {.name = "all", .brief = {}, .value = {}, .help = "all files of the event"},
                     {.name = "force", .brief = {}, .value = {}, .help = "replace what is there"},
                     occurrence_option()},
         .examples = {{"files get alice/1.7 slides.pdf", "into this directory"},
                      {"files get alice/1.7 notes.txt -o - | less", "into a pipe"},
                      {"files get alice/1.7 --all -o photos", "all of them, into a directory"}},
         .details =
             "A file appears under its name when it is complete, and not before. On a terminal it\n"
             "shows how far it is; a file that is named and paused is resumed then. With --all\n"
             "those that do not come are told of, and the others are saved; with --occurrence\n"
             "they are those of that time.",
         .run = get_files},
        {.path = "files pause",
         .summary = "Stops fetching a file; what has come of it stays",
         .arguments = {id_argument(), name_argument},
         .options = {occurrence_option()},
         .examples = {{"files pause alice/1.7 film.mp4", "until files resume"}},
         .details =
             "On this device, and over restarts, whoever wants the file: files get elsewhere, the\n"
             "page, and the folder of coming events are told that it is paused.",
         .run = pause},
        {.path = "files resume",
         .summary = "Fetches a file in the background, or goes on with it",
         .arguments = {id_argument(), name_argument},
         .options = {occurrence_option()},
         .examples = {{"files resume alice/1.7 film.mp4", "files list shows how far it is"}},
         .details = {},
         .run = resume},
        {.path = "files update",
         .summary = "Replaces a file of an event",
         .arguments = {id_argument(),
                       {.name = "PATH", .help = "the new file", .kind = word_kind::file}},
         .options = {{.name = "name",
                      .brief = {},
                      .value = "NAME",
                      .help = "the name at the event; that of PATH without it"},
                     occurrence_option()},
         .examples = {{"files update alice/1.7 slides-v2.pdf --name slides.pdf",
                       "the event points to the new one"}},
         .details =
             "Where somebody else replaces it at the same time both files are kept, yours with\n"
             "your name and the day in its own. While somebody is editing the event this\n"
             "waits, at most a minute.",
         .run = update},
        {.path = "files rm",
         .summary = "Takes a file off an event",
         .arguments = {id_argument(), name_argument},
         .options = {occurrence_option()},
         .examples = {{"files rm alice/1.7 slides.pdf", "for everybody"}},
         .details = {},
         .run = take_off},
        {.path = "files folder",
         .summary = "Shows how it stands with the folder of coming events",
         .arguments = {},
         .options = {},
         .examples = {{"files folder", "which files are there, and which are on their way"}},
         .details =
             "With files.folder in the configuration of calboxd every coming event has a "
             "directory\n"
             "with its files. What is put there is attached, what is changed there becomes a new\n"
             "version; what is removed there is removed on this machine only.",
         .run = folder},
    };
}

}  // namespace calbox::ctl
