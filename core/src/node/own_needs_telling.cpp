// What the backups are told of who needs a file: what they do not know yet, and then what was
// released.
#include <algorithm>

#include "crypto/primitives.hpp"
#include "node/own_needs.hpp"
#include "wire/limits.hpp"

namespace calbox::node {

namespace {

constexpr duration told_again = std::chrono::hours(12);  // twice in the shortest grace
constexpr std::size_t told_bytes = 200'000;  // of one message, about

digest digest_of(const replica::user_list& users) {
    bytes all;
    for (const user_id& user : users) {
        all.insert(all.end(), user.value.begin(), user.value.end());
    }
    return crypto::sha256(all);
}

}  // namespace

void own_needs::on_backup(const device_id& backup) {
    if (!all_.empty() && telling_.insert(backup).second) {
        tasks_.spawn("tell", tell(backup));
    }
}

task<void> own_needs::tell(device_id backup) {
    const struct ending {
        own_needs& owner;
        device_id backup;
        ~ending() { owner.telling_.erase(backup); }
    } however_it_ends{*this, backup};
    // Only who knows the message is told that something is needed no more.
    auto told = co_await tell_needs(backup);
    if (told) {
        auto released = co_await tell_released(backup);
        told = std::move(released);
    }
    if (!told) {
        env_.log.write(log_level::debug, "files",
                       "a backup is not told who needs what: " + told.error().message());
    }
}

/// Whoever of this device's users needs it no more says so himself, or has said it.
replica::user_list own_needs::told_users(const place& where, const own_need& what,
                                         const std::set<user_id>& ours) const {
    if (what.for_good) {
        return {where.second};
    }
    replica::user_list users;
    for (const user_id& user : what.users) {
        const auto own = ours.contains(user) ? all_.find({where.first, user}) : all_.end();
        if (own == all_.end() || !own->second.over) {
            users.push_back(user);
        }
    }
    return users;
}

task<result<void>> own_needs::tell_needs(device_id backup) {
    telling& now = told_[backup];
    const bool everything = !now.all || env_.time.now() - *now.all >= told_again;
    const auto ours = signed_in();
    std::map<replica::user_list, std::vector<place>> groups;
    for (const auto& [where, what] : all_) {
        if (!ours.contains(where.second) ||
            (what.over && std::ranges::count(what.told, backup) > 0)) {
            continue;
        }
        auto users = told_users(where, what, ours);
        if (users.empty()) {
            continue;
        }
        const auto known = now.known.find(where);
        if (everything || known == now.known.end() || known->second != digest_of(users)) {
            groups[std::move(users)].push_back(where);
        }
    }
    wire::file_needs message;
    std::size_t roots = 0, size = 0;
    std::map<place, digest> said;
    for (const auto& [users, places] : groups) {
        const digest of_users = digest_of(users);
        bool begun = false;  // in this piece
        for (const place& where : places) {
            if (!std::exchange(begun, true)) {
                message.needed.push_back({users, {}});
                size += users.size() * (user_id::size + 1) + 8;
            }
            message.needed.back().roots.push_back(where.first);
            said[where] = of_users;
            size += file_root::size + 2;
            if (++roots == wire::limits::roots_per_message || size > told_bytes) {
                auto told = co_await tell_piece(backup, std::exchange(message, {}),
                                                std::exchange(said, {}));
                if (!told) {
                    co_return told;
                }
                begun = false;
                roots = size = 0;
            }
        }
    }
    if (!said.empty()) {
        auto told = co_await tell_piece(backup, std::move(message), std::move(said));
        if (!told) {
            co_return told;
        }
    }
    if (everything) {
        told_[backup].all = env_.time.now();
    }
    co_return result<void>();
}

task<result<void>> own_needs::tell_piece(device_id backup, wire::file_needs what,
                                         std::map<place, digest> said) {
    const auto answer = co_await with_.ask(backup, std::move(what));
    if (!answer) {
        co_return fail(answer.error());
    }
    for (const auto& [where, users] : said) {
        told_[backup].known[where] = users;
    }
    co_return result<void>();
}

task<result<void>> own_needs::tell_released(device_id backup) {
    std::map<user_id, std::vector<file_root>> owed;
    for (const user_id& user : signed_in()) {
        for (const auto& [where, what] : all_) {
            if (where.second == user && what.over && std::ranges::count(what.told, backup) == 0) {
                owed[user].push_back(where.first);
            }
        }
    }
    for (const auto& [user, roots] : owed) {
        for (std::size_t at = 0; at < roots.size(); at += wire::limits::roots_per_message) {
            const std::size_t end = std::min(roots.size(), at + wire::limits::roots_per_message);
            const std::vector<file_root> some(roots.begin() + static_cast<std::ptrdiff_t>(at),
                                              roots.begin() + static_cast<std::ptrdiff_t>(end));
            const auto answer = co_await with_.ask(backup, {{}, {{{user}, some}}});
            if (!answer) {
                co_return fail(answer.error());
            }
            for (const file_root& root : some) {
                const auto now = all_.find({root, user});
                told_[backup].known.erase({root, user});  // what it was told counts no more
                if (now != all_.end() && now->second.over &&
                    std::ranges::count(now->second.told, backup) == 0) {
                    now->second.told.push_back(backup);
                    note(now->first);
                }
            }
        }
    }
    co_return result<void>();
}

}  // namespace calbox::node
