// The stream of changes: server-sent events (HTML Living Standard, 9.2), resumed by Last-Event-ID.
#include <algorithm>
#include <charconv>

#include "api_calls.hpp"

namespace calbox::daemon {

namespace {

using namespace asio::experimental::awaitable_operators;

result<std::uint64_t> resumed_after(const std::string& text) {
    std::uint64_t number = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (problem != std::errc() || end != text.data() + text.size()) {
        return fail(errc::invalid_argument, "Last-Event-ID must be the number of a change");
    }
    return number;
}

bool is_signed_in(const call& one, user_id who) {
    const auto users = one.on.account.signed_in();
    return std::any_of(users.begin(), users.end(),
                       [&](const auto& user) { return user.id == who; });
}

std::string written(const std::vector<node::change>& changes) {
    std::string text;
    for (const node::change& change : changes) {
        // write_json ends the line, and JSON has no other line ends.
        text += "id: " + std::to_string(change.number) + "\ndata: " + write_json(to_json(change)) +
                "\n";
    }
    return text;
}

/// Says at once when the journal does not reach back to `after`, so that the client gets a problem
/// and not a stream.
task<result<void>> reaches_back(call& one, user_id as, std::uint64_t after) {
    auto first = co_await (one.on.changes.next(as, after) || sleep_for(one.env, duration::zero()));
    if (auto* const found = std::get_if<0>(&first); found != nullptr && !*found) {
        co_return fail(std::move(found->error()));
    }
    co_return result<void>();
}

/// Until the client, the user or the journal ends it.
task<void> stream(call& one, user_id as, std::uint64_t after) {
    std::string text = ": changes after " + std::to_string(after) + "\n\n";
    while (true) {
        const auto sent = co_await one.line.out().write(to_bytes(text));
        if (!sent || !is_signed_in(one, as)) {
            co_return;
        }
        // Where next() is still waiting, there was nothing for this user up to here.
        const std::uint64_t seen = one.on.changes.last_number();
        auto news = co_await (one.on.changes.next(as, after) || sleep_for(one.env, comment_time) ||
                              one.line.gone());
        if (news.index() == 2) {
            co_return;
        }
        if (news.index() == 1) {
            after = std::max(after, seen);
            text = ":\n\n";
            continue;
        }
        const auto& changes = std::get<0>(news);
        if (!changes || changes->empty()) {
            co_return;
        }
        after = changes->back().number;
        text = written(*changes);
    }
}

}  // namespace

outcome get_watch(call& one) {
    const auto as = one.user();
    if (!as) {
        co_return fail(as.error());
    }
    std::uint64_t after = one.on.changes.last_number();
    if (const std::string* const last = one.line.asked().find("last-event-id")) {
        const auto number = resumed_after(*last);
        if (!number) {
            co_return fail(number.error());
        }
        after = *number;
        auto known = co_await reaches_back(one, *as, after);
        if (!known) {
            co_return fail(std::move(known.error()));
        }
    }
    http::response made;
    made.head.push_back({"Content-Type", "text/event-stream"});
    const auto begun = co_await one.line.begin(made.status, made.head, std::nullopt);
    if (begun && one.line.asked().method != "HEAD") {
        co_await stream(one, *as, after);
    }
    co_return made;
}

}  // namespace calbox::daemon
