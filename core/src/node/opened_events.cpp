#include "node/opened_events.hpp"

#include <algorithm>

#include <calbox/mutant.hpp>

namespace calbox::node {

result<const opened_event*> opened_events::open(const event_id& which, const user_id& as) {
    const replica::held_event* const held = replica_.events().find(which);
    const bool readable = held != nullptr && held->header.kind == envelope_kind::put &&
                          held->header.type == event_kind::calendar && held->header.involves(as);
    if (!readable) {
        return fail(errc::not_found, "there is no such event in this calendar");
    }
    if (people_.accounts().identity_of(as) == nullptr) {
        return fail(errc::unauthorised, "this user is not signed in on this device");
    }
    const auto known = opened_.find(which);
    if (known != opened_.end() &&
        (known->second.order == held->order || mutant("opened_events.keeps_old"))) {
        return &known->second;
    }
    auto opened = read(*held, as);
    if (!opened) {
        return fail(std::move(opened.error()));
    }
    return &opened_.insert_or_assign(which, std::move(*opened)).first->second;
}

result<opened_event> opened_events::read(const replica::held_event& held, const user_id& as) const {
    auto body = replica_.body_of(held, as);
    if (!body) {
        return fail(std::move(body.error()));
    }
    auto content = model::parse_body(*body);
    if (!content) {
        return fail(std::move(content.error()));
    }
    const auto utc = model::interval_of(content->time);
    if (!utc) {
        return fail(utc.error());
    }
    // The envelope is the truth of who takes part; the body repeats it for other calendars.
    content->organizer = people_.name_of(held.header.event.organizer);
    content->participants.clear();
    for (const user_id& user : held.header.participants) {
        content->participants.push_back(people_.name_of(user));
    }
    std::erase_if(content->declined, [&](const std::string& name) {
        return std::ranges::count(content->participants, name) > 0;
    });
    return opened_event{held.header, held.order, std::move(*content), std::move(*body), *utc};
}

void opened_events::forget(const event_id& which) {
    if (!mutant("opened_events.keeps_old")) {
        opened_.erase(which);
    }
}

std::vector<const opened_event*> opened_events::all(const user_id& as) {
    std::vector<const opened_event*> found;
    for (const auto& [id, held] : replica_.events().all()) {
        if (held.header.type != event_kind::calendar || held.header.kind != envelope_kind::put ||
            !held.header.involves(as)) {
            continue;
        }
        const auto opened = open(id, as);
        if (opened) {
            found.push_back(*opened);
        } else {
            env_.log.write(log_level::warn, "calendar",
                           "cannot open an event: " + opened.error().message());
        }
    }
    std::ranges::sort(found, [](const opened_event* a, const opened_event* b) {
        return std::tuple(a->utc.start, a->utc.end, a->header.event) <
               std::tuple(b->utc.start, b->utc.end, b->header.event);
    });
    return found;
}

}  // namespace calbox::node
