#include "node/exchange_service.hpp"

#include <algorithm>
#include <memory>

#include "node/drafts.hpp"

namespace calbox::node {

namespace {
constexpr std::string_view no_title = "(no title)";
constexpr std::size_t imported_at_once = 32;
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
        for (const opened_event* const one : opened_.between(as, query.from, query.to)) {
            if (is_within(*one, {query.from, query.to, {}})) {
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

/// The events of one file on their way into the calendar.
struct exchange_service::importing {
    user_id as;
    std::vector<model::calendar_part> parts;
    bool dry = false;
    std::vector<imported_view> done;  // one for each part
    std::size_t next = 0;             // the first that nobody has begun
};

namespace {

/// What is being imported is noted as long as this lives, by the first who does.
struct under_way {
    using called = std::pair<user_id, std::string>;
    std::set<called>& all;
    const called which;
    const bool first;
    under_way(std::set<called>& of_all, called name)
        : all(of_all), which(std::move(name)), first(all.insert(which).second) {}
    under_way(const under_way&) = delete;
    under_way& operator=(const under_way&) = delete;
    ~under_way() {
        if (first) {
            all.erase(which);
        }
    }
};

}  // namespace

task<void> exchange_service::import_next(std::shared_ptr<importing> all, gathering::part) {
    while (all->next < all->parts.size()) {
        const std::size_t at = all->next++;
        const model::calendar_part& part = all->parts[at];
        imported_view& done = all->done[at];
        done = {"refused", part.uid, part.title, {}, "the import was given up"};
        const opened_event* const known =
            part.uid.empty() ? nullptr : opened_.with_uid(all->as, part.uid);
        if (known != nullptr) {
            done = {"skipped", part.uid, part.title, people_.id_text(known->header.event),
                    "it is in the calendar already"};
            continue;
        }
        const under_way mine(under_way_, {all->as, part.uid});
        if (!part.uid.empty() && !mine.first) {
            done = {"skipped", part.uid, part.title, {}, "another import brings it now"};
            continue;
        }
        done = co_await import_one(all->as, part, all->dry);
    }
}

task<result<std::vector<imported_view>>> exchange_service::from_calendar(user_id as,
                                                                         std::string text,
                                                                         std::string zone,
                                                                         bool dry) {
    if (!model::is_zone(zone)) {
        co_return fail(errc::invalid_argument, "there is no time zone " + zone.substr(0, 60));
    }
    auto parts = model::split_calendar(text, zone);
    if (!parts) {
        co_return fail(parts.error());
    }
    auto ready = co_await ready_.wait_until_caught_up();
    if (!ready) {
        co_return fail(std::move(ready.error()));
    }
    const auto all = std::make_shared<importing>();
    all->as = as;
    all->parts = std::move(*parts);
    all->dry = dry;
    all->done.resize(all->parts.size());
    // Whoever asked may go away: what he has not waited for is not begun.
    struct ending {
        importing& all;
        ~ending() { all.next = all.parts.size(); }
    } const however_it_ends{*all};
    // Several at a time, so that one sync of the disk serves them all.
    gathering imports(env_);
    for (std::size_t i = 0; i < std::min(imported_at_once, all->parts.size()); ++i) {
        tasks_.spawn("import", import_next(all, imports.one()));
    }
    co_await imports.wait();
    co_return std::move(all->done);
}

}  // namespace calbox::node
