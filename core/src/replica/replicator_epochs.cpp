// Which epoch's strategy decides about an event, and how an event goes over into another epoch: by
// a version that the old strategy decides as any other, and that names the new epoch as the one in
// which the next version is decided. So every version has exactly one strategy that may decide it.
#include <algorithm>

#include "replica/replicator.hpp"

namespace calbox::replica {

network_epoch replicator::epoch_of(const held_event* held) const {
    return held != nullptr ? held->header.next_in : with_.epoch();
}

std::optional<error> replicator::epoch_problem(network_epoch epoch) const {
    const auto voters = epochs_.find(epoch);
    return voters ? std::nullopt : std::optional(voters.error());
}

/// Who decides in that epoch; and nobody where this device could not go on afterwards.
result<consensus_host*> replicator::voters_of(network_epoch in) const {
    if (const auto next = epochs_.find(std::max(in, with_.epoch())); !next) {
        return next;
    }
    return epochs_.find(in);
}

consensus::traits replicator::promised(network_epoch in) const {
    const auto voters = epochs_.find(in);
    return voters ? (*voters)->declared() : consensus::traits();
}

std::string replicator::explain_lock(const event_id& which) const {
    const auto voters = epochs_.find(epoch_of(store_.find(which)));
    return voters ? (*voters)->explain(which) : std::string("{}");
}

/// `header` follows `held`: it stays in its epoch, or brings the event into the one that is in
/// effect.
result<void> replicator::enter_epoch(envelope_header& header, const held_event& held) const {
    header.next_in = std::max(with_.epoch(), held.header.next_in);
    if (header.next_in == held.header.next_in) {
        return {};
    }
    const auto voters = epochs_.find(header.next_in);
    if (!voters) {
        return fail(voters.error());
    }
    auto begins = (*voters)->begins(header.event, group_of(header));
    if (!begins) {
        return fail(std::move(begins.error()));
    }
    header.moved = handover{std::move(*begins), false};
    return {};
}

consensus::inherit replicator::inherited(const held_event& held) {
    const envelope_header& header = held.header;
    return {header.operation, header.event, header.generation,
            header.version,   held.encoded, header.moved ? header.moved->begins : bytes()};
}

std::vector<event_id> replicator::behind(network_epoch epoch) const {
    std::vector<event_id> all;
    for (const auto& [id, held] : store_.all()) {
        if (held.header.next_in < epoch && held.header.kind == envelope_kind::put) {
            all.push_back(id);
        }
    }
    return all;
}

task<result<void>> replicator::move(user_id as, event_id which) {
    const held_event* const held = store_.find(which);
    if (held == nullptr || held->header.next_in >= with_.epoch()) {
        co_return result<void>();
    }
    change what;
    what.as = as;
    what.type = held->header.type;
    what.event = which;
    what.participants = held->header.participants;
    what.guests_may = held->header.guests_may;
    what.expect = held->header.version;
    what.only_moves = true;
    auto body = body_of(*held, as);
    if (!body) {
        co_return fail(std::move(body.error()));
    }
    what.body = std::move(*body);
    const auto moved = co_await commit(std::move(what));
    if (const held_event* const now = store_.find(which);
        now != nullptr && now->header.next_in >= with_.epoch()) {
        co_return result<void>();  // by this device or by another one
    }
    co_return moved ? result<void>() : fail(moved.error());
}

}  // namespace calbox::replica
