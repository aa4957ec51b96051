#include "node/own_needs.hpp"

#include <algorithm>
#include <utility>

#include "base/flag_taken.hpp"
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
    bool changed = is_new || now.over || now.unnamed;
    if (newly_needed && (is_new || now.over)) {
        newly_needed(where.first);
    }
    now.unnamed.reset();
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
            now = own_need{{}, {}, {}, true, {}, {}};
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
    writes_.begin();
}

/// What comes together is written together. What a crash loses here is found again before anything
/// is released.
task<void> own_needs::write() {
    const auto written = co_await write_now();
    if (!written) {
        env_.log.write(log_level::warn, "files",
                       "cannot note who needs a file: " + written.error().message());
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

std::optional<std::vector<user_id>> own_needs::needed_by(const file_root& root) const {
    const auto ours = signed_in();
    std::optional<std::vector<user_id>> users;
    for (auto at = all_.lower_bound({root, user_id()}); at != all_.end() && at->first.first == root;
         ++at) {
        if (at->second.for_good || !looked_through_.contains(at->first.second)) {
            return std::nullopt;
        }
        users = users.value_or(std::vector<user_id>());
        const auto some = told_users(at->first, at->second, ours);
        users->insert(users->end(), some.begin(), some.end());
    }
    return users && knows_all() ? std::optional(replica::ordered(std::move(*users))) : std::nullopt;
}

bool own_needs::knows_all() const {
    return std::ranges::all_of(
        signed_in(), [this](const user_id& user) { return looked_through_.contains(user); });
}

/// Where the events of a file were too many to remember, all that have files are looked through.
std::set<event_id> own_needs::naming(const std::set<file_root>& roots) const {
    const auto ours = signed_in();
    std::set<event_id> found;
    std::set<user_id> unsure;
    for (const file_root& root : roots) {
        for (auto at = all_.lower_bound({root, user_id()});
             at != all_.end() && at->first.first == root; ++at) {
            found.insert(at->second.events.begin(), at->second.events.end());
            if (at->second.for_good && ours.contains(at->first.second)) {
                unsure.insert(at->first.second);
            }
        }
    }
    for (const user_id& user : unsure) {
        for (const opened_event* const one : with_.opened.with_files(user)) {
            if (std::ranges::any_of(one->content.files, [&](const model::attachment& file) {
                    return roots.contains(file.root);
                })) {
                found.insert(one->header.event);
            }
        }
    }
    return found;
}

bool own_needs::concerns(const file_root& root, const std::vector<user_id>& users) const {
    for (auto at = all_.lower_bound({root, user_id()}); at != all_.end() && at->first.first == root;
         ++at) {
        const auto& need = at->second;
        if (need.for_good || std::ranges::any_of(users, [&](const user_id& user) {
                return std::ranges::binary_search(need.users, user);
            })) {
            return true;
        }
    }
    return false;
}

bool own_needs::knows(const file_root& root) const {
    const auto first = all_.lower_bound({root, user_id()});
    return first != all_.end() && first->first.first == root;
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
    ++changes_;
    const auto ours = signed_in();
    for (const user_id& user : std::set(looked_through_)) {
        if (!ours.contains(user)) {
            looked_through_.erase(user);
            unmarked_.insert(user);
        }
    }
    begin_looking();
}

void own_needs::begin_looking() {
    if (!std::exchange(looking_, true)) {
        tasks_.spawn("look through", look_through());
    }
}

/// Whoever signs in may have events here already, of others who use this device or from an archive;
/// whoever was signed out may have missed any.
task<void> own_needs::look_through() {
    const flag_taken until_the_end{looking_};
    std::optional<std::uint64_t> looked;
    while (looked != changes_) {
        looked = changes_;
        replica::batch writes;
        for (const user_id& user : std::exchange(unmarked_, {})) {
            writes.erase(replica::record_kind::meta, looked_key(user));
        }
        if (!writes.empty()) {
            (void)co_await db_.apply(std::move(writes));  // he is looked through again all the same
        }
        for (const user_id& user : signed_in()) {
            if (!looked_through_.contains(user)) {
                co_await note_everything(user);
            }
        }
    }
}

task<void> own_needs::note_everything(user_id user) {
    const auto then = changes_;
    const auto found = co_await everything_named(user);
    const auto written = found ? co_await write_now() : fail(errc::io_failed);
    if (!written || then != changes_) {
        co_return;
    }
    replica::batch writes;
    writes.put(replica::record_kind::meta, looked_key(user), bytes{1});
    const auto stored = co_await db_.apply(std::move(writes));
    if (then != changes_) {
        unmarked_.insert(user);
    } else if (stored) {
        looked_through_.insert(user);
    }
}

/// By any version of any event that is here and that the user may read, each of which is noted.
/// Nothing: the disk failed.
task<std::optional<own_needs::findings>> own_needs::everything_named(user_id user) {
    std::vector<event_id> all;
    for (const auto& [which, held] : with_.replica.events().all()) {
        if (held.header.type == event_kind::calendar) {
            all.push_back(which);
        }
    }
    findings found;
    std::size_t looked = 0;
    for (const event_id& which : all) {
        if (++looked % looked_at_once == 0) {
            co_await offload(env_, env_.compute, [] { return true; });  // others have their turn
        }
        const auto whole = co_await note_named(which, user, found.named);
        if (!whole) {
            co_return std::nullopt;
        }
        if (!*whole && !found.unclear) {
            found.unclear = which;
        }
    }
    if (!found.unclear && !with_.replica.events().lost().empty()) {
        found.unclear = *with_.replica.events().lost().begin();
    }
    co_return found;
}

/// False: the user takes part in a version and cannot read it, or the fate of an edit is unknown.
task<result<bool>> own_needs::note_named(event_id which, user_id user, std::set<file_root>& named) {
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
    bool whole = !with_.replica.is_doubtful(which) && (held == nullptr || read(*held));
    const auto kept = co_await with_.earlier.kept(which);
    if (!kept) {
        co_return fail(kept.error());
    }
    for (const auto& past : *kept) {
        if (past.what.kind != envelope_kind::put) {
            continue;
        }
        const auto version = co_await with_.earlier.read(which, past.what.order);
        if (!version && version.error().code == errc::not_found) {
            continue;
        }
        if (!version) {
            co_return fail(version.error());
        }
        whole = read(*version) && whole;
    }
    co_return whole;
}

task<void> own_needs::clean() {
    begin_looking();  // whoever could not be looked through is tried again
    if (!with_.ready.caught_up()) {
        co_return;  // what was missed may name anything
    }
    for (const user_id& user : signed_in()) {
        co_await find_over(user);
    }
    co_await erase_unnamed();
    forget_old();
    tell_all();
}

void own_needs::tell_all() {
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
        if (!signed_in().contains(user)) {
            co_return;
        }
        const auto now = all_.find(where);
        if (named && now != all_.end() && now->second.unnamed) {
            now->second.unnamed.reset();
            note(where);
        }
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
    if (unnamed.empty()) {
        co_return;
    }
    const auto found = co_await everything_named(user);
    if (found && found->unclear) {
        env_.log.write(log_level::warn, "files",
                       "files of deleted events are not given up, since it is not clear what an "
                       "event says: " +
                           with_.who.id_text(*found->unclear));
    }
    if (!found || found->unclear || !signed_in().contains(user)) {
        co_return;
    }
    for (const auto& [where, events] : unnamed) {
        const auto now = all_.find(where);
        // An event may have changed while all were read.
        if (found->named.contains(where.first) || now == all_.end() ||
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
        const bool all_told = std::ranges::all_of(
            backups, [&](const device_id& one) { return std::ranges::count(what.told, one) > 0; });
        if (all_told || now.ms - what.over->ms >= grace + told_for) {
            const place gone = where;
            all_.erase(here);
            note(gone);
        }
    }
}

}  // namespace calbox::node
