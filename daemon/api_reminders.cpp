// Routes about reminders, which are the user's own, and about when his friends are busy.
#include "api_calls.hpp"

namespace calbox::daemon {

namespace {

constexpr std::int64_t week_ms = 7 * 86'400'000LL;

result<model::interval> week_asked_for(const call& one) {
    if (auto known = one.only({"from", "to"}); !known) {
        return fail(std::move(known.error()));
    }
    const auto from = one.time_asked_for("from");
    const auto to = one.time_asked_for("to");
    if (!from || !to) {
        return fail(from ? to.error() : from.error());
    }
    const timestamp start = from->value_or(one.env.time.wall());
    return model::interval{start, to->value_or(timestamp{start.ms + week_ms})};
}

}  // namespace

outcome get_reminders(call& one) {
    const auto at = one.addressed();
    if (!at) {
        co_return fail(at.error());
    }
    const auto times = one.on.reminding.show(at->as, at->which);
    if (!times) {
        co_return fail(times.error());
    }
    co_return json_response(200, to_json(*times));
}

outcome put_reminders(call& one) {
    const auto at = one.addressed();
    if (!at) {
        co_return fail(at.error());
    }
    const auto body = co_await one.document();
    if (!body) {
        co_return fail(body.error());
    }
    node::reminder_times wanted;
    std::optional<std::vector<std::string>> texts;
    object_reader from(*body);
    from.need("minutes", wanted.minutes);
    from.texts("at", texts);
    if (auto whole = from.finish(); !whole) {
        co_return fail(std::move(whole.error()));
    }
    for (const std::string& text : texts.value_or(std::vector<std::string>())) {
        const auto time = model::parse_utc(text);
        if (!time) {
            co_return fail(errc::invalid_argument, "at: " + time.error().message());
        }
        wanted.at.push_back(*time);
    }
    const auto set = co_await one.on.reminding.set(at->as, at->which, std::move(wanted));
    if (!set) {
        co_return fail(set.error());
    }
    co_return json_response(200, to_json(*set));
}

outcome get_due(call& one) {
    const auto as = one.user();
    if (!as) {
        co_return fail(as.error());
    }
    const auto when = week_asked_for(one);
    if (!when) {
        co_return fail(when.error());
    }
    const auto due = one.on.reminding.due(*as, *when);
    if (!due) {
        co_return fail(due.error());
    }
    co_return json_response(200, {{"reminders", list_of(*due)}});
}

outcome take_due(call& one) {
    const auto as = one.user();
    if (!as) {
        co_return fail(as.error());
    }
    auto read = co_await one.nothing();
    if (!read) {
        co_return fail(std::move(read.error()));
    }
    const auto taken = co_await one.on.reminding.take(*as);
    if (!taken) {
        co_return fail(taken.error());
    }
    co_return json_response(200, {{"reminders", list_of(*taken)}});
}

outcome get_free_busy(call& one) {
    const auto as = one.user();
    if (!as) {
        co_return fail(as.error());
    }
    const auto when = week_asked_for(one);
    if (!when) {
        co_return fail(when.error());
    }
    const auto told = co_await one.on.busy.ask(*as, one.parts[0], *when);
    if (!told) {
        co_return fail(told.error());
    }
    json made = to_json(*told);
    made.update({{"from", model::utc_text(when->start)}, {"to", model::utc_text(when->end)}});
    co_return json_response(200, made);
}

}  // namespace calbox::daemon
