// Routes about the overlay: rendezvous, ways to devices, the discovery strategy, objects.
#include <charconv>

#include "api_calls.hpp"

namespace calbox::daemon {

json to_json(const node::discovery_view& view) {
    return {
        {"strategy", view.strategy}, {"version", view.version}, {"configured", view.configured}};
}

json to_json(const node::overlay_view& view) {
    json made = {{"state", view.state},
                 {"rendezvous", view.rendezvous},
                 {"known_rendezvous", view.known_rendezvous},
                 {"sessions", view.sessions},
                 {"relayed", view.relayed},
                 {"known_devices", view.known_devices},
                 {"online", view.online},
                 {"acting", view.acting},
                 {"reachable", view.reachable},
                 {"dropped_advertisements",
                  {{"unsigned", view.dropped.unsigned_claims},
                   {"forged", view.dropped.forged},
                   {"other_network", view.dropped.other_network},
                   {"expired", view.dropped.expired},
                   {"older", view.dropped.older}}},
                 {"discovery", to_json(view.discovery)}};
    if (view.edges) {
        made["edges"] = *view.edges;
        made["edges_max"] = *view.edges_max;
        made["moved_away"] = *view.moved_away;
        made["watched"] = view.watched;
        made["others_are_wanted"] = view.others_are_wanted;
    }
    return made;
}

json to_json(const node::rendezvous_view& view) {
    json made = {{"device", view.device},
                 {"addresses", view.addresses},
                 {"online", view.online},
                 {"promoted", view.promoted},
                 {"mine", view.mine}};
    if (view.edges) {
        made["edges"] = *view.edges;
        made["edges_max"] = *view.edges_max;
        made["heard_seconds_ago"] = view.heard_seconds_ago;
    }
    return made;
}

json to_json(const node::route_view& view) {
    return {{"device", view.device}, {"users", view.users},
            {"roles", view.roles},   {"addresses", view.addresses},
            {"relay", view.relay},   {"online", view.online},
            {"way", view.way}};
}

json to_json(const node::objects_view& view) {
    const node::resolver_view& asks = view.resolver;
    return {
        {"held", view.held},
        {"told", view.told},
        {"copies", view.copies},
        {"kept_objects", view.kept_objects},
        {"kept_entries", view.kept_entries},
        {"resolver",
         {{"policy", asks.policy},
          {"asked", asks.asked},
          {"answered", asks.answered},
          {"dropped", {{"invalid", asks.invalid}, {"unauthenticated", asks.unauthenticated}}}}}};
}

json to_json(const node::holder_view& view) {
    return {{"device", view.device}, {"users", view.users}, {"version", view.version}};
}

outcome get_net(call& one) { co_return json_response(200, to_json(one.on.overlay.show_overlay())); }

outcome get_rendezvous(call& one) {
    const auto found = co_await one.on.overlay.all_rendezvous();
    co_return json_response(200, {{"rendezvous", list_of(found)}});
}

outcome get_routes(call& one) {
    co_return json_response(200, {{"routes", list_of(one.on.overlay.known_routes())}});
}

outcome get_objects(call& one) {
    co_return json_response(200, to_json(one.on.objects.show_objects()));
}

outcome get_holders(call& one) {
    if (auto known = one.only({"copies"}); !known) {
        co_return fail(std::move(known.error()));
    }
    constexpr std::uint32_t most = 64, usual = 3;
    std::uint32_t copies = usual;
    if (const std::string* const text = one.asked_for("copies")) {
        const auto [end, problem] =
            std::from_chars(text->data(), text->data() + text->size(), copies);
        if (problem != std::errc() || end != text->data() + text->size() || copies == 0 ||
            copies > most) {
            co_return fail(errc::invalid_argument, "copies is a number from 1 to 64");
        }
    }
    const auto at = one.addressed();
    if (!at) {
        co_return fail(at.error());
    }
    const auto& [as, which] = *at;
    const auto found = co_await one.on.objects.holders(as, which, copies);
    if (!found) {
        co_return fail(found.error());
    }
    co_return json_response(200, {{"object", found->object},
                                  {"found", found->found},
                                  {"answered", list_of(found->answered)}});
}

outcome get_discovery(call& one) {
    co_return json_response(200, to_json(one.on.overlay.show_discovery()));
}

outcome put_discovery_strategy(call& one) {
    auto name = co_await one.text("name");
    if (!name) {
        co_return fail(std::move(name.error()));
    }
    const auto used = co_await one.on.overlay.use_discovery(std::move(*name));
    if (!used) {
        co_return fail(used.error());
    }
    co_return json_response(200, to_json(*used));
}

}  // namespace calbox::daemon
