#include "node/own_needs.hpp"

#include <algorithm>

#include "wire/limits.hpp"

namespace calbox::node {

namespace {

/// A backup that does not come for so long is not told any more, and keeps what it has.
constexpr std::int64_t told_for =
    std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::days(90)).count();
constexpr std::size_t looked_at_once = 20;
constexpr std::string_view looked_prefix = "files noted of ";

bytes own_need_key(const file_root& root, const user_id& user) {
    bytes key = to_bytes(root.view());
    key.insert(key.end(), user.value.begin(), user.value.end());
    return key;
}

/// Record of kind meta: everything of the user that was here when he signed in has been noted.
bytes looked_key(const user_id& user) {
    bytes key = to_bytes(looked_prefix);
    key.insert(key.end(), user.value.begin(), user.value.end());
    return key;
}

replica::user_list ordered_of(const std::set<user_id>& users) { return {users.begin(), users.end()}; }

bool names(const model::event_content& content, const file_root& root) {
    return std::ranges::find(content.files, root, &model::attachment::root) != content.files.end();
}

/// Does the current version of one of these name it, or may it, since it cannot be read?
bool is_named_now(const own_needs::parts& with, const std::vector<event_id>& events,
                  const file_root& root, const user_id& user) {
    return std::ranges::any_of(events, [&](const event_id& which) {
        const replica::held_event* const held = with.replica.events().find(which);
        if (with.replica.events().lost().contains(which) || with.replica.is_doubtful(which)) {
            return true;
        }
        if (held == nullptr || held->header.kind != envelope_kind::put ||
            !held->header.involves(user)) {
            return false;
        }
        const auto opened = with.opened.open(which, user);
        return !opened || names((*opened)->content, root);
    });
}

}  // namespace

task<result<void>> own_needs::load() {
    const auto rows = co_await db_.scan(replica::record_kind::file);
    if (!rows) {
        co_return fail(rows.error());
    }
    for (const auto& [key, value] : *rows) {
        if (key.size() != file_root::size + user_id::size) {
            continue;
        }
        const byte_view view = key;
        const place where{*file_root::from_bytes(view.first(file_root::size)),
                          *user_id::from_bytes(view.last(user_id::size))};
        auto read = codec::decode<own_need>(value);
        if (!read) {
            env_.log.write(log_level::warn, "files",
                           "the disk has damaged who needs a file: " + where.first.hex());
            read.emplace();
            read->for_good = true;
        }
        all_[where] = std::move(*read);
    }
    const auto looked = co_await db_.scan(replica::record_kind::meta);
    if (!looked) {
        co_return fail(looked.error());
    }
    for (const auto& [key, value] : *looked) {
        const byte_view view = key;
        if (key.size() == looked_prefix.size() + user_id::size &&
            as_text(view.first(looked_prefix.size())) == looked_prefix) {
            looked_through_.insert(*user_id::from_bytes(view.last(user_id::size)));
        }
    }
    co_return result<void>();
}

std::set<user_id> own_needs::signed_in() const {
    std::set<user_id> ours;
    for (const account_view& user : with_.who.accounts().signed_in()) {
        ours.insert(user.id);
    }
    return ours;
}

void own_needs::look(const envelope_header& now) {
    if (now.type != event_kind::calendar) {
        return;
    }
    if (now.kind != envelope_kind::put) {
        named_until_.clear();  // the trash may be shorter than the history
        return;
    }
    for (const user_id& user : signed_in()) {
        const auto opened =
            now.involves(user) ? with_.opened.open(now.event, user) : fail(errc::not_found);
        for (const model::attachment& file :
             opened ? (*opened)->content.files : std::vector<model::attachment>()) {
            add({file.root, user}, now);
        }
    }
}

void own_needs::add(const place& where, const envelope_header& in) {
    const auto [found, is_new] = all_.try_emplace(where);
    own_need& now = found->second;
    bool changed = is_new || now.over;
    if (now.over) {
        now.over.reset();
        now.told.clear();
    }
    if (!now.for_good) {
        const auto at = std::ranges::lower_bound(now.events, in.event);
        if (at == now.events.end() || *at != in.event) {
            now.events.insert(at, in.event);
            changed = true;
        }
        replica::user_list users = now.users;
        if (in.participants.size() < wire::limits::needs_per_file) {
            users.insert(users.end(), in.participants.begin(), in.participants.end());
        }
        users.push_back(in.event.organizer);
        users.push_back(where.second);
        users = replica::ordered(std::move(users));
        if (now.events.size() > events_most || users.size() > wire::limits::needs_per_file ||
            in.participants.size() >= wire::limits::needs_per_file) {
            now = own_need{{}, {}, {}, true, {}};
            changed = true;
        } else if (users != now.users) {
            now.users = std::move(users);
            changed = true;
        }
    }
    if (changed) {
        note(where);
    }
}

void own_needs::note(const place& where) {
    unwritten_.insert(where);
    if (!std::exchange(writing_, true)) {
        tasks_.spawn("write", write());
    }
}

