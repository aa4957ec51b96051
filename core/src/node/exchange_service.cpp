#include "node/exchange_service.hpp"

#include <map>

#include "node/drafts.hpp"

namespace calbox::node {

namespace {
constexpr std::string_view no_title = "(no title)";
}  // namespace

exchange::~exchange() = default;

result<std::string> exchange_service::to_calendar(user_id as, const export_query& query) {
    std::vector<byte_view> bodies;
    if (query.only) {
        const auto opened = opened_.open(*query.only, as);
        if (!opened) {
            return fail(opened.error());
        }
        bodies.emplace_back((*opened)->body);
    } else {
        for (const opened_event* const one : opened_.all(as)) {
            const bool outside = (query.from && one->utc.end < *query.from) ||
                                 (query.to && one->utc.start >= *query.to);
            if (!outside) {
                bodies.emplace_back(one->body);
            }
        }
    }
    return model::join_calendars(bodies, query.with_files);
}

/// The event as one of `as`, whose guests are none of his: nobody is invited by a file.
result<replica::change> exchange_service::change_from(const user_id& as,
                                                      const model::calendar_part& part) const {
    if (!part.body) {
        return fail(part.body.error());
    }
    auto content = model::parse_body(*part.body);
    if (!content) {
        return fail(std::move(content.error()));
    }
    if (content->uid.empty()) {
        content->uid = new_uid(env_.entropy);
    }
    if (content->title.empty()) {
        content->title = no_title;
    }
    content->organizer = people_.name_of(as);
    content->participants.clear();
    content->declined.clear();
    content->answers.clear();
    content->modified = env_.time.wall();
    if (content->created == timestamp()) {
        content->created = content->modified;
    }
    if (auto fits = model::validate(*content); !fits) {
        return fail(std::move(fits.error()));
    }
    auto body = model::write_body(*content, *part.body);
    if (!body) {
        return fail(std::move(body.error()));
    }
    replica::change what;
    what.as = as;
    what.body = std::move(*body);
    return what;
}

task<imported_view> exchange_service::import_one(user_id as, const model::calendar_part& part,
                                                 bool dry) {
    imported_view view{"added", part.uid, part.title, {}, {}};
    auto what = change_from(as, part);
    if (!what) {
        view.what = "refused";
        view.reason = what.error().message();
        co_return view;
    }
    if (dry) {
        co_return view;
    }
    const auto made = co_await replica_.commit(std::move(*what));
    if (made) {
        view.id_text = people_.id_text(*made);
    } else {
        view.what = "refused";
        view.reason = made.error().message();
    }
    co_return view;
}

task<result<std::vector<imported_view>>> exchange_service::from_calendar(user_id as,
                                                                         std::string text,
                                                                         std::string zone,
                                                                         bool dry) {
    if (!model::is_zone(zone)) {
        co_return fail(errc::invalid_argument, "there is no time zone " + zone.substr(0, 60));
    }
    const auto parts = model::split_calendar(text, zone);
    if (!parts) {
        co_return fail(parts.error());
    }
    auto ready = co_await ready_.wait_until_caught_up();
    if (!ready) {
        co_return fail(std::move(ready.error()));
    }
    std::map<std::string, event_id> there;  // by UID
    for (const opened_event* const one : opened_.all(as)) {
        there.emplace(one->content.uid, one->header.event);
    }
    std::vector<imported_view> done;
    for (const model::calendar_part& part : *parts) {
        const auto known = part.uid.empty() ? there.end() : there.find(part.uid);
        if (known != there.end()) {
            done.push_back({"skipped", part.uid, part.title, people_.id_text(known->second),
                            "it is in the calendar already"});
            continue;
        }
        auto one = co_await import_one(as, part, dry);
        done.push_back(std::move(one));
    }
    co_return done;
}

}  // namespace calbox::node
