// recovery last, list, use: how this device learns what it missed.
#include <fmt/format.h>

#include "context.hpp"
#include "text.hpp"

namespace calbox::ctl {

namespace {

/// "3 from ab12cd34 (2.1 kB), none from 99ff0011 (22 B)"
std::string sources_text(const nlohmann::json& sources) {
    constexpr std::size_t shown = 8;  // of a device's id
    std::vector<std::string> texts;
    for (const auto& one : sources) {
        const auto changes = number_of(one, "envelopes");
        texts.push_back(fmt::format(
            "{} from {} ({})", changes == 0 ? "none" : std::to_string(changes),
            clean(text_of(one, "device")).substr(0, shown), byte_text(number_of(one, "bytes"))));
    }
    return texts.empty() ? "nobody was asked" : joined(texts);
}

answer<void> last(context& with) {
    const auto found = with.api.get("/v1/recovery");
    if (!found) {
        return refuse(found.error());
    }
    const auto kept = found->find("last");
    const auto run = kept == found->end() ? nlohmann::json::object() : *kept;
    if (with.out.json()) {
        with.out.document(run);
        return {};
    }
    if (number_of(*found, "exchanges") == 0) {
        with.out.note("nothing was asked for yet");
        return {};
    }
    with.out.field("strategy", clean(text_of(run, "strategy")));
    with.out.field("caught up", truth_of(run, "caught_up") ? "yes" : "no, somebody did not answer");
    with.out.field("friends", sources_text(list_of(run, "friends")));
    with.out.field("backups", sources_text(list_of(run, "backups")));
    with.out.field("changes", std::to_string(number_of(run, "applied")));
    with.out.field("duplicates", std::to_string(number_of(run, "duplicates")));
    with.out.field("rounds", std::to_string(number_of(run, "rounds")));
    with.out.field("bytes",
                   fmt::format("{} sent, {} received", byte_text(number_of(run, "bytes_sent")),
                               byte_text(number_of(run, "bytes_received"))));
    with.out.field("at least",
                   byte_text(number_of(run, "lower_bound")) + ", the changes themselves");
    for (const char* const name : {"silent", "refused"}) {
        if (const auto devices = texts_of(run, name); !devices.empty()) {
            with.out.field(name, clean(joined(devices)));
        }
    }
    return {};
}

answer<void> list_strategies(context& with) {
    return show_document(with, "/v1/recovery", [&](const json& found) {
        const auto used = text_of(found, "strategy");
        std::vector<std::vector<std::string>> rows;
        for (const auto& name : texts_of(found, "strategies")) {
            rows.push_back({clean(name), name == used ? "in use" : "available"});
        }
        with.out.table({"NAME", "STATUS"}, rows, "there is no recovery strategy");
    });
}

answer<void> use(context& with) {
    const auto name = with.values.one("NAME");
    const auto found = with.api.send_json("PUT", "/v1/recovery/strategy", {{"name", name}});
    if (!found) {
        return refuse(found.error());
    }
    if (with.out.json()) {
        with.out.document(*found);
        return {};
    }
    with.out.done("This device recovers by " + clean(text_of(*found, "strategy")) + " from now on");
    return {};
}

}  // namespace

std::vector<command> recovery_commands() {
    return {
        {.path = "recovery last",
         .summary = "Shows the exchange that ended last",
         .arguments = {},
         .options = {},
         .examples = {{"recovery last", "who gave what, in how many bytes and rounds"},
                      {"recovery last --json", "for scripts"}},
         .details = {},
         .run = last},
        {.path = "recovery list",
         .summary = "Lists the strategies by which this device can ask",
         .arguments = {},
         .options = {},
         .examples = {{"recovery list", "which one is in use"}},
         .details = {},
         .run = list_strategies},
        {.path = "recovery use",
         .summary = "Chooses the strategy of the next exchange",
         .arguments = {{.name = "NAME", .help = "one of `recovery list`"}},
         .options = {},
         .examples = {{"recovery use id_diff", "until the daemon ends"}},
         .details =
             "What holds over a restart is recovery.plugin in the configuration. A device that\n"
             "does not have the strategy is asked by naive.",
         .run = use},
    };
}

}  // namespace calbox::ctl