/// What comes together is written together. What a crash loses here is found again before anything
/// is released.
task<void> own_needs::write() {
    const struct ending {
        bool& writing;
        ~ending() { writing = false; }
    } however_it_ends{writing_};
    while (!unwritten_.empty()) {
        const auto written = co_await write_now();
        if (!written) {
            env_.log.write(log_level::warn, "files",
                           "cannot note who needs a file: " + written.error().message());
            co_return;
        }
    }
}

task<result<void>> own_needs::write_now() {
    replica::batch writes;
    const auto taken = std::exchange(unwritten_, {});
    for (const auto& [root, user] : taken) {
        const auto now = all_.find({root, user});
        if (now == all_.end()) {
            writes.erase(replica::record_kind::file, own_need_key(root, user));
        } else {
            writes.put(replica::record_kind::file, own_need_key(root, user),
                       codec::encode(now->second));
        }
    }
    if (writes.empty()) {
        co_return result<void>();
    }
    auto written = co_await db_.apply(std::move(writes));
    if (!written) {
        unwritten_.insert(taken.begin(), taken.end());  // with what is noted next
    }
    co_return written;
}

task<result<void>> own_needs::expect(file_root root, user_id as, envelope_header in) {
    add({root, as}, in);
    auto written = co_await write_now();
    const auto users = needed_by(root);
    if (written && with_.keep_here && users) {
        const auto kept = co_await with_.keep_here(root, *users, as);
        co_return kept.map([](bool) {});
    }
    co_return written;
}

std::optional<std::vector<user_id>> own_needs::needed_by(const file_root& root) const {
    if (!replica::without(ordered_of(signed_in()), ordered_of(looked_through_)).empty()) {
        return std::nullopt;
    }
    std::optional<std::vector<user_id>> users;
    for (auto at = all_.lower_bound({root, user_id()}); at != all_.end() && at->first.first == root;
         ++at) {
        if (at->second.for_good) {
            return std::nullopt;
        }
        if (!at->second.over) {
            users = users.value_or(std::vector<user_id>());
            users->insert(users->end(), at->second.users.begin(), at->second.users.end());
        }
    }
    return users ? std::optional(replica::ordered(std::move(*users))) : std::nullopt;
}

bool own_needs::is_over(const file_root& root) const {
    const auto first = all_.lower_bound({root, user_id()});
    auto at = first;
    for (; at != all_.end() && at->first.first == root; ++at) {
        if (!at->second.over) {
            return false;
        }
    }
    return at != first;
}

void own_needs::users_changed() {
    if (!std::exchange(looking_, true)) {
        tasks_.spawn("look through", look_through());
    }
}

/// Whoever signs in may have events here already, of others who use this device or from an archive;
/// whoever was signed out may have missed any.
task<void> own_needs::look_through() {
    const struct ending {
        bool& looking;
        ~ending() { looking = false; }
    } however_it_ends{looking_};
    for (bool again = true; again;) {
        again = false;
        const auto ours = signed_in();
        replica::batch writes;
        for (const user_id& user : std::set(looked_through_)) {
            if (!ours.contains(user)) {
                looked_through_.erase(user);
                writes.erase(replica::record_kind::meta, looked_key(user));
            }
        }
        if (!writes.empty()) {
            (void)co_await db_.apply(std::move(writes));  // he is looked through again all the same
        }
        for (const user_id& user : ours) {
            if (!looked_through_.contains(user) && co_await note_everything(user)) {
                again = true;
            }
        }
    }
}

task<bool> own_needs::note_everything(user_id user) {
    const auto named = co_await everything_named(user);
    const auto written = named ? co_await write_now() : fail(errc::unsupported);
    if (!written || !signed_in().contains(user)) {
        co_return false;
    }
    replica::batch writes;
    writes.put(replica::record_kind::meta, looked_key(user), bytes{1});
    const bool stored = (co_await db_.apply(std::move(writes))).has_value();
    if (stored && signed_in().contains(user)) {
        looked_through_.insert(user);
    }
    co_return stored;
}

/// By any version of any event that is here and that the user may read, each of which is noted.
/// Nothing: there is one that cannot be read, or whose fate is not known.
task<std::optional<std::set<file_root>>> own_needs::everything_named(user_id user) {
    std::vector<event_id> all;
    for (const auto& [which, held] : with_.replica.events().all()) {
        if (held.header.type == event_kind::calendar) {
            all.push_back(which);
        }
    }
    std::set<file_root> named;
    if (!with_.replica.events().lost().empty()) {
        co_return std::nullopt;
    }
    std::size_t looked = 0;
    for (const event_id& which : all) {
        if (++looked % looked_at_once == 0) {
            co_await offload(env_, env_.compute, [] { return true; });  // others have their turn
        }
        if (!co_await note_named(which, user, named)) {
            co_return std::nullopt;
        }
    }
    co_return named;
}

