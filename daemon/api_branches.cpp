// Routes for events that cannot be changed: copying and taking over; and what a refusal says of
// those who are missing.
#include "api_calls.hpp"

namespace calbox::daemon {

http::response refusal_of(const call& one, const error& why) {
    http::response made = http::problem(why);
    if (why.code != errc::unavailable || one.parts.size() < 2) {
        return made;
    }
    const auto at = one.addressed();
    const auto event = at ? one.on.events.show(at->as, at->which) : fail(at.error());
    if (event && event->lacks) {
        json document = json::parse(made.body);
        document.update(to_json(*event->lacks));
        made.body = write_json(document);
    }
    return made;
}

outcome post_copy(call& one) {
    const auto at = one.addressed();
    if (!at) {
        co_return fail(at.error());
    }
    const auto& [as, which] = *at;
    const auto body = co_await one.document();
    if (!body) {
        co_return fail(body.error());
    }
    std::optional<std::string> title;
    std::optional<bool> with_participants;
    object_reader from(*body);
    from.text("title", title);
    from.truth("with_participants", with_participants);
    if (auto whole = from.finish(); !whole) {
        co_return fail(std::move(whole.error()));
    }
    const bool everybody = with_participants.value_or(false);
    const auto made = co_await one.on.branch.copy(as, which, std::move(title), everybody);
    if (!made) {
        co_return fail(made.error());
    }
    co_return new_event_response(one, as, *made);
}

outcome post_takeover(call& one) {
    const auto at = one.addressed();
    if (!at) {
        co_return fail(at.error());
    }
    const auto& [as, which] = *at;
    auto empty = co_await one.nothing();
    if (!empty) {
        co_return fail(std::move(empty.error()));
    }
    const auto taken = co_await one.on.branch.take_over(as, which);
    if (!taken) {
        co_return fail(taken.error());
    }
    co_return event_response(one, as, 200, *taken);
}

}  // namespace calbox::daemon
