#include "node/drafts.hpp"

#include "model/categories.hpp"

namespace calbox::node {

namespace {

/// Days later. All-day ends are exclusive inside, and the last day for people.
model::local_time shift_days(const model::local_time& day, int days) {
    const auto utc = model::to_utc(day, "UTC");
    return utc ? model::to_local({utc->ms + std::int64_t{days} * 86'400'000}, "UTC") : day;
}

model::local_time plus_an_hour(const model::local_time& start, const std::string& zone) {
    const auto utc = model::to_utc(start, zone);
    return utc ? model::to_local({utc->ms + 3'600'000}, zone) : start;
}

struct times_given {
    bool start = false, end = false, date_only = false;
};

result<void> read_times(const event_draft& draft, model::when& time, times_given& given) {
    bool date_only = false;
    if (draft.start) {
        const auto start = model::parse_local_time(*draft.start, date_only);
        if (!start) {
            return fail(errc::invalid_argument, "start: " + start.error().message());
        }
        time.start = *start;
        given.start = true;
        given.date_only = date_only;
    }
    if (draft.end) {
        bool end_is_date = false;
        const auto end = model::parse_local_time(*draft.end, end_is_date);
        if (!end) {
            return fail(errc::invalid_argument, "end: " + end.error().message());
        }
        if (draft.start && end_is_date != date_only) {
            return fail(errc::invalid_argument,
                        "start and end must both be dates, or both have a time");
        }
        time.end = *end;
        given.end = true;
        given.date_only = given.date_only || end_is_date;
    }
    return {};
}

/// Brings the draft's times into `content`; `fresh`: the event is new.
result<void> apply_times(const event_draft& draft, model::event_content& content, bool fresh) {
    model::when time = content.time;
    if (draft.zone) {
        if (!model::is_zone(*draft.zone)) {
            return fail(errc::invalid_argument,
                        "no such time zone: \"" + *draft.zone + "\" (try Europe/Lisbon)");
        }
        time.zone = *draft.zone;
    }
    times_given given;
    const model::when before = time;
    if (auto read = read_times(draft, time, given); !read) {
        return read;
    }
    if (fresh && !given.start) {
        return fail(errc::invalid_argument, "an event needs a start");
    }
    const bool all_day = draft.all_day.value_or(given.start ? given.date_only : time.all_day);
    if (given.end && given.date_only && !all_day) {
        return fail(errc::invalid_argument,
                    "an event with a time of day needs an end with a time of day");
    }
    time.all_day = all_day;
    if (all_day) {
        time.start.hour = time.start.minute = time.start.second = 0;
        time.end.hour = time.end.minute = time.end.second = 0;
        if (given.end || (!fresh && !before.all_day && !given.start)) {
            time.end = shift_days(time.end, 1);  // people name the last day
        } else if (given.start) {
            time.end = shift_days(time.start, 1);
        }
    } else if (given.start && !given.end) {
        const auto old =
            fresh ? result<model::interval>(fail(errc::not_found)) : model::interval_of(before);
        const auto start = model::to_utc(time.start, time.zone);
        if (old && start && !before.all_day) {  // moving an event keeps its length
            time.end = model::to_local({start->ms + old->end.ms - old->start.ms}, time.zone);
        } else {
            time.end = plus_an_hour(time.start, time.zone);
        }
    }
    content.time = time;
    return {};
}

}  // namespace

result<void> apply_draft(const event_draft& draft, model::event_content& content, bool fresh) {
    const auto set = [](const std::optional<std::string>& from, std::string& to) {
        if (from) {
            to = *from;
        }
    };
    set(draft.title, content.title);
    set(draft.info, content.info);
    set(draft.place, content.place);
    set(draft.recurrence, content.recurrence);
    if (draft.categories) {
        content.categories = model::category_set(*draft.categories);
    }
    if (draft.color) {
        content.color = model::color_name(*draft.color);
    }
    if (auto times = apply_times(draft, content, fresh); !times) {
        return times;
    }
    return model::validate(content);
}

std::string new_uid(random& entropy) {
    bytes uid(16);
    entropy.fill(uid);
    return to_hex(uid) + "@calendarbox";
}

replica::change change_of(const envelope_header& from, const user_id& as,
                          std::optional<version_number> expect) {
    replica::change what;
    what.as = as;
    what.event = from.event;
    what.expect = expect ? expect : std::optional(from.version);
    what.line = from.generation;
    what.guests_may = from.guests_may;
    what.participants = from.participants;
    return what;
}

result<void> is_in_line(const envelope_header& now, const std::optional<version_number>& expect,
                        generation_number line) {
    if (expect && now.generation != line) {
        return replica::taken_over_meanwhile();
    }
    return {};
}

bool has_right(const user_id& as, const envelope_header& of, std::uint32_t rights) noexcept {
    return as == of.event.organizer || (of.guests_may & rights) != 0;
}

result<void> may_modify(const user_id& as, const envelope_header& of, const event_draft& change) {
    const bool content = change.title || change.info || change.place || change.zone ||
                         change.recurrence || change.start || change.end || change.all_day ||
                         change.categories || change.color;
    if (content && !has_right(as, of, guest_right::modify)) {
        return fail(errc::forbidden, "guests may not change this event");
    }
    return {};
}

}  // namespace calbox::node
