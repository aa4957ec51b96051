#include "node/file_copies.hpp"

#include <algorithm>
#include <deque>
#include <utility>

namespace calbox::node {

namespace {

/// Key <root, device>: whether that backup has kept the file, or is owed it. Keys of files
/// themselves are roots alone.
bytes copy_key(const file_root& root, const device_id& device) {
    bytes key = to_bytes(root.view());
    key.insert(key.end(), device.value.begin(), device.value.end());
    return key;
}

/// How long an attach waits for a first backup before it goes on with "only on this device".
constexpr duration copy_time = std::chrono::seconds(10);
/// A session that breaks and comes back is no reason to ask for everything again.
constexpr duration looked_again = std::chrono::minutes(1);
constexpr duration shown_again = std::chrono::minutes(1);
constexpr std::size_t offered_at_once = 32;  // to one backup

}  // namespace

task<result<void>> file_copies::load() {
    const auto rows = co_await db_.scan(replica::record_kind::file);
    if (!rows) {
        co_return fail(rows.error());
    }
    const auto backups = mediator_.backups();
    replica::batch gone;
    for (const auto& [key, value] : *rows) {
        if (key.size() != file_root::size + device_id::size) {
            continue;
        }
        const byte_view view = key;
        const auto device = *device_id::from_bytes(view.last(device_id::size));
        if (std::ranges::count(backups, device) == 0) {
            gone.erase(replica::record_kind::file, key);
            continue;
        }
        const auto kept = codec::decode<bool>(value);
        auto& copy = copies_[*file_root::from_bytes(view.first(file_root::size))];
        (kept && *kept ? copy.kept : copy.owed).insert(device);
    }
    if (gone.empty()) {
        co_return result<void>();
    }
    co_return co_await db_.apply(std::move(gone));
}

task<result<void>> file_copies::owe(std::vector<file> files) {
    replica::batch writes;
    std::map<device_id, std::vector<file>> to;
    for (const device_id& backup : mediator_.backups()) {
        for (const auto& [root, size] : files) {
            if (!copies_[root].kept.contains(backup)) {
                copies_[root].owed.insert(backup);
                writes.put(replica::record_kind::file, copy_key(root, backup),
                           codec::encode(false));
                to[backup].emplace_back(root, size);
            }
        }
    }
    if (writes.empty()) {
        co_return result<void>();
    }
    auto stored = co_await db_.apply(std::move(writes));
    for (auto& [backup, some] : to) {
        if (stored && mediator_.is_reachable(backup)) {
            tasks_.spawn("offer", offer_all(backup, std::move(some)));
        }
    }
    co_return stored;
}

struct file_copies::offers {
    std::deque<file> left;
    int offering = 0;
    event over;
    offers(const environment& env, std::vector<file> files)
        : left(files.begin(), files.end()), over(env) {}
};

task<void> file_copies::offer_all(device_id backup, std::vector<file> files) {
    const auto all = std::make_shared<offers>(env_, std::move(files));
    const std::size_t at_once = std::min(all->left.size(), offered_at_once);
    all->offering = static_cast<int>(at_once);
    for (std::size_t i = 0; i < at_once; ++i) {
        tasks_.spawn("offer", offer_next(backup, all));
    }
    if (at_once > 0) {
        co_await all->over.wait();
    }
}

task<void> file_copies::offer_next(device_id backup, std::shared_ptr<offers> from) {
    const struct ending {
        offers& from;
        ~ending() {
            if (--from.offering == 0) {
                from.over.set();
            }
        }
    } however_it_ends{*from};
    while (!from->left.empty()) {
        const auto [root, size] = from->left.front();
        from->left.pop_front();
        co_await offer(backup, root, size);
    }
}

task<void> file_copies::offer(device_id backup, file_root root, std::uint64_t size) {
    wire::file_keep what{root, size};
    if (needed_by) {
        what.users = needed_by(root);
    }
    const auto answer =
        co_await mediator_.ask(backup, wire::message_type::file_keep, codec::encode(what));
    if (!answer) {
        env_.log.write(log_level::debug, "files",
                       "a backup does not take a file: " + answer.error().message());
    }
    const bool will_not = !answer && (answer.error().code == errc::disk_full ||
                                      answer.error().code == errc::too_large);
    if (will_not) {
        refused_[root][backup] = answer.error().message();
    } else if (answer) {
        took(backup, root);
    }
}

void file_copies::took(const device_id& backup, const file_root& root) {
    if (const auto found = refused_.find(root); found != refused_.end()) {
        found->second.erase(backup);
        if (found->second.empty()) {
            refused_.erase(found);
        }
    }
}

std::map<device_id, std::string> file_copies::refused(const file_root& root) const {
    const auto found = refused_.find(root);
    return found == refused_.end() ? std::map<device_id, std::string>() : found->second;
}

task<void> file_copies::wait_for_one(std::vector<file_root> roots) {
    const instant until = env_.time.now() + copy_time;
    for (const file_root& root : roots) {
        while (copies_[root].kept.empty() && env_.time.now() < until) {
            const bool anybody = std::ranges::any_of(
                copies_[root].owed, [&](const device_id& d) { return mediator_.is_reachable(d); });
            if (!anybody) {
                break;
            }
            co_await sleep_for(env_, std::chrono::milliseconds(10));
        }
    }
}

std::vector<device_id> file_copies::kept(const file_root& root) const {
    const auto known = copies_.find(root);
    return known == copies_.end()
               ? std::vector<device_id>()
               : std::vector<device_id>(known->second.kept.begin(), known->second.kept.end());
}

std::vector<device_id> file_copies::lacking(const file_root& root) const {
    auto backups = mediator_.backups();
    for (const device_id& one : kept(root)) {
        std::erase(backups, one);
    }
    return backups;
}

task<void> file_copies::on_kept(device_id from, wire::file_kept what) {
    const auto held = held_.all().find(what.root);
    const bool lost = what.lost.value_or(false);
    const auto backups = mediator_.backups();
    if ((held == held_.all().end() && (lost || !copies_.contains(what.root))) ||
        std::ranges::count(backups, from) == 0) {
        co_return;
    }
    copies& copy = copies_[what.root];
    (lost ? copy.kept : copy.owed).erase(from);
    (lost ? copy.owed : copy.kept).insert(from);
    took(from, what.root);
    const std::uint64_t size = lost ? held->second : 0;
    note(what.root, from);
    if (lost) {
        co_await offer(from, what.root, size);
    }
}

/// What comes together is written together. A backup is asked again about what a crash loses here.
void file_copies::note(const file_root& root, const device_id& backup) {
    unwritten_.emplace(root, backup);
    writes_.begin();
}

task<void> file_copies::write() {
    replica::batch writes;
    for (const auto& [root, backup] : std::exchange(unwritten_, {})) {
        // As it is by now: what was noted may have been written over meanwhile.
        const auto now = known(root, backup);
        if (now) {
            writes.put(replica::record_kind::file, copy_key(root, backup), codec::encode(*now));
        } else {
            writes.erase(replica::record_kind::file, copy_key(root, backup));
        }
    }
    const auto stored = co_await db_.apply(std::move(writes));
    if (!stored) {
        env_.log.write(log_level::warn, "files", "cannot note a copy: " + stored.error().message());
    }
}

void file_copies::on_peer(const device_id& device) {
    const auto backups = mediator_.backups();
    if (std::ranges::count(backups, device) != 0 && looking_.insert(device).second) {
        tasks_.spawn("look after a backup", look_after(device));
    }
}

task<void> file_copies::look_after(device_id backup) {
    const struct ending {
        file_copies& owner;
        device_id backup;
        ~ending() { owner.looking_.erase(backup); }
    } however_it_ends{*this, backup};
    const auto last = looked_.find(backup);
    const bool fresh = last != looked_.end() && env_.time.now() - last->second < looked_again;
    std::vector<file_root> unsure;
    for (const auto& [root, size] : held_.all()) {
        if ((known(root, backup) != true || !fresh) && !(is_over && is_over(root))) {
            unsure.push_back(root);
        }
    }
    for (const auto& [root, copy] : copies_) {
        if (!fresh && !held_.has(root) && copy.kept.contains(backup)) {
            unsure.push_back(root);
        }
    }
    const bool compared = co_await compare_all(backup, std::move(unsure));
    if (!compared) {
        co_return;
    }
    if (!fresh) {
        looked_[backup] = env_.time.now();
    }
    if (met) {
        met(backup);
    }
}

void file_copies::look(const file_root& root) {
    come_.insert(root);
    soon_.begin();
}

void file_copies::shown(const file_root& root) {
    const instant now = env_.time.now();
    if (now - shown_since_ >= shown_again) {
        shown_.clear();
        shown_since_ = now;
    }
    if (shown_.insert(root).second) {
        look(root);
    }
}

task<void> file_copies::ask_of_new() {
    const auto some = std::exchange(come_, {});
    for (const device_id& backup : mediator_.backups()) {
        std::vector<file_root> unsure;
        for (const file_root& root : some) {
            const auto has = known(root, backup);
            const bool unsure_of = held_.has(root) ? !has : has != true;
            if (unsure_of && !(is_over && is_over(root))) {
                unsure.push_back(root);
            }
        }
        if (!unsure.empty() && mediator_.is_reachable(backup)) {
            tasks_.spawn("ask a backup", ask(backup, std::move(unsure)));
        }
    }
    co_return;
}

task<void> file_copies::ask(device_id backup, std::vector<file_root> some) {
    (void)co_await compare_all(backup, std::move(some));
}

task<bool> file_copies::compare_all(device_id backup, std::vector<file_root> all) {
    std::vector<std::vector<file_root>> questions = questions_of(all);
    for (std::vector<file_root>& some : questions) {
        const auto compared = co_await compare(backup, std::move(some));
        if (!compared) {
            env_.log.write(log_level::debug, "files",
                           "a backup does not say what it has: " + compared.error().message());
            co_return false;
        }
    }
    co_return true;
}

std::optional<bool> file_copies::known(const file_root& root, const device_id& backup) const {
    const auto found = copies_.find(root);
    if (found == copies_.end()) {
        return std::nullopt;
    }
    const auto& [kept, owed] = found->second;
    return kept.contains(backup)   ? std::optional(true)
           : owed.contains(backup) ? std::optional(false)
                                   : std::nullopt;
}

void file_copies::forget(const std::function<bool(const file_root&)>& which) {
    std::erase_if(refused_, [&](const auto& one) { return which(one.first); });
    for (auto at = copies_.begin(); at != copies_.end();) {
        const auto here = at++;
        if (!which(here->first)) {
            continue;
        }
        const auto [root, gone] = std::move(*here);
        copies_.erase(here);
        for (const auto& devices : {gone.kept, gone.owed}) {
            for (const device_id& backup : devices) {
                note(root, backup);
            }
        }
    }
}

task<result<void>> file_copies::compare(device_id backup, std::vector<file_root> some) {
    const auto there = co_await ask_which_are_there(mediator_, backup, some);
    if (!there && there.error().code != errc::unsupported) {
        co_return fail(there.error());
    }
    // One that does not know the question is offered everything.
    const std::set<file_root> has = there.value_or(std::set<file_root>());
    replica::batch writes;
    std::vector<file> lacking;
    for (const file_root& root : some) {
        const auto held = held_.all().find(root);
        const bool kept = has.contains(root);
        if (held == held_.all().end() && !kept) {
            // Others may be about to give it the file, which it will not say here.
            if (known(root, backup) == true) {
                copies_[root].kept.erase(backup);
                writes.erase(replica::record_kind::file, copy_key(root, backup));
            }
            continue;
        }
        copies& copy = copies_[root];
        (kept ? copy.owed : copy.kept).erase(backup);
        if ((kept ? copy.kept : copy.owed).insert(backup).second) {
            writes.put(replica::record_kind::file, copy_key(root, backup), codec::encode(kept));
        }
        if (!kept) {
            lacking.emplace_back(root, held->second);
        }
    }
    if (!writes.empty()) {
        auto stored = co_await db_.apply(std::move(writes));
        if (!stored) {
            co_return stored;
        }
    }
    co_await offer_all(backup, std::move(lacking));
    co_return result<void>();
}

}  // namespace calbox::node
