#include "node/free_busy_service.hpp"

#include <algorithm>

#include "model/recurrence.hpp"
#include "wire/limits.hpp"

namespace calbox::node {

namespace {

constexpr std::size_t devices_asked = 3;
constexpr duration answer_time = std::chrono::seconds(5);

result<void> check_range(const model::interval& range) {
    if (range.end <= range.start) {
        return fail(errc::invalid_argument, "to must be after from");
    }
    const std::chrono::milliseconds most = wire::limits::free_busy_days;
    if (range.end.ms - range.start.ms > most.count()) {
        return fail(
            errc::too_large,
            "ask for " + std::to_string(wire::limits::free_busy_days.count()) + " days at most");
    }
    return {};
}

void add_times(const opened_event& event, const model::interval& range,
               std::vector<model::interval>& into) {
    if (!model::is_series(event.content)) {
        into.push_back(event.utc);
        return;
    }
    for (const model::occurrence& one : model::expand(event.content, range).occurrences) {
        into.push_back(one.utc);
    }
}

/// What a device says is cut again: it may say anything.
void take_answer(const result<wire::free_busy_reply>& reply, const model::interval& range,
                 busy_view& view) {
    if (!reply) {
        view.why = reply.error().code == errc::forbidden
                       ? view.name + " does not tell"
                       : "no device of " + view.name + " has answered";
        return;
    }
    timestamp last = range.start;
    for (const wire::busy_time& one : reply->busy) {
        const model::interval cut{std::max(one.start, last), std::min(one.end, range.end)};
        if (cut.end > cut.start && view.busy.size() < wire::limits::busy_times) {
            view.busy.push_back(cut);
            last = cut.end;
        }
    }
    view.known = true;
    view.why.clear();
}

}  // namespace

result<std::vector<model::interval>> free_busy_service::busy_of(
    const user_id& user, const model::interval& range) const {
    const std::string name = with_.name_of(user);
    std::vector<model::interval> all;
    for (const opened_event* const event : with_.events_of(user, range)) {
        const auto answer = event->content.answers.find(name);
        if (answer == event->content.answers.end() ||
            answer->second != model::participation::declined) {
            add_times(*event, range, all);
        }
    }
    std::ranges::sort(all, {}, &model::interval::start);
    std::vector<model::interval> joined;
    for (const model::interval& one : all) {
        const model::interval cut{std::max(one.start, range.start), std::min(one.end, range.end)};
        if (cut.end <= cut.start) {
            continue;
        }
        if (!joined.empty() && cut.start <= joined.back().end) {
            joined.back().end = std::max(joined.back().end, cut.end);
        } else {
            joined.push_back(cut);
        }
    }
    if (joined.size() > wire::limits::busy_times) {
        return fail(errc::too_large, "there is too much in that range: ask for a shorter one");
    }
    return joined;
}

task<result<wire::free_busy_reply>> free_busy_service::on_ask(std::vector<user_id> users,
                                                              wire::free_busy what) const {
    const model::interval range{what.start, what.end};
    if (auto good = check_range(range); !good) {
        co_return fail(std::move(good.error()));
    }
    bool may_know =
        with_.tells && with_.is_here(what.of) && std::ranges::count(users, what.by) != 0;
    if (may_know) {
        may_know = co_await with_.befriended(what.of, what.by);
    }
    if (!may_know) {  // one sentence for all: a stranger learns nothing of who is here
        co_return fail(errc::forbidden, "that is not told");
    }
    if (!with_.caught_up()) {
        co_return fail(errc::not_caught_up, "that device is still fetching what it has missed");
    }
    const auto busy = busy_of(what.of, range);
    if (!busy) {
        co_return fail(busy.error());
    }
    wire::free_busy_reply reply;
    for (const model::interval& one : *busy) {
        reply.busy.push_back({one.start, one.end});
    }
    co_return reply;
}

task<result<busy_view>> free_busy_service::ask(user_id as, std::string name,
                                               model::interval range) {
    if (auto good = check_range(range); !good) {
        co_return fail(std::move(good.error()));
    }
    const auto found = co_await with_.named({std::move(name)});
    if (!found) {
        co_return fail(found.error());
    }
    const user_id of = found->front();
    busy_view view;
    view.name = with_.name_of(of);
    if (of == as) {
        auto own = busy_of(of, range);
        if (!own) {
            co_return fail(std::move(own.error()));
        }
        view.known = true;
        view.busy = std::move(*own);
        co_return view;
    }
    const bool befriended = co_await with_.befriended(as, of);
    if (!befriended) {
        view.why = view.name + " is no friend of yours";
        co_return view;
    }
    const wire::free_busy what{of, as, range.start, range.end};
    if (with_.is_here(of)) {
        const auto reply = co_await on_ask({as}, what);
        take_answer(reply, range, view);
        co_return view;
    }
    std::vector<device_id> devices = with_.present(of);
    devices.resize(std::min(devices.size(), devices_asked));
    view.why = "no device of " + view.name + " can be reached";
    for (const device_id& device : devices) {
        const auto answer = co_await with_deadline<bytes>(
            env_, answer_time, with_.request(device, codec::encode(what)));
        take_answer(answer ? codec::decode<wire::free_busy_reply>(*answer) : fail(answer.error()),
                    range, view);
        if (view.known) {
            break;
        }
    }
    co_return view;
}

}  // namespace calbox::node
