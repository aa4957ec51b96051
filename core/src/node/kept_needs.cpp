#include "node/kept_needs.hpp"

#include <algorithm>
#include <set>

#include "wire/limits.hpp"

namespace calbox::node {

namespace {

constexpr std::string_view needs_suffix = "nd";

bytes needs_key(const file_root& root) {
    bytes key = to_bytes(root.view());
    key.insert(key.end(), needs_suffix.begin(), needs_suffix.end());
    return key;
}

}  // namespace

task<result<void>> kept_needs::load() {
    const auto rows = co_await db_.scan(replica::record_kind::file);
    if (!rows) {
        co_return fail(rows.error());
    }
    std::vector<file_root> gone;
    for (const auto& [key, value] : *rows) {
        if (key.size() != file_root::size + needs_suffix.size()) {
            continue;
        }
        const auto root = *file_root::from_bytes(byte_view(key).first(file_root::size));
        auto read = codec::decode<replica::file_needs>(value);
        if (!read) {
            env_.log.write(
                log_level::warn, "files",
                "the disk has damaged who needs a file, which is kept for good: " + root.hex());
            gone.push_back(root);
        } else if (!held_.has(root) && !held_.lost().contains(root) && !read->erased) {
            gone.push_back(root);  // the fetch was interrupted
        } else {
            all_[root] = std::move(*read);
        }
    }
    co_return co_await store(std::move(gone));
}

task<result<void>> kept_needs::store(std::vector<file_root> roots) {
    replica::batch writes;
    for (const file_root& root : roots) {
        const auto now = all_.find(root);
        if (now == all_.end()) {
            writes.erase(replica::record_kind::file, needs_key(root));
        } else {
            writes.put(replica::record_kind::file, needs_key(root), codec::encode(now->second));
        }
    }
    if (writes.empty()) {
        co_return result<void>();
    }
    co_return co_await db_.apply(std::move(writes));
}

bool kept_needs::is_known(const file_root& root) const {
    return held_.has(root) || held_.lost().contains(root) || (on_its_way && on_its_way(root));
}

/// It is here soon, and for the whole grace where nobody needs it.
void kept_needs::revive(replica::file_needs& what) const {
    if (what.users.empty() && (what.erased || !what.unneeded)) {
        what.unneeded = env_.time.wall();
    }
    what.erased.reset();
    what.cleared.reset();
}

task<result<bool>> kept_needs::offered(file_root root, std::optional<std::vector<user_id>> users,
                                       std::vector<user_id> asker) {
    const bool named = users && !users->empty() && users->size() <= wire::limits::needs_per_file;
    const auto known = all_.find(root);
    if (known == all_.end() && (is_known(root) || !named)) {
        co_return true;
    }
    if (users && users->empty() && !known->second.erased) {
        co_return true;  // whoever brings it has released it, and names nobody else
    }
    if (!named) {
        give_up(root);
        auto stored = co_await store({root});
        co_return stored.map([] { return true; });
    }
    replica::file_needs& now = all_[root];
    const bool comes_back = now.erased.has_value();
    const bool more =
        replica::need(now, replica::ordered(std::move(*users)), replica::ordered(std::move(asker)));
    if (comes_back && now.users.empty()) {
        co_return false;  // who is named has released it
    }
    revive(now);
    if (replica::too_many(now)) {
        give_up(root);
    }
    if (!more && !comes_back) {
        co_return true;
    }
    auto stored = co_await store({root});
    co_return stored.map([] { return true; });
}

task<result<bool>> kept_needs::offered_by_backup(wire::file_keep what) {
    const auto known = all_.find(what.root);
    const bool named = what.users && what.users->size() <= wire::limits::needs_per_file;
    if (known == all_.end() && (is_known(what.root) || !named)) {
        co_return true;
    }
    if (!named) {
        give_up(what.root);
    } else {
        replica::file_needs& now = all_[what.root];
        replica::need(now, replica::ordered(std::move(*what.users)), {});
        if (now.erased && now.users.empty()) {
            co_return false;
        }
        revive(now);
        if (replica::too_many(now)) {
            give_up(what.root);
        }
    }
    auto stored = co_await store({what.root});
    co_return stored.map([] { return true; });
}

task<void> kept_needs::not_come(file_root root) {
    const auto known = all_.find(root);
    if (known != all_.end() && !is_known(root) && !known->second.erased) {
        give_up(root);
        (void)co_await store({root});  // else at the next start
    }
}

wire::file_keep kept_needs::told(const file_root& root, std::uint64_t size) const {
    const auto known = all_.find(root);
    return {root, size, known == all_.end() ? std::nullopt : std::optional(known->second.users)};
}

task<result<bytes>> kept_needs::on_needs(std::vector<user_id> from, wire::file_needs what) {
    if (!with_.is_backup) {
        co_return fail(errc::unsupported, "this device is no backup");
    }
    std::size_t roots = 0;
    for (const auto* const list : {&what.needed, &what.released}) {
        for (const wire::needed_files& one : *list) {
            roots += one.roots.size();
            if (one.users.size() > wire::limits::needs_per_file) {
                co_return fail(errc::too_large, "a file is needed by 200 users at most");
            }
        }
    }
    if (roots > wire::limits::roots_per_message ||
        what.needed.size() + what.released.size() > wire::limits::roots_per_message) {
        co_return fail(errc::too_large, "a message names 2,000 files at most");
    }
    const auto asker = replica::ordered(std::move(from));
    for (const wire::needed_files& one : what.released) {
        if (!replica::without(replica::ordered(one.users), asker).empty()) {
            co_return fail(errc::forbidden, "only a user's own device releases a file for him");
        }
    }
    std::set<file_root> changed;
    for (const wire::needed_files& one : what.needed) {
        const auto users = replica::ordered(one.users);
        for (const file_root& root : one.roots) {
            const auto known = all_.find(root);
            if (known != all_.end() && replica::need(known->second, users, asker)) {
                changed.insert(root);
                if (replica::too_many(known->second)) {
                    give_up(root);
                }
            }
        }
    }
    const timestamp now = env_.time.wall();
    for (const wire::needed_files& one : what.released) {
        for (const file_root& root : one.roots) {
            const auto known = all_.find(root);
            for (const user_id& user : one.users) {
                if (known != all_.end() && replica::release(known->second, user, now)) {
                    changed.insert(root);
                }
            }
        }
    }
    auto stored = co_await store({changed.begin(), changed.end()});
    if (!stored) {
        co_return fail(std::move(stored.error()));
    }
    co_return codec::encode(wire::nothing{});
}

/// What is noted first is that it is erased: after a crash in between it is erased again.
task<result<bool>> kept_needs::erase_file(file_root root) {
    all_[root].erased = env_.time.wall();
    auto noted = co_await store({root});
    if (!noted) {
        co_return fail(std::move(noted.error()));
    }
    const auto still = [&] {
        const auto now = all_.find(root);
        return now != all_.end() && now->second.erased && now->second.users.empty();
    };
    if (!still()) {  // somebody needs it, as he has said meanwhile
        if (const auto now = all_.find(root); now != all_.end() && held_.has(root)) {
            now->second.erased.reset();
        }
        auto taken_back = co_await store({root});
        co_return taken_back.map([] { return false; });
    }
    auto dropped = co_await held_.drop(root);
    if (!dropped) {
        co_return fail(std::move(dropped.error()));
    }
    if (still()) {
        all_[root].cleared = true;
    }
    auto cleared = co_await store({root});
    co_return cleared.map([] { return true; });
}

task<result<kept_needs::counts>> kept_needs::sweep() {
    if (!with_.is_backup) {
        co_return counts();  // it was one, and what it has is its users' now
    }
    std::vector<file_root> over;
    for (const auto& [root, one] : all_) {
        if (replica::is_over(one, env_.time.wall(), with_.grace)) {
            over.push_back(root);
        }
    }
    counts erased;
    for (const file_root& root : over) {
        const auto now = all_.find(root);
        if (now == all_.end() || (on_its_way && on_its_way(root)) ||
            !replica::is_over(now->second, env_.time.wall(), with_.grace)) {
            continue;
        }
        const auto held = held_.all().find(root);
        const std::uint64_t size = held == held_.all().end() ? 0 : held->second;
        const auto done = co_await erase_file(root);
        if (!done && done.error().code != errc::busy) {
            co_return fail(done.error());
        }
        if (done && *done) {
            ++erased.files;
            erased.bytes += size;
        }
    }
    erased_.files += erased.files;
    erased_.bytes += erased.bytes;
    auto forgotten = co_await forget_old();
    co_return forgotten.map([&] { return erased; });
}

task<result<void>> kept_needs::forget_old() {
    std::vector<std::pair<timestamp, file_root>> gone;
    for (const auto& [root, one] : all_) {
        if (one.cleared.value_or(false) && one.erased) {
            gone.emplace_back(*one.erased, root);
        }
    }
    std::ranges::sort(gone);
    const auto kept = std::chrono::duration_cast<std::chrono::milliseconds>(erased_kept).count();
    const timestamp before{env_.time.wall().ms - kept};
    std::vector<file_root> old;
    for (std::size_t i = 0; i < gone.size(); ++i) {
        if (gone[i].first < before || gone.size() - i > erased_most) {
            old.push_back(gone[i].second);
            give_up(gone[i].second);
        }
    }
    co_return co_await store(std::move(old));
}

bool kept_needs::is_waiting(const file_root& root) const {
    const auto known = all_.find(root);
    return known != all_.end() && known->second.users.empty();
}

kept_needs::counts kept_needs::waiting() const {
    counts found;
    for (const auto& [root, one] : all_) {
        const auto held = one.users.empty() ? held_.all().find(root) : held_.all().end();
        if (held != held_.all().end()) {
            ++found.files;
            found.bytes += held->second;
        }
    }
    return found;
}

}  // namespace calbox::node
