#include "node/event_copies.hpp"

#include <algorithm>

namespace calbox::node {

namespace {

constexpr std::string_view filled_name = "filled backup ", after_filled = "filled backup!";
constexpr duration asked_again = std::chrono::seconds(5);

}  // namespace

task<result<void>> event_copies::load() {
    const auto rows = co_await db_.scan(replica::record_kind::meta, to_bytes(filled_name),
                                        to_bytes(after_filled));
    if (!rows) {
        co_return fail(rows.error());
    }
    for (const auto& [key, value] : *rows) {
        const auto backup = device_id::from_bytes(byte_view(key).subspan(filled_name.size()));
        if (backup) {
            filled_.insert(*backup);
        }
    }
    co_return result<void>();
}

void event_copies::on_peer(const device_id& device) {
    const auto backups = mediator_.backups();
    if (!filled_.contains(device) && std::ranges::count(backups, device) != 0 &&
        looking_.insert(device).second) {
        tasks_.spawn("ask a backup", look_after(device));
    }
}

std::vector<device_id> event_copies::unsure(const event_id& which) const {
    std::vector<device_id> found;
    for (const device_id& backup : mediator_.backups()) {
        const auto some = confirmed_.find(backup);
        const bool confirmed = some != confirmed_.end() && some->second.contains(which);
        if (!filled_.contains(backup) && !confirmed) {
            found.push_back(backup);
        }
    }
    return found;
}

/// What is made later is owed to it until it has it.
task<void> event_copies::look_after(device_id backup) {
    const struct ending {
        event_copies& owner;
        device_id backup;
        ~ending() { owner.looking_.erase(backup); }
    } however_it_ends{*this, backup};
    std::set<event_id> open;
    for (const auto& [id, held] : events_.all()) {
        if (held.header.kind != envelope_kind::removed_you) {
            open.insert(open.end(), id);
        }
    }
    while (!open.empty()) {
        std::set<event_id> lacking;
        for (const event_id& which : open) {
            const auto there = co_await has(backup, which);
            if (!there) {
                co_return;  // again when it is met next
            }
            if (*there) {
                confirmed_[backup].insert(which);
            } else if (events_.find(which) != nullptr) {
                lacking.insert(which);
            }
        }
        open = std::move(lacking);
        if (!open.empty()) {
            co_await sleep_for(env_, asked_again);
        }
    }
    bytes key = to_bytes(filled_name);
    key.insert(key.end(), backup.value.begin(), backup.value.end());
    replica::batch writes;
    writes.put(replica::record_kind::meta, std::move(key), codec::encode(true));
    const auto stored = co_await db_.apply(std::move(writes));
    if (!stored) {
        env_.log.write(log_level::warn, "events",
                       "cannot note that a backup is filled: " + stored.error().message());
        co_return;
    }
    filled_.insert(backup);
    confirmed_.erase(backup);
}

/// This version, or a later one.
task<result<bool>> event_copies::has(device_id backup, event_id which) {
    auto question = codec::encode(wire::holds{which, {}});
    const auto answer =
        co_await mediator_.ask(backup, wire::message_type::holds, std::move(question));
    const auto reply = answer ? codec::decode<wire::holds_reply>(*answer) : fail(answer.error());
    if (!reply && reply.error().code == errc::unsupported) {
        co_return true;  // an older one, which cannot be asked
    }
    if (!reply) {
        co_return fail(reply.error());
    }
    const replica::held_event* const held = events_.find(which);
    co_return held != nullptr && reply->order && !(*reply->order < held->order);
}

}  // namespace calbox::node
