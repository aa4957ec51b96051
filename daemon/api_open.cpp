// Routes about open events: their links, who has which, and taking part by one.
#include "api_calls.hpp"

namespace calbox::daemon {

outcome get_link(call& one) {
    const auto at = one.addressed();
    if (!at) {
        co_return fail(at.error());
    }
    const auto link = one.on.opening.link(at->as, at->which);
    if (!link) {
        co_return fail(link.error());
    }
    co_return json_response(200, {{"link", *link}});
}

outcome put_link(call& one) {
    const auto at = one.addressed();
    if (!at) {
        co_return fail(at.error());
    }
    auto read = co_await one.nothing();
    if (!read) {
        co_return fail(std::move(read.error()));
    }
    const auto link = co_await one.on.opening.open(at->as, at->which);
    if (!link) {
        co_return fail(link.error());
    }
    co_return json_response(200, {{"link", *link}});
}

outcome delete_link(call& one) {
    const auto at = one.addressed();
    if (!at) {
        co_return fail(at.error());
    }
    auto done = co_await one.on.opening.close(at->as, at->which);
    co_return empty_response(done);
}

outcome post_leave(call& one) {
    const auto at = one.addressed();
    if (!at) {
        co_return fail(at.error());
    }
    auto read = co_await one.nothing();
    if (!read) {
        co_return fail(std::move(read.error()));
    }
    auto done = co_await one.on.events.leave(at->as, at->which);
    co_return empty_response(done);
}

outcome get_open(call& one) {
    const auto as = one.user();
    if (!as) {
        co_return fail(as.error());
    }
    const auto all =
        co_await one.on.opening.list(*as, one.parts.empty() ? std::string() : one.parts[0]);
    if (!all) {
        co_return fail(all.error());
    }
    co_return json_response(200, {{"name", all->name},
                                  {"known", all->known},
                                  {"why", all->why},
                                  {"events", all->known ? list_of(all->events) : json()}});
}

outcome get_joins(call& one) {
    const auto as = one.user();
    if (!as) {
        co_return fail(as.error());
    }
    co_return json_response(200, {{"joins", list_of(one.on.joining.waiting(*as))}});
}

outcome post_join_event(call& one) {
    const auto as = one.user();
    if (!as) {
        co_return fail(as.error());
    }
    auto link = co_await one.text("link");
    if (!link) {
        co_return fail(std::move(link.error()));
    }
    const auto made = co_await one.on.joining.join(*as, std::move(*link));
    if (!made) {
        co_return fail(made.error());
    }
    co_return json_response(made->joined ? 200 : 202, to_json(*made));
}

outcome delete_join(call& one) {
    const auto as = one.user();
    if (!as) {
        co_return fail(as.error());
    }
    auto done = co_await one.on.joining.withdraw(*as, one.parts[0] + "/" + one.parts[1]);
    co_return empty_response(done);
}

}  // namespace calbox::daemon
