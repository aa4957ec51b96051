// export and import: files of other calendars.
#include <filesystem>

#include <fmt/format.h>

#include "arriving_file.hpp"
#include "context.hpp"
#include "event_drafts.hpp"
#include "text.hpp"
#include "uploads.hpp"

namespace calbox::ctl {

namespace {

answer<std::string> export_target(const context& with) {
    std::string target = "/v1/export";
    const auto add = [&](const std::string& key, const std::string& value) {
        target +=
            (target.find('?') == std::string::npos ? "?" : "&") + key + "=" + encode_segment(value);
    };
    if (with.values.has("event")) {
        add("event", with.values.one("event"));
    }
    for (const char* const key : {"from", "to"}) {
        if (with.values.has(key)) {
            const auto time = typed_moment(with, key);
            if (!time) {
                return refuse(time.error());
            }
            add(key, *time);
        }
    }
    if (with.values.has("without-files")) {
        add("files", "no");
    }
    return target;
}

answer<void> export_file(context& with) {
    auto target = export_target(with);
    if (!target) {
        return refuse(target.error());
    }
    const request what{.method = "GET",
                       .target = std::move(*target),
                       .body = {},
                       .content_type = {},
                       .headers = {}};
    const auto found = with.api.send(what);
    if (!found) {
        return refuse(found.error());
    }
    const auto name = with.values.one("FILE");
    if (name == "-") {
        with.world.out << found->body;
        return {};
    }
    auto file = arriving_file::make(name);
    if (!file) {
        return refuse(file.error());
    }
    if (auto written = file->write(found->body); !written) {
        return refuse(written.error());
    }
    if (auto done = file->finish(with.values.has("force")); !done) {
        return refuse(done.error());
    }
    if (with.out.json()) {
        with.out.document({{"file", name}, {"bytes", found->body.size()}});
        return {};
    }
    with.out.done(fmt::format("Exported to {} ({})", clean(name), byte_text(found->body.size())));
    return {};
}

answer<void> import_file(context& with) {
    auto file = reading_file::open(with.values.one("FILE"));
    if (!file) {
        return refuse(file.error());
    }
    const std::string mine = with.mine.name.empty() ? "UTC" : with.mine.name;
    const std::string zone = with.values.has("zone") ? with.values.one("zone") : mine;
    const request what{.method = "POST",
                       .target = "/v1/import?zone=" + encode_segment(zone) +
                                 (with.values.has("dry-run") ? "&dry_run=yes" : ""),
                       .body = {},
                       .content_type = "text/calendar",
                       .headers = {}};
    const auto answered =
        with.api.upload(what, file->size(), [&](std::span<char> into) { return file->read(into); });
    if (!answered) {
        return refuse(answered.error());
    }
    const auto found = json::parse(answered->body, nullptr, false);
    if (found.is_discarded()) {
        return refuse("malformed", "the daemon's answer is no JSON");
    }
    if (with.out.json()) {
        with.out.document(found);
        return {};
    }
    std::vector<std::vector<std::string>> rows;
    for (const auto& one : list_of(found, "events")) {
        rows.push_back({clean(text_of(one, "what")), clean(text_of(one, "id")),
                        clean(text_of(one, "title")), clean(text_of(one, "reason"))});
    }
    with.out.table({"WHAT", "ID", "TITLE", "WHY"}, rows, "there is no event in the file");
    with.out.done(fmt::format(
        "{}{} added, {} skipped, {} refused", with.values.has("dry-run") ? "It would be: " : "",
        number_of(found, "added"), number_of(found, "skipped"), number_of(found, "refused")));
    return {};
}

}  // namespace

std::vector<command> exchange_commands() {
    return {
        {.path = "export",
         .summary = "Writes events to an iCalendar file",
         .arguments = {{.name = "FILE",
                        .help = "a new .ics file, or - for standard output",
                        .kind = word_kind::file}},
         .options =
             {{.name = "event",
               .brief = {},
               .value = "ID",
               .help = "this one alone",
               .kind = word_kind::event},
              {.name = "from", .brief = {}, .value = "TIME", .help = "those that end after it"},
              {.name = "to",
               .brief = {},
               .value = "TIME",
               .help = "those that start before its end"},
              {.name = "without-files",
               .brief = {},
               .value = {},
               .help = "leave attached files out, and their keys"},
              {.name = "force", .brief = {}, .value = {}, .help = "replace the file"}},
         .examples = {{"export all.ics", "everything"},
                      {"export may.ics --from 2026-05-01 --to 2026-06-01", "what takes place then"},
                      {"export --event alice/1.7 -", "one event, to standard output"}},
         .details =
             "Everything that an event says is in the file, the keys of attached files included:\n"
             "whoever has one and comes to a device with the file can read that.",
         .run = export_file},
        {.path = "import",
         .summary = "Makes events of an iCalendar file",
         .arguments = {{.name = "FILE", .help = "an .ics file", .kind = word_kind::file}},
         .options = {{.name = "dry-run",
                      .brief = {},
                      .value = {},
                      .help = "say what would be done, and do nothing"},
                     {.name = "zone",
                      .brief = {},
                      .value = "ZONE",
                      .help = "of times that name none (this machine's)"}},
         .examples = {{"import work.ics --dry-run", "what would be added"},
                      {"import work.ics", "again: what is there already is skipped"}},
         .details =
             "Each event becomes one of yours, without guests. An event whose UID is in your\n"
             "calendar already is skipped, and one that cannot be read is refused; the rest is\n"
             "added all the same.",
         .run = import_file}};
}

}  // namespace calbox::ctl
