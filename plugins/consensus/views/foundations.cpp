// How a line of versions begins: an event is created, taken over, or inherited from another
// strategy. Only the device that creates it or takes it over may write its first value; what is
// inherited is the same wherever it is known.
#include <algorithm>

#include "views.hpp"

namespace calbox::consensus {

/// A take-over is for whoever cannot do otherwise: not where the voters are there after all, nor
/// with an old version, nor twice at a time.
bool views::refuse_take_over(const event_id& event, const accepted_value& best,
                             const voices& answered, const context& where, effects_type& effects) {
    const job& mine = desks_[event].jobs.front();
    const value& there = best.what;
    const auto decided = std::ranges::any_of(desks_[event].answers, [&](const auto& answer) {
        return answer.second.chosen && answer.second.held && answer.second.held->at == best.at;
    });
    std::string why;
    if (takeovers_of(there.when.generation) >= takeovers_of(mine.generation)) {
        why = "the event was taken over by somebody else already";
    } else if (there.voters.has_quorum(answered)) {
        why = "the event need not be taken over: those who decide about it can be reached";
    } else if (decided && there.version > mine.expect) {
        why = "there is a later version of the event, which is on its way to this device";
    } else {
        return false;
    }
    const operation_id operation = mine.operation;
    if (decided) {
        votes_.learn(event, best, where, effects);
        deliver(event, there, false, effects);
    }
    finish(event, done{operation, because(errc::conflict, std::move(why))}, where, effects);
    return true;
}

void views::judge_foundation(const event_id& event, bool in_time, const context& where,
                             effects_type& effects) {
    desk& at = desks_[event];
    const job& mine = at.jobs.front();
    const auto best =
        mine.why == intent::create ? best_of(at) : best_with_its_voters(event, where, effects);
    if (best && mine.why == intent::create) {
        finish(event,
               done{mine.operation,
                    because(errc::already_exists, "an event of this number exists already")},
               where, effects);
        return;
    }
    voices able;
    for (const auto& [device, answer] : at.answers) {
        able[device] = answer.life;
    }
    able[where.self] = votes_.life();
    if (best && mine.why == intent::take_over &&
        refuse_take_over(event, *best, able, where, effects)) {
        return;
    }
    const bool all = at.answers.size() == at.asked.size();
    // Whoever takes an event over has given up on those who do not answer.
    const bool only_able = !in_time || all;
    if (mine.why == intent::take_over && !only_able) {
        return;
    }
    bool complete = false;
    view voters = members_.first(mine.members, where.self, able, !only_able, complete);
    if (!complete) {
        return;
    }
    if (mine.why == intent::take_over) {
        // Not those who are away: the last word would go back to the organizer's device.
        std::erase_if(voters.now.members,
                      [&](const member& one) { return !able.contains(one.device); });
    }
    foundation begun;
    begun.operation = mine.operation;
    // Nothing is written down of this grant but the counter, which never goes back: a device that
    // dies now, and begins the event anew in its next life, gives another token.
    begun.held = std::max(best ? best->what.last_token + 1 : 1, at.mine.counter);
    begun.until = where.now + with_.ttl;
    begun.when = {mine.generation, where.self};
    begun.voters = std::move(voters);
    if (best) {
        begun.base = best->what;
    }
    locks_[event] = {begun.operation, begun.held, begun.until};
    clean_.insert(mine.operation);
    done answer{mine.operation, granted{begun.held, with_.ttl, mine.expect}};
    at.founded = std::move(begun);
    finish(event, std::move(answer), where, effects);
}

/// The first value of its line. Only this device may write it, and does so once: no promise is
/// needed, and a second attempt goes the way of all others.
void views::commit_foundation(const event_id& event, const context& where, effects_type& effects) {
    desk& at = desks_[event];
    job& mine = at.jobs.front();
    const foundation begun = *at.founded;
    const bool holds =
        begun.operation == mine.operation && begun.held == mine.held && where.now < begun.until;
    if (!holds) {
        if (where.now >= begun.until) {
            at.founded.reset();
        }
        finish(event,
               done{mine.operation, because(errc::conflict, "the lock on the event was lost")},
               where, effects);
        return;
    }
    value first = begun.base.value_or(value());
    first.when = begun.when;
    first.version = mine.expect.next();
    first.voters = begun.voters;
    first.lock.reset();
    first.last_token = begun.held;
    // What somebody had accepted of the line before, and nobody decided, did not happen in this one.
    std::erase_if(first.recent, [&](const auto& edit) { return edit.second >= first.version; });
    first.recent.emplace_back(mine.operation, first.version);
    if (first.recent.size() > value::recent_max) {
        first.recent.erase(first.recent.begin());
    }
    first.body = mine.body;
    mine.dirty = true;
    clean_.erase(mine.operation);
    at.founded.reset();
    at.answers.clear();
    std::uint64_t above = 0;
    if (const vote* const here = votes_.find(event)) {
        above = here->promised.counter;
    }
    propose(event, next_ballot(above, where, effects), std::move(first), where, effects);
}

/// Who votes first: those who can be reached now, as when an event is created.
result<bytes> views::begins(const event_id&, const group& members, context where) const {
    voices able;
    for (const device_id& device : members_.candidates(members, where.self)) {
        if (device == where.self || members_.is_connected(device)) {
            able[device] = members_.life_of(device);
        }
    }
    able[where.self] = votes_.life();
    bool complete = false;
    view voters = members_.first(members, where.self, able, false, complete);
    if (able.contains(members.organizer_device) && voters.now.contains(members.organizer_device)) {
        voters.now.tie = members.organizer_device;
    }
    return codec::encode(voters);
}

/// As if a quorum had accepted the value at a ballot below all others. Who has not been told of it
/// is a voter that missed it: whoever proposes needs a quorum of the voters that it names.
void views::on(const inherit& what, const context& where, effects_type& effects) {
    auto voters = codec::decode<view>(what.begins);
    if (!voters) {
        return;
    }
    accepted_value first;
    // The version stands in place of an origin: where a strategy that promises nothing has left
    // several, the latest is the line that wins, as for everybody.
    device_id origin;
    for (std::size_t i = 0; i < 8; ++i) {
        origin.value[i] = static_cast<std::uint8_t>(what.version.value >> (56 - 8 * i));
    }
    first.what.when = {what.generation, origin};
    first.at = {0, origin, incarnation(what.generation.value)};
    first.what.version = what.version;
    first.what.voters = std::move(*voters);
    first.what.last_token = first_token(what.version, where.epoch);
    first.what.recent.emplace_back(what.operation, what.version);
    first.what.body = what.value;
    if (!is_sane(first.what)) {
        return;
    }
    delivered_[what.event] =
        std::max(delivered_[what.event], std::pair(first.what.when, first.what.version));
    votes_.inherit_value(what.event, std::move(first), where, effects);
}

}  // namespace calbox::consensus
