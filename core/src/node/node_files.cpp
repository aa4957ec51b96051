// The rooms about files, and what they ask of each other: what is held here, which backups have
// copies, and who needs them still.
#include "node/parts.hpp"

namespace calbox::node {

void node_parts::make_file_services() {
    shelf.emplace(env, db, links->for_files());
    shelf->changed = [this](const file_root& root, bool here) {
        holds_object(root, here);
        holding->changed(root);
        if (here && needs->knows(root)) {
            copies->look(root);
        }
    };
    holding.emplace(env, db, holding_parts());
    backed.emplace(env, db, replica->events(), links->for_files());
    replica->unsure = [this](const event_id& which) { return backed->unsure(which); };
    backed->give = [this](device_id to, std::vector<event_id> which) {
        return replica->give(to, std::move(which));
    };
    copies.emplace(env, db, *shelf, links->for_files());
    kept_for.emplace(env, db, *shelf,
                     kept_needs::settings{plays(wire::role::backup), with.unneeded_kept});
    kept_for->on_its_way = [this](const file_root& root) { return keeper->wants(root); };
    keeper.emplace(env, *shelf, *kept_for, strategies_to_recover(), links->for_files(),
                   file_keeper::settings{plays(wire::role::backup), with.backup_quota});
    needs.emplace(env, db, needs_parts());
    // A backup says of a file what it was told, and not what its own users know.
    copies->needed_by = [this](const file_root& root) {
        return plays(wire::role::backup) ? kept_for->told(root, 0).users : needs->needed_by(root);
    };
    copies->is_over = [this](const file_root& root) {
        return plays(wire::role::backup) ? kept_for->is_waiting(root) : needs->is_over(root);
    };
    needs->newly_needed = [this](const file_root& root) { copies->look(root); };
    copies->met = [this](const device_id& backup) { needs->on_backup(backup); };
    files.emplace(env, *replica, *opened, *sets, *names, *shelf, *copies, *holding, *needs,
                  links->for_files());
}

/// This device is one of the backups that it tells, where it is one; and so are those that are
/// given up, since they may come back with what they had.
own_needs::parts node_parts::needs_parts() {
    std::function<task<result<bool>>(file_root, std::vector<user_id>, user_id)> keep_here;
    if (plays(wire::role::backup)) {
        keep_here = [this](file_root root, std::vector<user_id> named, user_id by) {
            return kept_for->offered(root, std::move(named), {by});
        };
    }
    return {
        *replica,
        replica->earlier(),
        *opened,
        *names,
        *shelf,
        *this,
        [this] {
            auto all = edge->backups();
            if (plays(wire::role::backup)) {
                all.push_back(me.self());
            }
            return all;
        },
        [this](const device_id& backup) { return backup == me.self() || edge->is_online(backup); },
        [this](device_id backup, wire::file_needs what) {
            return tell_needs_to(backup, std::move(what));
        },
        std::move(keep_here),
        with.unneeded_kept};
}

file_holders::parts node_parts::holding_parts() {
    const auto shared = [this](const event_id& which) -> std::optional<file_holders::shared_files> {
        for (const account_view& user : accounts->signed_in()) {
            const auto opened_now = opened->open(which, user.id);
            if (!opened_now) {
                continue;
            }
            const opened_event& event = **opened_now;
            if (event.content.files.empty()) {
                return std::nullopt;
            }
            file_holders::shared_files all{{}, replica->recipients_of(event.header)};
            for (const model::attachment& file : event.content.files) {
                all.files.push_back(file.root);
            }
            return all;
        }
        return std::nullopt;
    };
    return {*shelf,
            links->for_files(),
            shared,
            [this](const file_holders::roots& some) { return needs->naming(some); },
            [this](const file_root& root, const std::vector<user_id>& users_there) {
                return needs->concerns(root, users_there);
            },
            plays(wire::role::backup)};
}

task<result<bytes>> node_parts::tell_needs_to(device_id backup, wire::file_needs what) {
    if (backup != me.self()) {
        co_return co_await links->for_files().ask(backup, wire::message_type::file_needs,
                                                  codec::encode(what));
    }
    std::vector<user_id> mine;
    for (const account_view& one : accounts->signed_in()) {
        mine.push_back(one.id);
    }
    co_return co_await kept_for->on_needs(std::move(mine), std::move(what));
}

/// This device's users say what they need no more; a backup erases what nobody needs.
task<void> node_parts::clean_files() {
    co_await needs->clean();
    if (needs->knows_all()) {  // what is not looked through may name anything
        if (!accounts->signed_in().empty()) {
            co_await holding->clean();
        }
        copies->forget([this](const file_root& root) {
            const bool here = shelf->has(root) || shelf->lost().contains(root);
            // A backup has the others' files, and tells the other backups of them.
            return (!here && !needs->knows(root)) ||
                   (!plays(wire::role::backup) && needs->is_over(root));
        });
    }
    const auto erased = co_await kept_for->sweep();
    if (!erased) {
        env.log.write(log_level::warn, "files",
                      "files that nobody needs are not erased yet: " + erased.error().message());
    } else if (erased->files > 0) {
        env.log.write(
            log_level::info, "files",
            "erased " + std::to_string(erased->files) + " files that nobody needs any more");
    }
}

}  // namespace calbox::node
