// peers; net status, peers, rendezvous, routes, objects, holders; discovery list, use.
#include <algorithm>

#include <fmt/format.h>

#include "context.hpp"
#include "event_text.hpp"
#include "text.hpp"

namespace calbox::ctl {

namespace {

constexpr std::uint64_t bar_width = 40;

json part_of(const json& object, std::string_view key) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found == object.end() ? json::object() : *found;
}

/// "3 advertisements (1 forged, 2 older)", or nothing when none was dropped.
std::string dropped_text(const json& counts) {
    std::uint64_t all = 0;
    std::string reasons;
    for (const auto& [key, name] :
         {std::pair{"unsigned", "unsigned"}, std::pair{"forged", "forged"},
          std::pair{"other_network", "of other networks"}, std::pair{"expired", "expired"},
          std::pair{"older", "older than a known one"}}) {
        const auto count = number_of(counts, key);
        all += count;
        if (count > 0) {
            reasons += (reasons.empty() ? "" : ", ") + fmt::format("{} {}", count, name);
        }
    }
    return all == 0 ? std::string() : fmt::format("{} advertisements ({})", all, reasons);
}

answer<void> net_status(context& with) {
    return show_document(with, "/v1/net", [&](const json& found) {
        const auto state = clean(text_of(found, "state"));
        with.out.field(
            "state", with.out.paint(state == "connected" ? colour::good : colour::warning, state));
        const auto held_by = clean(text_of(found, "rendezvous"));
        with.out.field("rendezvous", truth_of(found, "acting")
                                         ? "acting as rendezvous until a real one is found"
                                     : held_by.empty() ? "none"
                                                       : held_by);
        with.out.field("known ones", std::to_string(number_of(found, "known_rendezvous")));
        with.out.field("sessions",
                       fmt::format("{}, {} of them relayed", number_of(found, "sessions"),
                                   number_of(found, "relayed")));
        with.out.field("devices",
                       fmt::format("{} known, {} online", number_of(found, "known_devices"),
                                   number_of(found, "online")));
        if (const auto reachable = text_of(found, "reachable"); reachable == "no") {
            with.out.field("reachable", with.out.paint(colour::warning, "only through a relay"));
        } else if (reachable == "yes") {
            with.out.field("reachable", "others can dial this device");
        }
        if (const auto dropped = dropped_text(part_of(found, "dropped_advertisements"));
            !dropped.empty()) {
            with.out.field("dropped", dropped);
        }
        with.out.field("discovery", clean(text_of(part_of(found, "discovery"), "strategy")));
        if (const auto room = number_of(found, "edges_max"); room > 0) {
            with.out.field("edges here",
                           fmt::format("{} of {}, {} moved to others", number_of(found, "edges"),
                                       room, number_of(found, "moved_away")));
        }
        if (truth_of(found, "others_are_wanted")) {
            with.out.note(
                "all rendezvous are nearly full: another daemon with that role is needed");
        }
    });
}

answer<void> peers(context& with) {
    return show_document(with, "/v1/peers", [&](const json& found) {
        std::vector<std::vector<std::string>> rows;
        for (const auto& one : list_of(found, "peers")) {
            rows.push_back({clean(text_of(one, "device")), cleaned_list(one, "users"),
                            cleaned_list(one, "roles"), clean(text_of(one, "address")),
                            clean(text_of(one, "way"))});
        }
        with.out.table({"DEVICE", "USERS", "ROLES", "ADDRESS", "WAY"}, rows,
                       "no peers are connected");
    });
}

/// "##########..........": of its room, how much is taken.
std::string bar_of(std::uint64_t edges, std::uint64_t room) {
    const std::uint64_t full =
        room == 0 ? 0 : std::min(bar_width, (edges * bar_width + room / 2) / room);
    return std::string(full, '#') + std::string(bar_width - full, '.');
}

answer<void> net_rendezvous(context& with) {
    return show_document(with, "/v1/net/rendezvous", [&](const json& found) {
        std::vector<std::vector<std::string>> rows;
        std::uint64_t edges = 0, room = 0;
        for (const auto& one : list_of(found, "rendezvous")) {
            const auto most = number_of(one, "edges_max");
            const bool heard = most > 0;
            edges += number_of(one, "edges");
            room += most;
            rows.push_back(
                {clean(text_of(one, "device")).substr(0, 12), truth_of(one, "mine") ? "yes" : "",
                 truth_of(one, "online") ? "online" : "offline",
                 heard ? fmt::format("{} of {}", number_of(one, "edges"), most) : "not heard of",
                 heard ? bar_of(number_of(one, "edges"), most) : "",
                 cleaned_list(one, "addresses")});
        }
        with.out.table({"DEVICE", "MINE", "STATE", "EDGES", "LOAD", "ADDRESSES"}, rows,
                       "no rendezvous is known");
        if (rows.size() > 1 && room > 0) {
            with.out.note(
                fmt::format("{} edges in all, {} % of all room", edges, edges * 100 / room));
        }
    });
}

answer<void> net_routes(context& with) {
    return show_document(with, "/v1/net/routes", [&](const json& found) {
        std::vector<std::vector<std::string>> rows;
        for (const auto& one : list_of(found, "routes")) {
            rows.push_back({clean(text_of(one, "device")).substr(0, 12), cleaned_list(one, "users"),
                            cleaned_list(one, "roles"),
                            truth_of(one, "online") ? "online" : "offline",
                            clean(text_of(one, "way")), clean(text_of(one, "relay")).substr(0, 12),
                            cleaned_list(one, "addresses")});
        }
        with.out.table({"DEVICE", "USERS", "ROLES", "STATE", "SESSION", "VIA", "ADDRESSES"}, rows,
                       "no other device is known");
    });
}

answer<void> net_objects(context& with) {
    return show_document(with, "/v1/net/objects", [&](const json& found) {
        with.out.field("held here",
                       fmt::format("{} shared events and files, {} of them published",
                                   number_of(found, "held"), number_of(found, "told")));
        with.out.field("lists", fmt::format("{} rendezvous have noted the latest",
                                            number_of(found, "copies")));
        if (const auto kept = number_of(found, "kept_objects"); kept > 0) {
            with.out.field("kept here", fmt::format("{} holders of {} objects",
                                                    number_of(found, "kept_entries"), kept));
        }
        const json asks = part_of(found, "resolver");
        with.out.field(
            "resolver",
            fmt::format("{}; {} questions asked, {} answered", clean(text_of(asks, "policy")),
                        number_of(asks, "asked"), number_of(asks, "answered")));
        const json dropped = part_of(asks, "dropped");
        const auto invalid = number_of(dropped, "invalid");
        const auto strange = number_of(dropped, "unauthenticated");
        if (invalid + strange > 0) {
            with.out.field(
                "dropped",
                fmt::format("{} invalid questions, {} of devices that are not in the network",
                            invalid, strange));
        }
    });
}

answer<void> net_holders(context& with) {
    const auto target = event_target(with.values.one("ID"));
    if (!target) {
        return refuse(target.error());
    }
    std::string query;
    if (with.values.has("copies")) {
        const auto text = with.values.one("copies");
        if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos) {
            return refuse("invalid_argument", "--copies takes a number, and not " + clean(text));
        }
        query = "?copies=" + text;
    }
    return show_document(with, *target + "/holders" + query, [&](const json& found) {
        std::vector<std::vector<std::string>> rows;
        for (const auto& one : list_of(found, "answered")) {
            rows.push_back({clean(text_of(one, "device")).substr(0, 12), cleaned_list(one, "users"),
                            std::to_string(number_of(one, "version"))});
        }
        with.out.table({"DEVICE", "USERS", "VERSION"}, rows,
                       "no other device says that it holds it");
        with.out.note(fmt::format("{} devices are said to hold it; {} answered",
                                  number_of(found, "found"), rows.size()));
    });
}

