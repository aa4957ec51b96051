// Routes for the files of other calendars.
#include <map>

#include "api_calls.hpp"

namespace calbox::daemon {

namespace {

constexpr std::size_t file_bytes = std::size_t{32} << 20;

/// "yes" or "no"; otherwise without it.
result<bool> truth_asked_for(const call& one, std::string_view key, bool otherwise) {
    const std::string* const text = one.asked_for(key);
    if (text == nullptr) {
        return otherwise;
    }
    if (*text != "yes" && *text != "no") {
        return fail(errc::invalid_argument, std::string(key) + " is yes or no");
    }
    return *text == "yes";
}

json imported(const node::imported_view& view) {
    return {{"what", view.what},
            {"uid", view.uid},
            {"title", view.title},
            {"id", view.id_text},
            {"reason", view.reason}};
}

}  // namespace

outcome get_export(call& one) {
    if (auto known = one.only({"event", "from", "to", "files"}); !known) {
        co_return fail(std::move(known.error()));
    }
    const auto as = one.user();
    if (!as) {
        co_return fail(as.error());
    }
    const auto from = one.time_asked_for("from");
    const auto to = one.time_asked_for("to");
    if (!from || !to) {
        co_return fail(from ? to.error() : from.error());
    }
    const auto files = truth_asked_for(one, "files", true);
    if (!files) {
        co_return fail(files.error());
    }
    node::export_query query{{}, *from, *to, *files};
    if (const std::string* const id = one.asked_for("event")) {
        const auto which = one.on.events.find(*as, *id);
        if (!which) {
            co_return fail(which.error());
        }
        query.only = *which;
    }
    auto text = one.on.calendars.to_calendar(*as, query);
    if (!text) {
        co_return fail(std::move(text.error()));
    }
    http::response made;
    made.head.push_back({"Content-Type", "text/calendar; charset=utf-8"});
    made.head.push_back({"Content-Disposition", "attachment; filename=\"calendar.ics\""});
    made.body = std::move(*text);
    co_return made;
}

outcome post_import(call& one) {
    if (auto known = one.only({"zone", "dry_run"}); !known) {
        co_return fail(std::move(known.error()));
    }
    const auto as = one.user();
    if (!as) {
        co_return fail(as.error());
    }
    const auto dry = truth_asked_for(one, "dry_run", false);
    if (!dry) {
        co_return fail(dry.error());
    }
    const std::string* const zone = one.asked_for("zone");
    auto text = co_await one.line.read_all(file_bytes);
    if (!text) {
        co_return fail(std::move(text.error()));
    }
    const auto all = co_await one.on.calendars.from_calendar(
        *as, std::move(*text), zone == nullptr ? std::string("UTC") : *zone, *dry);
    if (!all) {
        co_return fail(all.error());
    }
    std::map<std::string_view, std::size_t> counts{{"added", 0}, {"skipped", 0}, {"refused", 0}};
    json list = json::array();
    for (const node::imported_view& view : *all) {
        ++counts[view.what];
        list.push_back(imported(view));
    }
    co_return json_response(200, {{"added", counts["added"]},
                                  {"skipped", counts["skipped"]},
                                  {"refused", counts["refused"]},
                                  {"events", std::move(list)}});
}

}  // namespace calbox::daemon
