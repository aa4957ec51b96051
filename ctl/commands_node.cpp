// status, plugins, doctor, watch, version.
#include <algorithm>

#include <fmt/format.h>

#include "context.hpp"
#include "text.hpp"

namespace calbox::ctl {

namespace {

constexpr std::chrono::milliseconds watch_pause_min{250};
constexpr std::chrono::milliseconds watch_pause_max{5000};

/// "3 changes from friends (2.1 kB), none from backups (22 B)"
std::string recovered_text(const nlohmann::json& recovery) {
    const auto side = [&](std::string_view name) {
        const auto found = recovery.find(name);
        const auto sum = found == recovery.end() ? nlohmann::json::object() : *found;
        const auto changes = number_of(sum, "envelopes");
        return fmt::format("{} from {} ({})", changes == 0 ? "none" : std::to_string(changes), name,
                           byte_text(number_of(sum, "bytes")));
    };
    return side("friends") + ", " + side("backups");
}

/// "1204 events and 31 files, 3.1 GB, 62 % there, 1.9 GB in 12 files to come"
std::string backing_text(const nlohmann::json& backing) {
    std::string text = fmt::format(
        "{} events and {} files, {}", number_of(backing, "events"), number_of(backing, "files"),
        byte_text(number_of(backing, "event_bytes") + number_of(backing, "file_bytes")));
    if (const auto wanted = number_of(backing, "wanted_files"); wanted > 0) {
        text += fmt::format(", {} % there, {} in {} files to come", number_of(backing, "percent"),
                            byte_text(number_of(backing, "wanted_bytes")), wanted);
    } else if (truth_of(backing, "asking")) {
        text += ", asking the others for more";
    } else {
        text += ", all there is";
    }
    if (const auto unneeded = number_of(backing, "unneeded_files"); unneeded > 0) {
        text += fmt::format("; nobody needs {} of {} files any more, which go in a while",
                            byte_text(number_of(backing, "unneeded_bytes")), unneeded);
    }
    if (const auto lost = number_of(backing, "lost_files"); lost > 0) {
        text += fmt::format("; the disk has lost {} files", lost);
    }
    if (const auto refused = number_of(backing, "refused"); refused > 0) {
        text += fmt::format("; the quota is full, {} files were refused", refused);
    }
    return text;
}

answer<void> status(context& with) {
    return show_document(with, "/v1/status", [&](const json& found) {
        const auto state = clean(text_of(found, "state"));
        with.out.field(
            "state", with.out.paint(state == "connected" ? colour::good : colour::warning, state));
        with.out.field("users", cleaned_list(found, "users"));
        with.out.field("roles", cleaned_list(found, "roles"));
        with.out.field("rendezvous", clean(text_of(found, "rendezvous")));
        with.out.field("caught up", truth_of(found, "caught_up") ? "yes" : "not yet");
        if (const auto recovery = found.find("recovery");
            recovery != found.end() && number_of(*recovery, "exchanges") > 0) {
            with.out.field("recovered", recovered_text(*recovery));
        }
        with.out.field("events", std::to_string(number_of(found, "events")));
        with.out.field("files", fmt::format("{}, {}", number_of(found, "files"),
                                            byte_text(number_of(found, "file_bytes"))));
        if (const auto backing = found.find("backing"); backing != found.end()) {
            with.out.field("backing up", backing_text(*backing));
        }
        const auto owed = number_of(found, "outbox");
        with.out.field("to deliver", owed == 0 ? "nothing" : std::to_string(owed));
        if (const auto edges = number_of(found, "edges"); edges > 0) {
            with.out.field("edges", std::to_string(edges));
        }
        with.out.field("device", clean(text_of(found, "device")));
        with.out.field("network", clean(text_of(found, "network")));
        with.out.field("addresses", cleaned_list(found, "addresses"));
        if (const auto page = with.api.get("/v1/web"); page && !text_of(*page, "address").empty()) {
            with.out.field("page", clean(text_of(*page, "address")) +
                                       (truth_of(*page, "built") ? "" : " (this build has none)"));
        }
        with.out.field("version", clean(text_of(found, "version")));
        with.out.field("up for", duration_text(number_of(found, "uptime_seconds")));
    });
}

answer<void> plugins(context& with) {
    return show_document(with, "/v1/plugins", [&](const json& found) {
        std::vector<std::vector<std::string>> rows;
        for (const auto& one : list_of(found, "plugins")) {
            auto traits = cleaned_list(one, "traits");
            if (traits.empty()) {
                traits = clean(text_of(one, "traits"));
            }
            rows.push_back({clean(text_of(one, "kind")), clean(text_of(one, "name")),
                            clean(text_of(one, "version")), clean(text_of(one, "status")), traits,
                            clean(text_of(one, "summary")), clean(text_of(one, "file"))});
        }
        with.out.table({"KIND", "NAME", "VERSION", "STATUS", "TRAITS", "SUMMARY", "FILE"}, rows,
                       "no plugins were found");
    });
}

answer<void> doctor(context& with) {
    return show_document(with, "/v1/doctor", [&](const json& found) {
        for (const auto& one : list_of(found, "findings")) {
            const bool good = truth_of(one, "good");
            if (good && with.out.quiet()) {
                continue;
            }
            with.out.line(fmt::format(
                "{}  {}: {}",
                with.out.paint(good ? colour::good : colour::bad, good ? "good" : "BAD "),
                clean(text_of(one, "what")), clean(text_of(one, "text"))));
            if (const auto advice = clean(text_of(one, "advice")); !good && !advice.empty()) {
                with.out.line("      " + advice);
            }
        }
    });
}

answer<void> print_change(context& with, const std::string& data) {
    const auto change = json::parse(data, nullptr, false);
    if (change.is_discarded()) {
        return refuse("malformed", "the daemon's stream has an event that is no JSON");
    }
    if (with.out.json()) {
        with.out.record(change);
    } else {
        auto text = clean(text_of(change, "text"));
        if (text.empty()) {
            text = fmt::format("{} {} {}", clean(text_of(change, "by")),
                               clean(text_of(change, "what")), clean(text_of(change, "id")));
        }
        with.out.line(fmt::format(
            "{}  {}", with.out.paint(colour::dim, moment_text(text_of(change, "at"), with.mine)),
            text));
        with.world.out.flush();
    }
    if (!with.out.good()) {
        return refuse("io_failed", "cannot write to standard output");
    }
    return {};
}

bool passes(const problem& why) {
    return why.code == "closed" || why.code == "timed_out" || why.code == "no_daemon" ||
           why.code == "unavailable";
}

answer<void> watch(context& with) {
    std::string last_id;
    bool connected_once = false;
    auto pause = watch_pause_min;
    for (;;) {
        request what{
            .method = "GET", .target = "/v1/watch", .body = {}, .content_type = {}, .headers = {}};
        what.headers.emplace_back("Accept", "text/event-stream");
        if (!last_id.empty()) {
            what.headers.emplace_back("Last-Event-ID", last_id);
        }
        bool own_end = false;
        event_stream events([&](const std::string& id, const std::string& data) {
            auto printed = print_change(with, data);
            own_end = !printed;
            if (printed && !id.empty()) {
                last_id = id;
            }
            return printed;
        });
        const auto ended = with.api.follow(what, watch_silence, [&](std::string_view bytes) {
            if (!connected_once || pause != watch_pause_min) {
                connected_once = true;
                pause = watch_pause_min;
            }
            return events.feed(bytes);
        });
        const problem why = ended ? problem{"closed", "the stream ended"} : ended.error();
        if (why.code == "not_found" && !last_id.empty()) {
            // The daemon has started anew, and its journal with it.
            last_id.clear();
            with.out.note("changes may have been missed meanwhile: calboxctl events list");
            continue;
        }
        if (own_end || !passes(why) || (!connected_once && why.code == "no_daemon")) {
            return refuse(why);
        }
        connected_once = true;
        if (pause == watch_pause_min) {
            with.out.note("the daemon is gone; waiting for its return");
        }
        if (with.world.interrupt == nullptr || !with.world.interrupt->sleep(pause)) {
            return refuse("cancelled", "interrupted");
        }
        pause = std::min(pause * 2, watch_pause_max);
    }
}

answer<void> version(context& with) {
    const auto found = with.api.get("/v1/status");
    const auto daemon = found ? clean(text_of(*found, "version")) : std::string();
    if (with.out.json()) {
        with.out.document(
            {{"calboxctl", CALBOX_VERSION}, {"calboxd", daemon.empty() ? json() : json(daemon)}});
        return {};
    }
    with.out.line("calboxctl " CALBOX_VERSION);
    with.out.line("calboxd " + (daemon.empty() ? "(none answers)" : daemon));
    return {};
}

command plain(const char* path, const char* summary, const char* what_for,
              answer<void> (*run)(context&)) {
    return {.path = path,
            .summary = summary,
            .arguments = {},
            .options = {},
            .examples = {{path, what_for}},
            .details = {},
            .run = run};
}

}  // namespace

std::vector<command> node_commands() {
    auto watching = plain("watch", "Shows what happens, as it happens, until Ctrl-C",
                          "one line for each change", watch);
    watching.examples.push_back({"watch --json", "one JSON document a line"});
    watching.details =
        "It waits for the daemon when that goes away, and then goes on where it was.";
    return {
        plain("status", "Shows how this device is doing", "state, roles, what is still to deliver",
              status),
        std::move(watching),
        plain("plugins", "Lists the plugins that were found", "and why one is not used", plugins),
        plain("doctor", "Checks this device, with advice", "what to look at first", doctor),
        plain("version", "Prints the versions of calboxctl and of the daemon", "both", version)};
}

}  // namespace calbox::ctl
