// Routes about earlier versions of events, and deleted ones.
#include "api_calls.hpp"

namespace calbox::daemon {

outcome get_history(call& one) {
    const auto at = one.addressed_ever();
    if (!at) {
        co_return fail(at.error());
    }
    const auto& [as, which] = *at;
    const auto versions = co_await one.on.past.versions(as, which);
    if (!versions) {
        co_return fail(versions.error());
    }
    co_return json_response(200, {{"versions", list_of(*versions)}});
}

outcome post_restore(call& one) {
    const auto at = one.addressed_ever();
    if (!at) {
        co_return fail(at.error());
    }
    const auto& [as, which] = *at;
    const auto body = co_await one.document();
    if (!body) {
        co_return fail(body.error());
    }
    std::optional<std::uint64_t> number;
    object_reader from(*body);
    from.number("version", number);
    if (auto whole = from.finish(); !whole) {
        co_return fail(std::move(whole.error()));
    }
    const auto expect = expected(one, as, which);
    if (!expect && expect.error().code == errc::not_found) {
        co_return fail(errc::conflict, "the event was deleted since it was read");
    }
    if (!expect) {
        co_return fail(expect.error());
    }
    const auto version = number ? std::optional(version_number(*number)) : std::nullopt;
    const auto restored = co_await one.on.past.restore(as, which, version, *expect);
    if (!restored) {
        co_return fail(restored.error());
    }
    co_return event_response(one, as, 200, *restored);
}

outcome get_trash(call& one) {
    const auto as = one.user();
    if (!as) {
        co_return fail(as.error());
    }
    const auto found = co_await one.on.past.trash(*as);
    if (!found) {
        co_return fail(found.error());
    }
    co_return json_response(200, {{"events", list_of(*found)}});
}

}  // namespace calbox::daemon
