#include "node/event_copies.hpp"

#include <algorithm>

#include "wire/limits.hpp"

namespace calbox::node {

namespace {

constexpr std::string_view filled_name = "filled backup ", after_filled = "filled backup!";
constexpr duration asked_again = std::chrono::seconds(5);
constexpr duration asked_more_rarely = std::chrono::seconds(30);  // when it has been given all
constexpr int questions_while_it_fills = 12;
/// A session that breaks and comes back is no reason to count again.
constexpr duration counted_again = std::chrono::minutes(1);

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
    const auto counted = counted_.find(device);
    const bool fresh =
        counted != counted_.end() && env_.time.now() - counted->second < counted_again;
    if (!fresh && std::ranges::count(backups, device) != 0 && looking_.insert(device).second) {
        tasks_.spawn("ask a backup", look_after(device));
    }
}

void event_copies::recount() {
    ++recounts_;
    counted_.clear();
    for (const device_id& backup : mediator_.backups()) {
        for (const auto& [id, held] : events_.all()) {
            lacking_[backup].insert(id);
        }
    }
    for (const device_id& device : mediator_.connected()) {
        on_peer(device);
    }
}

std::size_t event_copies::lacking() const {
    std::set<event_id> all;
    for (const auto& [backup, some] : lacking_) {
        all.insert(some.begin(), some.end());
    }
    return all.size();
}

std::vector<device_id> event_copies::unsure(const event_id& which) const {
    std::vector<device_id> found;
    for (const device_id& backup : mediator_.backups()) {
        const auto some = confirmed_.find(backup);
        const bool confirmed = some != confirmed_.end() && some->second.contains(which);
        const auto not_there = lacking_.find(backup);
        const bool lacks = not_there != lacking_.end() && not_there->second.contains(which);
        if (lacks || (!filled_.contains(backup) && !confirmed)) {
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
    std::uint64_t recounts = 0;
    do {
        recounts = recounts_;
        const auto settled = co_await settle(backup);
        if (!settled) {
            co_return;  // again when it is met next
        }
    } while (recounts != recounts_);
    counted_[backup] = env_.time.now();
    if (!filled_.contains(backup)) {
        co_await note_filled(backup);
    }
}

task<result<void>> event_copies::settle(device_id backup) {
    std::set<event_id> open;
    for (const auto& [id, held] : events_.all()) {
        if (held.header.kind != envelope_kind::removed_you) {
            open.insert(open.end(), id);
        }
    }
    // A new one fills itself, from whoever is nearest, and not from everybody.
    const int patience = filled_.contains(backup) ? 1 : questions_while_it_fills;
    for (int asked = 0; !open.empty(); ++asked) {
        const auto lacks = co_await lacking_of(backup, open);
        if (!lacks) {
            co_return fail(lacks.error());
        }
        for (const event_id& which : open) {
            if (!lacks->contains(which) && !filled_.contains(backup)) {
                confirmed_[backup].insert(which);
            }
        }
        open = *lacks;
        std::erase_if(open, [this](const event_id& one) { return events_.find(one) == nullptr; });
        lacking_[backup] = open;
        if (open.empty()) {
            break;
        }
        if (asked == patience && give) {
            env_.log.write(log_level::info, "events",
                           "a backup lacks " + std::to_string(open.size()) +
                               " events that it is to have, and is given them");
            given_ += open.size();
            auto given = co_await give(backup, std::vector<event_id>(open.begin(), open.end()));
            if (!given) {
                co_return given;
            }
        }
        co_await sleep_for(env_, asked > patience ? asked_more_rarely : asked_again);
    }
    lacking_.erase(backup);
    co_return result<void>();
}

task<void> event_copies::note_filled(device_id backup) {
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

/// Of which of these it has not this version, nor a later one.
task<result<std::set<event_id>>> event_copies::lacking_of(device_id backup,
                                                          std::set<event_id> which) {
    std::set<event_id> lacks;
    for (auto at = which.begin(); at != which.end();) {
        std::vector<event_id> some;
        for (; at != which.end() && some.size() < wire::limits::events_per_question; ++at) {
            some.push_back(*at);
        }
        const auto there = co_await ask(backup, some);
        if (!there && there.error().code == errc::unsupported) {
            co_return std::set<event_id>();  // an older one, which cannot be asked
        }
        if (!there) {
            co_return fail(there.error());
        }
        for (const event_id& one : some) {
            const replica::held_event* const held = events_.find(one);
            const auto order = there->find(one);
            if (held != nullptr && (order == there->end() || order->second < held->order)) {
                lacks.insert(one);
            }
        }
    }
    co_return lacks;
}

task<result<std::map<event_id, envelope_order>>> event_copies::ask(device_id backup,
                                                                   std::vector<event_id> which) {
    const auto answer = co_await mediator_.ask(backup, wire::message_type::holds,
                                               codec::encode(wire::holds{{}, {}, which}));
    const auto reply = answer ? codec::decode<wire::holds_reply>(*answer) : fail(answer.error());
    if (!reply) {
        co_return fail(reply.error());
    }
    if (!reply->events) {
        co_return co_await ask_singly(backup, std::move(which));
    }
    std::map<event_id, envelope_order> there;
    for (const wire::held_version& one : *reply->events) {
        there.emplace(one.event, one.order);
    }
    co_return there;
}

/// An older program answers for one at a time.
task<result<std::map<event_id, envelope_order>>> event_copies::ask_singly(
    device_id backup, std::vector<event_id> which) {
    std::map<event_id, envelope_order> there;
    for (const event_id& one : which) {
        const auto answer = co_await mediator_.ask(backup, wire::message_type::holds,
                                                   codec::encode(wire::holds{one, {}, {}}));
        const auto reply =
            answer ? codec::decode<wire::holds_reply>(*answer) : fail(answer.error());
        if (!reply) {
            co_return fail(reply.error());
        }
        if (reply->order) {
            there.emplace(one, *reply->order);
        }
    }
    co_return there;
}

}  // namespace calbox::node