answer<void> discovery_list(context& with) {
    const auto used = with.api.get("/v1/discovery");
    if (!used) {
        return refuse(used.error());
    }
    const auto found = with.api.get("/v1/plugins");
    if (!found) {
        return refuse(found.error());
    }
    const auto name = clean(text_of(*used, "strategy"));
    json all = json::array();
    std::vector<std::vector<std::string>> rows;
    for (const auto& one : list_of(*found, "plugins")) {
        if (text_of(one, "kind") != "discovery") {
            continue;
        }
        const auto its_name = clean(text_of(one, "name"));
        all.push_back({{"name", its_name},
                       {"version", text_of(one, "version")},
                       {"summary", text_of(one, "summary")},
                       {"in_use", its_name == name}});
        rows.push_back({its_name, clean(text_of(one, "version")), its_name == name ? "in use" : "",
                        clean(text_of(one, "summary"))});
    }
    if (with.out.json()) {
        with.out.document({{"strategies", all}});
        return {};
    }
    with.out.table({"NAME", "VERSION", "STATUS", "SUMMARY"}, rows, "no plugins were found");
    return {};
}

answer<void> discovery_use(context& with) {
    const auto used =
        with.api.send_json("PUT", "/v1/discovery/strategy", {{"name", with.values.one("NAME")}});
    if (!used) {
        return refuse(used.error());
    }
    if (with.out.json()) {
        with.out.document(*used);
        return {};
    }
    with.out.done("discovery: " + clean(text_of(*used, "strategy")));
    return {};
}

