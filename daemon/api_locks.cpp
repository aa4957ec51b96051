// Editor sessions. POST answers with a stream that lasts as long as the session: a client that goes
// away, however it does, has closed its connection, and with it the session.
#include "api_calls.hpp"

namespace calbox::daemon {

namespace {

using namespace asio::experimental::awaitable_operators;

class open_session {
public:
    open_session(node::locks& on, std::string id) : on_(on), id_(std::move(id)) {}
    ~open_session() { on_.end(id_); }
    open_session(const open_session&) = delete;
    open_session& operator=(const open_session&) = delete;

private:
    node::locks& on_;
    std::string id_;
};

/// Until the client or the session ends it.
task<void> follow(call& one, std::string session) {
    while (true) {
        auto news = co_await (one.on.lock.ended(session) || sleep_for(one.env, comment_time) ||
                              one.line.gone());
        if (news.index() == 2) {
            co_return;
        }
        std::string text = ":\n\n";
        if (const auto* const why = std::get_if<0>(&news)) {
            text = "data: " + write_json({{"ended", *why}}) + "\n";
        }
        const auto sent = co_await one.line.out().write(to_bytes(text));
        if (!sent || news.index() == 0) {
            co_return;
        }
    }
}

}  // namespace

outcome get_lock(call& one) {
    const auto at = one.addressed();
    if (!at) {
        co_return fail(at.error());
    }
    const auto& [as, which] = *at;
    const auto lock = one.on.lock.show(as, which);
    if (!lock) {
        co_return fail(lock.error());
    }
    const auto event = one.on.events.show(as, which);
    if (!event) {
        co_return fail(event.error());
    }
    json strategy = json::parse(one.on.lock.explain(which), nullptr, false);
    const bool stuck = event->state == node::event_state::unknown || event->lacks.has_value();
    co_return json_response(200, {{"state", *lock   ? "locked"
                                            : stuck ? to_string(event->state)
                                                    : "free"},
                                  {"lock", *lock ? to_json(**lock) : json()},
                                  {"lacks", event->lacks ? to_json(*event->lacks) : json()},
                                  {"strategy", strategy.is_object() ? strategy : json::object()}});
}

outcome post_lock(call& one) {
    const auto at = one.addressed();
    if (!at) {
        co_return fail(at.error());
    }
    const auto& [as, which] = *at;
    auto empty = co_await one.nothing();
    if (!empty) {
        co_return fail(std::move(empty.error()));
    }
    const auto begun = co_await one.on.lock.begin(as, which);
    if (!begun) {
        co_return fail(begun.error());
    }
    const open_session guard(one.on.lock, begun->id);
    http::response made;
    made.status = 201;
    made.head.push_back({"Content-Type", "text/event-stream"});
    const auto started = co_await one.line.begin(made.status, made.head, std::nullopt);
    if (started) {
        const json first = {{"session", begun->id},
                            {"version", begun->version.value},
                            {"lock", to_json(begun->lock)}};
        const std::string text = "data: " + write_json(first) + "\n";
        const auto sent = co_await one.line.out().write(to_bytes(text));
        if (sent) {
            co_await follow(one, begun->id);
        }
    }
    co_return made;
}

outcome delete_lock(call& one) {
    const auto at = one.addressed();
    if (!at) {
        co_return fail(at.error());
    }
    const auto& [as, which] = *at;
    co_return empty_response(one.on.lock.release(as, which));
}

}  // namespace calbox::daemon
