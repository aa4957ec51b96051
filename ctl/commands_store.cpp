// store status, check, backup, scrub: what this device keeps on its disk.
#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "context.hpp"
#include "text.hpp"

namespace calbox::ctl {

namespace {

constexpr std::chrono::milliseconds scrub_pause{200};

json part_of(const json& whole, const char* name) {
    const auto found = whole.find(name);
    return found == whole.end() ? json::object() : *found;
}

/// "12 events, 3 earlier versions, 2 files, 3.1 MB"
std::string read_text(const json& scrub) {
    return fmt::format("{} events, {} earlier versions, {} files, {}", number_of(scrub, "events"),
                       number_of(scrub, "versions"), number_of(scrub, "files"),
                       byte_text(number_of(scrub, "bytes")));
}

/// "nothing damaged", "2 damaged, 1 healed"
std::string damage_text(const json& scrub) {
    const auto damaged = number_of(scrub, "damaged");
    return damaged == 0 ? "nothing damaged"
                        : fmt::format("{} damaged, {} healed", damaged, number_of(scrub, "healed"));
}

std::string scrub_text(const json& scrub, const context& with) {
    if (text_of(scrub, "began").empty()) {
        return "not yet";
    }
    if (truth_of(scrub, "running")) {
        return fmt::format("under way since {}: {}, {}",
                           moment_text(text_of(scrub, "began"), with.mine), read_text(scrub),
                           damage_text(scrub));
    }
    return fmt::format("{}: {}, {}", moment_text(text_of(scrub, "ended"), with.mine),
                       read_text(scrub), damage_text(scrub));
}

answer<void> store_status(context& with) {
    return show_document(with, "/v1/store", [&](const json& found) {
        with.out.field("engine", fmt::format("{}, layout {}", clean(text_of(found, "engine")),
                                             number_of(found, "layout")));
        with.out.field("database", fmt::format("{}, {} records, {} in the log",
                                               byte_text(number_of(found, "database_bytes")),
                                               number_of(found, "records"),
                                               byte_text(number_of(found, "log_bytes"))));
        with.out.field("events", fmt::format("{}, {} earlier versions", number_of(found, "events"),
                                             number_of(found, "versions")));
        with.out.field("files", fmt::format("{}, {}", number_of(found, "files"),
                                            byte_text(number_of(found, "file_bytes"))));
        if (const auto parts = number_of(found, "parts"); parts > 0) {
            with.out.field("on their way", fmt::format("{} files, {}", parts,
                                                       byte_text(number_of(found, "part_bytes"))));
        }
        const auto records = number_of(found, "records_aside");
        const auto pieces = number_of(found, "pieces_aside");
        if (records + pieces > 0) {
            with.out.field(
                "set aside",
                fmt::format("{} damaged records, {} damaged pieces of files ({})", records, pieces,
                            byte_text(number_of(found, "piece_bytes"))));
        }
        const auto events = number_of(found, "lost_events");
        const auto files = number_of(found, "lost_files");
        if (events + files > 0) {
            with.out.field("lost", with.out.paint(colour::bad, fmt::format("{} events, {} files",
                                                                           events, files)));
        }
        if (const auto lacking = number_of(found, "lacking_events"); lacking > 0) {
            with.out.field(
                "on too few backups",
                fmt::format("{} events, which are being given to those that lack them", lacking));
        }
        with.out.field("last scrub", scrub_text(part_of(found, "scrub"), with));
    });
}

answer<void> check(context& with) {
    const auto found = with.api.get("/v1/store/check");
    if (!found) {
        return refuse(found.error());
    }
    if (with.out.json()) {
        with.out.document(*found);
    } else if (truth_of(*found, "sound")) {
        with.out.line(clean(text_of(*found, "text")));
    }
    if (!truth_of(*found, "sound")) {
        return refuse("malformed", clean(text_of(*found, "text")));
    }
    return {};
}

answer<void> backup(context& with) {
    std::error_code problem;
    const auto file = std::filesystem::absolute(with.values.one("FILE"), problem);
    if (problem) {
        return refuse("invalid_argument", "no such place: " + clean(with.values.one("FILE")));
    }
    const auto made = with.api.send_json("POST", "/v1/store/backup",
                                         {{"file", file.lexically_normal().string()}});
    if (!made) {
        return refuse(made.error());
    }
    if (with.out.json()) {
        with.out.document(*made);
        return {};
    }
    with.out.done(fmt::format("Copied and verified: {} ({})", clean(text_of(*made, "file")),
                              byte_text(number_of(*made, "bytes"))));
    return {};
}

/// What a pass has found, and whether all of it is healed.
answer<void> print_scrub(context& with, const json& scrub) {
    if (with.out.json()) {
        with.out.document(scrub);
    } else {
        with.out.line("Read " + read_text(scrub) + ": " + damage_text(scrub));
        for (const auto& one : list_of(scrub, "found")) {
            const bool healed = truth_of(one, "healed");
            with.out.line(fmt::format(
                "{}  {} {}",
                with.out.paint(healed ? colour::good : colour::bad, healed ? "healed" : "LOST  "),
                clean(text_of(one, "what")), clean(text_of(one, "name"))));
        }
    }
    const auto& found = list_of(scrub, "found");
    const auto lost = std::count_if(found.begin(), found.end(),
                                    [](const json& one) { return !truth_of(one, "healed"); });
    if (lost > 0) {
        return refuse("unavailable",
                      fmt::format("{} of them are on nobody's device that can be reached now; they "
                                  "are asked for again when others come",
                                  lost));
    }
    return {};
}

answer<void> scrub(context& with) {
    auto now = with.api.send_json("POST", "/v1/store/scrub", json::object());
    if (!now) {
        return refuse(now.error());
    }
    if (with.values.has("background")) {
        if (with.out.json()) {
            with.out.document(*now);
        } else {
            with.out.done(
                "Everything that is stored is being read; calboxctl store status shows "
                "how far it is");
        }
        return {};
    }
    std::uint64_t shown = 0;
    {
        progress line(with.world, with.out, "reading", 0);
        while (truth_of(*now, "running") || truth_of(*now, "healing")) {
            if (!rest(with.world, scrub_pause)) {
                return refuse("cancelled", "interrupted");
            }
            const auto store = with.api.get("/v1/store");
            if (!store) {
                return refuse(store.error());
            }
            now = part_of(*store, "scrub");
            if (const auto read = number_of(*now, "bytes"); read > shown) {
                line.add(read - shown);
                shown = read;
            }
        }
    }
    return print_scrub(with, *now);
}

}  // namespace

std::vector<command> store_commands() {
    return {
        {.path = "store status",
         .summary = "Shows what this device stores, and whether it is sound",
         .arguments = {},
         .options = {},
         .examples = {{"store status", "sizes, what is damaged, the last scrub"}},
         .details = {},
         .run = store_status},
        {.path = "store check",
         .summary = "Checks the structure of the database",
         .arguments = {},
         .options = {},
         .examples = {{"store check", "exit status 1 when it is damaged"}},
         .details = {},
         .run = check},
        {.path = "store backup",
         .summary = "Copies the database to a file, while the daemon runs",
         .arguments = {{.name = "FILE", .help = "a new file", .kind = word_kind::file}},
         .options = {},
         .examples = {{"store backup /mnt/disk/calbox-2026-05-03.db",
                       "verified before it is named"}},
         .details =
             "The copy has the device's key and everything but the bytes of files, is written by\n"
             "the daemon, and is for its owner only. It is for a registry, whose records nobody\n"
             "else has: never start it beside the original.",
         .run = backup},
        {.path = "store scrub",
         .summary = "Reads and verifies everything that is stored, and heals it",
         .arguments = {},
         .options =
             {{.name = "background", .brief = {}, .value = {}, .help = "do not wait for the end"}},
         .examples = {{"store scrub", "what is damaged comes anew from friends and backups"}},
         .details =
             "The daemon does the same by itself, slowly (scrub.every_days in the configuration).\n"
             "What is damaged is set aside and never deleted in silence. The exit status is 7\n"
             "while something is lost that nobody who can be reached has.",
         .run = scrub},
    };
}

}  // namespace calbox::ctl
