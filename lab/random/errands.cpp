#include "lab/random/errands.hpp"

#include <algorithm>

#include "crypto/primitives.hpp"

namespace calbox::lab {

namespace {

constexpr std::uint64_t file_bytes_most = 200'000;

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

bytes errands::content_of(const std::string& file) {
    seeded chance(0, file);
    bytes content = to_bytes(as_bytes(file));
    content.resize(content.size() + static_cast<std::size_t>(chance.below(file_bytes_most)));
    chance.fill(std::span(content).subspan(file.size()));
    return content;
}

bool errands::waiting::ended() const {
    return has_ended(view) || has_ended(plain) || has_ended(attached);
}

std::vector<const person*> errands::guests_of(const person& host, std::uint64_t bits) const {
    std::vector<const person*> guests;
    for (std::size_t i = 0; i < people_.size(); ++i) {
        if (((bits >> i) & 1) != 0 && people_[i].name() != host.name()) {
            guests.push_back(&people_[i]);
        }
    }
    return guests;
}

void errands::begin(person& who, const action& what) {
    if (what.what == action_kind::create) {
        create(who, what);
        return;
    }
    const auto all = who.sees_all();
    if (all.empty()) {
        return;
    }
    const node::event_view& seen = all[static_cast<std::size_t>(what.which % all.size())];
    if (what.what == action_kind::attach) {
        attach(who, seen);
    } else {
        change(who, what, seen);
    }
}

void errands::create(person& who, const action& what) {
    waiting one;
    one.who = &who;
    one.marker = seen_.claims.secrets.marker(who.id());
    const auto guests = guests_of(who, what.number);
    for (const person* guest : guests) {
        seen_.claims.secrets.allow(one.marker, guest->id());
    }
    one.what = seen_.creates(who);
    one.view = who.begin_create(one.marker, names_of(guests));
    waiting_.push_back(std::move(one));
    ++counts_.asked;
}

void errands::attach(person& who, const node::event_view& to) {
    waiting one;
    one.who = &who;
    one.event = to.id;
    one.marker = seen_.claims.secrets.marker(who.id());
    one.file = one.marker + ".bin";
    seen_.writes(one.marker, to.id);
    bytes content = content_of(one.file);
    one.what = seen_.attaches(who, to, one.file, crypto::sha256(content));
    one.attached = who.begin_attach(to.id, one.file, std::move(content));
    waiting_.push_back(std::move(one));
    ++counts_.asked;
}

void errands::change(person& who, const action& what, const node::event_view& seen) {
    waiting one;
    one.who = &who;
    one.event = seen.id;
    const bool his = seen.id.organizer == who.id();
    if (what.what == action_kind::remove && his) {
        one.what = seen_.removes(who, seen);
        one.plain = who.begin_remove(seen.id, seen.version);
    } else {
        one.marker = seen_.claims.secrets.marker(who.id());
        seen_.writes(one.marker, seen.id);
        one.what = seen_.changes(who, seen);
        if (what.what == action_kind::invite && his && guests_change_) {
            const auto guests = guests_of(who, what.number);
            for (const person* guest : guests) {
                seen_.claims.secrets.allow(one.marker, guest->id());
            }
            one.view = who.begin_invite(seen.id, one.marker, names_of(guests), seen.version);
        } else {
            one.view = who.begin_change(seen.id, one.marker, seen.version);
        }
    }
    waiting_.push_back(std::move(one));
    ++counts_.asked;
}

void errands::collect() {
    std::erase_if(waiting_, [&](waiting& one) {
        const bool ended = one.ended();
        if (ended) {
            write_down(one);
        }
        return ended;
    });
}

void errands::lose(const device& at) {
    std::erase_if(waiting_, [&](waiting& one) {
        if (&one.who->at() != &at) {
            return false;
        }
        one.view = one.view ? std::make_shared<outcome<result<node::event_view>>>() : nullptr;
        one.plain = one.plain ? std::make_shared<outcome<result<void>>>() : nullptr;
        one.attached =
            one.attached ? std::make_shared<outcome<result<node::file_view>>>() : nullptr;
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
        seen_.answered(std::move(one.what), one.view->value);
        if (one.view->value && *one.view->value) {
            seen_.writes(one.marker, (*one.view->value)->id);
        }
    } else if (one.plain) {
        count(one.plain->value);
        seen_.answered(std::move(one.what), one.plain->value);
    } else {
        count(one.attached->value);
        seen_.answered(std::move(one.what), one.attached->value);
        if (one.attached->value && *one.attached->value) {
            attached_[{one.event, one.file}] = one.who->name();
        }
    }
}

/// A file that nobody was told is there need not be, and one whose attacher stays away may have
/// been with him alone.
bool errands::must_be_there(const event_id& event, const std::string& file,
                            const std::vector<const person*>& present) const {
    const auto by = attached_.find({event, file});
    return by != attached_.end() && std::ranges::any_of(present, [&](const person* one) {
               return one->name() == by->second;
           });
}

}  // namespace calbox::lab
