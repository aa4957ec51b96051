#include "lab/random/errands.hpp"

#include <algorithm>

#include "crypto/primitives.hpp"
#include "model/recurrence.hpp"

namespace calbox::lab {

namespace {

constexpr std::uint64_t file_bytes_most = 200'000;
constexpr std::uint64_t thinking_most_ms = 20'000;
constexpr std::optional<std::uint32_t> every_right =
    guest_right::standard | guest_right::invite | guest_right::remove;

std::vector<std::string> names_of(const std::vector<const person*>& people) {
    std::vector<std::string> names;
    for (const person* one : people) {
        names.push_back(one->name());
    }
    return names;
}

template <class T>
bool has_ended(const std::shared_ptr<outcome<T>>& what) {
    return what && what->ended;
}

}  // namespace

bytes errands::content_of(const std::string& file, std::uint64_t number) {
    seeded chance(number, file);
    bytes content = to_bytes(as_bytes(file));
    content.resize(content.size() + static_cast<std::size_t>(chance.below(file_bytes_most)));
    chance.fill(std::span(content).subspan(file.size()));
    return content;
}

bool errands::waiting::ended() const {
    return has_ended(view) || has_ended(plain) || has_ended(attached) || has_ended(joined);
}

std::vector<const person*> errands::guests_of(const user_id& organizer, std::uint64_t bits) const {
    std::vector<const person*> guests;
    for (std::size_t i = 0; i < people_.size(); ++i) {
        const bool invited = std::ranges::count(guests, people_[i].id(), &person::id) != 0;
        if (((bits >> i) & 1) != 0 && people_[i].id() != organizer && !invited) {
            guests.push_back(&people_[i]);
        }
    }
    return guests;
}

void errands::begin(person& who, const action& what) {
    if (what.what == action_kind::sign_in) {
        sign_in(who);
        return;
    }
    if (!who.signed_in()) {
        return;
    }
    if (what.what == action_kind::sign_out) {
        sign_out(who);
        return;
    }
    if (what.what == action_kind::create) {
        create(who, what);
        return;
    }
    if (what.what == action_kind::bring_back && !deleted_.empty()) {
        bring_back(who, deleted_[static_cast<std::size_t>(what.which % deleted_.size())]);
        return;
    }
    if (what.what == action_kind::join_event && join(who, what)) {
        return;
    }
    const auto all = who.sees_all();
    if (all.empty()) {
        return;
    }
    if (what.what == action_kind::open_event && open(who, what, all)) {
        return;
    }
    if (what.what == action_kind::split_series && split(who, what, all)) {
        return;
    }
    const node::event_view& seen = all[static_cast<std::size_t>(what.which % all.size())];
    const bool guest = seen.id.organizer != who.id();
    if (what.what == action_kind::detach && !seen.content.files.empty()) {
        const auto& files = seen.content.files;
        detach(who, seen, files[static_cast<std::size_t>(what.number % files.size())].name);
    } else if (what.what == action_kind::replace && !seen.content.files.empty()) {
        const auto& files = seen.content.files;
        replace(who, seen, files[static_cast<std::size_t>(what.number % files.size())].name,
                what.number);
    } else if (what.what == action_kind::attach || what.what == action_kind::detach ||
               what.what == action_kind::replace) {
        attach(who, seen);
    } else if (guest && (what.what == action_kind::answer ||
                         (what.what == action_kind::leave && guests_change_))) {
        set_own_part(who, what, seen);
    } else if (what.what == action_kind::take_over) {
        take_over(who, seen);
    } else if (what.what == action_kind::restore && seen.version > version_number(1)) {
        restore(who, what, seen);
    } else {
        change(who, what, seen);
    }
}

void errands::sign_in(const person& who) {
    if (!who.signed_in() && std::ranges::count(visits_, &who, &visit::who) == 0) {
        seen_.note(happening::call, who.at().name(), "signs in");
        visits_.push_back({&who, who.begin_sign_in(), nullptr});
    }
}

void errands::sign_out(const person& who) {
    seen_.note(happening::call, who.at().name(), "signs out");
    visits_.push_back({&who, nullptr, who.begin_sign_out()});
}

void errands::wait_for(waiting one) {
    waiting_.push_back(std::move(one));
    ++counts_.asked;
}

void errands::create(person& who, const action& what) {
    waiting one;
    one.who = &who;
    one.marker = seen_.claims.secrets.marker(who.id());
    const auto guests = guests_of(who.id(), what.number);
    for (const person* guest : guests) {
        seen_.claims.secrets.allow(one.marker, guest->id());
    }
    one.what = seen_.creates(who);
    const bool all = (what.number & guests_may_all) != 0 && guests_change_;
    one.view = who.begin_create(one.marker, names_of(guests), all ? every_right : std::nullopt,
                                (what.number & every_day) != 0);
    wait_for(std::move(one));
}

errands::waiting errands::set_operation(const person& who, const node::event_view& in) {
    waiting one;
    one.who = &who;
    one.event = in.id;
    one.of_newest = true;
    return one;
}

void errands::attach(person& who, const node::event_view& to) {
    waiting one = set_operation(who, to);
    one.marker = seen_.claims.secrets.marker(who.id());
    one.file = one.marker + ".bin";
    seen_.writes(one.marker, to.id);
    bytes content = content_of(one.file);
    attach(who, to, std::move(one), std::move(content), false);
}

void errands::replace(person& who, const node::event_view& in, const std::string& file,
                      std::uint64_t number) {
    waiting one = set_operation(who, in);
    one.file = file;
    attach(who, in, std::move(one), content_of(file, number), true);
}

void errands::attach(person& who, const node::event_view& to, waiting one, bytes content,
                     bool replaces) {
    files_[to.id].insert(one.file);
    one.size = content.size();
    one.what = seen_.attaches(who, to, one.file, crypto::sha256(content), one.size);
    one.attached = who.begin_attach(to.id, one.file, std::move(content), replaces);
    wait_for(std::move(one));
}

void errands::detach(person& who, const node::event_view& from, const std::string& file) {
    waiting one = set_operation(who, from);
    one.what = seen_.sets(who, from);
    seen_.would_set(one.what, {claims::field::kind::file, file}, std::string(claims::field_gone));
    one.plain = who.begin_detach(from.id, file);
    wait_for(std::move(one));
}

void errands::set_own_part(person& who, const action& what, const node::event_view& in) {
    waiting one = set_operation(who, in);
    one.what = seen_.sets(who, in);
    const claims::field his_answer{claims::field::kind::answer, who.name()};
    if (what.what == action_kind::answer) {
        constexpr model::participation words[] = {model::participation::accepted,
                                                  model::participation::tentative,
                                                  model::participation::declined};
        const auto said = words[what.number % std::size(words)];
        seen_.would_set(one.what, his_answer, std::string(model::to_string(said)));
        one.view = who.begin_answer(in.id, said);
    } else {
        seen_.would_set(one.what, {claims::field::kind::part, who.name()},
                        std::string(claims::field_gone));
        seen_.would_set(one.what, his_answer, std::nullopt);
        one.plain = who.begin_leave(in.id);
    }
    wait_for(std::move(one));
}

void errands::changes_guests(const ticket& by, const node::event_view& of,
                             const std::vector<const person*>& to) {
    for (const person& one : people_) {
        if (one.id() == of.id.organizer) {
            continue;  // who always takes part
        }
        const bool invited = std::ranges::count(to, one.id(), &person::id) != 0;
        seen_.would_set(by, {claims::field::kind::part, one.name()},
                        std::string(invited ? claims::field_there : claims::field_gone));
        seen_.would_set(by, {claims::field::kind::answer, one.name()}, std::nullopt);
    }
}

void errands::change(person& who, const action& what, const node::event_view& seen) {
    waiting one;
    one.who = &who;
    one.event = seen.id;
    const auto may = [&](std::uint32_t right) {
        return seen.id.organizer == who.id() || (guests_change_ && (seen.guests_may & right) != 0);
    };
    if (what.what == action_kind::remove && may(guest_right::remove)) {
        one.what = seen_.removes(who, seen);
        deleted_.push_back(seen.id);
        one.plain = who.begin_remove(seen.id, seen.version);
    } else {
        one.marker = seen_.claims.secrets.marker(who.id());
        seen_.writes(one.marker, seen.id);
        one.of_newest = what.what == action_kind::edit;  // that it has locked
        one.what = one.of_newest ? seen_.sets(who, seen) : seen_.changes(who, seen);
        seen_.would_set(one.what, {claims::field::kind::title, {}}, one.marker);
        if (what.what == action_kind::edit) {
            one.view = who.begin_edit(seen.id, one.marker,
                                      std::chrono::milliseconds(what.number % thinking_most_ms));
        } else if (what.what == action_kind::invite && may(guest_right::invite) && guests_change_) {
            const auto guests = guests_of(seen.id.organizer, what.number);
            for (const person* guest : guests) {
                seen_.claims.secrets.allow(one.marker, guest->id());
            }
            changes_guests(one.what, seen, guests);
            one.view = who.begin_invite(seen.id, one.marker, names_of(guests), seen.version);
        } else {
            one.view = who.begin_change(seen.id, one.marker, seen.version);
        }
    }
    wait_for(std::move(one));
}

void errands::take_over(person& who, const node::event_view& seen) {
    waiting one = set_operation(who, seen);
    one.what = seen_.takes_over(who, seen);
    one.view = who.begin_take_over(seen.id);
    wait_for(std::move(one));
}

void errands::bring_back(person& who, const event_id& which) {
    waiting one;
    one.who = &who;
    one.event = which;
    one.of_newest = true;
    one.what = seen_.brings_back(who, which);
    one.view = who.begin_bring_back(which);
    wait_for(std::move(one));
}

void errands::restore(person& who, const action& what, const node::event_view& seen) {
    waiting one;
    one.who = &who;
    one.event = seen.id;
    one.what = seen_.restores(who, seen);
    seen_.would_set(one.what, {claims::field::kind::title, {}}, std::nullopt);
    for (const std::string& file : files_[seen.id]) {
        seen_.would_set(one.what, {claims::field::kind::file, file}, std::nullopt);
    }
    const version_number earlier(1 + what.number % (seen.version.value - 1));
    one.view = who.begin_restore(seen.id, earlier, seen.version);
    wait_for(std::move(one));
}

bool errands::split(person& who, const action& what, const std::vector<node::event_view>& all) {
    std::vector<const node::event_view*> series;
    for (const node::event_view& seen : all) {
        if (seen.id.organizer == who.id() && model::is_series(seen.content)) {
            series.push_back(&seen);
        }
    }
    if (series.empty()) {
        return false;
    }
    const auto& seen = *series[static_cast<std::size_t>(what.which % series.size())];
    waiting one = set_operation(who, seen);
    one.splits = true;
    one.marker = seen_.claims.secrets.marker(who.id());
    one.what = seen_.splits(who, seen, one.marker);
    constexpr auto later = static_cast<std::uint64_t>(claims::whole_splits::days - 1);
    one.view = who.begin_split(seen, one.marker, static_cast<int>(1 + what.number % later));
    wait_for(std::move(one));
    return true;
}

/// False where he organizes nothing that he could open.
bool errands::open(person& who, const action& what, const std::vector<node::event_view>& all) {
    const auto his = std::ranges::find(
        all, who.id(), [](const node::event_view& seen) { return seen.id.organizer; });
    if (his == all.end() || !guests_change_) {
        return false;
    }
    constexpr std::uint64_t one_of = 4;  // is closed again
    opening one{&who, his->id, nullptr, nullptr};
    if (what.number % one_of == 0) {
        one.closed = who.begin_close(his->id);
    } else {
        one.link = who.begin_open(his->id);
    }
    openings_.push_back(std::move(one));
    return true;
}

/// False where nobody has opened anything, or he takes part as far as he knows: then he is told so,
/// which may be old news.
bool errands::join(person& who, const action& what) {
    if (links_.empty()) {
        return false;
    }
    const auto& [event, link] = links_[static_cast<std::size_t>(what.which % links_.size())];
    if (who.sees(event)) {
        return false;
    }
    waiting one;
    one.who = &who;
    one.event = event;
    one.what = seen_.joins(who, event);
    seen_.would_set(one.what, {claims::field::kind::part, who.name()},
                    std::string(claims::field_there));
    seen_.would_set(one.what, {claims::field::kind::answer, who.name()}, std::nullopt);
    one.joined = who.begin_join(link);
    wait_for(std::move(one));
    return true;
}

/// The new event has the series' files.
void errands::split_ended(waiting& one) {
    const auto& how = one.view->value;
    if (how && *how) {
        const node::event_view& made = **how;
        for (const model::attachment& file : made.content.files) {
            files_[made.id].insert(file.name);
            attached_[{made.id, file.name}] = attached_[{one.event, file.name}];
        }
    }
    seen_.answered_split(std::move(one.what), how);
}

void errands::collect() {
    std::erase_if(waiting_, [&](waiting& one) {
        const bool ended = one.ended();
        if (ended) {
            write_down(one);
        }
        return ended;
    });
    std::erase_if(openings_, [this](const opening& one) {
        if (has_ended(one.link) && one.link->value && *one.link->value) {
            links_.emplace_back(one.which, **one.link->value);
        }
        return has_ended(one.link) || has_ended(one.closed);
    });
    std::erase_if(visits_, [](const visit& one) {
        if (has_ended(one.in) && one.in->value && *one.in->value) {
            one.who->at().follow(one.who->id());
        }
        return has_ended(one.in) || has_ended(one.out);
    });
}

void errands::lose(const device& at) {
    std::erase_if(visits_, [&](const visit& one) { return &one.who->at() == &at; });
    std::erase_if(openings_, [&](const opening& one) { return &one.who->at() == &at; });
    std::erase_if(waiting_, [&](waiting& one) {
        if (&one.who->at() != &at) {
            return false;
        }
        one.view = one.view ? std::make_shared<outcome<result<node::event_view>>>() : nullptr;
        one.plain = one.plain ? std::make_shared<outcome<result<void>>>() : nullptr;
        one.attached =
            one.attached ? std::make_shared<outcome<result<node::file_view>>>() : nullptr;
        one.joined = one.joined ? std::make_shared<outcome<result<node::join_view>>>() : nullptr;
        write_down(one);
        return true;
    });
}

template <class T>
void errands::count(const answer<T>& how) {
    if (!how) {
        ++counts_.unknown;
    } else {
        ++(*how ? counts_.acknowledged : counts_.refused);
    }
}

void errands::write_down(waiting& one) {
    if (one.view) {
        count(one.view->value);
        if (one.splits) {
            split_ended(one);
            return;
        }
        if (one.of_newest) {
            seen_.answered_set(std::move(one.what), one.view->value);
            return;
        }
        seen_.answered(std::move(one.what), one.view->value);
        if (one.view->value && *one.view->value) {
            seen_.writes(one.marker, (*one.view->value)->id);
        }
    } else if (one.plain) {
        count(one.plain->value);
        if (one.of_newest) {
            seen_.answered_set(std::move(one.what), one.plain->value);
        } else {
            seen_.answered(std::move(one.what), one.plain->value);
        }
    } else if (one.joined) {
        count(one.joined->value);
        seen_.answered_join(std::move(one.what), one.joined->value);
    } else {
        const auto& how = one.attached->value;
        count(how);
        const bool made = how && *how;
        if (made && (*how)->what.name != one.file) {
            // Somebody was quicker to put another one there: this one is beside it.
            one.file = (*how)->what.name;
            files_[one.event].insert(one.file);
            seen_.attached_beside(one.what, one.file, one.size);
        }
        if (made || !how || claims::leaves_unknown((*how).error().code)) {
            attachers& by = attached_[{one.event, one.file}];
            by.names.insert(one.who->name());
            by.acknowledged = by.acknowledged || made;
        }
        seen_.answered_set(std::move(one.what), how);
    }
}

/// A file that nobody was told is there need not be, and where one of those who wanted one of that
/// name there stays away, it may have been with him alone.
bool errands::must_be_there(const event_id& event, const std::string& file,
                            const std::vector<const person*>& present) const {
    const auto by = attached_.find({event, file});
    return by != attached_.end() && by->second.acknowledged &&
           std::ranges::all_of(by->second.names, [&](const std::string& name) {
               return std::ranges::count(present, name, &person::name) != 0;
           });
}

}  // namespace calbox::lab
