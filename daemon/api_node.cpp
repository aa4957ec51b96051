// Routes about the node and its network.
#include "api.hpp"
#include "api_calls.hpp"

namespace calbox::daemon {

outcome get_health(call&) { co_return json_response(200, {{"ok", true}}); }

outcome get_metrics(call& one) {
    http::response made;
    made.head.push_back({"Content-Type", "text/plain; version=0.0.4; charset=utf-8"});
    made.body = one.counted.text(one.on.info.status(), one.on.info.peers().size());
    co_return made;
}

outcome get_openapi(call&) {
    http::response made;
    made.head.push_back({"Content-Type", "application/json"});
    made.body = std::string(openapi_document());
    co_return made;
}

outcome get_status(call& one) { co_return json_response(200, to_json(one.on.info.status())); }

outcome get_doctor(call& one) {
    const auto found = co_await one.on.info.doctor();
    co_return json_response(200, {{"findings", list_of(found)}});
}

outcome post_stop(call& one) {
    auto read = co_await one.nothing();
    if (!read) {
        co_return fail(std::move(read.error()));
    }
    one.env.log.write(log_level::info, "api", "told to stop");
    one.stop();
    co_return empty_response();
}

outcome get_plugins(call& one) {
    co_return json_response(200, {{"plugins", list_of(one.on.info.plugins())}});
}

outcome get_peers(call& one) {
    co_return json_response(200, {{"peers", list_of(one.on.info.peers())}});
}

outcome get_recovery(call& one) { co_return json_response(200, to_json(one.on.info.recovery())); }

outcome put_recovery_strategy(call& one) {
    auto name = co_await one.text("name");
    if (!name) {
        co_return fail(std::move(name.error()));
    }
    if (auto used = one.on.info.use_recovery(std::move(*name)); !used) {
        co_return fail(std::move(used.error()));
    }
    co_return json_response(200, to_json(one.on.info.recovery()));
}

outcome get_network(call& one) { co_return json_response(200, to_json(one.on.network.show())); }

outcome post_network(call& one) {
    auto read = co_await one.nothing();
    if (!read) {
        co_return fail(std::move(read.error()));
    }
    const auto founded = co_await one.on.network.create();
    if (!founded) {
        co_return fail(founded.error());
    }
    co_return json_response(201, to_json(*founded));
}

outcome post_invitation(call& one) {
    const auto body = co_await one.document();
    if (!body) {
        co_return fail(body.error());
    }
    std::vector<std::string> roles;
    object_reader from(*body);
    from.need("roles", roles);
    if (auto whole = from.finish(); !whole) {
        co_return fail(std::move(whole.error()));
    }
    const auto text = co_await one.on.network.invite(std::move(roles));
    if (!text) {
        co_return fail(text.error());
    }
    co_return json_response(201, {{"invitation", *text}});
}

outcome post_join(call& one) {
    auto invitation = co_await one.text("invitation");
    if (!invitation) {
        co_return fail(std::move(invitation.error()));
    }
    const auto joined = co_await one.on.network.join(std::move(*invitation));
    if (!joined) {
        co_return fail(joined.error());
    }
    co_return json_response(200, to_json(*joined));
}

namespace {

/// The one in effect, and every epoch.
json strategies_document(const std::vector<node::strategy_view>& all) {
    std::uint64_t now = 1;
    for (const node::strategy_view& one : all) {
        now = one.in_effect ? std::max(now, one.epoch) : now;
    }
    return {{"epoch", now}, {"epochs", list_of(all)}};
}

}  // namespace

outcome get_strategy(call& one) {
    co_return json_response(200, strategies_document(one.on.network.strategies()));
}

outcome post_strategy(call& one) {
    const auto body = co_await one.document();
    if (!body) {
        co_return fail(body.error());
    }
    node::strategy_change to;
    std::optional<std::string> settings;
    std::optional<std::uint64_t> after;
    object_reader from(*body);
    from.need("strategy", to.name);
    from.text("settings", settings);
    from.number("after_seconds", after);
    if (auto whole = from.finish(); !whole) {
        co_return fail(std::move(whole.error()));
    }
    to.settings = settings.value_or(std::string());
    constexpr std::uint64_t a_year = 365ull * 24 * 3600;
    if (after.value_or(0) > a_year) {
        co_return fail(errc::invalid_argument, "after_seconds is at most a year");
    }
    to.after = std::chrono::seconds(after.value_or(0));
    const auto all = co_await one.on.network.change_strategy(std::move(to));
    if (!all) {
        co_return fail(all.error());
    }
    co_return json_response(201, strategies_document(*all));
}

}  // namespace calbox::daemon
