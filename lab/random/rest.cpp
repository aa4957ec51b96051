#include "lab/random/rest.hpp"

#include <fmt/format.h>

#include "lab/check/watcher.hpp"

namespace calbox::lab {

namespace {

struct sight {
    const person* whose = nullptr;
    node::event_view what;
};

bool same(const node::event_view& left, const node::event_view& right) {
    const auto one = claims::shown_version(left), other = claims::shown_version(right);
    return one.place() == other.place() && one.content == other.content;
}

/// For one question; what it refers to is the caller's.
struct company {
    const std::vector<const person*>& present;
    bool everybody = false;  // nobody stays away
    bool owes = false;       // a device is lost, with what it had to tell or was to be told

    bool has(const std::string& name) const {
        return std::ranges::count(present, name, &person::name) != 0;
    }
};

/// The later version was made without whoever sees the earlier one, and nobody who is there has to
/// tell him so. Its author does, who may stay away, and whoever has left without knowing, at none
/// of his devices, since the one crashed, hears it from the organizer's (docs/promises.md); of
/// versions between it is not known here who made them.
bool need_not_agree(const sight& one, const sight& other, const company& who) {
    const bool one_is_later =
        claims::shown_version(one.what).place() > claims::shown_version(other.what).place();
    const sight& later = one_is_later ? one : other;
    const sight& earlier = one_is_later ? other : one;
    const bool next = later.what.generation == earlier.what.generation &&
                      later.what.version == earlier.what.version.next();
    const std::string& author = later.what.written_by;
    const bool has_left = author == earlier.whose->name();
    const bool one_of_his_knows = std::ranges::any_of(who.present, [&](const person* one) {
        return one->name() == author && !one->sees(earlier.what.id);
    });
    const bool one_who_tells =
        has_left ? one_of_his_knows || who.has(later.what.organizer) : who.has(author);
    const bool somebody_must_tell = who.everybody || (next && !who.owes && one_who_tells);
    return !somebody_must_tell && !takes_part(*earlier.whose, later.what);
}

/// Who asks an organizer who is there to take part, and has no answer.
std::string waits_to_join(const company& all) {
    for (const person* const who : all.present) {
        for (const node::join_view& one : who->at().api().joining.waiting(who->id())) {
            if (all.has(one.organizer)) {
                return who->name() + " waits to join " + one.id_text + ": " + one.why;
            }
        }
    }
    return {};
}

/// What stands in place of the name of somebody whom the device has not heard of.
bool is_no_name(const std::string& shown) {
    return shown.size() == 12 && shown.find_first_not_of("0123456789abcdef") == std::string::npos;
}

/// He knows that it is deleted, by a version that is not the next one: whoever still sees it may
/// have been removed in between by somebody who stays away.
bool has_seen_the_end(const person& who, const node::event_view& seen) {
    const auto known = who.at().run(who.at().api().past.versions(who.id(), seen.id));
    if (!known || !*known || (*known)->empty()) {
        return false;
    }
    const node::version_view& last = (*known)->front();
    return last.what == node::version_change::deleted && last.generation == seen.generation &&
           last.version > seen.version.next();
}

/// Where two see an event, they see one version of it, and whoever takes part in it sees it. The
/// names are known by then.
std::string disagreement(const company& all) {
    std::map<event_id, sight> first;
    std::map<const person*, std::set<event_id>> seen;
    for (const person* const who : all.present) {
        for (auto& one : who->sees_all()) {
            seen[who].insert(one.id);
            if (is_no_name(one.organizer) ||
                std::ranges::any_of(one.content.participants, is_no_name)) {
                return who->name() + " does not know everybody's name in " + one.id_text;
            }
            const auto [known, fresh] = first.try_emplace(one.id, sight{who, one});
            const sight& other = known->second;
            if (!fresh && !same(one, other.what) && !need_not_agree({who, one}, other, all)) {
                return fmt::format("{} has version {} of {}, and {} version {}", who->name(),
                                   one.version.value, one.id_text, other.whose->name(),
                                   other.what.version.value);
            }
        }
    }
    for (const auto& [event, sight] : first) {
        for (const person* const who : all.present) {
            if (!takes_part(*who, sight.what) || seen[who].contains(event)) {
                continue;
            }
            if (all.everybody || !has_seen_the_end(*who, sight.what)) {
                return who->name() + " does not see " + sight.what.id_text;
            }
        }
    }
    return {};
}

}  // namespace

bool takes_part(const person& who, const node::event_view& in) {
    return who.name() == in.organizer ||
           std::ranges::count(in.content.participants, who.name()) != 0;
}

bool nobody_sees_later(const std::vector<const person*>& people, const node::event_view& than) {
    const auto place = claims::shown_version(than).place();
    return std::ranges::none_of(people, [&](const person* who) {
        const auto theirs = who->sees(than.id);
        return theirs && claims::shown_version(*theirs).place() > place;
    });
}

std::string unrest(const std::vector<const person*>& people, bool everybody, bool owes) {
    for (const person* const who : people) {
        const auto status = who->at().api().info.status();
        if (status.state != "connected" || !status.caught_up) {
            return who->name() + " is " + status.state +
                   (status.caught_up ? "" : ", and has not caught up");
        }
        if (status.outbox != 0 && everybody && !owes) {
            return fmt::format("{} still owes {} updates", who->name(), status.outbox);
        }
    }
    const company all{people, everybody, owes};
    const std::string waits = waits_to_join(all);
    return waits.empty() ? disagreement(all) : waits;
}

std::string lost_from(const std::vector<node::event_view>& seen, const person& who) {
    for (const node::event_view& one : seen) {
        const auto now = who.sees(one.id);
        if (!now) {
            return who.name() + " does not see " + one.id_text + " any more";
        }
        const auto before = claims::shown_version(one), after = claims::shown_version(*now);
        const bool newer = before.place() < after.place();  // an edit in doubt may be settled now
        if (!newer && !same(one, *now)) {
            return fmt::format("{} sees version {} of {}, and saw {}", who.name(),
                               now->version.value, one.id_text, one.version.value);
        }
    }
    return {};
}

}  // namespace calbox::lab