command plain(const char* path, const char* summary, const char* what_for, const char* details,
              answer<void> (*run)(context&)) {
    return {.path = path,
            .summary = summary,
            .arguments = {},
            .options = {},
            .examples = {{path, what_for}},
            .details = details,
            .run = run};
}

}  // namespace

std::vector<command> net_commands() {
    return {
        plain("net status", "Shows how this device is connected",
              "its rendezvous, sessions and strategy", "", net_status),
        plain("net peers", "Lists the devices that are connected",
              "directly or through a rendezvous", "", peers),
        plain("peers", "Lists the devices that are connected", "the same as net peers", "", peers),
        plain("net rendezvous", "Shows all rendezvous with their loads", "a chart of the loads",
              "The loads are those that this device's rendezvous has heard of, within the last "
              "minutes.",
              net_rendezvous),
        plain("net routes", "Lists every device of which a place is known",
              "where each can be reached, and how it is", "", net_routes),
        plain("net objects", "Shows what this device has in the object layer",
              "how many events and files are published",
              "A device publishes the shared events and the files that it holds, so that others\n"
              "find it by them; rendezvous keep the lists.",
              net_objects),
        {.path = "net holders",
         .summary = "Asks devices that hold an event which version they have",
         .arguments = {{.name = "ID",
                        .help = "the event, for example alice/1.7",
                        .kind = word_kind::event}},
         .options = {{.name = "copies",
                      .brief = "",
                      .value = "N",
                      .help = "how many are to answer, 1 to 64 (3 when it is not given)"}},
         .examples = {{"net holders alice/1.7", "three of them, and how many there are"}},
         .details = "Backups are not among them: they hold everything.",
         .run = net_holders},
        plain("discovery list", "Lists the discovery strategies", "and which one is used", "",
              discovery_list),
        {.path = "discovery use",
         .summary = "Exchanges the discovery strategy while the daemon runs",
         .arguments = {{.name = "NAME", .help = "as discovery list shows it"}},
         .options = {},
         .examples = {{"discovery use load_aware", "balance by load from now on"}},
         .details = "No lease ends. The choice stays over restarts, until the configuration names\n"
                    "another strategy than it does now.",
         .run = discovery_use},
    };
}

}  // namespace calbox::ctl