task<bool> own_needs::note_named(event_id which, user_id user, std::set<file_root>& named) {
    // False: it takes part in this version, and cannot read it.
    const auto read = [&](const replica::held_event& version) {
        if (version.header.kind != envelope_kind::put || !version.header.involves(user)) {
            return true;
        }
        const auto opened = with_.opened.read(version, user);
        for (const model::attachment& file :
             opened ? opened->content.files : std::vector<model::attachment>()) {
            named.insert(file.root);
            add({file.root, user}, version.header);
        }
        return opened.has_value();
    };
    const replica::held_event* const held = with_.replica.events().find(which);
    if (with_.replica.is_doubtful(which) || (held != nullptr && !read(*held))) {
        co_return false;
    }
    const auto kept = co_await with_.earlier.kept(which);
    if (!kept) {
        co_return false;
    }
    for (const auto& past : *kept) {
        if (past.what.kind != envelope_kind::put) {
            continue;
        }
        const auto version = co_await with_.earlier.read(which, past.what.order);
        if (!version && version.error().code == errc::not_found) {
            continue;
        }
        if (!version || !read(*version)) {
            co_return false;
        }
    }
    co_return true;
}

task<void> own_needs::clean() {
    if (!with_.ready.caught_up()) {
        co_return;  // what was missed may name anything
    }
    users_changed();  // whoever could not be looked through is tried again
    for (const user_id& user : signed_in()) {
        co_await find_over(user);
    }
    forget_old();
    for (const device_id& backup : with_.backups()) {
        if (with_.is_reachable(backup)) {
            on_backup(backup);
        }
    }
}

/// Cheap first: what the events that are known to have named a file say of it. Where none does any
/// more, everything that the user has is asked before the file is released.
task<void> own_needs::find_over(user_id user) {
    std::vector<std::pair<place, std::vector<event_id>>> all, unnamed;
    for (const auto& [where, what] : all_) {
        if (where.second == user && !what.for_good) {
            all.emplace_back(where, what.events);
        }
    }
    std::size_t looked = 0;
    for (const auto& [where, events] : all) {
        if (++looked % looked_at_once == 0) {
            co_await offload(env_, env_.compute, [] { return true; });  // others have their turn
        }
        const bool named = co_await is_named(where, events);
        const auto now = all_.find(where);
        if (now == all_.end() || named != now->second.over.has_value()) {
            continue;
        }
        if (!named) {
            unnamed.emplace_back(where, events);
            continue;
        }
        now->second.over.reset();
        now->second.told.clear();
        note(where);
    }
    const auto named = unnamed.empty() ? std::nullopt : co_await everything_named(user);
    for (const auto& [where, events] : unnamed) {
        const auto now = all_.find(where);
        // An event may have changed while all were read.
        if (!named || named->contains(where.first) || now == all_.end() ||
            now->second.events != events || is_named_now(with_, events, where.first, user)) {
            continue;
        }
        now->second.over = env_.time.wall();
        now->second.told.clear();
        note(where);
    }
}

/// By a version of one of the events that is here, for the user. What cannot be read may.
task<bool> own_needs::is_named(place where, std::vector<event_id> events) {
    const auto& [root, user] = where;
    if (const auto known = named_until_.find(where);
        known != named_until_.end() && env_.time.wall() < known->second) {
        co_return true;
    }
    if (is_named_now(with_, events, root, user)) {
        co_return true;
    }
    for (const event_id& which : events) {
        const auto kept = co_await with_.earlier.kept(which);
        if (!kept) {
            co_return true;
        }
        for (auto past = kept->rbegin(); past != kept->rend(); ++past) {
            if (past->what.kind != envelope_kind::put) {
                continue;
            }
            const auto version = co_await with_.earlier.read(which, past->what.order);
            if (!version && version.error().code == errc::not_found) {
                continue;
            }
            if (version && !version->header.involves(user)) {
                continue;
            }
            const auto opened = version ? with_.opened.read(*version, user) : fail(version.error());
            if (!opened) {
                co_return true;
            }
            if (names(opened->content, root)) {
                named_until_[where] = past->until;
                co_return true;
            }
        }
    }
    named_until_.erase(where);
    co_return false;
}

/// As long as the bytes are here, the row keeps this device from offering them as if they were new.
void own_needs::forget_old() {
    const timestamp now = env_.time.wall();
    const auto grace = std::chrono::duration_cast<std::chrono::milliseconds>(with_.grace).count();
    const auto backups = with_.backups();
    for (auto at = all_.begin(); at != all_.end();) {
        const auto here = at++;
        const auto& [where, what] = *here;
        if (!what.over || now.ms - what.over->ms < grace || with_.held.has(where.first) ||
            with_.held.lost().contains(where.first)) {
            continue;
        }
        const bool all_told = std::ranges::all_of(backups, [&](const device_id& one) {
            return std::ranges::count(what.told, one) > 0;
        });
        if (all_told || now.ms - what.over->ms >= grace + told_for) {
            const place gone = where;
            all_.erase(here);
            note(gone);
        }
    }
}

}  // namespace calbox::node
